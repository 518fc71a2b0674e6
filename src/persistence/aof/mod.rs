//! What are the files of the append-only log? The commands that changed the data, in order, as clients send them.
//!
//! Knows no keyspace: who plays the log gives its requests to the commands.
//!
//! ```text
//! reader.rs   one file → requests, and where it breaks off
//! ```

pub mod reader;
