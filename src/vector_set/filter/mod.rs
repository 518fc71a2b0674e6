//! `FILTER`: does the attribute of an element satisfy an expression?
//! Knows no element, no slot and no command: it is a pure function of two byte strings.
//!
//! ```text
//! expression → lexer → tokens → parser (shunting-yard) ┐
//!            → nearhit (scanner, parser)               ┴→ Program (postfix) ┐
//! attribute  → reader (one scan, reading with json) → values of selectors ──┴→ evaluator → bool
//! indexes    → lowering (the program on sets) → Bounds: slots that match for sure, and possibly
//! ```
//!
//! # Redis' dialects
//!
//! The language of Redis' vector sets, odd corners included, for what is accepted there must be
//! accepted here with the same result: postfix forms such as `1 2 +` compile, `!!.n` does not, a
//! selector that cannot be resolved makes the whole expression false wherever it stands, and
//! attributes are read leniently (`reader`, `json`, `array`). [`Dialect::Redis8_12`] differs in
//! that escapes in strings are decoded as in attributes, and that prefixes may follow one another.
//!
//! Deliberate differences: expressions have limits ([`MAX_EXPRESSION_BYTES`], [`MAX_TOKENS`]), and
//! arrays in attributes may be nested to any depth.
//!
//! # nearhit's dialect
//!
//! The same values, operators, conversions and precedence, with a grammar in which each operator
//! stands between its operands, and:
//!
//! | form | meaning |
//! |---|---|
//! | `.a.b` | field `b` of the object `.a`; names may have letters beyond ASCII |
//! | `true` `false` `null` | 1, 0 and null, in tuples too |
//! | `-x` | the negative; binds as tightly as `not` |
//! | `x not in y` | `not (x in y)` |
//! | `$1` | the first of the [`Params`]: a text, converted where a number is wanted |
//! | `"\n"` | escapes in strings are decoded as in attributes: `\n \r \t`, else the character itself |
//! | `1e-5` | exponents may have a sign |
//! | `exists(.f)` | the field is there, and no object, nor an array with one in it |
//! | `prefix(.f, "x")` | the text begins with these bytes |
//! | `contains(.f, "x")` | the text has this part |
//! | `match(.f, "two words")` | all words occur in the text, in any order (see `field_index::tokens`) |
//! | `match(.f, "words", "english")` | the same for stems of words in a language |
//! | `geo(.lat, .lon, 52.5, 13.4, 10)` | two numbers are degrees within 10 km of 52.5° N 13.4° E |
//!
//! Of an array, `prefix` and `contains` hold if they do for one of its texts, `match` if the words
//! occur in its texts together. Other types of values satisfy none of them. Arguments are fields
//! and constants (or parameters), so that an index can answer.
//!
//! A field that is missing or cannot be read is null, and does not make the expression false. Null
//! equals only null; `<`, `<=`, `>` and `>=` with null are false, and arithmetic with null gives
//! null. `and` and `or` do not compute a right operand that changes nothing.
//!
//! Words are separated: `not1` and `1 or1`, which Redis reads as two tokens, are errors, and so are
//! postfix forms, NUL, and more than [`MAX_NESTING`] parentheses and prefixes in one another.

mod array;
mod bounds;
mod condition;
mod error;
mod evaluator;
mod function;
mod json;
mod lexer;
mod lowering;
mod nearhit;
mod number;
mod operator;
mod params;
mod parser;
mod path;
mod program;
mod ranges;
mod reader;
mod scope;
mod value;

pub use bounds::Bounds;
pub use condition::{ArrayShape, Condition, TextShape};
pub use error::FilterError;
pub use function::{Circle, Words};
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
    /// The same in the source of Redis after 8.10: escapes in strings are decoded, and prefixes may
    /// follow one another (`!!.a`).
    Redis8_12,
    /// That of nearhit's own commands.
    Nearhit,
}

/// Most parentheses and prefixes in one another in nearhit's language; more are a [`FilterError`].
pub const MAX_NESTING: usize = 128;

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
    pub fn compile(expression: &[u8], dialect: Dialect, params: &Params<'_>) -> Result<Self, FilterError> {
        if expression.len() > MAX_EXPRESSION_BYTES {
            return Err(FilterError::limit(format!("expression of more than {MAX_EXPRESSION_BYTES} bytes")));
        }
        let program = match dialect {
            Dialect::Redis => redis(expression, Release::V8_6)?,
            Dialect::Redis8_12 => redis(expression, Release::V8_12)?,
            Dialect::Nearhit => nearhit::parse(expression, params)?,
        };
        Ok(Self { program })
    }

    /// Whether an element with this attribute satisfies the expression. (An element without
    /// attribute never does; that is for the caller to check.) An attribute that is not JSON is no
    /// error: its selectors just cannot be resolved.
    pub fn matches(&self, attribute: &[u8]) -> bool {
        evaluator::matches(&self.program, attribute)
    }

    /// The distinct paths that the expression selects.
    pub fn paths(&self) -> &[Path] {
        self.program.reader.paths()
    }
}

/// From which release on Redis' language is as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Release {
    V8_6,
    V8_12,
}

fn redis(expression: &[u8], release: Release) -> Result<Program, FilterError> {
    let tokens = lexer::tokens(expression, release)?;
    parser::parse(tokens, release).ok_or_else(|| FilterError::at(expression, 0))
}

/// What C sees of a string.
fn until_nul(text: &[u8]) -> &[u8] {
    memchr::memchr(0, text).map_or(text, |end| &text[..end])
}

#[cfg(test)]
mod tests;
