//! Vector sets of which nothing is in memory: each in a compressed file of its own, which outlives
//! the process.
//!
//! ```text
//! mod.rs     the files of a directory, and what is known of each without opening it
//! format.rs  header and blocks, with their checksums
//! write.rs   bytes → a whole file
//! read.rs    a file → bytes
//! ```
//!
//! # Decisions
//!
//! *A file is a value of a snapshot.* Its bytes are those that a snapshot has for the set. So a
//! snapshot, or a log's base, copies them without making the set, and opening one is what loading
//! does. The snapshot stays the truth: it has each cold set whole, and names the file beside it; a
//! server that finds this very file passes over the bytes in the snapshot, and the set is cold
//! again at once. Any other server reads the bytes.
//!
//! *A file never changes.* It is written under another name, synced, and renamed: after a kill
//! there is the whole file or none. A set that is opened lives in memory again, and its file is
//! removed. A snapshot that names a removed file is read as if it named none.
//!
//! *Reads are read calls*, not accesses of a mapping: a file that is cut or cannot be read is an
//! error of that call, which names file and block.

mod format;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

pub(super) use self::format::ENDINGS;
use self::format::Header;
pub use self::format::Outline;
pub use self::read::ColdReader;
pub use self::write::ColdWriter;
use super::kept::{Kept, damaged};
use super::{FileId, TierDir};
use crate::counters;

counters! {
    /// What became of sets that were cold, or should have been.
    pub struct ColdCounters {
        /// Sets that were put into files.
        cooled,
        /// Sets that were opened.
        opened,
        /// Sets that could not be put into a file: there was no room, or an error.
        not_cooled,
        /// Sets whose file could not be read.
        unreadable,
    }
}

/// The cold files of a directory.
#[derive(Debug, Default)]
pub struct ColdFiles {
    pub(super) kept: Kept<ColdFile>,
    /// What became of sets.
    pub counters: ColdCounters,
}

impl ColdFiles {
    /// True if there is one: a read of one word.
    #[inline]
    pub fn any(&self) -> bool {
        self.files() > 0
    }

    /// How many there are.
    pub fn files(&self) -> u64 {
        self.kept.count()
    }

    /// Bytes of the disk that they have.
    pub fn bytes(&self) -> u64 {
        self.kept.bytes()
    }
}

/// The file of a set. It is removed from the disk with the last reference.
#[derive(Debug)]
pub struct ColdFile {
    dir: Arc<TierDir>,
    id: FileId,
    outline: Outline,
    /// Of the disk.
    bytes: u64,
}

impl ColdFile {
    /// Which file it is.
    pub fn id(&self) -> FileId {
        self.id
    }

    /// What is known of its set.
    pub fn outline(&self) -> &Outline {
        &self.outline
    }

    /// Bytes of the disk that it takes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.dir.path.join(ENDINGS.whole(self.id))
    }

    /// The directory that it is in.
    pub fn dir(&self) -> &Arc<TierDir> {
        &self.dir
    }

    /// Its bytes, from the first on.
    ///
    /// # Errors
    /// It is not there, or is not what it was. Errors of blocks come from the reader.
    pub fn read(&self) -> io::Result<ColdReader> {
        let (header, reader) = ColdReader::open(&self.path())?;
        if header != (Header { id: self.id, outline: self.outline }) {
            return Err(damaged(&self.path(), "it is not the file that was written"));
        }
        Ok(reader)
    }

    /// What a file says of itself, and its bytes: of one that no server uses.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn examine(path: &Path) -> io::Result<(Outline, ColdReader)> {
        ColdReader::open(path).map(|(header, reader)| (header.outline, reader))
    }
}

impl Drop for ColdFile {
    fn drop(&mut self) {
        self.dir.cold.kept.forget(self.id, self.bytes, || fs::remove_file(self.path()));
        self.dir.give_back(self.bytes);
    }
}

impl TierDir {
    /// Its cold files.
    pub fn cold(&self) -> &ColdFiles {
        &self.cold
    }

    /// The file of this name, if it is there and this is what it should say of its set.
    pub fn claim(self: &Arc<Self>, id: FileId, outline: &Outline) -> Option<Arc<ColdFile>> {
        let mut known = self.cold.kept.lock();
        if let Some(file) = known.get(&id).and_then(Weak::upgrade) {
            // Before what may be the last reference is dropped, which takes the lock.
            drop(known);
            return Some(file).filter(|file| file.outline == *outline);
        }
        let path = self.path.join(ENDINGS.whole(id));
        let (header, _) = ColdReader::open(&path).ok()?;
        let bytes = fs::metadata(&path).ok()?.len();
        let is_it = header == Header { id, outline: *outline } && self.reserve(bytes);
        is_it.then(|| self.add_cold(&mut known, id, *outline, bytes))
    }

    /// A file that is on the disk, whose bytes are taken.
    fn add_cold(
        self: &Arc<Self>,
        known: &mut HashMap<FileId, Weak<ColdFile>>,
        id: FileId,
        outline: Outline,
        bytes: u64,
    ) -> Arc<ColdFile> {
        self.cold.kept.add(known, id, bytes, ColdFile { dir: Arc::clone(self), id, outline, bytes })
    }
}

/// The whole cold files in a folder.
///
/// # Errors
/// The folder cannot be listed.
pub fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    ENDINGS.whole_in(folder)
}
