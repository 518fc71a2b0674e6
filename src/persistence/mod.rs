//! How does the data come to files, and back? The bytes of snapshots and of dumped values.
//!
//! Knows values, but no command, no client and no configuration.
//!
//! ```text
//! rdb/   Redis' snapshot format: the bytes, and the values in them
//! ```

pub mod rdb;
