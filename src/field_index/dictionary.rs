//! Keys and the slots that have them.

use hashbrown::HashTable;

use super::column::Cell;
use super::key::{KeptKey, Key};
use super::postings::Postings;
use super::slab::Slab;
use crate::memory::{Category, Held, allocated_bytes};

/// Tables of a large dictionary: a table that grows moves all that it has, so they grow one by one.
const PARTS: usize = 64;
/// From this many keys a dictionary is large.
const LARGE: usize = 4096;
/// A table with room for so many keys or fewer does not shrink.
const SMALLEST: usize = 14;

/// A key and its slots.
#[derive(Clone, Debug)]
struct Entry {
    key: KeptKey,
    postings: Postings,
}

/// An entry without slots is vacant: a key that no slot has is not kept.
impl Cell for Entry {
    fn vacant() -> Self {
        Self { key: KeptKey::Number(0.0), postings: Postings::none() }
    }

    fn is_vacant(&self) -> bool {
        self.postings.is_empty()
    }
}

/// Keys with numbers (ids) and postings. Ids are small and used again.
#[derive(Clone, Debug)]
pub(super) struct Dictionary {
    entries: Slab<Entry>,
    /// Ids by the hash of their keys: one table, or [`PARTS`].
    parts: Vec<HashTable<u32>>,
    /// Sum of the lengths of all postings.
    postings: usize,
    /// Bytes of the tables, and of what keys and postings have on the heap.
    behind: usize,
    /// Those, and the list of tables.
    held: Held,
}

impl Dictionary {
    pub(super) const fn new() -> Self {
        let category = Category::AttributeIndexes;
        Self {
            entries: Slab::new(category),
            parts: Vec::new(),
            postings: 0,
            behind: 0,
            held: Held::nothing(category),
        }
    }

    /// How many keys.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many pairs of a key and a slot.
    pub(super) fn postings(&self) -> usize {
        self.postings
    }

    /// All ids are below.
    pub(super) fn end(&self) -> u32 {
        self.entries.end()
    }

    pub(super) fn id(&self, key: Key) -> Option<u32> {
        let hash = key.hash();
        let part = self.parts.get(part(hash, self.parts.len()))?;
        part.find(hash, |&id| key_of(&self.entries, id) == Some(key)).copied()
    }

    pub(super) fn key(&self, id: u32) -> Option<Key<'_>> {
        key_of(&self.entries, id)
    }

    pub(super) fn get(&self, key: Key) -> Option<&Postings> {
        self.of_id(self.id(key)?)
    }

    pub(super) fn of_id(&self, id: u32) -> Option<&Postings> {
        self.entries.get(id).map(|entry| &entry.postings)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, Key<'_>, &Postings)> {
        self.entries.iter().map(|(id, entry)| (id, entry.key.key(), &entry.postings))
    }

    /// Adds a slot to a key and returns the key's id.
    pub(super) fn insert(&mut self, key: Key, slot: u32) -> u32 {
        let Some(id) = self.id(key) else { return self.add(key, slot) };
        if let Some(Entry { postings, .. }) = self.entries.get_mut(id) {
            let before = postings.heap_bytes();
            self.postings += usize::from(postings.insert(slot));
            self.behind = self.behind + postings.heap_bytes() - before;
        }
        self.count_bytes();
        id
    }

    /// Adds a key that is not there, with its first slot.
    fn add(&mut self, key: Key, slot: u32) -> u32 {
        if self.parts.len() < PARTS && self.len() >= LARGE {
            self.divide(PARTS);
        } else if self.parts.is_empty() {
            self.divide(1);
        }
        let mut postings = Postings::none();
        postings.insert(slot);
        self.postings += 1;
        let kept = KeptKey::new(key);
        self.behind += kept.heap_bytes();
        let id = self.entries.add(Entry { key: kept, postings });
        self.add_id(key.hash(), id);
        self.count_bytes();
        id
    }

    fn add_id(&mut self, hash: u64, id: u32) {
        let number = part(hash, self.parts.len());
        let table = &mut self.parts[number];
        let before = table_bytes(table);
        table.insert_unique(hash, id, |&id| hash_of(&self.entries, id));
        self.behind = self.behind + table_bytes(table) - before;
    }

    /// Puts all ids into so many tables.
    fn divide(&mut self, count: usize) {
        let old = std::mem::replace(&mut self.parts, vec![HashTable::new(); count]);
        self.behind -= old.iter().map(table_bytes).sum::<usize>();
        for id in old.into_iter().flatten() {
            self.add_id(hash_of(&self.entries, id), id);
        }
    }

    /// Removes a slot from the key with this id, and the key with its last slot.
    pub(super) fn remove(&mut self, id: u32, slot: u32) {
        let Some(Entry { key, postings }) = self.entries.get_mut(id) else { return };
        if let [only] = postings.short() {
            if *only != slot {
                return;
            }
            let (hash, behind) = (key.key().hash(), key.heap_bytes() + postings.heap_bytes());
            self.postings -= 1;
            self.behind -= behind;
            self.remove_id(hash, id);
            self.entries.remove(id);
        } else {
            let before = postings.heap_bytes();
            self.postings -= usize::from(postings.remove(slot));
            self.behind = self.behind + postings.heap_bytes() - before;
        }
        if self.len() == 0 {
            *self = Self::new();
        }
        self.count_bytes();
    }

    /// Also makes a table of which most is empty smaller: its share of the removals has paid for
    /// it.
    fn remove_id(&mut self, hash: u64, id: u32) {
        let number = part(hash, self.parts.len());
        let table = &mut self.parts[number];
        let Ok(found) = table.find_entry(hash, |&other| other == id) else { return };
        found.remove();
        if table.capacity() > SMALLEST && table.len() * 4 < table.capacity() {
            let before = table_bytes(table);
            table.shrink_to(table.len() * 2, |&id| hash_of(&self.entries, id));
            self.behind = self.behind + table_bytes(table) - before;
        }
    }

    #[inline]
    fn count_bytes(&mut self) {
        let list = allocated_bytes(self.parts.capacity() * size_of::<HashTable<u32>>());
        self.held.set(self.behind + list);
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.entries.heap_bytes() + self.held.bytes()
    }

    /// The same, computed from the keys, postings and tables.
    #[cfg(test)]
    pub(super) fn computed_bytes(&self) -> usize {
        let entry_bytes = |(_, entry): (u32, &Entry)| entry.key.heap_bytes() + entry.postings.heap_bytes();
        let behind: usize = self.entries.iter().map(entry_bytes).sum();
        let tables: usize = self.parts.iter().map(table_bytes).sum();
        let list = allocated_bytes(self.parts.capacity() * size_of::<HashTable<u32>>());
        self.entries.heap_bytes() + behind + tables + list
    }
}

/// By bits that the tables themselves do not look at first.
fn part(hash: u64, parts: usize) -> usize {
    (hash >> 40) as usize % parts.max(1)
}

fn key_of(entries: &Slab<Entry>, id: u32) -> Option<Key<'_>> {
    entries.get(id).map(|entry| entry.key.key())
}

fn hash_of(entries: &Slab<Entry>, id: u32) -> u64 {
    key_of(entries, id).map_or(0, Key::hash)
}

fn table_bytes(table: &HashTable<u32>) -> usize {
    allocated_bytes(table.allocation_size())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_large_dictionary_finds_its_keys_and_frees_its_memory() {
        const KEYS: u32 = 20_000;
        let mut dictionary = Dictionary::new();
        let text = |number: u32| format!("a key that is not kept inline: {number}").into_bytes();
        let mut ids = BTreeMap::new();
        for slot in 0..2 * KEYS {
            ids.insert(slot % KEYS, dictionary.insert(Key::Text(&text(slot % KEYS)), slot));
        }
        assert_eq!((dictionary.len(), dictionary.postings()), (KEYS as usize, 2 * KEYS as usize));
        assert_eq!(dictionary.heap_bytes(), dictionary.computed_bytes());
        for (&number, &id) in &ids {
            let postings = dictionary.get(Key::Text(&text(number))).expect("it was inserted");
            assert!(postings.iter().eq([number, number + KEYS]));
            assert_eq!(dictionary.key(id), Some(Key::Text(&text(number))));
        }
        for slot in 0..2 * KEYS - 1 {
            dictionary.remove(ids[&(slot % KEYS)], slot);
        }
        assert_eq!((dictionary.len(), dictionary.heap_bytes()), (1, dictionary.computed_bytes()));
        assert!(dictionary.heap_bytes() < 200_000, "{}", dictionary.heap_bytes());
        dictionary.remove(ids[&(KEYS - 1)], 2 * KEYS - 1);
        assert_eq!((dictionary.heap_bytes(), dictionary.end()), (0, 0));
    }
}
