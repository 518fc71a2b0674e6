//! How is every change kept? The append-only file: a base, and the stream of changes since, in
//! several files.
//!
//! Knows no command: a change is bytes of the journal, which `commands/replay.rs` interprets.
//!
//! ```text
//! names.rs      where the files lie, and what they are called
//! manifest.rs   which of them are the log, in which order
//! reader.rs     one file → requests, and where it breaks off
//! check.rs      what is in a log, and whether it is valid
//! adopt.rs      logs in one file, of old releases of Redis
//! log.rs        the files, and the steps by which others take their place
//! control.rs    the log as a whole: on, off
//! backup.rs     copies of the log that are kept apart
//! rewrite.rs    how a new base is made;  schedule.rs  when
//! figures.rs    the figures of INFO
//! writer.rs     takes changes and writes them;  syncer.rs  the thread that syncs
//! appender.rs   the end of a file: whole records, and what is safe
//! status.rs     the state of the writer, for other threads
//! disk.rs       what it needs of a file system
//! ```

mod adopt;
mod appender;
mod backup;
pub mod check;
mod control;
mod disk;
mod figures;
mod log;
pub mod manifest;
mod names;
pub mod reader;
mod rewrite;
mod schedule;
mod status;
mod syncer;
#[cfg(test)]
mod tests;
mod writer;

pub use self::adopt::adopt;
pub use self::backup::{BackupError, BackupStatus, Phase};
pub use self::control::{Aof, Choices, Refused};
pub use self::figures::Figures;
pub use self::manifest::{Entry, Manifest, ManifestError};
pub use self::names::Names;
pub use self::rewrite::{AofError, Snapshot};
pub use self::schedule::Growth;
pub use self::status::SyncPolicy;
