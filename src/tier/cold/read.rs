//! A cold file → bytes.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::format::{BLOCK, BLOCK_HEAD, BlockHead, HEADER, Header};
use crate::tier::kept::damaged;

/// The bytes of a set. Each block is verified before any of it is given.
#[derive(Debug)]
pub struct ColdReader {
    path: PathBuf,
    file: File,
    header: Header,
    stored: Vec<u8>,
    block: Vec<u8>,
    /// Bytes of the block that were given.
    given: usize,
    /// Blocks that were read.
    blocks: u64,
    /// Bytes of the file before the next block.
    offset: u64,
    /// Bytes of the set that are still to come, without those of the block.
    left: u64,
}

impl ColdReader {
    /// What a file says of itself, and its bytes.
    pub(super) fn open(path: &Path) -> io::Result<(Header, Self)> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let mut file = File::open(path).map_err(named)?;
        let mut header = [0; HEADER];
        file.read_exact(&mut header).map_err(named)?;
        let header = Header::from_bytes(&header).map_err(|what| damaged(path, what))?;
        let reader = Self {
            path: path.to_owned(),
            file,
            header,
            stored: Vec::new(),
            block: Vec::new(),
            given: 0,
            blocks: 0,
            offset: HEADER as u64,
            left: header.outline.bytes,
        };
        Ok((header, reader))
    }

    /// Reads the next block. There must be one.
    fn next_block(&mut self) -> io::Result<()> {
        let mut head = [0; BLOCK_HEAD];
        self.file.read_exact(&mut head).map_err(|error| self.wrong(error))?;
        let head = BlockHead::from_bytes(&head).ok_or_else(|| self.wrong("its sizes are none"))?;
        self.stored.resize(head.stored as usize, 0);
        self.file.read_exact(&mut self.stored).map_err(|error| self.wrong(error))?;
        let expected = BlockHead::of(self.header.id, self.blocks, head.raw as usize, &self.stored);
        if head != expected {
            return Err(self.wrong("its checksum is wrong"));
        }
        if head.stored == head.raw {
            std::mem::swap(&mut self.block, &mut self.stored);
        } else {
            self.block.resize(BLOCK, 0);
            let len = lz4_flex::block::decompress_into(&self.stored, &mut self.block);
            let is_whole = len.is_ok_and(|len| len == head.raw as usize);
            if !is_whole {
                return Err(self.wrong("it cannot be decompressed"));
            }
            self.block.truncate(head.raw as usize);
        }
        let left = self.left.checked_sub(head.raw.into());
        self.left = left.ok_or_else(|| self.wrong("the set is longer than its header says"))?;
        self.given = 0;
        self.blocks += 1;
        self.offset += BLOCK_HEAD as u64 + u64::from(head.stored);
        Ok(())
    }

    /// The error of the block that is being read.
    fn wrong(&self, what: impl std::fmt::Display) -> io::Error {
        damaged(&self.path, format_args!("block {} at offset {}: {what}", self.blocks, self.offset))
    }
}

impl Read for ColdReader {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.given == self.block.len() && self.left > 0 && !bytes.is_empty() {
            self.next_block()?;
        }
        let rest = &self.block[self.given..];
        let len = rest.len().min(bytes.len());
        bytes[..len].copy_from_slice(&rest[..len]);
        self.given += len;
        Ok(len)
    }
}
