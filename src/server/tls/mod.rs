//! TLS: what is between the sockets of `tls-port` and the connections that they belong to.
//!
//! Knows no request: the connection loop reads and writes plain bytes.
//!
//! ```text
//! context    options and files → what new connections get; replaced as a whole
//! handshake  until both sides agree: limited in time, and in turns with the rest of its thread
//! stream     afterwards: plain bytes ⇄ records, on the socket as it is
//! ```
//!
//! The state of TLS (`rustls::ServerConnection`) does no input and output of its own, so a
//! connection stays what it is without TLS: it waits for the same readiness, it moves between
//! threads with what has not been read and sent yet, and plain sockets pay nothing but one more arm
//! of a `match`.

mod context;
mod files;
mod handshake;
mod stream;
mod subject;

pub use context::Unusable;
pub(super) use context::{Context, prepare};
pub(super) use handshake::{Greeted, greet};
pub(super) use stream::{OWN_BYTES, TlsStream};
