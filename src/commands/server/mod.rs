//! Commands about the server as a whole.
//!
//! They use its options, figures and commands; no data.

mod backup;
pub(super) mod bgrewriteaof;
pub(super) mod cluster;
pub(super) mod command;
pub(super) mod config;
pub(super) mod debug;
mod debug_object;
mod debug_populate;
mod digest;
mod hotkeys;
pub(super) mod info;
pub(super) mod latency;
pub(super) mod lolwut;
pub(super) mod module;
pub(super) mod monitor;
pub(super) mod role;
pub(super) mod save;
pub(super) mod shutdown;
pub(super) mod slowlog;
#[cfg(test)]
mod tests;
pub(super) mod time;

use super::Spec;

/// The family, in the order of `COMMAND`.
pub(super) const COMMANDS: &[&Spec] = &[
    &cluster::ASKING,
    &backup::SPEC,
    &bgrewriteaof::SPEC,
    &save::BGSAVE,
    &cluster::CLUSTER,
    &command::SPEC,
    &config::SPEC,
    &debug::SPEC,
    &hotkeys::SPEC,
    &info::SPEC,
    &save::LASTSAVE,
    &latency::SPEC,
    &lolwut::SPEC,
    &module::SPEC,
    &monitor::SPEC,
    &cluster::READONLY,
    &cluster::READWRITE,
    &role::SPEC,
    &save::SAVE,
    &shutdown::SPEC,
    &slowlog::SPEC,
    &time::SPEC,
];
