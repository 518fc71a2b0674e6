//! Commands about the connection itself.
//!
//! They use the client that sent them and the register of clients; no data.

pub(super) mod auth;
pub(super) mod client;
pub(super) mod echo;
pub(super) mod hello;
pub(super) mod ping;
pub(super) mod quit;
pub(super) mod reset;
pub(super) mod select;
#[cfg(test)]
mod tests;

pub(super) use self::client::described;
pub(super) use self::select::SPEC as SELECT;
use super::{Flags, Spec};

/// The family, in the order of `COMMAND`.
pub(super) const COMMANDS: &[&Spec] = &[
    &auth::SPEC,
    &client::SPEC,
    &echo::SPEC,
    &hello::SPEC,
    &ping::SPEC,
    &quit::SPEC,
    &reset::SPEC,
    &select::SPEC,
];

/// Flags of the commands that open or close a connection.
const HANDSHAKE: Flags = Flags::NOSCRIPT
    .and(Flags::LOADING)
    .and(Flags::STALE)
    .and(Flags::FAST)
    .and(Flags::NO_AUTH)
    .and(Flags::ALLOW_BUSY);
