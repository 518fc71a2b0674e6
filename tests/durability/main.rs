//! Nothing acknowledged is lost: servers that are killed at any moment, and disks that fail.
//!
//! Knows servers from outside only: options, commands, replies, and the folder of their files. `tools/crash` runs the
//! crash tests for longer, and against Redis.

mod blocking;
mod client;
mod connection;
mod crash;
mod ends;
mod fault;
mod mix;
mod model;
mod observe;
mod operations;
mod process;
mod random;
mod shim;
mod shutdown;
mod verdict;
