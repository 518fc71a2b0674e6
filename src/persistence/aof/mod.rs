//! How is every change kept? The append-only file: a base, and the stream of changes since, in several files.
//!
//! Knows no command: a change is bytes of the journal, and what they mean is known to whoever plays them.
//!
//! ```text
//! names.rs      where the files lie, and what they are called
//! manifest.rs   which of them are the log, in which order
//! reader.rs     one file → requests, and where it breaks off
//! adopt.rs      logs of before there were several files
//! ```

mod adopt;
pub mod manifest;
mod names;
pub mod reader;

pub use self::adopt::adopt;
pub use self::manifest::{Entry, Manifest, ManifestError};
pub use self::names::Names;
