//! The lines of a request stream: where they end, and the numbers in them.

use super::number::parse_integer;

/// A line is longer than a line may be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LineTooLong;

/// A search for the end of one line. It keeps its position, so that a line that arrives in pieces
/// is read once.
#[derive(Debug, Default)]
pub(super) struct LineSearch {
    /// Bytes from the start of the line that are not its end.
    searched: usize,
}

/// A line that announces a count or a length.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The number after the first byte; None if there is no integer.
    pub(super) number: Option<i64>,
    /// The length of the line, with its end.
    pub(super) len: usize,
    /// True if the line ends with `\r\n`, not with `\r` and another byte.
    pub(super) well_formed: bool,
}

impl LineSearch {
    /// The header that `text` starts with; None if it is not complete. The caller checks its first
    /// byte.
    pub(super) fn header(&mut self, text: &[u8], max_len: usize) -> Result<Option<Header>, LineTooLong> {
        let Some(end) = self.find(b'\r', text, max_len)? else {
            return Ok(None);
        };
        let Some(&last) = text.get(end + 1) else {
            return Ok(None);
        };
        self.reset();
        let number = text.get(1..end).and_then(parse_integer);
        Ok(Some(Header { number, len: end + 2, well_formed: last == b'\n' }))
    }

    /// Position of the first `end` in `text`, which may only grow until the search is reset.
    pub(super) fn find(
        &mut self,
        end: u8,
        text: &[u8],
        max_len: usize,
    ) -> Result<Option<usize>, LineTooLong> {
        let window = &text[..text.len().min(max_len.saturating_add(1))];
        let unsearched = window.get(self.searched..).unwrap_or_default();
        match unsearched.iter().position(|&byte| byte == end) {
            Some(offset) => {
                self.searched += offset;
                Ok(Some(self.searched))
            }
            None if text.len() > max_len => Err(LineTooLong),
            None => {
                self.searched = window.len();
                Ok(None)
            }
        }
    }

    /// The line is found; the next search is for another.
    pub(super) fn reset(&mut self) {
        self.searched = 0;
    }
}

/// `kind`, one to four digits and a line end, as nearly all headers are: the number, and the length
/// of the line.
#[inline]
pub(super) fn short_header(kind: u8, text: &[u8]) -> Option<(usize, usize)> {
    let value = |digits: &[u8]| digits.iter().fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_comes_in_pieces_is_searched_once() {
        let mut lines = LineSearch::default();
        let text = b"$123456\r\n";
        for come in 1..text.len() {
            assert_eq!(lines.header(&text[..come], 100), Ok(None));
            assert_eq!(lines.searched, come.min(7));
        }
        let header = Header { number: Some(123_456), len: 9, well_formed: true };
        assert_eq!(lines.header(text, 100), Ok(Some(header)));
        assert_eq!(lines.searched, 0);
    }

    #[test]
    fn a_line_has_a_longest_length() {
        assert_eq!(LineSearch::default().find(b'\r', b"12345", 5), Ok(None));
        assert_eq!(LineSearch::default().find(b'\r', b"12345\r", 5), Ok(Some(5)));
        assert_eq!(LineSearch::default().find(b'\r', b"123456", 5), Err(LineTooLong));
        assert_eq!(LineSearch::default().find(b'\r', b"123456\r", 5), Err(LineTooLong));
    }

    #[test]
    fn short_headers_are_headers() {
        for number in (0..10_000).step_by(7) {
            let text = format!("${number}\r\n");
            assert_eq!(short_header(b'$', text.as_bytes()), Some((number, text.len())));
        }
        for text in ["", "$", "$\r\n", "$1", "$1\r", "$01\r\n", "$-1\r\n", "$1\rx", "$12345\r\n", "*1\r\n"] {
            assert_eq!(short_header(b'$', text.as_bytes()), None, "{text:?}");
        }
    }
}
