//! Appends to one increment, such that it holds only whole records, and keeps account of what is
//! safe on disk.
//!
//! A write that fails in the middle (the disk is full) is cut back at once, or before the next one.
//! After a failed sync the system may have dropped pages that were to be written, and the next sync
//! of the same file would succeed all the same. So nothing behind the last good sync is trusted any
//! more: what is still in memory is removed from the file, to be written to another one.

use std::io::{self, IoSlice};
use std::sync::Arc;

use smallvec::SmallVec;

use super::disk::{Increment, LogFile};
use crate::journal::Batch;

/// Slices of a batch for which no memory is allocated.
const SLICES: usize = 8;

/// The end of an increment.
pub(super) struct Appender {
    file: Arc<dyn LogFile>,
    /// Bytes of whole records.
    len: u64,
    /// Bytes that are known to be safe.
    safe: u64,
    /// A part of a record may lie behind `len`.
    torn: bool,
    /// A sync failed: bytes up to here are to stay, though they may be lost.
    suspect: Option<u64>,
}

impl Appender {
    pub(super) fn new(increment: Increment) -> Self {
        let Increment { file, len, .. } = increment;
        Self { file, len, safe: len, torn: false, suspect: None }
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn is_safe(&self) -> bool {
        self.safe == self.len
    }

    pub(super) fn file(&self) -> Arc<dyn LogFile> {
        Arc::clone(&self.file)
    }

    /// Appends bytes wholly, or not at all.
    pub(super) fn append(&mut self, batch: &Batch) -> io::Result<()> {
        self.mend()?;
        if let Err(error) = self.write(batch) {
            self.torn = true;
            // If it cannot be cut now, it is before the next write.
            let _ = self.mend();
            return Err(error);
        }
        self.len += batch.len() as u64;
        Ok(())
    }

    fn write(&self, batch: &Batch) -> io::Result<()> {
        let mut slices: SmallVec<[IoSlice<'_>; SLICES]> = batch.slices().map(IoSlice::new).collect();
        let mut left = &mut slices[..];
        while !left.is_empty() {
            match self.file.append(left) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut left, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Cuts back what was not written wholly.
    pub(super) fn mend(&mut self) -> io::Result<()> {
        if self.torn {
            self.file.truncate(self.len)?;
            self.torn = false;
        }
        Ok(())
    }

    /// Makes all safe. If that fails, the bytes from `kept` on, which are still in memory, are to
    /// be removed.
    pub(super) fn sync(&mut self, kept: u64) -> io::Result<()> {
        match self.file.sync() {
            Ok(()) => self.note_safe(self.len),
            Err(error) => {
                self.suspect(kept);
                return Err(error);
            }
        }
        Ok(())
    }

    /// The first `len` bytes were made safe by another thread.
    pub(super) fn note_safe(&mut self, len: u64) {
        self.safe = self.safe.max(len);
    }

    /// A sync has failed; bytes from `kept` on are still in memory.
    pub(super) fn suspect(&mut self, kept: u64) {
        self.suspect = Some(self.suspect.map_or(kept, |suspect| suspect.min(kept)));
    }

    /// True if no write and no sync has failed that was not dealt with.
    pub(super) fn is_whole(&self) -> bool {
        !self.torn && !self.is_suspect()
    }

    pub(super) fn is_suspect(&self) -> bool {
        self.suspect.is_some()
    }

    /// Removes from the file what is still in memory, and makes that safe: it must not be found
    /// both here and in the next file. True if nothing of what stays can have been lost.
    pub(super) fn take_back(&mut self) -> io::Result<bool> {
        let Some(kept) = self.suspect else { return Ok(true) };
        self.file.truncate(kept)?;
        self.len = kept;
        self.torn = false;
        self.file.sync()?;
        Ok(self.safe >= kept)
    }

    /// The failed sync was dealt with: the file may be used again.
    pub(super) fn trust(&mut self) {
        self.suspect = None;
        self.safe = self.len;
    }
}
