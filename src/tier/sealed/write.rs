//! Parts of a set → its whole files.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use memmap2::MmapMut;

use super::format::{BLOCK, ENDINGS, HEAD, Head, Part, Written, checksum};
use super::{Mapped, Sealed};
use crate::system::{allocate_blocks, begin_writeback};
use crate::tier::kept::{remove_folder, sync_folder};
use crate::tier::{FileId, TierDir};

/// The disk is asked to write after so many bytes: a multiple of a block.
const WRITTEN_BACK: u64 = 4 << 20;

/// Takes the parts of a set. If it is dropped unfinished, there are no files.
pub struct SealedWriter {
    dir: Arc<TierDir>,
    id: FileId,
    folder: PathBuf,
    parts: Vec<Written>,
    /// Of the disk, and taken from the directory's share.
    bytes: u64,
    is_done: bool,
}

/// A part that is written from its first byte to its last.
pub struct PartWriter {
    part: Part,
    items: u64,
    id: FileId,
    dir: Arc<TierDir>,
    file: File,
    block: Vec<u8>,
    /// Without what is in `block`.
    bytes: u64,
    checksums: Vec<u64>,
}

impl SealedWriter {
    /// Begins a folder.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn begin(dir: &Arc<TierDir>) -> io::Result<Self> {
        let id = FileId::new()?;
        let folder = dir.path.join(ENDINGS.partial(id));
        fs::create_dir(&folder)?;
        Ok(Self { dir: Arc::clone(dir), id, folder, parts: Vec::new(), bytes: 0, is_done: false })
    }

    /// Which set it will be.
    pub fn id(&self) -> FileId {
        self.id
    }

    /// Begins a part.
    ///
    /// # Errors
    /// Its file cannot be made.
    pub fn part(&self, part: Part) -> io::Result<PartWriter> {
        let file = File::options().create_new(true).write(true).open(self.folder.join(part.name()))?;
        let (id, dir) = (self.id, Arc::clone(&self.dir));
        let block = Vec::with_capacity(BLOCK);
        Ok(PartWriter { part, items: 0, id, dir, file, block, bytes: 0, checksums: Vec::new() })
    }

    /// A part is complete: its file is closed.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn end(&mut self, mut part: PartWriter) -> io::Result<()> {
        part.end_block()?;
        let checksums = std::mem::take(&mut part.checksums);
        self.parts.push(Written { part: part.part, items: part.items, bytes: part.bytes, checksums });
        self.bytes += std::mem::take(&mut part.bytes);
        Ok(())
    }

    /// A part of so many bytes that is written here and there, by `fill`; zeros at first.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn whole_part(&mut self, part: Part, bytes: usize, fill: impl FnOnce(&mut [u8])) -> io::Result<()> {
        self.dir.take(bytes as u64)?;
        self.bytes += bytes as u64;
        let path = self.folder.join(part.name());
        let file = File::options().create_new(true).read(true).write(true).open(path)?;
        // Blocks first: a store through a mapping cannot fail.
        allocate_blocks(&file, 0..bytes as u64).inspect_err(|_| self.dir.note_refusal(true))?;
        file.set_len(bytes as u64)?;
        // SAFETY: the file was made just now, in a folder that this process alone writes to.
        let mut mapping = unsafe { MmapMut::map_mut(&file) }?;
        fill(&mut mapping);
        let sums = (0..).zip(mapping.chunks(BLOCK)).map(|(n, block)| checksum(self.id, part, n, block));
        let checksums = sums.collect();
        mapping.flush_async()?;
        self.parts.push(Written { part, items: 0, bytes: bytes as u64, checksums });
        Ok(())
    }

    /// A part that was written, to be read.
    ///
    /// # Errors
    /// It cannot be mapped.
    pub fn map(&self, part: Part) -> io::Result<Mapped> {
        let bytes = self.parts.iter().find(|written| written.part == part).map_or(0, |written| written.bytes);
        Mapped::new(&self.folder.join(part.name()), bytes, &Arc::default(), None)
    }

    /// The whole files of a set of so many elements of this dimension. `goes_on` is asked now and
    /// then: the disk may take long.
    ///
    /// # Errors
    /// The disk does not take them, or it does not go on: then there are none.
    pub fn finish(
        mut self,
        (dim, elements): (usize, usize),
        words: Vec<u8>,
        goes_on: &dyn Fn() -> io::Result<()>,
    ) -> io::Result<Arc<Sealed>> {
        for Written { part, .. } in &self.parts {
            goes_on()?;
            File::open(self.folder.join(part.name()))?.sync_all()?;
        }
        let parts = std::mem::take(&mut self.parts);
        let (dim, elements) = (dim as u32, elements as u64);
        let head = Head { id: self.id, dim, elements, words, parts };
        let bytes = head.to_bytes();
        self.dir.take(bytes.len() as u64)?;
        self.bytes += bytes.len() as u64;
        let mut file = File::create_new(self.folder.join(HEAD))?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        sync_folder(&self.folder)?;
        let mut known = self.dir.sealed.kept.lock();
        fs::rename(&self.folder, self.dir.path.join(ENDINGS.whole(self.id)))?;
        self.is_done = true;
        let sealed = self.dir.add_sealed(&mut known, head, self.bytes, true);
        drop(known);
        // If it fails, the files that `sealed` stands for are removed.
        sync_folder(&self.dir.path)?;
        Ok(sealed)
    }
}

impl Drop for SealedWriter {
    fn drop(&mut self) {
        if !self.is_done {
            self.dir.give_back(self.bytes);
            // If it cannot be removed, the next start removes it.
            let _ = remove_folder(&self.folder);
        }
    }
}

impl PartWriter {
    /// Another text begins.
    pub fn count_item(&mut self) {
        self.items += 1;
    }

    /// Bytes written so far.
    pub fn position(&self) -> u64 {
        self.bytes + self.block.len() as u64
    }

    /// Writes zeros up to a multiple of so many bytes.
    ///
    /// # Errors
    /// The disk does not take them.
    pub fn pad_to(&mut self, multiple: u64) -> io::Result<()> {
        let more = self.position().next_multiple_of(multiple) - self.position();
        (0..more).try_for_each(|_| self.write_all(&[0]))
    }

    fn end_block(&mut self) -> io::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        self.dir.write(&mut self.file, &self.block)?;
        self.bytes += self.block.len() as u64;
        if self.bytes.is_multiple_of(WRITTEN_BACK) {
            // A hint: what is on its way to the disk already need not be waited for at the end.
            let _ = begin_writeback(&self.file, self.bytes - WRITTEN_BACK..self.bytes);
        }
        self.checksums.push(checksum(self.id, self.part, self.checksums.len() as u64, &self.block));
        self.block.clear();
        Ok(())
    }
}

impl Write for PartWriter {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = bytes.len().min(BLOCK - self.block.len());
        self.block.extend_from_slice(&bytes[..len]);
        if self.block.len() == BLOCK {
            self.end_block()?;
        }
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What it has taken of the disk is given back, unless it was [ended](SealedWriter::end).
impl Drop for PartWriter {
    fn drop(&mut self) {
        self.dir.give_back(self.bytes);
    }
}
