//! One file of the log as a stream of requests.
//!
//! ```text
//! file      (request | comment) …
//! request   *count\r\n  ($length\r\n  bytes  \r\n) …
//! comment   # anything up to a line end: `#TS:1795262563\r\n`, the second in which the next request was written
//! ```
//!
//! Memory: one buffer, which is as long as the longest request; requests are views of it.

use std::fmt;
use std::io::{self, Read};

use bytes::{Buf, BytesMut};

use crate::resp::{Limits, ProtocolError, Request, RequestParser};

/// Bytes that are read at once.
const READ_LEN: usize = 256 * 1024;
/// The longest comment.
const MAX_COMMENT: usize = 1024;
/// What times of writing begin with.
const TIME: &[u8] = b"#TS:";

/// A request, and where it stands.
#[derive(Debug)]
pub struct Logged {
    /// The request.
    pub request: Request,
    /// Bytes of the file before it.
    pub start: u64,
    /// Bytes of the file up to its end.
    pub end: u64,
}

/// Why there are no more requests though there are more bytes.
#[derive(Debug)]
pub struct BrokenOff {
    /// Bytes of the file before the request that is not one: up to here it is whole.
    pub offset: u64,
    /// What is there instead.
    pub fault: Fault,
}

/// What stands in the place of a request.
#[derive(Debug)]
pub enum Fault {
    /// The beginning of one: the file was cut off, or its last write was.
    Truncated,
    /// Something that no request begins with, or goes on with.
    NoRequest(String),
    /// The operating system could not read.
    Io(io::Error),
}

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at offset {}: ", self.offset)?;
        match &self.fault {
            Fault::Truncated => f.write_str("the file ends in the middle of a request"),
            Fault::NoRequest(found) => write!(f, "no request: {found}"),
            Fault::Io(error) => write!(f, "cannot read: {error}"),
        }
    }
}

impl std::error::Error for BrokenOff {}

/// The requests of a file. After an error there are none.
#[derive(Debug)]
pub struct Requests<R> {
    source: R,
    buffer: BytesMut,
    parser: RequestParser,
    limits: Limits,
    /// Bytes of the file that are no longer in the buffer.
    passed: u64,
    written_s: Option<i64>,
    is_at_end: bool,
}

/// What the buffer begins with.
enum Next {
    Request,
    Comment,
    /// Too little has been read to say.
    Unknown,
}

impl<R: Read> Requests<R> {
    /// The requests of `source`, of which `passed` bytes were read before.
    pub fn new(source: R, passed: u64) -> Self {
        // Whoever wrote the log took these requests: a bound on their length has no place here, but
        // for the one that keeps positions within 32 bits.
        let limits = Limits { max_bulk_len: usize::MAX, max_query_buffer: usize::MAX, ..Limits::default() };
        Self {
            source,
            buffer: BytesMut::new(),
            parser: RequestParser::new(),
            limits,
            passed,
            written_s: None,
            is_at_end: false,
        }
    }

    /// Bytes of the file that were understood.
    pub fn offset(&self) -> u64 {
        self.passed
    }

    /// The last time that was noted in the file, in Unix seconds.
    pub fn written_s(&self) -> Option<i64> {
        self.written_s
    }

    /// The next request; none at the end of the file.
    ///
    /// # Errors
    /// What follows is not a whole request.
    #[expect(clippy::should_implement_trait, reason = "an iterator would go on after an error")]
    pub fn next(&mut self) -> Result<Option<Logged>, BrokenOff> {
        loop {
            match self.look()? {
                Next::Request => {
                    if let Some(logged) = self.request()? {
                        return Ok(Some(logged));
                    }
                }
                Next::Comment if self.comment()? => continue,
                _ => {}
            }
            if !self.fill()? {
                return if self.buffer.is_empty() { Ok(None) } else { Err(self.broken(Fault::Truncated)) };
            }
        }
    }

    /// Only what begins an array of at least one word is given to the parser: it also takes lines
    /// of words, which here are damage.
    fn look(&self) -> Result<Next, BrokenOff> {
        match *self.buffer {
            [] | [b'*'] => Ok(Next::Unknown),
            [b'*', b'1'..=b'9', ..] => Ok(Next::Request),
            [b'#', ..] => Ok(Next::Comment),
            [b'*', ..] => Err(self.broken(Fault::NoRequest("a count of no words".into()))),
            [other, ..] => {
                let found = format!("it begins with '{}' instead of '*'", other.escape_ascii());
                Err(self.broken(Fault::NoRequest(found)))
            }
        }
    }

    fn request(&mut self) -> Result<Option<Logged>, BrokenOff> {
        let before = self.buffer.len();
        let parsed = self.parser.next(&mut self.buffer, &self.limits);
        let Some(request) = parsed.map_err(|error| self.broken(no_request(error)))? else { return Ok(None) };
        let start = self.passed;
        self.passed += (before - self.buffer.len()) as u64;
        Ok(Some(Logged { request, start, end: self.passed }))
    }

    /// Passes a comment; false if it has not been read to its end.
    fn comment(&mut self) -> Result<bool, BrokenOff> {
        let Some(end) = memchr::memchr(b'\n', &self.buffer) else {
            if self.buffer.len() > MAX_COMMENT {
                return Err(self.broken(Fault::NoRequest("a comment without an end".into())));
            }
            return Ok(false);
        };
        let time = self.buffer[..end].strip_prefix(TIME).and_then(|time| std::str::from_utf8(time).ok());
        self.written_s = time.and_then(|time| time.trim_end().parse().ok()).or(self.written_s);
        self.buffer.advance(end + 1);
        self.passed += end as u64 + 1;
        Ok(true)
    }

    /// Reads more; false at the end of the file.
    fn fill(&mut self) -> Result<bool, BrokenOff> {
        if self.is_at_end {
            return Ok(false);
        }
        let before = self.buffer.len();
        // Gets back the room of requests that are done with, where it can.
        self.buffer.reserve(self.parser.hint().max(READ_LEN));
        self.buffer.resize(before + READ_LEN, 0);
        let read = read_some(&mut self.source, &mut self.buffer[before..]);
        self.buffer.truncate(before + *read.as_ref().unwrap_or(&0));
        let read = read.map_err(|error| self.broken(Fault::Io(error)))?;
        self.is_at_end = read == 0;
        Ok(read > 0)
    }

    fn broken(&self, fault: Fault) -> BrokenOff {
        BrokenOff { offset: self.passed, fault }
    }
}

fn read_some(source: &mut impl Read, room: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(room) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

fn no_request(error: ProtocolError) -> Fault {
    let words = error.reply().map(|reply| String::from_utf8_lossy(reply.as_bytes()).into_owned());
    Fault::NoRequest(words.unwrap_or_else(|| "it is too long".into()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives so many bytes at a time.
    struct Slowly<'b>(&'b [u8], usize);

    impl Read for Slowly<'_> {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            let len = self.1.min(room.len());
            self.0.read(&mut room[..len])
        }
    }

    type Words = Vec<String>;

    /// All requests, and where and why it ended before the file did.
    fn read(bytes: &[u8], step: usize) -> (Vec<Words>, Option<(u64, bool)>) {
        let mut requests = Requests::new(Slowly(bytes, step), 0);
        let mut read = Vec::new();
        let mut end = 0;
        loop {
            match requests.next() {
                Ok(Some(logged)) => {
                    assert!(logged.start >= end && logged.end == requests.offset());
                    assert_eq!(logged.end - logged.start, logged.request.wire().len() as u64);
                    end = logged.end;
                    read.push(logged.request.words().iter().map(text).collect());
                }
                Ok(None) => return (read, None),
                Err(broken) => {
                    let is_cut = matches!(broken.fault, Fault::Truncated);
                    return (read, Some((broken.offset, is_cut)));
                }
            }
        }
    }

    fn text(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }

    fn words(line: &str) -> Words {
        line.split(' ').map(str::to_owned).collect()
    }

    const TWO: &[u8] = b"*1\r\n$4\r\nPING\r\n#TS:17\r\n#\r\n*2\r\n$3\r\nDEL\r\n$1\r\n#\r\n";

    #[test]
    fn requests_and_comments() {
        for step in [1, 2, 7, 1000] {
            assert_eq!(read(TWO, step), (vec![words("PING"), words("DEL #")], None));
            assert_eq!(read(b"", step), (vec![], None));
        }
        let mut requests = Requests::new(TWO, 100);
        assert_eq!(requests.next().unwrap().expect("one request").start, 100);
        assert_eq!(requests.written_s(), None);
        assert_eq!(requests.next().unwrap().expect("another").start, 100 + 14 + 8 + 3);
        assert_eq!(requests.written_s(), Some(17));
        assert!(requests.next().unwrap().is_none() && requests.next().unwrap().is_none());
    }

    #[test]
    fn a_file_that_is_cut_off_tells_where_it_is_whole() {
        for len in 0..TWO.len() {
            let (read, broken) = read(&TWO[..len], 5);
            let ends = [0, 14, 22, 25];
            let whole = ends.into_iter().rfind(|end| *end <= len).unwrap_or(0);
            assert_eq!(read.len(), usize::from(len >= 14), "{len}");
            assert_eq!(broken, (whole != len).then_some((whole as u64, true)), "{len}");
        }
    }

    #[test]
    fn what_is_no_request_is_told() {
        for (damage, offset) in [
            (&b"PING\r\n"[..], 0),
            (b"*0\r\n", 0),
            (b"*-1\r\n*1\r\n$4\r\nPING\r\n", 0),
            (b"*1\r\n:4\r\n", 0),
            (b"*1\r\n$x\r\n", 0),
            (b"*1\r\n$-1\r\n", 0),
            (b"*1\r\n$4\r\nPING\r\n\0\0\0", 14),
            (b"*1\r\n$4294967296\r\n", 0),
        ] {
            let broken = read(damage, 3).1;
            assert_eq!(broken, Some((offset, false)), "{}", damage.escape_ascii());
        }
    }

    #[test]
    fn a_length_that_never_comes_costs_nothing() {
        let mut requests = Requests::new(&b"*2147483647\r\n$1000000000\r\nx"[..], 0);
        let broken = requests.next().expect_err("it is cut off");
        assert!(matches!(broken.fault, Fault::Truncated));
        assert!(requests.buffer.capacity() <= 4 * READ_LEN, "{}", requests.buffer.capacity());
    }

    proptest! {
        #[test]
        fn no_bytes_are_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..64), step in 1..9_usize) {
            prop_assert_eq!(read(&bytes, step), read(&bytes, 1000));
        }

        #[test]
        fn nor_are_changed_ones(at in 0..TWO.len(), byte: u8, step in 1..9_usize) {
            let mut bytes = TWO.to_vec();
            bytes[at] = byte;
            let (few, broken) = read(&bytes, step);
            let (same, there) = read(&bytes, 1000);
            prop_assert_eq!((few, broken), (same, there));
        }
    }
}
