//! No acknowledged write is lost: tests with servers that are killed at any moment, and with disks
//! that fail.
//!
//! Servers are used from outside only: by options, commands, replies, and the folder of their
//! files. `tools/crash` runs the crash tests for longer, and against Redis.

mod blocking;
mod client;
mod connection;
mod crash;
mod expiry;
mod fault;
#[path = "../support/folder.rs"]
mod folder;
mod mix;
mod model;
mod observe;
mod operations;
mod process;
mod random;
mod shim;
mod shutdown;
mod verdict;
