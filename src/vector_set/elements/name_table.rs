//! A hash table from names to slots that holds only the slots.
//!
//! A hash table that grows moves all its entries at once, and hashes each name again: too long for
//! a large set, which is locked meanwhile. So a large set has [`PARTS`] tables that grow one by
//! one; a small set has one.

use std::sync::OnceLock;

use ahash::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::Names;
use crate::epoch::Pin;
use crate::memory::{Category, Held, allocated_bytes};

/// Tables of a large set.
const PARTS: usize = 64;
/// From this many names a set is large.
const LARGE: usize = 4096;

/// A table with room for so many names or fewer does not shrink.
const SMALLEST: usize = 14;

/// Slots by the names that they bear.
pub(super) struct NameTable {
    /// One table or [`PARTS`].
    parts: Vec<HashTable<u32>>,
    len: usize,
    held: Held,
}

impl Default for NameTable {
    fn default() -> Self {
        Self::of_parts(1)
    }
}

/// Keyed at random when the process starts: names come from outside, and must not be made to
/// collide.
fn hash(name: &[u8]) -> u64 {
    static STATE: OnceLock<RandomState> = OnceLock::new();
    STATE.get_or_init(RandomState::new).hash_one(name)
}

impl NameTable {
    fn of_parts(count: usize) -> Self {
        let parts = (0..count).map(|_| HashTable::new()).collect();
        let mut table = Self { parts, len: 0, held: Held::nothing(Category::Names) };
        table.held.set(allocated_bytes(count * size_of::<HashTable<u32>>()));
        table
    }

    /// Of the slots `0 .. len`. A name that two of them bear makes it fail, with the second slot.
    pub(super) fn of_all(len: u32, names: &Names, pin: &Pin) -> Result<Self, u32> {
        let parts = if len as usize > LARGE { PARTS } else { 1 };
        let mut table = Self::of_parts(parts);
        for slot in 0..len {
            if table.insert(names.get(slot, pin), slot, names, pin).is_some() {
                return Err(slot);
            }
        }
        Ok(table)
    }

    /// By bits that the tables themselves do not look at first.
    fn part(&self, hash: u64) -> usize {
        (hash >> 40) as usize % self.parts.len()
    }

    pub(super) fn get(&self, name: &[u8], names: &Names, pin: &Pin) -> Option<u32> {
        let hash = hash(name);
        self.parts[self.part(hash)].find(hash, |&slot| names.get(slot, pin) == name).copied()
    }

    /// Returns the slot that bore the name before.
    pub(super) fn insert(&mut self, name: &[u8], slot: u32, names: &Names, pin: &Pin) -> Option<u32> {
        if self.len == LARGE && self.parts.len() == 1 {
            self.split(names, pin);
        }
        let hash_of = hash(name);
        let part = self.part(hash_of);
        let before = bytes_of(&self.parts[part]);
        let old = match self.parts[part].entry(
            hash_of,
            |&slot| names.get(slot, pin) == name,
            |&slot| hash(names.get(slot, pin)),
        ) {
            Entry::Occupied(mut entry) => Some(std::mem::replace(entry.get_mut(), slot)),
            Entry::Vacant(entry) => {
                entry.insert(slot);
                self.len += 1;
                None
            }
        };
        self.held.set(self.held.bytes() + bytes_of(&self.parts[part]) - before);
        old
    }

    pub(super) fn remove(&mut self, name: &[u8], names: &Names, pin: &Pin) -> Option<u32> {
        let hash = hash(name);
        let part = self.part(hash);
        let entry = self.parts[part].find_entry(hash, |&slot| names.get(slot, pin) == name).ok()?;
        self.len -= 1;
        let slot = entry.remove().0;
        self.shrink(part, names, pin);
        Some(slot)
    }

    /// Makes a table of which most is empty smaller: its share of the removals has paid for it.
    fn shrink(&mut self, part: usize, names: &Names, pin: &Pin) {
        let table = &mut self.parts[part];
        if table.capacity() > SMALLEST && table.len() * 4 < table.capacity() {
            let before = bytes_of(table);
            table.shrink_to(table.len() * 2, |&slot| hash(names.get(slot, pin)));
            self.held.set(self.held.bytes() + bytes_of(table) - before);
        }
    }

    fn split(&mut self, names: &Names, pin: &Pin) {
        let small = std::mem::replace(self, Self::of_parts(PARTS));
        for slot in small.parts.into_iter().flatten() {
            self.insert(names.get(slot, pin), slot, names, pin);
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.held.bytes()
    }

    /// The same, computed from the tables.
    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        let list = allocated_bytes(self.parts.len() * size_of::<HashTable<u32>>());
        list + self.parts.iter().map(bytes_of).sum::<usize>()
    }
}

fn bytes_of(part: &HashTable<u32>) -> usize {
    allocated_bytes(part.allocation_size())
}
