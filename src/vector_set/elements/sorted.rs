//! Slots in the byte order of their names: blocks of some hundred slots, in a list of blocks.
//!
//! Two levels are enough: with a million elements the list has some 4,000 blocks, and an insertion
//! moves 1 KiB in its block and, once in 256 times, 60 KiB in the list. Nothing is ever moved as a
//! whole.

use std::cmp::Ordering;

use super::Names;
use crate::epoch::Pin;
use crate::memory::{self, Blocks, Category};

/// A block of more slots is cut in two.
const MAX_BLOCK: usize = 512;
/// Neighbouring blocks of together fewer slots are joined.
const MIN_PAIR: usize = 128;
/// So many slots are put into each block when all are put in at once.
const FILL: usize = MAX_BLOCK / 4 * 3;

/// One end of a range of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound<'n> {
    /// With this name.
    Included(&'n [u8]),
    /// Without this name.
    Excluded(&'n [u8]),
    /// No end.
    Unbounded,
}

impl Bound<'_> {
    /// Of an end: true for a name that is not behind it.
    pub(super) fn reaches(self, name: &[u8]) -> bool {
        match self {
            Self::Unbounded => true,
            Self::Included(last) => name <= last,
            Self::Excluded(last) => name < last,
        }
    }
}

/// Slots by the byte order of the names that they bear.
pub(super) struct SortedSlots {
    /// None is empty.
    blocks: Blocks<u32>,
    len: usize,
}

impl Default for SortedSlots {
    fn default() -> Self {
        Self { blocks: Blocks::none(Category::Names), len: 0 }
    }
}

/// A block and a place in it.
type Place = (usize, usize);

impl SortedSlots {
    /// Of slots that come in the order of their names.
    pub(super) fn of(mut sorted: impl ExactSizeIterator<Item = u32>) -> Self {
        let len = sorted.len();
        let blocks = (0..len.div_ceil(FILL)).map(|_| sorted.by_ref().take(FILL).collect()).collect();
        let mut slots = Self { len, ..Self::default() };
        slots.blocks.change(0..0, |none| *none = blocks);
        slots
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The first place whose name is not below `name` (or, with `after`, is above it).
    fn seek(&self, name: &[u8], after: bool, names: &Names, pin: &Pin) -> Place {
        let below = |slot: &u32| match names.get(*slot, pin).cmp(name) {
            Ordering::Less => true,
            Ordering::Equal => after,
            Ordering::Greater => false,
        };
        let block = self.blocks.partition_point(|block| names.get(block[0], pin) <= name).saturating_sub(1);
        (block, self.blocks.get(block).map_or(0, |slots| slots.partition_point(below)))
    }

    /// Adds a name that is not there.
    pub(super) fn insert(&mut self, name: &[u8], slot: u32, names: &Names, pin: &Pin) {
        let place = self.seek(name, false, names, pin);
        self.len += 1;
        self.blocks.change(place.0..place.0 + 1, |blocks| put(blocks, place, slot));
    }

    /// Gives a name that is there another slot.
    pub(super) fn replace(&mut self, name: &[u8], slot: u32, names: &Names, pin: &Pin) {
        let (block, place) = self.seek(name, false, names, pin);
        self.blocks.items_mut(block)[place] = slot;
    }

    /// Takes out a name that is there.
    pub(super) fn remove(&mut self, name: &[u8], names: &Names, pin: &Pin) {
        let (block, place) = self.seek(name, false, names, pin);
        self.len -= 1;
        self.blocks.change(block..block + 2, |blocks| {
            memory::take_out(&mut blocks[block], place);
            memory::join(blocks, block, MIN_PAIR);
        });
    }

    pub(super) fn range(&self, start: Bound, end: Bound, count: usize, names: &Names, pin: &Pin) -> Vec<u32> {
        let (block, place) = match start {
            Bound::Unbounded => (0, 0),
            Bound::Included(name) => self.seek(name, false, names, pin),
            Bound::Excluded(name) => self.seek(name, true, names, pin),
        };
        let within = |slot: &u32| end.reaches(names.get(*slot, pin));
        let from = self.blocks.get(block..).unwrap_or_default().iter().flatten().skip(place);
        from.copied().take_while(within).take(count).collect()
    }

    pub(super) fn at_ranks(&self, ranks: &[usize]) -> Vec<u32> {
        let starts: Vec<usize> = self
            .blocks
            .iter()
            .scan(0, |start, block| Some(std::mem::replace(start, *start + block.len())))
            .collect();
        let at = |&rank: &usize| {
            let block = starts.partition_point(|&start| start <= rank) - 1;
            self.blocks[block][rank - starts[block]]
        };
        ranks.iter().map(at).collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.blocks.iter().flatten().copied()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.blocks.heap_bytes()
    }

    /// The same, computed from the blocks.
    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.blocks.computed_bytes()
    }
}

fn put(blocks: &mut Vec<Vec<u32>>, (block, place): Place, slot: u32) {
    match blocks.get_mut(block) {
        None => blocks.push(vec![slot]),
        Some(slots) => {
            slots.insert(place, slot);
            if slots.len() > MAX_BLOCK {
                let upper = slots.split_off(MAX_BLOCK / 2);
                slots.shrink_to(MAX_BLOCK / 2 + 32);
                blocks.insert(block + 1, upper);
            }
        }
    }
}
