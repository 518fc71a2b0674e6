//! Files that outlive the process: how they are named, and which of them a value has.
//!
//! A file, or a folder, is removed from the disk with the last reference to what stands for it,
//! unless the server ends: then the next one may go on with it. What was not completed has another
//! ending, and goes at the next start; what is whole and belongs to no value goes when all that may
//! name it has been loaded.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, MutexGuard};

use super::FileId;

/// The endings of names of one kind.
#[derive(Clone, Copy)]
pub(super) struct Endings {
    /// Of what is complete.
    pub(super) whole: &'static str,
    /// Of what is being written.
    pub(super) partial: &'static str,
}

impl Endings {
    /// The name of what is complete.
    pub(super) fn whole(self, id: FileId) -> String {
        format!("{id}.{}", self.whole)
    }

    /// Its name while it is being written.
    pub(super) fn partial(self, id: FileId) -> String {
        format!("{id}.{}", self.partial)
    }

    /// What has this name, if it is complete; none for other names.
    pub(super) fn id_of(self, path: &Path) -> Option<FileId> {
        let is_whole = path.extension() == Some(OsStr::new(self.whole));
        path.file_stem().filter(|_| is_whole)?.to_str()?.parse().ok()
    }

    /// What is complete in a folder, by its names.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub(super) fn whole_in(self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let mut paths = paths_in(folder)?;
        paths.retain(|path| self.id_of(path).is_some());
        paths.sort();
        Ok(paths)
    }

    /// Removes what was never completed.
    ///
    /// # Errors
    /// The folder cannot be listed, or something in it cannot be removed.
    pub(super) fn remove_partial(self, folder: &Path, remove: fn(&Path) -> io::Result<()>) -> io::Result<()> {
        let is_partial = |path: &&PathBuf| path.extension() == Some(OsStr::new(self.partial));
        paths_in(folder)?.iter().filter(is_partial).try_for_each(|path| remove(path))
    }
}

/// What there is of one kind, by its id.
type Known<T> = HashMap<FileId, Weak<T>>;

/// What there is of one kind in a directory.
#[derive(Debug)]
pub(super) struct Kept<T> {
    known: Mutex<Known<T>>,
    count: AtomicU64,
    bytes: AtomicU64,
    /// It stays on the disk when it is dropped: the server ends.
    stays: AtomicBool,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self {
            known: Mutex::default(),
            count: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            stays: AtomicBool::new(false),
        }
    }
}

impl<T> Kept<T> {
    /// How many there are: a read of one word.
    #[inline]
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Bytes of the disk that they have.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// From now on, all stays on the disk when it is dropped: the next server may use it.
    pub(super) fn keep(&self) {
        self.stays.store(true, Ordering::Relaxed);
    }

    /// While it is held, nothing comes and nothing goes.
    pub(super) fn lock(&self) -> MutexGuard<'_, Known<T>> {
        self.known.lock()
    }

    /// Adds what is on the disk with so many bytes.
    pub(super) fn add(&self, known: &mut Known<T>, id: FileId, bytes: u64, kept: T) -> Arc<T> {
        let kept = Arc::new(kept);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        known.insert(id, Arc::downgrade(&kept));
        kept
    }

    /// To be called by the drop of what was added; `remove` takes it from the disk, if it is to go.
    pub(super) fn forget(&self, id: FileId, bytes: u64, remove: impl FnOnce() -> io::Result<()>) {
        let mut known = self.lock();
        self.count.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        // A snapshot that is loaded may have named it meanwhile: then it is another's.
        let is_last = known.get(&id).is_none_or(|kept| kept.strong_count() == 0);
        if is_last {
            known.remove(&id);
            if !self.stays.load(Ordering::Relaxed) {
                // If it cannot be removed, the next start removes it.
                let _ = remove();
            }
        }
    }

    /// Removes what no value has. Returns how many.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub(super) fn remove_unclaimed(
        &self,
        folder: &Path,
        endings: Endings,
        remove: fn(&Path) -> io::Result<()>,
    ) -> io::Result<usize> {
        let known = self.lock();
        let is_unclaimed = |path: &&PathBuf| endings.id_of(path).is_none_or(|id| !known.contains_key(&id));
        let unclaimed = endings.whole_in(folder)?;
        Ok(unclaimed.iter().filter(is_unclaimed).filter(|path| remove(path).is_ok()).count())
    }
}

fn paths_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
}

/// Removes a file.
pub(super) fn remove_file(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}

/// Removes a folder that has no other folders in it.
pub(super) fn remove_folder(folder: &Path) -> io::Result<()> {
    paths_in(folder)?.iter().try_for_each(fs::remove_file)?;
    fs::remove_dir(folder)
}

/// Makes names that were given in a folder last.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// The error of a file of which something is wrong.
pub(super) fn damaged(path: &Path, what: impl fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{}: {what}", path.display()))
}
