//! A run of addresses of which the first part lies in a file, and what got no room there in memory.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use memmap2::{MmapOptions, MmapRaw};

use super::{Space, TierDir, faults, overlay};
use crate::system::{allocate_blocks, unnamed_file};

/// Blocks of the disk are taken by this at least: a multiple of every size of pages.
const MIN_STEP: usize = 64 << 10;
/// And by this at most, so that a large set takes little more than it needs.
const MAX_STEP: usize = 64 << 20;

/// Fails if a file of this folder cannot be what an area needs.
pub(super) fn try_out(folder: &Path) -> io::Result<()> {
    let file = unnamed_file(folder)?;
    file.set_len(MIN_STEP as u64)?;
    allocate_blocks(&file, 0..MIN_STEP as u64)?;
    MmapOptions::new().map_raw(&file).map(drop)
}

/// A file without a name, counted as long as it is open: of all files that there may be, clients
/// need most.
#[derive(Debug)]
struct OpenFile {
    file: File,
    dir: Arc<TierDir>,
}

impl OpenFile {
    fn new(dir: &Arc<TierDir>) -> io::Result<Self> {
        let file = unnamed_file(&dir.path)?;
        dir.open_files.fetch_add(1, Ordering::Relaxed);
        Ok(Self { file, dir: Arc::clone(dir) })
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.dir.open_files.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Addresses that stay the same as long as it lives. Zeros at first.
#[derive(Debug)]
pub struct Area {
    space: Arc<Space>,
    /// Until it has all blocks that it will have.
    file: Option<OpenFile>,
    // Dropped in this order: the addresses leave the handler's table before they are unmapped.
    _watched: faults::Watched,
    mapping: MmapRaw,
    /// The first bytes, which lie in a file of another's that never changes, and can only be read.
    lent: usize,
    /// The first bytes, which have their blocks of the disk.
    on_disk: usize,
    /// The first bytes, which may be used.
    used: usize,
}

impl Area {
    pub(super) fn new(space: Arc<Space>, len: usize) -> io::Result<Self> {
        let len = len.next_multiple_of(MIN_STEP);
        let open = OpenFile::new(&space.dir)?;
        open.file.set_len(len as u64)?;
        let mapping = MmapOptions::new().len(len).map_raw(&open.file)?;
        // A hint. Searches read here and there: what the kernel would read ahead is of no use.
        #[cfg(unix)]
        let _ = mapping.advise(memmap2::Advice::Random);
        let watched = faults::Watched::new(
            mapping.as_mut_ptr() as usize..mapping.as_mut_ptr() as usize + len,
            &space.damaged,
        );
        let watched = watched.ok_or(io::ErrorKind::QuotaExceeded)?;
        Ok(Self { space, file: Some(open), mapping, _watched: watched, lent: 0, on_disk: 0, used: 0 })
    }

    /// The same, of which the first bytes are those of a file that never changes, and can be read.
    pub(super) fn over(space: Arc<Space>, (file, bytes): (&File, usize), len: usize) -> io::Result<Self> {
        if bytes > len {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut area = Self::new(space, len)?;
        // Whole steps are mapped; what is left over is copied, since new blocks come next to it.
        let lent = bytes / MIN_STEP * MIN_STEP;
        let start = area.as_mut_ptr() as usize;
        // SAFETY: the addresses are the first of the new mapping, whose drop unmaps them, and
        // nothing has seen them yet.
        unsafe { overlay::lay(&(start..start + lent), file) }?;
        (area.lent, area.on_disk) = (lent, lent);
        area.extend_to(bytes);
        let mut rest = vec![0; bytes - lent];
        file.read_exact_at(&mut rest, lent as u64)?;
        // SAFETY: these bytes are usable, and nothing else has seen the area yet.
        unsafe { area.as_mut_ptr().add(lent).copy_from_nonoverlapping(rest.as_ptr(), rest.len()) };
        Ok(area)
    }

    /// Where it begins, at a page.
    pub fn as_mut_ptr(&self) -> *mut u8 {
        self.mapping.as_mut_ptr()
    }

    /// Makes the first `bytes` usable: on the disk, or in memory if there is no room.
    ///
    /// # Panics
    /// If the area has no such bytes.
    pub fn extend_to(&mut self, bytes: usize) {
        assert!(bytes <= self.mapping.len());
        let before = self.in_memory();
        if bytes > self.on_disk && !self.take_blocks(bytes) {
            self.cut();
        }
        self.used = bytes;
        let refused = &self.space.dir.refused_bytes;
        let after = self.in_memory();
        refused.fetch_add((after as u64).wrapping_sub(before as u64), Ordering::Relaxed);
    }

    /// Makes the first `bytes` usable if there is room for all of them on the disk. False if there
    /// is none, and then nothing changes: there may be room another time.
    ///
    /// # Panics
    /// If the area has no such bytes.
    pub fn try_extend_to(&mut self, bytes: usize) -> bool {
        assert!(bytes <= self.mapping.len());
        let is_there = bytes <= self.on_disk || self.take_blocks(bytes);
        if is_there {
            self.used = self.used.max(bytes);
        }
        is_there
    }

    /// Of the usable bytes, those that are in memory.
    pub fn in_memory(&self) -> usize {
        self.used.saturating_sub(self.on_disk)
    }

    /// The file gets blocks for at least so many bytes; false if there is no room for them.
    fn take_blocks(&mut self, bytes: usize) -> bool {
        let Some(OpenFile { file, .. }) = &self.file else { return false };
        let step = (bytes / 8).clamp(MIN_STEP, MAX_STEP);
        let end = bytes.next_multiple_of(MIN_STEP).max(self.on_disk + step).next_multiple_of(MIN_STEP);
        let end = end.min(self.mapping.len());
        let more = (end - self.on_disk) as u64;
        let dir = &self.space.dir;
        if dir.take(more).is_err() {
            return false;
        }
        if allocate_blocks(file, self.on_disk as u64..end as u64).is_err() {
            dir.give_back(more);
            dir.note_refusal(true);
            return false;
        }
        dir.disk_is_full.store(false, Ordering::Relaxed);
        self.space.bytes.fetch_add(more, Ordering::Relaxed);
        self.on_disk = end;
        if end == self.mapping.len() {
            self.file = None;
        }
        true
    }

    /// Puts memory behind the bytes that are on the disk: none of it was usable before.
    fn cut(&mut self) {
        if self.file.take().is_none() {
            return;
        }
        let rest = self.as_mut_ptr() as usize + self.on_disk..self.as_mut_ptr() as usize + self.mapping.len();
        // SAFETY: the addresses are those of this mapping, whose drop unmaps them; they were not
        // made usable yet. They begin at a page: the start does, and blocks are taken by multiples
        // of pages.
        unsafe { faults::put_memory(rest) };
    }

    /// Takes the disk's blocks away, as if they could not be read.
    #[cfg(test)]
    pub(super) fn lose_blocks(&self) {
        self.file
            .as_ref()
            .expect("not all blocks are taken")
            .file
            .set_len(0)
            .expect("the file is open for writing");
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        let in_memory = self.in_memory() as u64;
        self.space.dir.refused_bytes.fetch_sub(in_memory, Ordering::Relaxed);
        let taken = (self.on_disk - self.lent) as u64;
        self.space.dir.give_back(taken);
        self.space.bytes.fetch_sub(taken, Ordering::Relaxed);
    }
}
