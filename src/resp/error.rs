//! Replies to requests that cannot be served: [`Error`], the text after `-`, and [`ProtocolError`],
//! after which the connection is closed. Texts follow Redis 8.6 to the byte.

use std::borrow::Cow;
use std::fmt;

/// How much of a name or argument is repeated in an error, in bytes.
const QUOTED_LEN: usize = 128;

/// An error reply: the text after `-`. Bytes, since it may repeat what the client sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Cow<'static, [u8]>);

impl Error {
    /// An error with this text, code first (`ERR …`).
    pub const fn new(text: &'static str) -> Self {
        Self(Cow::Borrowed(text.as_bytes()))
    }

    /// The bytes after `-`. Line ends are still in it; they become blanks when the reply is
    /// encoded.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The first word, such as `ERR` or `WRONGTYPE`: what the error statistics count.
    pub fn code(&self) -> &str {
        let word = self.0.split(|&byte| byte == b' ').next().unwrap_or_default();
        str::from_utf8(word).unwrap_or("ERR")
    }

    /// A key holds another type of value.
    pub const fn wrong_type() -> Self {
        Self::new("WRONGTYPE Operation against a key holding the wrong kind of value")
    }

    /// The words do not form a request of this command.
    pub const fn syntax() -> Self {
        Self::new("ERR syntax error")
    }

    /// What follows the element of a VADD is no option.
    pub const fn invalid_option() -> Self {
        Self::new("ERR invalid option after element")
    }

    /// True if the words form no request of their command, whatever the data are.
    pub fn is_of_grammar(&self) -> bool {
        [Self::syntax(), Self::invalid_option()].contains(self)
    }

    /// Not a 64-bit integer, or not one of the range asked for.
    pub const fn not_an_integer() -> Self {
        Self::new("ERR value is not an integer or out of range")
    }

    /// Not a number.
    pub const fn not_a_float() -> Self {
        Self::new("ERR value is not a valid float")
    }

    /// An integer outside its bounds.
    pub const fn out_of_range() -> Self {
        Self::new("ERR value is out of range")
    }

    /// The key must exist for this command.
    pub const fn no_such_key() -> Self {
        Self::new("ERR no such key")
    }

    /// The client has not authenticated.
    pub const fn no_auth() -> Self {
        Self::new("NOAUTH Authentication required.")
    }

    /// The client may not do this.
    pub const fn wrong_password() -> Self {
        Self::new("WRONGPASS invalid username-password pair or user is disabled.")
    }

    /// `HELLO` with a protocol other than 2 and 3.
    pub const fn no_protocol() -> Self {
        Self::new("NOPROTO unsupported protocol version")
    }

    /// Too few or too many words. `command` is spelt as registered, a subcommand as
    /// `client|getname`.
    pub fn wrong_arity(command: &str) -> Self {
        Self::from(format!("ERR wrong number of arguments for '{command}' command"))
    }

    /// No command of this name. `args` are the words after it: as many are repeated as fit.
    pub fn unknown_command<'r>(name: &[u8], args: impl IntoIterator<Item = &'r [u8]>) -> Self {
        let mut text = b"ERR unknown command '".to_vec();
        text.extend_from_slice(quotable(name, QUOTED_LEN));
        text.push(b'\'');
        let quoted = quote_args(args);
        if !quoted.is_empty() {
            text.extend_from_slice(b", with args beginning with: ");
            text.extend_from_slice(&quoted);
        }
        Self(Cow::Owned(text))
    }

    /// No subcommand of this name; `command` is the container, in any case.
    pub fn unknown_subcommand(command: &str, name: &[u8]) -> Self {
        let mut text = b"ERR unknown subcommand '".to_vec();
        text.extend_from_slice(quotable(name, QUOTED_LEN));
        text.extend_from_slice(format!("'. Try {} HELP.", command.to_uppercase()).as_bytes());
        Self(Cow::Owned(text))
    }

    /// A subcommand that is not there or takes other words; `command` is the container, in upper
    /// case.
    pub fn unknown_subcommand_or_arity(command: &str, name: &[u8]) -> Self {
        let mut text = b"ERR unknown subcommand or wrong number of arguments for '".to_vec();
        text.extend_from_slice(quotable(name, QUOTED_LEN));
        text.extend_from_slice(format!("'. Try {command} HELP.").as_bytes());
        Self(Cow::Owned(text))
    }
}

/// What Redis' `%.*s` prints: `bytes` up to a NUL, and no more than `len`.
fn quotable(bytes: &[u8], len: usize) -> &[u8] {
    let bytes = &bytes[..bytes.len().min(len)];
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// Each argument in quotes with a blank after it. The bound counts quotes and blanks, as in Redis.
fn quote_args<'r>(args: impl IntoIterator<Item = &'r [u8]>) -> Vec<u8> {
    let mut quoted = Vec::new();
    for arg in args {
        if quoted.len() >= QUOTED_LEN {
            break;
        }
        let room = QUOTED_LEN - quoted.len();
        quoted.push(b'\'');
        quoted.extend_from_slice(quotable(arg, room));
        quoted.extend_from_slice(b"' ");
    }
    quoted
}

impl From<&'static str> for Error {
    fn from(text: &'static str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Error {
    fn from(text: String) -> Self {
        Self::from(text.into_bytes())
    }
}

/// Line ends at the end are dropped, as in Redis; those within become blanks when the error is
/// written.
impl From<Vec<u8>> for Error {
    fn from(mut text: Vec<u8>) -> Self {
        while text.last().is_some_and(|byte| b"\r\n".contains(byte)) {
            text.pop();
        }
        Self(Cow::Owned(text))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Error({:?})", String::from_utf8_lossy(&self.0))
    }
}

impl std::error::Error for Error {}

/// Why the bytes of a connection cannot be understood any further. The connection ends after the
/// reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// The count after `*` is no integer, or beyond the most arguments.
    InvalidMultibulkLength,
    /// The length after `$` is no integer, negative, or beyond the longest argument.
    InvalidBulkLength,
    /// An argument starts with this byte instead of `$`.
    ExpectedBulk(u8),
    /// The line of a `*` does not end.
    MultibulkCountTooLong,
    /// The line of a `$` does not end.
    BulkCountTooLong,
    /// The line of an inline command does not end.
    InlineTooLong,
    /// A quote of an inline command does not end, or another byte follows it.
    UnbalancedQuotes,
    /// More arguments than a client may send before it has authenticated.
    AnonymousMultibulkLength,
    /// A longer argument than a client may send before it has authenticated.
    AnonymousBulkLength,
    /// The request does not fit the query buffer. Redis closes the connection without a reply.
    RequestTooLong,
}

impl ProtocolError {
    /// The last reply of the connection; none if it is to be closed without one.
    pub fn reply(self) -> Option<Error> {
        let reason = match self {
            Self::InvalidMultibulkLength => "ERR Protocol error: invalid multibulk length",
            Self::InvalidBulkLength => "ERR Protocol error: invalid bulk length",
            Self::ExpectedBulk(got) => return Some(expected_bulk(got)),
            Self::MultibulkCountTooLong => "ERR Protocol error: too big mbulk count string",
            Self::BulkCountTooLong => "ERR Protocol error: too big bulk count string",
            Self::InlineTooLong => "ERR Protocol error: too big inline request",
            Self::UnbalancedQuotes => "ERR Protocol error: unbalanced quotes in request",
            Self::AnonymousMultibulkLength => "ERR Protocol error: unauthenticated multibulk length",
            Self::AnonymousBulkLength => "ERR Protocol error: unauthenticated bulk length",
            Self::RequestTooLong => return None,
        };
        Some(Error::new(reason))
    }
}

fn expected_bulk(got: u8) -> Error {
    let mut text = b"ERR Protocol error: expected '$', got '".to_vec();
    text.extend_from_slice(&[got, b'\'']);
    Error::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(name: &[u8], args: &[&[u8]]) -> Vec<u8> {
        Error::unknown_command(name, args.iter().copied()).as_bytes().to_vec()
    }

    #[test]
    fn unknown_commands_repeat_what_was_sent() {
        assert_eq!(unknown(b"FOO", &[]), b"ERR unknown command 'FOO'");
        let two = b"ERR unknown command 'FOO', with args beginning with: 'bar' 'baz' ";
        assert_eq!(unknown(b"FOO", &[b"bar", b"baz"]), two);
        let raw = b"ERR unknown command 'f\xff', with args beginning with: 'a' ";
        assert_eq!(unknown(b"f\xff", &[b"a\0b"]), raw);
        assert_eq!(unknown(b"fo\0o", &[]), b"ERR unknown command 'fo'");
    }

    /// Lengths of the quoted part as Redis 8.6.2 cuts it.
    #[test]
    fn unknown_commands_repeat_a_bounded_part() {
        let long = [b'a'; 200];
        let quoted_len = |args: &[&[u8]]| {
            unknown(b"FOO", args).len() - "ERR unknown command 'FOO', with args beginning with: ".len()
        };
        assert_eq!(unknown(&long, &[]).len(), "ERR unknown command ''".len() + QUOTED_LEN);
        assert_eq!(quoted_len(&[&long, b"b"]), 128 + 3);
        assert_eq!(quoted_len(&[&long[..124], b"bbbbbbbbb", b"c"]), 124 + 3 + 1 + 3);
        assert_eq!(quoted_len(&[&long[..120], b"bbbbbbbb", b"c"]), 120 + 3 + 5 + 3);
        assert_eq!(quoted_len(&[&long[..125], b"bbbbbbbbb"]), 125 + 3);
        assert_eq!(quoted_len(&[b"".as_slice(); 50]), 43 * 3);
    }

    #[test]
    fn unknown_subcommands_name_the_help_of_their_command() {
        let error = Error::unknown_subcommand("client", b"foo");
        assert_eq!(error.as_bytes(), b"ERR unknown subcommand 'foo'. Try CLIENT HELP.");
    }

    #[test]
    fn the_code_is_the_first_word() {
        assert_eq!(Error::wrong_type().code(), "WRONGTYPE");
        assert_eq!(Error::from(String::new()).code(), "");
        assert_eq!(
            Error::wrong_arity("VADD").to_string(),
            "ERR wrong number of arguments for 'VADD' command"
        );
    }

    #[test]
    fn protocol_errors_repeat_the_byte() {
        let reply = ProtocolError::ExpectedBulk(b'x').reply().unwrap();
        assert_eq!(reply.as_bytes(), b"ERR Protocol error: expected '$', got 'x'");
        assert_eq!(ProtocolError::RequestTooLong.reply(), None);
    }
}
