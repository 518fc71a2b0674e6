//! How does the data come to files, and back? The bytes of snapshots and of dumped values.
//!
//! Knows values, but no command, no client and no configuration.
//!
//! ```text
//! saving.rs    snapshots to files: which one is running, and the outcomes
//! loading.rs   how far loading has come
//! aof/         the log of changes: a base and increments, as Redis has them
//! files/       files that are replaced as a whole, and files without a name
//! rdb/         Redis' snapshot format: the bytes, and the values in them
//! ```

pub mod aof;
pub mod files;
pub mod loading;
pub mod rdb;
pub mod saving;
