//! What should be done? One table of commands, one file per command, and the way from a request to its reply.
//!
//! Knows no socket: a command gets its arguments and a [`Context`], and returns a reply.

pub mod client;
mod connection;
mod context;
mod dispatch;
pub mod glob;
mod help;
pub mod registry;
mod server;
mod spec;
pub mod statistics;

pub use client::Client;
pub use context::{Context, Server, Stop, Traffic};
pub use dispatch::{Call, dispatch};
pub use spec::{Arity, Flags, Group, Keys, Run, Spec, Weight};

/// Every command, in the order of `COMMAND`. Containers bring their subcommands along.
pub static COMMANDS: &[&Spec] = &[
    // connection
    &connection::auth::SPEC,
    &connection::client::SPEC,
    &connection::echo::SPEC,
    &connection::hello::SPEC,
    &connection::ping::SPEC,
    &connection::quit::SPEC,
    &connection::reset::SPEC,
    &connection::select::SPEC,
    // server
    &server::command::SPEC,
    &server::config::SPEC,
    &server::debug::SPEC,
    &server::info::SPEC,
    &server::lolwut::SPEC,
    &server::module::SPEC,
    &server::shutdown::SPEC,
    &server::time::SPEC,
];
