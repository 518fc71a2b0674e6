//! `FILTER`: does the attribute of an element satisfy an expression?
//! Knows no element, no slot and no command: it is a pure function of two byte strings.
//!
//! ```text
//! expression → lexer → tokens → parser (shunting-yard) → Program (postfix) ┐
//! attribute  → fields (one scan, reading with json) → values of selectors ─┴→ evaluator → true or false
//! ```
//!
//! The language is that of Redis' vector sets, odd corners included, for what is accepted there
//! must be accepted here with the same result: postfix forms such as `1 2 +` compile, `!!.n` does
//! not, a selector that cannot be resolved makes the whole expression false wherever it stands, and
//! attributes are read leniently (`fields`, `json`, `array`).
//!
//! Deliberate differences: expressions have limits ([`MAX_EXPRESSION_BYTES`], [`MAX_TOKENS`]), and
//! arrays in attributes may be nested to any depth.

mod array;
mod evaluator;
mod fields;
mod json;
mod lexer;
mod number;
mod operator;
mod parser;
mod value;

use parser::Program;

/// Longest expression in bytes; a longer one is a [`FilterError`] and is not read. Room for an `in
/// [...]` of a hundred thousand identifiers, while a compiled filter stays below some 12 MiB.
pub const MAX_EXPRESSION_BYTES: usize = 1 << 20;

/// Most tokens in an expression (a tuple is one token); more are a [`FilterError`]. It bounds the
/// work done for each candidate.
pub const MAX_TOKENS: usize = 1 << 14;

/// A compiled expression.
#[derive(Debug)]
pub struct Filter {
    program: Program,
}

impl Filter {
    /// Compiles an expression, in time linear in its length.
    ///
    /// # Errors
    /// When Redis would refuse it, or when it passes one of the limits above.
    pub fn compile(expression: &[u8]) -> Result<Self, FilterError> {
        if expression.len() > MAX_EXPRESSION_BYTES {
            return Err(FilterError::limit(format!("expression of more than {MAX_EXPRESSION_BYTES} bytes")));
        }
        let tokens = lexer::tokens(expression)?;
        let program = parser::parse(tokens).ok_or_else(|| FilterError::at(expression, 0))?;
        Ok(Self { program })
    }

    /// Whether an element with this attribute satisfies the expression. (An element without
    /// attribute never does; that is for the caller to know.) An attribute that is not JSON is no
    /// error: its selectors just cannot be resolved.
    pub fn matches(&self, attribute: &[u8]) -> bool {
        evaluator::matches(&self.program, attribute)
    }
}

/// Why an expression was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    near: Vec<u8>,
}

impl FilterError {
    /// What to show after `ERR syntax error in FILTER expression near: `. Raw bytes of the
    /// expression: may hold line breaks.
    pub fn near(&self) -> &[u8] {
        &self.near
    }

    /// Reading stopped at this offset; an offset at the end shows the whole expression.
    fn at(expression: &[u8], offset: usize) -> Self {
        let shown = if offset == expression.len() { expression } else { &expression[offset..] };
        Self { near: until_nul(shown).to_vec() }
    }

    fn limit(text: String) -> Self {
        Self { near: text.into_bytes() }
    }
}

/// What C sees of a string.
fn until_nul(text: &[u8]) -> &[u8] {
    memchr::memchr(0, text).map_or(text, |end| &text[..end])
}

#[cfg(test)]
mod tests;
