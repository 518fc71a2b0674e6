//! Why an expression was refused, and where.

use std::fmt;

use super::until_nul;

/// Why an expression was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    near: Vec<u8>,
    position: usize,
    expected: String,
}

impl FilterError {
    /// What to show after `ERR syntax error in FILTER expression near: `. Raw bytes of the
    /// expression: may hold line breaks.
    pub fn near(&self) -> &[u8] {
        &self.near
    }

    /// Offset in bytes, from 0, of the place in the expression where reading stopped.
    pub fn position(&self) -> usize {
        self.position
    }

    /// What was expected at [`position`](Self::position), or which limit was passed: plain text of
    /// one line. Empty under Redis' dialects, where only [`near`](Self::near) is known.
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// Reading stopped at this offset; an offset at the end shows the whole expression.
    pub(super) fn at(expression: &[u8], offset: usize) -> Self {
        let shown = if offset == expression.len() { expression } else { &expression[offset..] };
        Self { near: until_nul(shown).to_vec(), position: offset, expected: String::new() }
    }

    /// In nearhit's language: something else was expected at this offset.
    pub(super) fn expected_at(expression: &[u8], offset: usize, what: &str) -> Self {
        let near = expression.get(offset..).unwrap_or_default().to_vec();
        Self { near, position: offset, expected: format!("expected {what}") }
    }

    /// A limit is passed: `text` says which.
    pub(super) fn limit(text: String) -> Self {
        Self { near: text.clone().into_bytes(), position: 0, expected: text }
    }
}

impl fmt::Display for FilterError {
    /// `position 7: expected a value`, the position being the offset in bytes, or under Redis'
    /// dialects `near: <rest>`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.expected.as_str() {
            "" => write!(out, "near: {}", String::from_utf8_lossy(&self.near)),
            expected => write!(out, "position {}: {expected}", self.position),
        }
    }
}
