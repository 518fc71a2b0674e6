//! Element name ⇄ slot, in both directions, and the names in byte order.
//!
//! | question | answered by | memory per element |
//! |---|---|---|
//! | which slot has this name? | [`NameTable`], a hash table of slots | 5 … 9 bytes |
//! | which names follow this one? | [`SortedSlots`], slots in the order of their names | 5 bytes |
//! | which name has this slot? | [`Names`], an arena that searches read without a lock | 8 bytes, and the name |
//!
//! The two maps hold slots only, whose bytes are in [`Names`].

mod bulk;
mod lent;
mod name_table;
mod sorted;

pub(in crate::vector_set) use self::bulk::sorted;
pub(in crate::vector_set) use self::lent::{LentElements, fill_table, table_len};
use self::name_table::NameTable;
pub use self::sorted::Bound;
use std::io;
use std::sync::Arc;

use self::sorted::SortedSlots;
use crate::arena::Blobs;
use crate::epoch::{Pin, pin};
use crate::memory::Category;
use crate::tier::{Part, Space};

/// The names of slots.
pub(super) struct Names(Blobs);

impl Default for Names {
    fn default() -> Self {
        Self(Blobs::new(Category::Names))
    }
}

impl Names {
    /// The name of a slot that is or was an element while the reader is pinned; empty for any
    /// other.
    #[inline]
    pub(super) fn get<'p>(&'p self, slot: u32, pin: &'p Pin) -> &'p [u8] {
        self.0.get(slot, pin).unwrap_or_default()
    }

    /// Asks the disk for what it has of the names of these slots, all at once.
    pub(super) fn fetch(&self, slots: impl Iterator<Item = u32> + Clone) {
        self.0.fetch(slots);
    }

    /// Names a slot that is not visible yet.
    pub(super) fn set(&self, slot: u32, name: &[u8]) {
        let was_named = self.0.replace(slot, Some(name));
        debug_assert!(!was_named, "a slot is unnamed when it is freed");
    }

    /// The names of a sealed set of so many elements.
    ///
    /// # Errors
    /// Its parts are not what they should be.
    pub(super) fn over(space: &Arc<Space>, len: u32) -> io::Result<Self> {
        let blobs = Blobs::over(Category::Names, space, (Part::NameCells, Part::Names), len)?;
        if blobs.len() == len as usize { Ok(Self(blobs)) } else { Err(io::ErrorKind::InvalidData.into()) }
    }

    /// Removes the name of a slot that no reader can see any more.
    pub(super) fn forget(&self, slot: u32) {
        if !self.0.is_lent(slot) {
            self.0.replace(slot, None);
        }
    }

    /// Frees the forgotten names that no reader can be reading any more.
    pub(super) fn reclaim(&self) {
        self.0.reclaim();
    }

    /// Takes the slots from `len` on back, which are free, and returns their memory.
    pub(super) fn shrink_to(&self, len: u32) {
        self.0.shrink_to(len);
    }

    /// Makes slots `0 .. len` available. One caller at a time.
    pub(super) fn grow_to(&self, len: u32) {
        self.0.grow_to(len);
    }

    /// Bytes of the names themselves, of all slots that are not free.
    pub(super) fn text_bytes(&self) -> usize {
        self.0.blob_bytes()
    }

    /// Bytes held.
    pub(super) fn heap_bytes(&self) -> usize {
        self.0.heap_bytes()
    }
}

/// Which names are elements, and their slots. Protected by the set's lock.
#[derive(Default)]
pub(super) struct Elements {
    table: NameTable,
    sorted: SortedSlots,
    /// Of a set that began with files: those of its elements that are there still. A name is here
    /// or in the two maps.
    lent: Option<Box<LentElements>>,
}

impl Elements {
    /// Those of a sealed set.
    pub(super) fn over(lent: LentElements) -> Self {
        Self { lent: Some(Box::new(lent)), ..Self::default() }
    }

    /// How many elements there are.
    pub(super) fn len(&self) -> usize {
        self.sorted.len() + self.lent_len()
    }

    fn lent_len(&self) -> usize {
        self.lent.as_ref().map_or(0, |lent| lent.len())
    }

    /// How many elements are beside the files that the set began with, and how many in them are no
    /// elements any more.
    pub(super) fn beside_files(&self) -> (usize, usize) {
        (self.sorted.len(), self.lent.as_ref().map_or(0, |lent| lent.gone()))
    }

    /// The slot of an element.
    pub(super) fn slot(&self, name: &[u8], names: &Names) -> Option<u32> {
        let pin = pin();
        let lent = || self.lent.as_ref()?.get(name, names, &pin);
        self.table.get(name, names, &pin).or_else(lent)
    }

    /// Makes `slot`, which bears `name`, the element of that name. Returns the slot that was.
    pub(super) fn insert(&mut self, name: &[u8], slot: u32, names: &Names) -> Option<u32> {
        let pin = pin();
        let old = self.table.insert(name, slot, names, &pin);
        if old.is_some() {
            self.sorted.replace(name, slot, names, &pin);
            return old;
        }
        self.sorted.insert(name, slot, names, &pin);
        self.lent.as_mut()?.remove(name, names, &pin)
    }

    /// Takes an element out and returns its slot, which still bears its name.
    pub(super) fn remove(&mut self, name: &[u8], names: &Names) -> Option<u32> {
        let pin = pin();
        let Some(slot) = self.table.remove(name, names, &pin) else {
            return self.lent.as_mut()?.remove(name, names, &pin);
        };
        self.sorted.remove(name, names, &pin);
        Some(slot)
    }

    /// Slots in the byte order of their names, between two bounds, at most `count`.
    pub(super) fn range(&self, start: Bound, end: Bound, count: usize, names: &Names) -> Vec<u32> {
        let pin = pin();
        let own = self.sorted.range(start, end, count, names, &pin);
        let Some(lent) = &self.lent else { return own };
        let lent = lent.range(start, end, count, names, &pin);
        merged(own.into_iter(), lent.into_iter(), names, &pin).take(count).collect()
    }

    /// The slots of these ranks, which must be below [`Elements::len`]: each element has one.
    pub(super) fn at_ranks(&self, ranks: &[usize]) -> Vec<u32> {
        let Some(lent) = &self.lent else { return self.sorted.at_ranks(ranks) };
        let own: Vec<usize> = ranks.iter().filter_map(|rank| rank.checked_sub(lent.len())).collect();
        let mut own = self.sorted.at_ranks(&own).into_iter();
        let is_lent = |rank: usize| rank < lent.len();
        let at = |&rank: &usize| if is_lent(rank) { Some(lent.at_rank(rank)) } else { own.next() };
        ranks.iter().filter_map(at).collect()
    }

    /// All slots.
    pub(super) fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        self.sorted.iter().chain(self.lent.iter().flat_map(|lent| lent.iter()))
    }

    /// Bytes held, names not included.
    pub(super) fn heap_bytes(&self) -> usize {
        let lent = self.lent.as_ref().map_or(0, |lent| lent.heap_bytes());
        self.table.heap_bytes() + self.sorted.heap_bytes() + lent
    }
}

/// The slots of two lists in the byte order of their names, as the lists are.
fn merged(
    a: impl Iterator<Item = u32>,
    b: impl Iterator<Item = u32>,
    names: &Names,
    pin: &Pin,
) -> impl Iterator<Item = u32> {
    let (mut a, mut b) = (a.peekable(), b.peekable());
    std::iter::from_fn(move || match (a.peek(), b.peek()) {
        (Some(&first), Some(&second)) if names.get(second, pin) < names.get(first, pin) => b.next(),
        (Some(_), _) => a.next(),
        (None, _) => b.next(),
    })
}

#[cfg(test)]
impl Elements {
    /// What [`Elements::heap_bytes`] should be, computed from the tables.
    fn held_bytes(&self) -> usize {
        self.table.held_bytes() + self.sorted.held_bytes()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]
        #[test]
        fn it_agrees_with_a_map(operations in prop::collection::vec((any::<bool>(), 0u32..3000), 1..4000)) {
            let names = Names::default();
            let mut elements = Elements::default();
            let mut model = BTreeMap::new();
            let mut next = 0;
            for (add, n) in operations {
                let name = format!("n{}", n * 7919 % 3000).into_bytes();
                if add {
                    names.grow_to(next + 1);
                    names.set(next, &name);
                    prop_assert_eq!(elements.insert(&name, next, &names), model.insert(name, next));
                    next += 1;
                } else {
                    prop_assert_eq!(elements.remove(&name, &names), model.remove(&name));
                }
            }
            prop_assert_eq!(elements.len(), model.len());
            prop_assert_eq!(elements.heap_bytes(), elements.held_bytes());
            prop_assert_eq!(elements.slots().collect::<Vec<_>>(), model.values().copied().collect::<Vec<_>>());
            for (name, slot) in &model {
                prop_assert_eq!(elements.slot(name, &names), Some(*slot));
            }
            let from: &[u8] = b"n15";
            let expected: Vec<_> = model.range(from.to_vec()..).take(10).map(|(_, slot)| *slot).collect();
            prop_assert_eq!(elements.range(Bound::Included(from), Bound::Unbounded, 10, &names), expected);
            let ranks: Vec<_> = (0..model.len()).step_by(3).collect();
            let expected: Vec<_> = model.values().step_by(3).copied().collect();
            prop_assert_eq!(elements.at_ranks(&ranks), expected);
            for name in model.keys() {
                prop_assert!(elements.remove(name, &names).is_some());
                prop_assert_eq!(elements.heap_bytes(), elements.held_bytes());
            }
        }
    }

    #[test]
    fn bounds_are_as_they_say() {
        let names = Names::default();
        let mut elements = Elements::default();
        names.grow_to(5);
        for (slot, name) in [&b""[..], b"a", b"aa", b"b", b"c"].iter().enumerate() {
            names.set(slot as u32, name);
            elements.insert(name, slot as u32, &names);
        }
        let range = |start, end, count| elements.range(start, end, count, &names);
        assert_eq!(range(Bound::Unbounded, Bound::Unbounded, 9), [0, 1, 2, 3, 4]);
        assert_eq!(range(Bound::Excluded(b"a"), Bound::Included(b"b"), 9), [2, 3]);
        assert_eq!(range(Bound::Included(b"a"), Bound::Excluded(b"b"), 1), [1]);
        assert_eq!(range(Bound::Included(b"c"), Bound::Included(b"a"), 9), [] as [u32; 0]);
        assert_eq!(range(Bound::Excluded(b"c"), Bound::Unbounded, 9), [] as [u32; 0]);
    }
}
