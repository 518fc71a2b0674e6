//! The names of a sealed set: two arrays in its files, and marks in memory for what was removed.
//!
//! ```text
//! sorted   slot: u32 …                          in the byte order of names; its places are what follows
//! table    hash, upper half: u32 | place + 1: u32 …    open addressing, linear; 0: empty
//! ```
//!
//! The table has a power of two of entries, of which at most four in five are used. It has a key of
//! its own, made of what the files are told by: names come from outside, and must not be made to
//! collide.

use std::cmp::Ordering;
use std::io;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{Bound, Names};
use crate::epoch::Pin;
use crate::memory::{Category, Held};
use crate::tier::{Mapped, Part, Sealed};

/// Places that are counted together.
const BLOCK: usize = 4096;

/// Which names of a sealed set are elements still.
pub(in crate::vector_set) struct LentElements {
    sorted: Mapped,
    table: Mapped,
    key: u64,
    /// A bit for each place whose name is no element of these files any more. Nothing before the
    /// first of them.
    gone: Vec<u64>,
    /// For each block of places, how many bits are set.
    gone_in: Vec<u16>,
    live: usize,
    held: Held,
}

/// How many entries a table of so many names has.
pub(in crate::vector_set) fn table_len(names: usize) -> usize {
    (names + names / 4 + 1).next_power_of_two()
}

/// Writes a table of entries, zeros at first. `names`: in byte order.
pub(in crate::vector_set) fn fill_table<'n>(
    table: &mut [u8],
    key: u64,
    names: impl Iterator<Item = &'n [u8]>,
) {
    let mask = table.len() / ENTRY - 1;
    for (place, name) in (0u32..).zip(names) {
        let hash = hash(name, key);
        let mut at = hash as usize & mask;
        while entry(table, at) != 0 {
            at = (at + 1) & mask;
        }
        table[at * ENTRY..][..ENTRY].copy_from_slice(&(tag(hash) | u64::from(place + 1)).to_le_bytes());
    }
}

const ENTRY: usize = 8;

fn hash(name: &[u8], key: u64) -> u64 {
    xxh3_64_with_seed(name, key)
}

fn tag(hash: u64) -> u64 {
    hash >> 32 << 32
}

fn entry(table: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(table[at * ENTRY..][..ENTRY].try_into().expect("eight bytes"))
}

impl LentElements {
    /// All of a sealed set of `len` elements.
    ///
    /// # Errors
    /// Its parts are not what they should be.
    pub(in crate::vector_set) fn new(sealed: &Arc<Sealed>, len: usize) -> io::Result<Self> {
        let (sorted, table) = (sealed.map(Part::Sorted)?, sealed.map(Part::Table)?);
        if sorted.words() != len || table.len() != table_len(len) * ENTRY {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let held = Held::nothing(Category::Names);
        let key = sealed.id().key();
        Ok(Self { sorted, table, key, gone: Vec::new(), gone_in: Vec::new(), live: len, held })
    }

    /// How many there are still.
    pub(super) fn len(&self) -> usize {
        self.live
    }

    /// How many are no elements any more.
    pub(super) fn gone(&self) -> usize {
        self.sorted.words() - self.live
    }

    fn is_gone(&self, place: usize) -> bool {
        self.gone.get(place / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    /// The slot at a place. Files that were damaged may have any number: then one that is none.
    fn slot_at(&self, place: usize) -> u32 {
        Some(self.sorted.word(place)).filter(|&slot| (slot as usize) < self.sorted.words()).unwrap_or(0)
    }

    /// The place of a name, and its slot.
    fn find(&self, name: &[u8], names: &Names, pin: &Pin) -> Option<(usize, u32)> {
        let mask = self.table.len() / ENTRY - 1;
        let hash = hash(name, self.key);
        // No more entries than there are: damaged files may have no empty one.
        for at in (0..=mask).map(|step| (hash as usize).wrapping_add(step) & mask) {
            let entry = entry(self.table.get(at * ENTRY..(at + 1) * ENTRY)?, 0);
            let place = (entry as u32).checked_sub(1)? as usize;
            if tag(entry) == tag(hash) && place < self.sorted.words() {
                let slot = self.slot_at(place);
                if names.get(slot, pin) == name {
                    return (!self.is_gone(place)).then_some((place, slot));
                }
            }
        }
        None
    }

    pub(super) fn get(&self, name: &[u8], names: &Names, pin: &Pin) -> Option<u32> {
        self.find(name, names, pin).map(|(_, slot)| slot)
    }

    /// Takes a name out, and returns its slot.
    pub(super) fn remove(&mut self, name: &[u8], names: &Names, pin: &Pin) -> Option<u32> {
        let (place, slot) = self.find(name, names, pin)?;
        let len = self.sorted.words();
        if self.gone.is_empty() {
            self.gone = vec![0; len.div_ceil(64)];
            self.gone_in = vec![0; len.div_ceil(BLOCK)];
            self.held.set(self.gone.capacity() * 8 + self.gone_in.capacity() * 2);
        }
        self.gone[place / 64] |= 1 << (place % 64);
        self.gone_in[place / BLOCK] += 1;
        self.live -= 1;
        Some(slot)
    }

    /// The first place whose name is not below `name` (or, with `after`, is above it).
    fn seek(&self, name: &[u8], after: bool, names: &Names, pin: &Pin) -> usize {
        let below = |place: usize| match names.get(self.slot_at(place), pin).cmp(name) {
            Ordering::Less => true,
            Ordering::Equal => after,
            Ordering::Greater => false,
        };
        let (mut low, mut high) = (0, self.sorted.words());
        while low < high {
            let middle = low + (high - low) / 2;
            if below(middle) { low = middle + 1 } else { high = middle }
        }
        low
    }

    pub(super) fn range(&self, start: Bound, end: Bound, count: usize, names: &Names, pin: &Pin) -> Vec<u32> {
        let place = match start {
            Bound::Unbounded => 0,
            Bound::Included(name) => self.seek(name, false, names, pin),
            Bound::Excluded(name) => self.seek(name, true, names, pin),
        };
        let within = |slot: &u32| end.reaches(names.get(*slot, pin));
        self.iter_from(place).take_while(within).take(count).collect()
    }

    fn iter_from(&self, place: usize) -> impl Iterator<Item = u32> + '_ {
        let places = place..self.sorted.words();
        places.filter(|&place| !self.is_gone(place)).map(|place| self.slot_at(place))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.iter_from(0)
    }

    /// The slot of which so many are before, in the byte order of names.
    ///
    /// # Panics
    /// If there are no more.
    pub(super) fn at_rank(&self, rank: usize) -> u32 {
        let mut left = rank;
        let mut first = 0;
        for &gone in &self.gone_in {
            let live = BLOCK - usize::from(gone);
            if left < live {
                break;
            }
            left -= live;
            first += BLOCK;
        }
        if self.gone.is_empty() {
            self.slot_at(rank)
        } else {
            self.iter_from(first).nth(left).expect("a rank below `len`")
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.held.bytes()
    }
}
