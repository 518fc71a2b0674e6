//! The lenient JSON of attributes: reads and skips the values that Redis reads and skips, right or
//! wrong as JSON.

use super::array::JsonArray;
use super::number;
use super::value::{Array, Items, Text, Value};

/// Most bytes read of a number: as in Redis, what is longer is cut here, and what follows the cut
/// is not looked at.
const MAX_NUMBER_BYTES: usize = 255;

/// What is left to read. A method that answers `None` has met something it cannot read; its cursor
/// is then of no use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    pub(super) fn take(&mut self, byte: u8) -> Option<()> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        (first == byte).then_some(())
    }

    pub(super) fn skip_blanks(&mut self) {
        while let [first, rest @ ..] = self.rest
            && number::is_blank(*first)
        {
            self.rest = rest;
        }
    }

    /// A string from its opening to its closing quote.
    pub(super) fn string(&mut self) -> Option<Text<'a>> {
        self.take(b'"')?;
        let text = self.rest;
        let mut at = 0;
        let mut escaped = false;
        loop {
            at += quote_or_backslash(text.get(at..)?)?;
            if text[at] == b'"' {
                break;
            }
            escaped = true;
            at += 2;
        }
        self.rest = &text[at + 1..];
        Some(Text { raw: &text[..at], escaped })
    }

    /// Reads a value that an expression uses. Where it can be read, it ends where
    /// [`Self::skip_value`] would end.
    pub(super) fn value(&mut self) -> Option<Value<'a>> {
        if self.peek()? == b'[' {
            return JsonArray::read(self).map(|array| Value::Array(Array(Items::Json(array))));
        }
        let value = self.scalar()?;
        if let Value::Number(_) = value {
            self.number_run(usize::MAX);
        }
        Some(value)
    }

    /// A value that is no array.
    pub(super) fn scalar(&mut self) -> Option<Value<'a>> {
        match self.peek()? {
            b'"' => self.string().map(Value::Text),
            b'0'..=b'9' | b'-' | b'+' => self.number().map(Value::Number),
            b't' => self.literal(b"true", Value::Number(1.0)),
            b'f' => self.literal(b"false", Value::Number(0.0)),
            b'n' => self.literal(b"null", Value::Null),
            _ => None,
        }
    }

    /// What follows the number is not looked at: `1X` reads as 1.
    fn number(&mut self) -> Option<f64> {
        number::decimal(self.number_run(MAX_NUMBER_BYTES))
    }

    fn number_run(&mut self, longest: usize) -> &'a [u8] {
        let belongs = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        let len = self.rest.iter().take(longest).take_while(|byte| belongs(byte)).count();
        let (run, rest) = self.rest.split_at(len);
        self.rest = rest;
        run
    }

    fn literal(&mut self, spelling: &[u8], value: Value<'a>) -> Option<Value<'a>> {
        self.skip_literal(spelling)?;
        match self.peek() {
            Some(byte) if !number::is_blank(byte) && !matches!(byte, b',' | b']' | b'}') => None,
            _ => Some(value),
        }
    }

    fn skip_literal(&mut self, spelling: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(spelling)?;
        Some(())
    }

    /// Skips a value that no expression uses, almost without reading it.
    #[inline]
    pub(super) fn skip_value(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.string().map(drop),
            b'{' => self.skip_bracketed(b'{', b'}'),
            b'[' => self.skip_bracketed(b'[', b']'),
            b't' => self.skip_literal(b"true"),
            b'f' => self.skip_literal(b"false"),
            b'n' => self.skip_literal(b"null"),
            _ => (!self.number_run(usize::MAX).is_empty()).then_some(()),
        }
    }

    /// Counts brackets of one kind outside of strings; what else stands inside is of no interest.
    pub(super) fn skip_bracketed(&mut self, open: u8, close: u8) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                byte if byte == open => depth += 1,
                byte if byte == close => depth -= 1,
                _ => {}
            }
            self.rest = &self.rest[1..];
            if depth == 0 {
                return Some(());
            }
        }
    }
}

/// Where the first `"` or `\` is. Names and most strings are short and of all lengths: eight bytes
/// at a time there is hardly a branch to guess wrong, and no call to pay for.
fn quote_or_backslash(text: &[u8]) -> Option<usize> {
    let (words, tail) = text.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = bytes_equal(word, b'"') | bytes_equal(word, b'\\');
        if found != 0 {
            return Some(number * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let in_tail = tail.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
    Some(words.len() * 8 + in_tail)
}

/// The top bit of each byte that equals `wanted`. Above the lowest of them, others may be set too.
fn bytes_equal(word: u64, wanted: u8) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
    const TOPS: u64 = u64::from_ne_bytes([0x80; 8]);
    let zero_where_equal = word ^ (ONES * u64::from(wanted));
    zero_where_equal.wrapping_sub(ONES) & !zero_where_equal & TOPS
}

/// Decodes `\n`, `\r` and `\t`; every other backslash is dropped and the character after it stays.
pub(super) fn unescape(raw: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.iter();
    while let Some(&byte) = rest.next() {
        let byte = if byte == b'\\' { rest.next().map(decode_escape) } else { Some(byte) };
        bytes.extend(byte);
    }
    bytes
}

fn decode_escape(letter: &u8) -> u8 {
    match letter {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        other => *other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn finds_the_first_quote_or_backslash_at_any_distance() {
        for len in 0..40 {
            let mut text = vec![b'#'; len];
            assert_eq!(quote_or_backslash(&text), None);
            for at in (0..len).rev() {
                text[at] = if at % 2 == 0 { b'"' } else { b'\\' };
                assert_eq!(quote_or_backslash(&text), Some(at), "{len}");
            }
        }
    }

    #[test]
    fn decodes_few_escapes_and_keeps_the_letter_of_others() {
        assert_eq!(unescape(br#"a\n\r\t\\\"\/\u0041\b"#), b"a\n\r\t\\\"/u0041b");
    }

    proptest! {
        #[test]
        fn a_value_that_can_be_read_ends_where_skipping_it_ends(text in r#"[\[\]{}", \\1e+tn]{0,12}|\[[\[\], 1"x]{0,12}\]*|true[,x]|nullx?|[0-9.e+-]{0,300}"#) {
            let mut read = Cursor { rest: text.as_bytes() };
            let mut skipped = Cursor { rest: text.as_bytes() };
            if read.value().is_some() {
                prop_assert!(skipped.skip_value().is_some());
                prop_assert_eq!(read.rest, skipped.rest);
            }
        }
    }
}
