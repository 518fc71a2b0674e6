//! How is every change kept? The append-only file: a base, and the stream of changes since, in several files.
//!
//! Knows no command: a change is bytes of the journal, and what they mean is known to whoever plays them.
//!
//! ```text
//! names.rs      where the files lie, and what they are called
//! manifest.rs   which of them are the log, in which order
//! reader.rs     one file → requests, and where it breaks off
//! check.rs      what is in a log, and whether it is in order
//! adopt.rs      logs of before there were several files
//! log.rs        the files, and the steps by which others take their place
//! keeper.rs     the log as a whole: on, off
//! backup.rs     copies of the log that are kept apart
//! rewrite.rs    how a new base is made;  schedule.rs  when
//! figures.rs    what INFO tells
//! writer.rs     what writes, on which thread;  syncer.rs  the thread that syncs
//! appender.rs   the end of a file: whole records, and what is safe
//! status.rs     what others know of the writer
//! disk.rs       what it needs of a file system
//! ```

mod adopt;
mod appender;
mod backup;
pub mod check;
mod disk;
mod figures;
mod keeper;
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
pub use self::figures::Figures;
pub use self::keeper::{Aof, Choices, Refused};
pub use self::manifest::{Entry, Manifest, ManifestError};
pub use self::names::Names;
pub use self::rewrite::{AofError, Snapshot};
pub use self::schedule::Growth;
pub use self::status::SyncPolicy;
