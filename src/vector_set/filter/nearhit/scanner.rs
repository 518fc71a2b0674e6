//! Reads an expression from left to right, character by character.

use crate::vector_set::filter::number;
use crate::vector_set::filter::path::{MAX_PATH_BYTES, MAX_PATH_DEPTH, Path, PathError, is_name};
use crate::vector_set::filter::{FilterError, MAX_TOKENS, json};

/// Longest number literal in bytes.
const MAX_NUMBER_BYTES: usize = 255;

/// An expression and how far it is read.
pub(super) struct Scanner<'e> {
    text: &'e [u8],
    at: usize,
    tokens: usize,
}

impl<'e> Scanner<'e> {
    pub(super) fn new(text: &'e [u8]) -> Self {
        Self { text, at: 0, tokens: 0 }
    }

    /// Here something else was expected.
    pub(super) fn expected(&self, what: &str) -> FilterError {
        self.expected_at(self.at, what)
    }

    pub(super) fn expected_at(&self, at: usize, what: &str) -> FilterError {
        FilterError::expected_at(self.text, at, what)
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Skips blanks; the next byte, if there is one.
    pub(super) fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.at).copied().is_some_and(number::is_blank) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    pub(super) fn rest(&self) -> &'e [u8] {
        &self.text[self.at..]
    }

    /// To be called for each token.
    ///
    /// # Errors
    /// When there are too many.
    pub(super) fn count_token(&mut self) -> Result<(), FilterError> {
        self.tokens += 1;
        let is_allowed = self.tokens <= MAX_TOKENS;
        is_allowed.then_some(()).ok_or_else(|| self.expected(&format!("an end after {MAX_TOKENS} tokens")))
    }

    /// Passes over blanks and this byte, if it follows them.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    pub(super) fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// The word that begins here: letters, digits and `_`.
    pub(super) fn word(&self) -> &'e [u8] {
        let rest = self.rest();
        let belongs = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii();
        &rest[..rest.iter().take_while(|byte| belongs(byte)).count()]
    }

    /// A number without its sign: digits, `.` and an exponent that may have a sign.
    pub(super) fn number(&mut self) -> Result<f64, FilterError> {
        let rest = self.rest();
        let mut len = 0;
        while let Some(byte) = rest.get(len) {
            let is_sign_of_exponent = matches!(byte, b'+' | b'-')
                && matches!(rest[len - 1], b'e' | b'E')
                && rest.get(len + 1).is_some_and(u8::is_ascii_digit);
            if !matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E') && !is_sign_of_exponent {
                break;
            }
            len += 1;
        }
        let read = (len <= MAX_NUMBER_BYTES).then(|| number::decimal(&rest[..len])).flatten();
        let read = read.ok_or_else(|| self.expected("a number"))?;
        self.at += len;
        Ok(read)
    }

    /// A string with its quotes, decoded like those of attributes.
    pub(super) fn string(&mut self) -> Result<Vec<u8>, FilterError> {
        let rest = self.rest();
        let quote = rest[0];
        let mut len = 1;
        loop {
            match rest.get(len) {
                Some(byte) if *byte == quote => break,
                Some(b'\\') => len += 2,
                Some(_) => len += 1,
                None => return Err(self.expected("a string that ends")),
            }
        }
        self.at += len + 1;
        Ok(json::unescape(&rest[1..len]))
    }

    /// A path with its leading dot.
    pub(super) fn path(&mut self) -> Result<Path, FilterError> {
        let rest = self.rest();
        let len = rest.iter().take_while(|byte| **byte == b'.' || is_name(**byte)).count();
        let path = Path::parse(&rest[..len]).map_err(|error| match error {
            PathError::Name => self.expected("names with dots between them"),
            PathError::Long => self.expected(&format!("a path of at most {MAX_PATH_BYTES} bytes")),
            PathError::Deep => self.expected(&format!("a path of at most {MAX_PATH_DEPTH} names")),
        })?;
        self.at += len;
        Ok(path)
    }
}
