//! Requests out of a read buffer, however the bytes arrive (Redis' `processMultibulkBuffer`).
//!
//! ```text
//! *2\r\n          line: how many arguments           (or a line of words: an inline command)
//! $3\r\n          line: how long the next one is
//! GET\r\n         so many bytes, and two more
//! $1\r\n …
//! ```
//!
//! Like Redis, it does not look at the byte after a `\r`, nor at the two after an argument. A request where they are
//! not a line end is encoded anew, so that what is journalled is always well formed.

use std::mem;

use bytes::{Buf, BytesMut};

use super::error::ProtocolError;
use super::inline::split_words;
use super::limits::{ANONYMOUS_ARGS, ANONYMOUS_BULK_LEN, Limits};
use super::number::parse_integer;
use super::request::{Ranges, Request};

/// No more is reserved ahead of what has come, until more than this has come.
const RESERVE_AHEAD: usize = 64 * 1024;
const LINE_END: &[u8; 2] = b"\r\n";

/// The state of one connection's request stream. It keeps its position, so that no byte is looked at twice when a
/// request arrives in pieces.
#[derive(Debug, Default)]
pub struct RequestParser {
    /// Bytes of the buffer that are understood; 0 between requests.
    at: usize,
    /// Bytes from `at` on that hold no line end.
    searched: usize,
    /// Arguments that were announced and have not come; 0 between requests.
    missing: usize,
    /// The length of the argument that has been announced and starts at `at`.
    announced: Option<usize>,
    /// The arguments that have come. Grows with them, never with the announced count.
    args: Ranges,
    /// Whether two bytes that should be a line end were something else.
    malformed: bool,
    hint: usize,
}

/// What one look at the buffer came to.
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

    /// Cuts the next request from the start of `buf`; None if it has not come whole. Requests without words are
    /// passed over. After an error the bytes that follow have no meaning.
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

    /// How many more bytes are surely to come, as far as it is safe to reserve room for them; 0 if nothing is known.
    pub fn hint(&self) -> usize {
        self.hint
    }

    /// `*count`, and what follows it.
    fn count(&mut self, buf: &mut BytesMut, limits: &Limits) -> Result<Step, ProtocolError> {
        let Some((count, end)) = self.header(b'*', buf, limits, ProtocolError::MultibulkCountTooLong)? else {
            return Ok(Step::Incomplete);
        };
        let count = count.ok_or(ProtocolError::InvalidMultibulkLength)?;
        let Ok(count @ 1..) = usize::try_from(count) else {
            // `*0` and `*-1` ask for nothing.
            self.reset();
            buf.advance(end);
            return Ok(Step::Blank);
        };
        if count > limits.max_args {
            return Err(ProtocolError::InvalidMultibulkLength);
        }
        if !limits.authenticated && count > ANONYMOUS_ARGS {
            return Err(ProtocolError::AnonymousMultibulkLength);
        }
        self.missing = count;
        self.at = end;
        self.arguments(buf, limits)
    }

    /// The arguments that have come.
    fn arguments(&mut self, buf: &mut BytesMut, limits: &Limits) -> Result<Step, ProtocolError> {
        while self.missing > 0 {
            let Some(len) = self.length(buf, limits)? else {
                return Ok(Step::Incomplete);
            };
            let end = self.at + len;
            let Some(line_end) = buf.get(end..end + LINE_END.len()) else {
                self.announced = Some(len);
                self.hint = (end + LINE_END.len() - buf.len()).min(buf.len().max(RESERVE_AHEAD));
                return Ok(Step::Incomplete);
            };
            self.malformed |= line_end != LINE_END;
            self.args.push((self.at as u32, len as u32));
            self.at = end + LINE_END.len();
            self.missing -= 1;
        }
        Ok(Step::Complete(self.cut(buf)))
    }

    /// The length of the argument at `at`, of which the header is passed.
    fn length(&mut self, buf: &[u8], limits: &Limits) -> Result<Option<usize>, ProtocolError> {
        if let Some(len) = self.announced.take() {
            return Ok(Some(len));
        }
        let Some((len, end)) = self.header(b'$', buf, limits, ProtocolError::BulkCountTooLong)? else {
            return Ok(None);
        };
        if buf[self.at] != b'$' {
            return Err(ProtocolError::ExpectedBulk(buf[self.at]));
        }
        let len = len.and_then(|len| usize::try_from(len).ok()).ok_or(ProtocolError::InvalidBulkLength)?;
        if len > limits.max_bulk_len {
            return Err(ProtocolError::InvalidBulkLength);
        }
        if !limits.authenticated && len > ANONYMOUS_BULK_LEN {
            return Err(ProtocolError::AnonymousBulkLength);
        }
        // Also keeps offsets within 32 bits.
        if end.saturating_add(len) > limits.request_len() {
            return Err(ProtocolError::RequestTooLong);
        }
        self.at = end;
        Ok(Some(len))
    }

    /// The number in the line at `at`, if it is one, and where the next line starts. None if the line has not come
    /// whole. The byte before the number is for the caller to check.
    #[inline]
    fn header(
        &mut self,
        kind: u8,
        buf: &[u8],
        limits: &Limits,
        too_long: ProtocolError,
    ) -> Result<Option<(Option<i64>, usize)>, ProtocolError> {
        if let Some((number, len)) = short_header(kind, &buf[self.at..]) {
            self.searched = 0;
            return Ok(Some((Some(number), self.at + len)));
        }
        let Some(end) = self.line_end(buf, limits, too_long)? else {
            return Ok(None);
        };
        let number = buf.get(self.at + 1..end).and_then(parse_integer);
        self.malformed |= buf[end + 1] != b'\n';
        Ok(Some((number, end + LINE_END.len())))
    }

    /// Where the `\r` of the line at `at` stands, once a byte has come after it.
    fn line_end(
        &mut self,
        buf: &[u8],
        limits: &Limits,
        too_long: ProtocolError,
    ) -> Result<Option<usize>, ProtocolError> {
        let Some(len) = self.search(b'\r', &buf[self.at..], limits, too_long)? else {
            return Ok(None);
        };
        let end = self.at + len;
        if end + 1 == buf.len() {
            return Ok(None);
        }
        self.searched = 0;
        Ok(Some(end))
    }

    /// Where `end` stands in `text`. Goes on where the search before stopped, and gives up after `max_inline` bytes.
    fn search(
        &mut self,
        end: u8,
        text: &[u8],
        limits: &Limits,
        too_long: ProtocolError,
    ) -> Result<Option<usize>, ProtocolError> {
        let window = &text[..text.len().min(limits.max_inline.saturating_add(1))];
        let unsearched = window.get(self.searched..).unwrap_or_default();
        match unsearched.iter().position(|&byte| byte == end) {
            Some(offset) => {
                self.searched += offset;
                Ok(Some(self.searched))
            }
            None if text.len() > limits.max_inline => Err(too_long),
            None => {
                self.searched = window.len();
                Ok(None)
            }
        }
    }

    /// A line of words.
    fn inline(&mut self, buf: &mut BytesMut, limits: &Limits) -> Result<Step, ProtocolError> {
        let Some(end) = self.search(b'\n', buf, limits, ProtocolError::InlineTooLong)? else {
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
        self.searched = 0;
        self.malformed = false;
    }
}

/// `kind`, one to four digits and a line end: nearly every header. The number, and the length of the line.
#[inline]
fn short_header(kind: u8, text: &[u8]) -> Option<(i64, usize)> {
    let value = |digits: &[u8]| digits.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    match text {
        [first, ..] if *first != kind => None,
        [_, a @ b'0'..=b'9', b'\r', b'\n', ..] => Some((value(&[*a]), 4)),
        [_, a @ b'1'..=b'9', b @ b'0'..=b'9', b'\r', b'\n', ..] => Some((value(&[*a, *b]), 5)),
        [_, a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', b'\r', b'\n', ..] => {
            Some((value(&[*a, *b, *c]), 6))
        }
        [_, a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', d @ b'0'..=b'9', b'\r', b'\n', ..] => {
            Some((value(&[*a, *b, *c, *d]), 7))
        }
        _ => None,
    }
}
