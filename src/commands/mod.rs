//! Commands: one table, one file per command, and the dispatch from a request to its reply.
//!
//! Nothing here uses sockets: a command gets its arguments and a [`Context`], and returns a reply.

mod acl;
mod aof;
mod bitmaps;
mod categories;
pub mod client;
mod client_limit;
mod cold;
mod connection;
mod context;
mod cross_protocol;
mod default_password;
mod dispatch;
pub mod event_loops;
mod hashes;
mod help;
mod histogram;
pub mod history;
pub mod hit_rate;
mod key_spec;
mod keys;
mod memory_limit;
pub mod memory_uses;
pub mod metrics;
#[cfg(test)]
mod model;
pub mod observers;
pub mod page;
mod parts;
pub mod pause;
mod permissions;
pub mod pubsub;
mod raise;
mod random;
pub mod recovery;
pub mod registry;
pub mod replay;
mod server;
mod snapshots;
mod spec;
pub mod statistics;
mod stop;
mod strings;
#[cfg(test)]
mod testing;
mod timeout;
pub mod tracking;
mod transactions;
mod vectors;
mod waiting;

pub(crate) use crate::glob;
pub use acl::{Acl, load_users};
pub use client::Client;
pub use client_limit::{ClientLimit, GROWTH};
pub use context::{Context, Server, Traffic};
pub use dispatch::{Call, Hold, dispatch};
pub use key_spec::{AccessOf, KeyAccess, Keys};
pub use memory_limit::MemoryLimit;
pub use snapshots::FinalSave;
pub use spec::{Arity, Flags, Group, Place, REDACTED, Run, Scope, Spec, Weight};
pub use stop::{Stop, StopProgress, StopStep};

/// How often the server does its background maintenance, such as active expiry.
pub const ROUNDS_PER_SECOND: u32 = 10;

/// Every command, by family. Containers hold their subcommands.
pub static FAMILIES: &[&[&Spec]] = &[
    bitmaps::COMMANDS,
    connection::COMMANDS,
    hashes::COMMANDS,
    keys::COMMANDS,
    pubsub::COMMANDS,
    acl::COMMANDS,
    server::COMMANDS,
    strings::COMMANDS,
    transactions::COMMANDS,
    vectors::COMMANDS,
    waiting::COMMANDS,
];
