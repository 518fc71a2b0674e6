//! Requests from a read buffer, in whatever pieces the bytes arrive (Redis'
//! `processMultibulkBuffer`).
//!
//! ```text
//! *2\r\n          line: how many arguments           (or a line of words: an inline command)
//! $3\r\n          line: how long the next one is
//! GET\r\n         so many bytes, and two more
//! $1\r\n …
//! ```
//!
//! Like Redis, it does not look at the byte after a `\r`, nor at the two after an argument. A
//! request where they are not a line end is encoded anew, so that what is journalled is always well
//! formed.

use std::mem;

use bytes::{Buf, BytesMut};

use super::error::ProtocolError;
use super::inline::split_words;
use super::limits::{ANONYMOUS_ARGS, Limits};
use super::lines::{LineSearch, LineTooLong, short_header};
use super::request::{Ranges, Request};

/// No more than this is reserved ahead, until more than this was received.
const RESERVE_AHEAD: usize = 64 * 1024;
const SHORTEST_ARGUMENT: usize = b"$0\r\n\r\n".len();
const LINE_END: &[u8; 2] = b"\r\n";

/// The state of one connection's request stream. It keeps its position, so that no byte is read
/// twice when a request arrives in pieces.
#[derive(Debug, Default)]
pub struct RequestParser {
    /// Bytes of the buffer that are parsed; 0 between requests.
    at: usize,
    /// The line at `at`.
    line: LineSearch,
    /// Arguments that were announced and are missing; 0 between requests.
    missing: usize,
    /// The length of the argument that has been announced and starts at `at`.
    announced: Option<usize>,
    /// The arguments received. Grows with them, never with the announced count.
    args: Ranges,
    /// True if two bytes that should be a line end were something else.
    malformed: bool,
    hint: usize,
}

/// Result of one attempt to parse the buffer.
enum Step {
    Complete(Request),
    /// A request without words was cut off.
    Blank,
    Incomplete,
}

impl RequestParser {
    /// A parser at the start of a connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cuts the next request from the start of `buf`; None if it is not complete. Requests without
    /// words are skipped. After an error the bytes that follow have no meaning.
    ///
    /// Between calls, bytes may only be added to the end of `buf`.
    pub fn next(&mut self, buf: &mut BytesMut, limits: &Limits) -> Result<Option<Request>, ProtocolError> {
        self.hint = 0;
        loop {
            let step = match buf.first() {
                None => return Ok(None),
                Some(_) if self.missing > 0 => self.arguments(buf, limits)?,
                Some(b'*') => self.count(buf, limits)?,
                Some(_) => self.inline(buf, limits)?,
            };
            match step {
                Step::Complete(request) => return Ok(Some(request)),
                Step::Blank => {}
                Step::Incomplete if buf.len() > limits.request_len() => {
                    return Err(ProtocolError::RequestTooLong);
                }
                Step::Incomplete => return Ok(None),
            }
        }
    }

    /// How many more bytes are certain to arrive, as far as it is safe to reserve room for them; 0
    /// if unknown.
    pub fn hint(&self) -> usize {
        self.hint
    }

    /// `*count`, and what follows it.
    fn count(&mut self, buf: &mut BytesMut, limits: &Limits) -> Result<Step, ProtocolError> {
        let Some((count, len)) = self.count_line(buf, limits)? else {
            return Ok(Step::Incomplete);
        };
        if count == 0 {
            self.reset();
            buf.advance(len);
            return Ok(Step::Blank);
        }
        if count > limits.max_args {
            return Err(ProtocolError::InvalidMultibulkLength);
        }
        if !limits.authenticated && count > ANONYMOUS_ARGS {
            return Err(ProtocolError::AnonymousMultibulkLength);
        }
        self.missing = count;
        self.at = len;
        if count > self.args.inline_size() {
            // As many as can have arrived; room for the others is made when they do.
            self.args.reserve(count.min((buf.len() - len) / SHORTEST_ARGUMENT));
        }
        self.arguments(buf, limits)
    }

    /// The count in the line at the start, and the length of the line. `*-1` asks for as little as
    /// `*0`.
    fn count_line(&mut self, buf: &[u8], limits: &Limits) -> Result<Option<(usize, usize)>, ProtocolError> {
        if let Some(short) = short_header(b'*', buf) {
            self.line.reset();
            return Ok(Some(short));
        }
        let header = self.line.header(buf, limits.max_inline);
        let Some(header) = header.map_err(|LineTooLong| ProtocolError::MultibulkCountTooLong)? else {
            return Ok(None);
        };
        self.malformed = !header.well_formed;
        let count = header.number.ok_or(ProtocolError::InvalidMultibulkLength)?;
        Ok(Some((usize::try_from(count).unwrap_or(0), header.len)))
    }

    /// The arguments received.
    fn arguments(&mut self, buf: &mut BytesMut, limits: &Limits) -> Result<Step, ProtocolError> {
        let longest = limits.bulk_len();
        let within_limit = buf.len().min(limits.request_len());
        while self.missing > 0 {
            let short = self.announced.is_none() && self.short_argument(&buf[..within_limit], longest);
            if !short && !self.argument(buf, limits)? {
                return Ok(Step::Incomplete);
            }
        }
        Ok(Step::Complete(self.cut(buf)))
    }

    /// Parses the argument at `at` if it is short, within bounds and complete, as nearly all are:
    /// the same as [`argument`](Self::argument) would do, in half the time.
    #[inline]
    fn short_argument(&mut self, buf: &[u8], longest: usize) -> bool {
        let Some((len, header)) = buf.get(self.at..).and_then(|rest| short_header(b'$', rest)) else {
            return false;
        };
        let start = self.at + header;
        let whole = buf.len() >= start + len + LINE_END.len();
        if !whole || len > longest {
            return false;
        }
        self.line.reset();
        self.pass(start, len, buf);
        true
    }

    /// Parses the argument at `at`; false if it is not complete.
    #[inline(never)]
    fn argument(&mut self, buf: &[u8], limits: &Limits) -> Result<bool, ProtocolError> {
        let Some(len) = self.length(buf, limits)? else {
            return Ok(false);
        };
        let end = self.at + len + LINE_END.len();
        if buf.len() < end {
            self.announced = Some(len);
            self.hint = (end - buf.len()).min(buf.len().max(RESERVE_AHEAD));
            return Ok(false);
        }
        self.pass(self.at, len, buf);
        Ok(true)
    }

    /// Adds the argument at `start`, and moves behind it.
    #[inline]
    fn pass(&mut self, start: usize, len: usize, buf: &[u8]) {
        let end = start + len;
        self.malformed |= buf[end..end + LINE_END.len()] != *LINE_END;
        self.args.push((start as u32, len as u32));
        self.at = end + LINE_END.len();
        self.missing -= 1;
    }

    /// The length of the argument at `at`, after its header.
    fn length(&mut self, buf: &[u8], limits: &Limits) -> Result<Option<usize>, ProtocolError> {
        if let Some(len) = self.announced.take() {
            return Ok(Some(len));
        }
        let header = self.line.header(&buf[self.at..], limits.max_inline);
        let Some(header) = header.map_err(|LineTooLong| ProtocolError::BulkCountTooLong)? else {
            return Ok(None);
        };
        if buf[self.at] != b'$' {
            return Err(ProtocolError::ExpectedBulk(buf[self.at]));
        }
        let len = header.number.and_then(|len| usize::try_from(len).ok());
        let len = len.ok_or(ProtocolError::InvalidBulkLength)?;
        if len > limits.max_bulk_len {
            return Err(ProtocolError::InvalidBulkLength);
        }
        if len > limits.bulk_len() {
            return Err(ProtocolError::AnonymousBulkLength);
        }
        let start = self.at + header.len;
        // Also keeps offsets within 32 bits.
        if start.saturating_add(len).saturating_add(LINE_END.len()) > limits.request_len() {
            return Err(ProtocolError::RequestTooLong);
        }
        self.malformed |= !header.well_formed;
        self.at = start;
        Ok(Some(len))
    }

    /// A line of words.
    fn inline(&mut self, buf: &mut BytesMut, limits: &Limits) -> Result<Step, ProtocolError> {
        let end = self.line.find(b'\n', buf, limits.max_inline);
        let Some(end) = end.map_err(|LineTooLong| ProtocolError::InlineTooLong)? else {
            return Ok(Step::Incomplete);
        };
        let line = &buf[..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let words = split_words(line).ok_or(ProtocolError::UnbalancedQuotes)?;
        self.reset();
        buf.advance(end + 1);
        Ok(if words.is_empty() { Step::Blank } else { Step::Complete(Request::from_args(&words)) })
    }

    /// Cuts the request that ends at `at`.
    fn cut(&mut self, buf: &mut BytesMut) -> Request {
        let request = Request::new(buf.split_to(self.at).freeze(), mem::take(&mut self.args));
        let malformed = self.malformed;
        self.reset();
        if !malformed {
            return request;
        }
        let words: Vec<&[u8]> = request.words().iter().collect();
        Request::from_args(&words)
    }

    fn reset(&mut self) {
        self.at = 0;
        self.line.reset();
        self.malformed = false;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Words = Vec<Vec<u8>>;

    /// Feeds `pieces` as packets; the requests, and the error that ended them.
    fn parse<'p>(
        pieces: impl Iterator<Item = &'p [u8]>,
        limits: &Limits,
    ) -> (Vec<Words>, Option<ProtocolError>) {
        let mut parser = RequestParser::new();
        let mut buf = BytesMut::new();
        let mut requests = Vec::new();
        for piece in pieces {
            buf.extend_from_slice(piece);
            loop {
                match parser.next(&mut buf, limits) {
                    Ok(Some(request)) => requests.push(checked_words(&request)),
                    Ok(None) => break,
                    Err(error) => return (requests, Some(error)),
                }
            }
            assert!(parser.hint() <= RESERVE_AHEAD.max(buf.len()));
        }
        (requests, None)
    }

    /// Whatever was sent, the bytes to be journalled are the canonical ones.
    fn checked_words(request: &Request) -> Words {
        let words: Words = request.words().iter().map(<[u8]>::to_vec).collect();
        assert_eq!(request.wire(), Request::from_args(&words).wire());
        words
    }

    fn parse_whole(bytes: &[u8], limits: &Limits) -> (Vec<Words>, Option<ProtocolError>) {
        let whole = parse([bytes].into_iter(), limits);
        assert_eq!(parse(bytes.chunks(1), limits), whole, "byte by byte");
        whole
    }

    fn words(words: &[&str]) -> Words {
        words.iter().map(|word| word.as_bytes().to_vec()).collect()
    }

    fn check(bytes: &[u8], requests: &[&[&str]], error: Option<ProtocolError>) {
        let expected: Vec<Words> = requests.iter().map(|request| words(request)).collect();
        assert_eq!(parse_whole(bytes, &Limits::default()), (expected, error), "{}", bytes.escape_ascii());
    }

    #[test]
    fn requests() {
        check(b"*1\r\n$4\r\nPING\r\n", &[&["PING"]], None);
        check(b"*2\r\n$3\r\nGET\r\n$0\r\n\r\n*1\r\n$1\r\nx\r\n", &[&["GET", ""], &["x"]], None);
        check(b"*1\r\n$6\r\na\r\nb\r\n\r\n", &[&["a\r\nb\r\n"]], None);
        check(b"*1\r\n$10\r\n$1\r\nx\r\n123\r\n", &[&["$1\r\nx\r\n123"]], None);
        check(b"*2\r\n$3\r\nGET\r\n$1\r\n", &[], None);
        check(b"PING\r\n*1\r\n$1\r\nx\r\nSET a 'b c'\n", &[&["PING"], &["x"], &["SET", "a", "b c"]], None);
        check(b"\r\n\n   \r\n*0\r\n*-1\r\n*-10\r\n*1\r\n$1\r\nx\r\n", &[&["x"]], None);
        check(b"\"\"\r\n$4\r\n", &[&[""], &["$4"]], None);
    }

    /// Redis 8.6.2 takes any byte after `\r`, and any two after an argument.
    #[test]
    fn bytes_in_the_place_of_line_ends_are_not_looked_at() {
        check(b"*1\rx$4\r\nPING\r\n", &[&["PING"]], None);
        check(b"*1\r\n$4\rxPING\r\n", &[&["PING"]], None);
        check(b"*1\r\n$4\r\nPINGzz", &[&["PING"]], None);
        check(b"*1\rx$4\rxPINGzz*1\r\n$1\r\ny\r\n", &[&["PING"], &["y"]], None);
    }

    #[test]
    fn protocol_errors() {
        use ProtocolError::*;
        for count in ["x", "+1", "01", " 1", "1 ", "", "-0", "00", "2147483648", "-9223372036854775809"] {
            check(format!("*{count}\r\n").as_bytes(), &[], Some(InvalidMultibulkLength));
        }
        for len in ["-1", "x", "", "04", "+4", "536870913", "99999999999999999999"] {
            check(format!("*1\r\n${len}\r\n").as_bytes(), &[], Some(InvalidBulkLength));
        }
        for first in ["x4\r\n", ":4\r\n", "*1\r\n", "\r\n", "\0\r\n", "4\r\n"] {
            check(format!("*1\r\n{first}").as_bytes(), &[], Some(ExpectedBulk(first.as_bytes()[0])));
        }
        check(b"SET a \"b\r\n", &[], Some(UnbalancedQuotes));
        check(b"PING\r\n*x\r\nPING\r\n", &[&["PING"]], Some(InvalidMultibulkLength));
        check(b"*1\r\nx", &[], None);
        check(b"*2147483647\r\n", &[], None);
    }

    #[test]
    fn lines_without_an_end() {
        let limits = Limits::default();
        for (start, error) in [
            ("*", ProtocolError::MultibulkCountTooLong),
            ("*1\r\n$", ProtocolError::BulkCountTooLong),
            ("", ProtocolError::InlineTooLong),
        ] {
            let line_start = start.rfind('\n').map_or(0, |at| at + 1);
            let line_len = |total: usize| start.to_owned() + &"1".repeat(total - (start.len() - line_start));
            assert_eq!(parse_whole(line_len(limits.max_inline).as_bytes(), &limits), (vec![], None));
            assert_eq!(
                parse_whole(line_len(limits.max_inline + 1).as_bytes(), &limits),
                (vec![], Some(error))
            );
        }
    }

    #[test]
    fn bounds_before_authentication() {
        let limits = Limits::default().anonymous();
        let error = |bytes: &[u8]| parse_whole(bytes, &limits).1;
        assert_eq!(error(b"*10\r\n"), None);
        assert_eq!(error(b"*11\r\n"), Some(ProtocolError::AnonymousMultibulkLength));
        assert_eq!(error(b"*1\r\n$16384\r\n"), None);
        assert_eq!(error(b"*1\r\n$16385\r\n"), Some(ProtocolError::AnonymousBulkLength));
        assert_eq!(error(b"*1\r\n$536870913\r\n"), Some(ProtocolError::InvalidBulkLength));
    }

    #[test]
    fn arguments_have_a_configured_length() {
        let limits = Limits { max_bulk_len: 3, ..Limits::default() };
        assert_eq!(parse_whole(b"*1\r\n$3\r\nGET\r\n", &limits), (vec![words(&["GET"])], None));
        let too_long = Some(ProtocolError::InvalidBulkLength);
        assert_eq!(parse_whole(b"*1\r\n$4\r\nPING\r\n", &limits), (vec![], too_long));
        let limits = Limits { max_args: 1, ..limits };
        let too_many = Some(ProtocolError::InvalidMultibulkLength);
        assert_eq!(parse_whole(b"*2\r\n", &limits), (vec![], too_many));
    }

    #[test]
    fn a_request_must_fit_the_query_buffer() {
        let limits = Limits { max_query_buffer: 40, ..Limits::default() };
        let error = |bytes: &[u8]| parse([bytes].into_iter(), &limits).1;
        assert_eq!(error(b"*1\r\n$29\r\n"), None);
        assert_eq!(error(b"*1\r\n$30\r\n"), Some(ProtocolError::RequestTooLong));
        let many = |count: usize| format!("*{count}\r\n{}", "$1\r\nx\r\n".repeat(count));
        assert_eq!(parse_whole(many(5).as_bytes(), &limits), (vec![words(&["x"; 5])], None));
        assert_eq!(parse_whole(many(6).as_bytes(), &limits), (vec![], Some(ProtocolError::RequestTooLong)));
    }

    #[test]
    fn room_is_asked_for_as_bytes_come() {
        let mut parser = RequestParser::new();
        let limits = Limits::default();
        let mut buf = BytesMut::from(b"*2\r\n$3\r\nSET\r\n".as_slice());
        assert!(parser.next(&mut buf, &limits).unwrap().is_none());
        assert_eq!(parser.hint(), 0);
        buf.extend_from_slice(b"$536870912\r\nabc");
        assert!(parser.next(&mut buf, &limits).unwrap().is_none());
        assert_eq!(parser.hint(), RESERVE_AHEAD);
        buf.resize(buf.len() + 200_000, b'x');
        assert!(parser.next(&mut buf, &limits).unwrap().is_none());
        assert_eq!(parser.hint(), buf.len());
    }

    #[test]
    fn the_count_reserves_nothing() {
        let mut parser = RequestParser::new();
        let limits = Limits::default();
        let mut buf = BytesMut::from(b"*1048576\r\n$1\r\nx\r\n".as_slice());
        assert!(parser.next(&mut buf, &limits).unwrap().is_none());
        assert!(!parser.args.spilled());
    }

    #[test]
    fn a_request_is_cut_without_a_copy() {
        let mut buf = BytesMut::from(b"*1\r\n$4\r\nPING\r\n".as_slice());
        let at = buf.as_ptr();
        let request = RequestParser::new().next(&mut buf, &Limits::default()).unwrap().unwrap();
        assert_eq!(request.wire().as_ptr(), at);
    }

    fn any_requests() -> impl Strategy<Value = Vec<Words>> {
        let word = prop::collection::vec(any::<u8>(), 0..40);
        prop::collection::vec(prop::collection::vec(word, 1..12), 0..6)
    }

    fn cut_at<'b>(bytes: &'b [u8], cuts: &'b [prop::sample::Index]) -> impl Iterator<Item = &'b [u8]> {
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        ends.push(bytes.len());
        ends.sort_unstable();
        let mut start = 0;
        ends.into_iter().map(move |end| &bytes[mem::replace(&mut start, end)..end])
    }

    proptest! {
        #[test]
        fn what_is_sent_is_read(requests in any_requests(), cuts: Vec<prop::sample::Index>) {
            let bytes: Vec<u8> = requests.iter().flat_map(|words| Request::from_args(words).wire().to_vec()).collect();
            prop_assert_eq!(parse(cut_at(&bytes, &cuts), &Limits::default()), (requests, None));
        }

        #[test]
        fn packets_do_not_matter(bytes in "([*$]|-?[0-9]{1,2}|\r\n|[a-c \"'\n\r]){0,40}", cuts: Vec<prop::sample::Index>) {
            let limits = Limits { max_inline: 12, max_query_buffer: 1000, ..Limits::default() };
            let whole = parse_whole(bytes.as_bytes(), &limits);
            prop_assert_eq!(parse(cut_at(bytes.as_bytes(), &cuts), &limits), whole);
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, authenticated: bool, max_inline in 0usize..20, max_query_buffer in 0usize..99) {
            let limits = Limits { authenticated, max_inline, max_query_buffer, ..Limits::default() };
            parse(bytes.chunks(3), &limits);
        }
    }
}
