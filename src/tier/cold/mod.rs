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
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

pub use self::format::{ColdId, Outline};
use self::format::{Header, is_partial, name_of};
pub use self::read::ColdReader;
pub use self::write::{ColdWriter, Haste};
use super::TierDir;
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
    known: Mutex<HashMap<ColdId, Weak<ColdFile>>>,
    /// How many there are.
    files: AtomicU64,
    /// Their bytes.
    bytes: AtomicU64,
    /// Bytes a second that may be written in the background; 0: no limit.
    io_limit: AtomicU64,
    /// Files stay on the disk when they are dropped: the server ends.
    stay: AtomicBool,
    /// What became of sets.
    pub counters: ColdCounters,
}

impl ColdFiles {
    /// True if there is one: a read of one word.
    #[inline]
    pub fn any(&self) -> bool {
        self.files.load(Ordering::Relaxed) > 0
    }

    /// How many there are.
    pub fn files(&self) -> u64 {
        self.files.load(Ordering::Relaxed)
    }

    /// Bytes of the disk that they have.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Bounds the bytes a second that are written in the background from now on; 0: no limit.
    pub fn set_io_limit(&self, bytes_per_s: u64) {
        self.io_limit.store(bytes_per_s, Ordering::Relaxed);
    }

    /// The bytes a second that may be written in the background; 0: no limit.
    pub fn io_limit(&self) -> u64 {
        self.io_limit.load(Ordering::Relaxed)
    }

    /// From now on, files stay on the disk when they are dropped: the next server may use them.
    pub fn keep(&self) {
        self.stay.store(true, Ordering::Relaxed);
    }
}

/// The file of a set. It is removed from the disk with the last reference.
#[derive(Debug)]
pub struct ColdFile {
    dir: Arc<TierDir>,
    id: ColdId,
    outline: Outline,
    /// Of the disk.
    bytes: u64,
}

impl ColdFile {
    /// Which file it is.
    pub fn id(&self) -> ColdId {
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
        self.dir.path.join(name_of(self.id))
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
            return Err(format::damaged(&self.path(), "it is not the file that was written"));
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
        let cold = &self.dir.cold;
        let mut known = cold.known.lock();
        cold.files.fetch_sub(1, Ordering::Relaxed);
        cold.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        self.dir.give_back(self.bytes);
        // A snapshot that is loaded may have named the file meanwhile: then it is another's.
        let is_last = known.get(&self.id).is_none_or(|file| file.strong_count() == 0);
        if is_last {
            known.remove(&self.id);
            if !cold.stay.load(Ordering::Relaxed) {
                // If it cannot be removed, the next start removes it.
                let _ = fs::remove_file(self.path());
            }
        }
    }
}

impl TierDir {
    /// Its cold files.
    pub fn cold(&self) -> &ColdFiles {
        &self.cold
    }

    /// The file of this name, if it is there and this is what it should say of its set.
    pub fn claim(self: &Arc<Self>, id: ColdId, outline: &Outline) -> Option<Arc<ColdFile>> {
        let mut known = self.cold.known.lock();
        if let Some(file) = known.get(&id).and_then(Weak::upgrade) {
            // Before what may be the last reference is dropped, which takes the lock.
            drop(known);
            return Some(file).filter(|file| file.outline == *outline);
        }
        let path = self.path.join(name_of(id));
        let (header, _) = ColdReader::open(&path).ok()?;
        let bytes = fs::metadata(&path).ok()?.len();
        let is_it = header == Header { id, outline: *outline } && self.reserve(bytes);
        is_it.then(|| self.add(&mut known, id, *outline, bytes))
    }

    /// A file that is on the disk, whose bytes are taken.
    fn add(
        self: &Arc<Self>,
        known: &mut HashMap<ColdId, Weak<ColdFile>>,
        id: ColdId,
        outline: Outline,
        bytes: u64,
    ) -> Arc<ColdFile> {
        let file = Arc::new(ColdFile { dir: Arc::clone(self), id, outline, bytes });
        self.cold.files.fetch_add(1, Ordering::Relaxed);
        self.cold.bytes.fetch_add(bytes, Ordering::Relaxed);
        known.insert(id, Arc::downgrade(&file));
        file
    }

    /// Removes files that no value has: to be called when all that may name one has been loaded.
    /// Returns how many.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn remove_unclaimed(&self) -> io::Result<usize> {
        let known = self.cold.known.lock();
        let mut removed = 0;
        for path in files_in(&self.path)? {
            let is_claimed = format::id_of(&path).is_some_and(|id| known.contains_key(&id));
            removed += usize::from(!is_claimed && fs::remove_file(&path).is_ok());
        }
        Ok(removed)
    }
}

/// Removes files that were never completed.
pub(super) fn remove_partial(folder: &Path) -> io::Result<()> {
    paths_in(folder)?.iter().filter(|path| is_partial(path)).try_for_each(fs::remove_file)
}

/// The whole cold files in a folder.
///
/// # Errors
/// The folder cannot be listed.
pub fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = paths_in(folder)?;
    paths.retain(|path| format::id_of(path).is_some());
    paths.sort();
    Ok(paths)
}

fn paths_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
}

/// Makes names that were given in a folder last.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
