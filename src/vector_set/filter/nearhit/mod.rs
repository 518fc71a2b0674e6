//! The language of nearhit's own commands: Redis' operators in a grammar, and more operands.
//!
//! ```text
//! expression → scanner (characters) → operand, operators (tokens) → parser → Program (postfix)
//! ```

mod function;
mod operand;
mod parser;
mod scanner;

pub(super) use parser::parse;
