//! What the writer of the log needs of a file system: few operations, so that tests can let them
//! fail.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::path::Path;
use std::sync::Arc;

/// A file that is appended to, by one thread, while another may be syncing it.
pub(super) trait LogFile: Send + Sync {
    /// Appends slices, one behind the other; how many bytes of them.
    fn append(&self, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Waits until what was appended would be there after a power failure.
    fn sync(&self) -> io::Result<()>;

    /// Cuts it back to its first `len` bytes.
    fn truncate(&self, len: u64) -> io::Result<()>;
}

impl LogFile for File {
    fn append(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut file = self;
        file.write_vectored(slices)
    }

    /// Its length is part of what `fdatasync` makes safe; times are not needed.
    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }
}

/// An increment that is written to.
pub(super) struct Increment {
    pub(super) file: Arc<dyn LogFile>,
    /// Bytes in it.
    pub(super) len: u64,
    /// Its number.
    pub(super) seq: u64,
}

/// Where the writer gets its next file from.
pub(super) trait Increments: Send + Sync {
    /// Makes a new, empty increment that is the last of the log from now on; none while the log
    /// does not stand yet, as its base is still being made.
    fn begin(&self) -> io::Result<Option<Increment>>;
}

/// Opens a file to append to it, and makes it if it is not there.
pub(super) fn open(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().append(true).create(true).open(path)?;
    let len = file.metadata()?.len();
    Ok((file, len))
}
