//! Bytes → a whole cold file.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3;

use super::ColdFile;
use super::format::{BLOCK, BlockHead, ENDINGS, HEADER, Header, Outline};
use crate::tier::kept::sync_folder;
use crate::tier::{FileId, Haste, Pace, TierDir};

/// Takes the bytes of a set. If it is dropped unfinished, there is no file.
pub struct ColdWriter {
    dir: Arc<TierDir>,
    id: FileId,
    file: File,
    block: Vec<u8>,
    packed: Vec<u8>,
    blocks: u64,
    /// Before compression, without what is in `block`.
    raw: u64,
    sum: Xxh3,
    /// Of the disk, and taken from the directory's share.
    bytes: u64,
    pace: Pace,
    is_done: bool,
}

impl ColdWriter {
    /// Begins a file.
    ///
    /// # Errors
    /// It cannot be made, or there is no room.
    pub fn begin(dir: &Arc<TierDir>, haste: Haste) -> io::Result<Self> {
        let id = FileId::new()?;
        let file = File::options().create_new(true).write(true).open(dir.path.join(ENDINGS.partial(id)))?;
        let mut writer = Self {
            dir: Arc::clone(dir),
            id,
            file,
            block: Vec::with_capacity(BLOCK),
            packed: Vec::new(),
            blocks: 0,
            raw: 0,
            sum: Xxh3::new(),
            bytes: 0,
            pace: Pace::new(haste),
            is_done: false,
        };
        // The header comes last: until then this is no file of a set.
        writer.put(&[0; HEADER])?;
        Ok(writer)
    }

    /// The whole file of a set of so many elements of this dimension, which ends then (see
    /// [`Outline`]).
    ///
    /// # Errors
    /// The disk does not take it: then there is no file.
    pub fn finish(mut self, dim: u32, elements: u64, ends_ms: i64) -> io::Result<Arc<ColdFile>> {
        self.end_block()?;
        let outline = Outline { dim, elements, ends_ms, bytes: self.raw, sum: self.sum.digest() };
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&Header { id: self.id, outline }.to_bytes())?;
        self.file.sync_all()?;
        let folder = &self.dir.path;
        let mut known = self.dir.cold.kept.lock();
        fs::rename(folder.join(ENDINGS.partial(self.id)), folder.join(ENDINGS.whole(self.id)))?;
        self.is_done = true;
        let file = self.dir.add_cold(&mut known, self.id, outline, self.bytes);
        drop(known);
        // If it fails, the file that `file` stands for is removed.
        sync_folder(folder)?;
        Ok(file)
    }

    fn end_block(&mut self) -> io::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        let before = self.bytes;
        let block = std::mem::take(&mut self.block);
        let mut packed = std::mem::take(&mut self.packed);
        packed.resize(lz4_flex::block::get_maximum_output_size(BLOCK), 0);
        let len = lz4_flex::block::compress_into(&block, &mut packed).unwrap_or(usize::MAX);
        let stored = if len < block.len() { &packed[..len] } else { &block[..] };
        let head = BlockHead::of(self.id, self.blocks, block.len(), stored);
        self.put(&head.to_bytes())?;
        self.put(stored)?;
        self.sum.update(&block);
        self.raw += block.len() as u64;
        self.blocks += 1;
        self.block = block;
        self.block.clear();
        self.packed = packed;
        self.pace.keep(self.bytes - before, &self.dir, || false);
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.dir.write(&mut self.file, bytes)?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }
}

impl Write for ColdWriter {
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

impl Drop for ColdWriter {
    fn drop(&mut self) {
        if !self.is_done {
            self.dir.give_back(self.bytes);
            // If it cannot be removed, the next start removes it.
            let _ = fs::remove_file(self.dir.path.join(ENDINGS.partial(self.id)));
        }
    }
}
