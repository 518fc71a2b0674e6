//! The files of the log: the manifest in force, and the operations that change which files it
//! names.
//!
//! *Early.* While the log is being switched on, its first increment goes to a temporary file and no
//! manifest is written, since there is no base for it yet: a server that starts then finds the log
//! that was there before. When the base stands, both get their names, and the manifest names them
//! and nothing else.
//!
//! Increments are made by the writer alone, so their numbers have the order of the stream.

use std::fs;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use super::check::begins_with_snapshot;
use super::disk::{Increment, Increments, open};
use super::manifest::{Entry, Manifest, sync_folder};
use super::names::Names;

/// The files of the log.
pub(super) struct Log {
    names: Names,
    files: Mutex<Files>,
}

struct Files {
    manifest: Manifest,
    is_early: bool,
}

impl Log {
    pub(super) fn new(names: Names, manifest: Manifest) -> Self {
        Self { names, files: Mutex::new(Files { manifest, is_early: false }) }
    }

    /// Which files there are.
    pub(super) fn manifest(&self) -> Manifest {
        self.files.lock().manifest.clone()
    }

    /// Removes all files of a log that has ended.
    pub(super) fn discard(&self) {
        let manifest = self.manifest();
        let entries = manifest.base.iter().chain(&manifest.history).chain(&manifest.increments);
        // The manifest first: without it the others mean nothing.
        let names = std::iter::once(self.names.manifest()).chain(entries.map(|entry| entry.name.clone()));
        for name in names {
            if let Err(error) = remove_if_there(&self.names.path(&name)) {
                tracing::warn!("cannot remove {name}: {error}");
            }
        }
    }

    /// How many increments there are.
    pub(super) fn increments(&self) -> usize {
        self.files.lock().manifest.increments.len()
    }

    /// The last increment, to go on in; a new one if there is none.
    pub(super) fn resume(&self) -> io::Result<Increment> {
        let last = self.files.lock().manifest.increments.last().cloned();
        let Some(last) = last else {
            return self.begin()?.ok_or_else(|| io::Error::other("the log is being switched on"));
        };
        let (file, len) = open(&self.names.path(&last.name))?;
        Ok(Increment { file: Arc::new(file), len, seq: last.seq })
    }

    /// Makes the first increment of a log that is being switched on.
    pub(super) fn begin_early(&self) -> io::Result<Increment> {
        fs::create_dir_all(self.names.folder())?;
        let path = self.names.path(&self.names.early_increment());
        remove_if_there(&path)?;
        let (file, len) = open(&path)?;
        let mut files = self.files.lock();
        files.is_early = true;
        Ok(Increment { file: Arc::new(file), len, seq: files.manifest.next_increment(&self.names).seq })
    }

    /// The log is not switched on after all.
    pub(super) fn forget_early(&self) {
        self.files.lock().is_early = false;
        // It is of no use; if it stays it is removed at the next attempt.
        let _ = fs::remove_file(self.names.path(&self.names.early_increment()));
    }

    /// Puts a new base, which lies in [`Names::new_base`], in place of the old one and of the
    /// increments before number `from`. If the log is early, it stands from now on.
    pub(super) fn rebase(&self, from: u64) -> io::Result<()> {
        let mut files = self.files.lock();
        let mut manifest = files.manifest.clone();
        let is_snapshot =
            begins_with_snapshot(&mut fs::File::open(self.names.path(&self.names.new_base()))?)?;
        let base = manifest.next_base(&self.names, is_snapshot);
        let increment = manifest.next_increment(&self.names);
        fs::rename(self.names.path(&self.names.new_base()), self.names.path(&base.name))?;
        if files.is_early {
            manifest.rebase(base, u64::MAX);
            self.rename_early(&increment)?;
            manifest.increments.push(increment);
        } else {
            manifest.rebase(base, from);
        }
        self.store(&mut files, manifest)?;
        files.is_early = false;
        Ok(())
    }

    fn rename_early(&self, increment: &Entry) -> io::Result<()> {
        fs::rename(self.names.path(&self.names.early_increment()), self.names.path(&increment.name))
    }

    fn store(&self, files: &mut Files, manifest: Manifest) -> io::Result<()> {
        manifest.store(&self.names)?;
        files.manifest = manifest;
        Ok(())
    }

    /// Deletes files of no use any more, and forgets them.
    pub(super) fn delete_history(&self) -> io::Result<()> {
        let mut files = self.files.lock();
        if files.manifest.history.is_empty() {
            return Ok(());
        }
        for entry in &files.manifest.history {
            tracing::info!("Removing the history file {}", entry.name);
            remove_if_there(&self.names.path(&entry.name))?;
        }
        let manifest = Manifest { history: Vec::new(), ..files.manifest.clone() };
        self.store(&mut files, manifest)
    }

    /// Bytes in base and increments.
    pub(super) fn size(&self) -> u64 {
        let files = self.files.lock();
        let entries = files.manifest.base.iter().chain(&files.manifest.increments);
        let len = |entry: &Entry| fs::metadata(self.names.path(&entry.name)).map_or(0, |data| data.len());
        entries.map(len).sum()
    }
}

impl Increments for Log {
    fn begin(&self) -> io::Result<Option<Increment>> {
        let mut files = self.files.lock();
        if files.is_early {
            return Ok(None);
        }
        let mut manifest = files.manifest.clone();
        let entry = manifest.next_increment(&self.names);
        let path = self.names.path(&entry.name);
        // What a failed attempt has left is no part of the log.
        remove_if_there(&path)?;
        let (file, len) = open(&path)?;
        sync_folder(&self.names)?;
        let seq = entry.seq;
        tracing::info!("Creating AOF incr file {}", entry.name);
        manifest.increments.push(entry);
        self.store(&mut files, manifest)?;
        Ok(Some(Increment { file: Arc::new(file), len, seq }))
    }
}

fn remove_if_there(path: &std::path::Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
