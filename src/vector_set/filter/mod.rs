//! `FILTER`: does the attribute of an element satisfy an expression?
//! Knows no element, no slot and no command: it is a pure function of two byte strings.
//!
//! ```text
//! expression → lexer → tokens → parser (shunting-yard) → Program (postfix) ┐ attribute → reader
//! (one scan, reading with json) → values of selectors ─┴→ evaluator → true or false indexes →
//! lowering (the program on sets) → Bounds: slots that match for sure, and possibly
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
mod bounds;
mod condition;
mod error;
mod evaluator;
mod json;
mod lexer;
mod lowering;
mod number;
mod operator;
mod params;
mod parser;
mod path;
mod program;
mod ranges;
mod reader;
mod value;

pub use bounds::Bounds;
pub use condition::{ArrayShape, Condition, TextShape};
pub use error::FilterError;
pub use lowering::Fields;
pub use params::Params;
pub use path::{MAX_PATH_BYTES, MAX_PATH_DEPTH, Path, PathError};
pub use ranges::{Range, Ranges};
pub use reader::{FieldReader, Values};
pub use value::{Array, ArrayIter, Text, Value};

use program::Program;

/// Longest expression in bytes; a longer one is a [`FilterError`] and is not read. Room for an `in
/// [...]` of a hundred thousand identifiers, while a compiled filter stays below some 12 MiB.
pub const MAX_EXPRESSION_BYTES: usize = 1 << 20;

/// Most tokens in an expression (a tuple is one token); more are a [`FilterError`]. It bounds the
/// work done for each candidate.
pub const MAX_TOKENS: usize = 1 << 14;

/// Which language an expression is written in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dialect {
    /// That of `VSIM` in Redis 8.6 to 8.10.
    #[default]
    Redis,
}

/// A compiled expression.
#[derive(Debug)]
pub struct Filter {
    program: Program,
}

impl Filter {
    /// Compiles an expression, in time linear in its length. `params` are the values of `$1` and
    /// following, where the dialect has them.
    ///
    /// # Errors
    /// When the dialect refuses it, or when it passes one of the limits above.
    pub fn compile(expression: &[u8], dialect: Dialect, _params: &Params) -> Result<Self, FilterError> {
        if expression.len() > MAX_EXPRESSION_BYTES {
            return Err(FilterError::limit(format!("expression of more than {MAX_EXPRESSION_BYTES} bytes")));
        }
        match dialect {
            Dialect::Redis => {
                let tokens = lexer::tokens(expression)?;
                let program = parser::parse(tokens).ok_or_else(|| FilterError::at(expression, 0))?;
                Ok(Self { program })
            }
        }
    }

    /// Whether an element with this attribute satisfies the expression. (An element without
    /// attribute never does; that is for the caller to know.) An attribute that is not JSON is no
    /// error: its selectors just cannot be resolved.
    pub fn matches(&self, attribute: &[u8]) -> bool {
        evaluator::matches(&self.program, attribute)
    }

    /// The distinct paths that the expression selects.
    pub fn paths(&self) -> &[Path] {
        self.program.reader.paths()
    }
}

/// What C sees of a string.
fn until_nul(text: &[u8]) -> &[u8] {
    memchr::memchr(0, text).map_or(text, |end| &text[..end])
}

#[cfg(test)]
mod bounds_tests;
#[cfg(test)]
mod tests;
