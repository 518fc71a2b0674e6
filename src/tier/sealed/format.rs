//! The bytes of a sealed set's files.
//!
//! ```text
//! folder  <id>.sealed     <id>.sealed-part while it is being written
//!         head            what there is, and the checksums of all blocks
//!         links, names …  a file for each part, of bytes as they lie in memory
//!         values          which snapshots have the same set: see `values`
//! head    magic: 8        "nhseal\r\n"
//!         version: u32    3
//!         dimension: u32
//!         elements: u64
//!         id: 16          that of the folder's name
//!         words: u64      bytes, and then those               what the owner has to say besides
//!         parts: u32      how many, and then for each
//!           part: u32     its number
//!           items: u64    texts in it, if it has such
//!           bytes: u64
//!           checksum: u64 … of each block of 64 KiB; its seed is made of the id, part and block
//!         checksum: u64   of the head before it
//! ```
//!
//! Numbers are little-endian, checksums XXH3 of 64 bits.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::tier::FileId;
use crate::tier::kept::Endings;

const MAGIC: [u8; 8] = *b"nhseal\r\n";
const VERSION: u32 = 3;
/// Bytes of a block, but for the last of a part.
pub(super) const BLOCK: usize = 64 << 10;
/// Longer heads are not read: far beyond what a set of 2^31 elements needs.
pub(super) const MOST_HEAD: u64 = 1 << 30;
/// The files of a folder that are no parts.
pub(super) const HEAD: &str = "head";
pub(super) const VALUES: &str = "values";

/// How folders are named.
pub(in crate::tier) const ENDINGS: Endings = Endings { whole: "sealed", partial: "sealed-part" };

/// A part of a set: an array by slot, unless said otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Part {
    /// Links on layer 0.
    Links = 0,
    /// Links on higher layers, one tower after the other.
    Towers = 1,
    /// The highest layer, a byte each.
    Levels = 2,
    /// What codes begin with, of the best codes.
    BestHeads = 3,
    /// The best codes.
    BestBodies = 4,
    /// What codes begin with, of coarse codes.
    CoarseHeads = 5,
    /// Coarse codes.
    CoarseBodies = 6,
    /// Where in `Names` the name is.
    NameCells = 7,
    /// Names, one after the other.
    Names = 8,
    /// Where in `Attributes` the attribute is.
    AttributeCells = 9,
    /// Attributes, one after the other.
    Attributes = 10,
    /// Deadlines and pins.
    Lives = 11,
    /// Slots in the order of their names.
    Sorted = 12,
    /// A hash table of places in `Sorted`.
    Table = 13,
    /// Of a cache: state and tally.
    Entries = 14,
    /// Where in `Payloads` the payload is.
    PayloadCells = 15,
    /// Payloads, one after the other.
    Payloads = 16,
    /// Where in `Observations` those of the entry are.
    ObservationCells = 17,
    /// Observations, one after the other.
    Observations = 18,
}

impl Part {
    /// All of them, by their numbers.
    pub(super) const ALL: [Self; 19] = [
        Self::Links,
        Self::Towers,
        Self::Levels,
        Self::BestHeads,
        Self::BestBodies,
        Self::CoarseHeads,
        Self::CoarseBodies,
        Self::NameCells,
        Self::Names,
        Self::AttributeCells,
        Self::Attributes,
        Self::Lives,
        Self::Sorted,
        Self::Table,
        Self::Entries,
        Self::PayloadCells,
        Self::Payloads,
        Self::ObservationCells,
        Self::Observations,
    ];

    /// True for what each step of a search reads, of a set with finer codes.
    pub(super) fn is_walked_on(self) -> bool {
        matches!(self, Self::Links | Self::Towers | Self::CoarseHeads | Self::CoarseBodies)
    }

    /// The name of its file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Links => "links",
            Self::Towers => "towers",
            Self::Levels => "levels",
            Self::BestHeads => "best-heads",
            Self::BestBodies => "best-bodies",
            Self::CoarseHeads => "coarse-heads",
            Self::CoarseBodies => "coarse-bodies",
            Self::NameCells => "name-cells",
            Self::Names => "names",
            Self::AttributeCells => "attribute-cells",
            Self::Attributes => "attributes",
            Self::Lives => "lives",
            Self::Sorted => "sorted",
            Self::Table => "table",
            Self::Entries => "entries",
            Self::PayloadCells => "payload-cells",
            Self::Payloads => "payloads",
            Self::ObservationCells => "observation-cells",
            Self::Observations => "observations",
        }
    }
}

/// A part that was written: its bytes, and a checksum for each block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Written {
    pub(super) part: Part,
    /// Texts in it.
    pub(super) items: u64,
    pub(super) bytes: u64,
    pub(super) checksums: Vec<u64>,
}

/// What is known of a set while it is in its files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Head {
    pub(super) id: FileId,
    pub(super) dim: u32,
    pub(super) elements: u64,
    pub(super) words: Vec<u8>,
    pub(super) parts: Vec<Written>,
}

impl Head {
    pub(super) fn part(&self, part: Part) -> Option<&Written> {
        self.parts.iter().find(|written| written.part == part)
    }

    /// The places of parts, those first that searches walk on: small ones before large ones.
    pub(super) fn in_order(&self) -> Vec<usize> {
        let mut places: Vec<usize> = (0..self.parts.len()).collect();
        places.sort_by_key(|&place| (!self.parts[place].part.is_walked_on(), self.parts[place].bytes));
        places
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut head = MAGIC.to_vec();
        let mut put = |bytes: &[u8]| head.extend_from_slice(bytes);
        put(&VERSION.to_le_bytes());
        put(&self.dim.to_le_bytes());
        put(&self.elements.to_le_bytes());
        put(&self.id.0);
        put(&(self.words.len() as u64).to_le_bytes());
        put(&self.words);
        put(&(self.parts.len() as u32).to_le_bytes());
        for Written { part, items, bytes, checksums } in &self.parts {
            put(&(*part as u32).to_le_bytes());
            put(&items.to_le_bytes());
            put(&bytes.to_le_bytes());
            checksums.iter().for_each(|checksum| put(&checksum.to_le_bytes()));
        }
        let checksum = xxh3_64(&head);
        head.extend_from_slice(&checksum.to_le_bytes());
        head
    }

    /// The reason, if these bytes are no head.
    pub(super) fn from_bytes(head: &[u8]) -> Result<Self, &'static str> {
        if head.get(..8) != Some(&MAGIC) {
            return Err("it is no head of a sealed vector set");
        }
        let (mut rest, checksum) = head.split_last_chunk().ok_or("it is too short")?;
        if u64::from_le_bytes(*checksum) != xxh3_64(rest) {
            return Err("its checksum is wrong");
        }
        rest = &rest[8..];
        if u32::from_le_bytes(take(&mut rest)?) != VERSION {
            return Err("it has a version that is not known here");
        }
        let dim = u32::from_le_bytes(take(&mut rest)?);
        let elements = u64::from_le_bytes(take(&mut rest)?);
        let id = FileId(take(&mut rest)?);
        let len = usize::try_from(u64::from_le_bytes(take(&mut rest)?)).map_err(|_| WRONG)?;
        let (words, mut rest) = rest.split_at_checked(len).ok_or(WRONG)?;
        let count = u32::from_le_bytes(take(&mut rest)?) as usize;
        if count > Part::ALL.len() {
            return Err(WRONG);
        }
        let parts = (0..count).map(|_| read_part(&mut rest)).collect::<Result<Vec<_>, _>>()?;
        if !rest.is_empty() {
            return Err(WRONG);
        }
        Ok(Self { id, dim, elements, words: words.to_vec(), parts })
    }
}

/// The checksum is right, so that this was written by something else.
const WRONG: &str = "what it says cannot be";

fn read_part(rest: &mut &[u8]) -> Result<Written, &'static str> {
    let number = u32::from_le_bytes(take(rest)?);
    let part = Part::ALL.into_iter().find(|part| *part as u32 == number).ok_or(WRONG)?;
    let items = u64::from_le_bytes(take(rest)?);
    let bytes = u64::from_le_bytes(take(rest)?);
    let blocks = bytes.div_ceil(BLOCK as u64);
    if blocks > rest.len() as u64 / 8 {
        return Err(WRONG);
    }
    let checksums = (0..blocks).map(|_| Ok(u64::from_le_bytes(take(rest)?)));
    Ok(Written { part, items, bytes, checksums: checksums.collect::<Result<_, &str>>()? })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], &'static str> {
    let (bytes, behind) = rest.split_first_chunk().ok_or(WRONG)?;
    *rest = behind;
    Ok(*bytes)
}

/// The checksum of a block of a part.
pub(super) fn checksum(id: FileId, part: Part, number: u64, block: &[u8]) -> u64 {
    xxh3_64_with_seed(block, id.seed((part as u64) << 48 | number))
}
