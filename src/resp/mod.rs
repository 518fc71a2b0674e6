//! What was said? Bytes ⇄ requests and replies, in RESP2 and RESP3.
//! Knows no command, no key and no socket.
//!
//! ```text
//! bytes → RequestParser → Request → Args → (a command) → Reply → bytes
//! ```

mod args;
mod double;
mod encoded;
mod error;
mod inline;
mod limits;
mod lines;
mod number;
mod parser;
mod reply;
mod request;

pub use args::Args;
pub use double::{DoubleText, double_text, format_double};
pub use encoded::Encoded;
pub use error::{Error, ProtocolError};
pub use limits::Limits;
pub use number::{parse_float, parse_integer};
pub use parser::RequestParser;
pub use reply::{Protocol, Reply, Row};
pub use request::Request;
