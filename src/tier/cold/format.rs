//! The bytes of a cold file.
//!
//! ```text
//! file    header   block …
//! header  magic: 8        "nhcold\r\n"
//!         version: u32    1
//!         dimension: u32
//!         elements: u64
//!         ends: i64       when all of its elements have expired, ms since 1970; i64::MAX: never
//!         bytes: u64      of all blocks together, before compression
//!         sum: u64        of these bytes
//!         id: 16          that of the file's name
//!         checksum: u64   of the header before it
//! block   raw: u32        bytes before compression, at most 256 KiB
//!         stored: u32     bytes that follow; as many as before: they are not compressed (lz4)
//!         checksum: u64   of those; its seed is made of the file's id and the block's number
//!         bytes
//! ```
//!
//! Numbers are little-endian, checksums XXH3 of 64 bits. A block of another file, or another block
//! of this one, does not have the right checksum.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::tier::FileId;
use crate::tier::kept::Endings;

const MAGIC: [u8; 8] = *b"nhcold\r\n";
const VERSION: u32 = 1;
/// Bytes of a header.
pub(super) const HEADER: usize = 72;
/// Bytes of a block's head.
pub(super) const BLOCK_HEAD: usize = 16;
/// Bytes of a block before compression, but for the last.
pub(super) const BLOCK: usize = 256 << 10;

/// How files are named.
pub(in crate::tier) const ENDINGS: Endings = Endings { whole: "cold", partial: "cold-part" };

/// What is known of a set while it is in its file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outline {
    /// Components of its vectors.
    pub dim: u32,
    /// Its elements, also those that have expired since.
    pub elements: u64,
    /// From when on all of its elements have expired, in milliseconds since 1970; `i64::MAX`:
    /// never.
    pub ends_ms: i64,
    /// Its bytes before compression.
    pub bytes: u64,
    /// XXH3 of those.
    pub sum: u64,
}

/// What a file begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    pub(super) id: FileId,
    pub(super) outline: Outline,
}

impl Header {
    pub(super) fn to_bytes(self) -> [u8; HEADER] {
        let Outline { dim, elements, ends_ms, bytes, sum } = self.outline;
        let mut header = [0; HEADER];
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            header[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        put(&MAGIC);
        put(&VERSION.to_le_bytes());
        put(&dim.to_le_bytes());
        [elements, ends_ms as u64, bytes, sum].iter().for_each(|number| put(&number.to_le_bytes()));
        put(&self.id.0);
        let checksum = xxh3_64(&header[..HEADER - 8]);
        header[HEADER - 8..].copy_from_slice(&checksum.to_le_bytes());
        header
    }

    /// The reason, if these bytes are no header.
    pub(super) fn from_bytes(header: &[u8; HEADER]) -> Result<Self, &'static str> {
        let long = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().expect("eight bytes"));
        let short = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("four bytes"));
        if header[..8] != MAGIC {
            return Err("it is no file of a cold vector set");
        }
        if short(8) != VERSION {
            return Err("it has a version that is not known here");
        }
        if long(HEADER - 8) != xxh3_64(&header[..HEADER - 8]) {
            return Err("the checksum of its header is wrong");
        }
        let outline = Outline {
            dim: short(12),
            elements: long(16),
            ends_ms: long(24) as i64,
            bytes: long(32),
            sum: long(40),
        };
        Ok(Self { id: FileId(header[48..64].try_into().expect("sixteen bytes")), outline })
    }
}

/// The head of a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BlockHead {
    pub(super) raw: u32,
    pub(super) stored: u32,
    pub(super) checksum: u64,
}

impl BlockHead {
    /// Of the block with this number, of so many bytes before compression.
    pub(super) fn of(id: FileId, number: u64, raw: usize, stored: &[u8]) -> Self {
        let checksum = xxh3_64_with_seed(stored, id.seed(number));
        Self { raw: raw as u32, stored: stored.len() as u32, checksum }
    }

    pub(super) fn to_bytes(self) -> [u8; BLOCK_HEAD] {
        let sizes = u64::from(self.raw) | u64::from(self.stored) << 32;
        let mut head = [0; BLOCK_HEAD];
        head[..8].copy_from_slice(&sizes.to_le_bytes());
        head[8..].copy_from_slice(&self.checksum.to_le_bytes());
        head
    }

    /// None if no block has such sizes: nothing is allocated for them.
    pub(super) fn from_bytes(head: &[u8; BLOCK_HEAD]) -> Option<Self> {
        let [raw, stored] =
            [0, 4].map(|at| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes")));
        let checksum = u64::from_le_bytes(head[8..].try_into().expect("eight bytes"));
        let is_possible = raw > 0 && raw as usize <= BLOCK && stored > 0 && stored <= raw;
        is_possible.then_some(Self { raw, stored, checksum })
    }
}
