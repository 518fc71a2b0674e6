//! The entries of one shard: by hash, by position, by deadline. No locks here.

use hashbrown::HashTable;

use super::entry::Entry;
use super::expiry::{Deadline, Deadlines};
use super::hash::Hash;
use super::slab::Slab;
use super::value::{Value, WrongType};

/// An index smaller than this is not worth shrinking.
const MIN_SHRINK_CAPACITY: usize = 1024;

/// An index is shrunk when this many times as large as its content, so that the moves are paid by removals.
const SHRINK_FACTOR: usize = 8;

/// A map from keys to values that also knows which of them end.
#[derive(Debug, Default)]
pub(super) struct Table {
    index: HashTable<Place>,
    slab: Slab,
    deadlines: Deadlines,
    /// How many values are vector sets; none is the common answer, and spares a walk.
    sets: usize,
}

/// Where a key with this hash is. With a part of the hash at hand, neither growing nor a false match reads keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    hash: u32,
    id: u32,
}

impl Place {
    fn new(hash: u64, id: u32) -> Self {
        Self { hash: hash as u32, id }
    }

    /// The low half of the hash, spread again over all bits: hashbrown looks at both ends.
    fn index_hash(&self) -> u64 {
        u64::from(self.hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    pub(super) fn slab(&self) -> &Slab {
        &self.slab
    }

    pub(super) fn deadlines(&self) -> &Deadlines {
        &self.deadlines
    }

    pub(super) fn entry(&self, id: u32) -> &Entry {
        self.slab.get(id)
    }

    /// Where a key is, whether it has ended or not.
    pub(super) fn find(&self, hash: u64, key: &[u8]) -> Option<u32> {
        let wanted = Place::new(hash, 0);
        let is_it = |place: &Place| place.hash == wanted.hash && self.slab.get(place.id).key() == key;
        self.index.find(wanted.index_hash(), is_it).map(|place| place.id)
    }

    /// The entry of a key that has not ended.
    pub(super) fn find_live(&self, hash: u64, key: &[u8], now_ms: i64) -> Option<&Entry> {
        let entry = self.slab.get(self.find(hash, key)?);
        (!entry.deadline.is_past(now_ms)).then_some(entry)
    }

    /// Adds an entry whose key is not in the table.
    pub(super) fn insert(&mut self, hash: u64, entry: Entry) {
        self.sets += usize::from(is_set(&entry.value));
        let deadline = entry.deadline;
        let id = self.slab.insert(entry);
        let place = Place::new(hash, id);
        self.index.insert_unique(place.index_hash(), place, Place::index_hash);
        self.deadlines.add(deadline, id);
    }

    /// Gives a key another value, and returns the one it had; a set among them is unbound.
    pub(super) fn replace(&mut self, id: u32, value: Value) -> Value {
        self.sets += usize::from(is_set(&value));
        let old = std::mem::replace(&mut self.slab.get_mut(id).value, value);
        self.sets -= usize::from(is_set(&old));
        old.unbind();
        old
    }

    /// Changes the hash of a key, if it is one.
    pub(super) fn edit_hash<R>(
        &mut self,
        id: u32,
        edit: impl FnOnce(&mut Hash) -> R,
    ) -> Result<R, WrongType> {
        match &mut self.slab.get_mut(id).value {
            Value::Hash(hash) => Ok(edit(hash)),
            Value::String(_) | Value::VectorSet(_) => Err(WrongType),
        }
    }

    /// Gives a key another deadline.
    pub(super) fn set_deadline(&mut self, id: u32, deadline: Deadline) {
        let old = std::mem::replace(&mut self.slab.get_mut(id).deadline, deadline);
        self.deadlines.remove(old, id);
        self.deadlines.add(deadline, id);
    }

    /// The one door out: takes a key away, whatever the cause, and unbinds its set.
    pub(super) fn take(&mut self, hash: u64, id: u32) -> Entry {
        if let Ok(place) = self.index.find_entry(Place::new(hash, id).index_hash(), |place| place.id == id) {
            place.remove();
        }
        let entry = self.slab.remove(id);
        self.deadlines.remove(entry.deadline, id);
        self.sets -= usize::from(is_set(&entry.value));
        entry.value.unbind();
        self.shrink_index();
        entry
    }

    /// Unbinds all sets: their keys are about to mean something else, or nothing.
    pub(super) fn unbind_all(&self) {
        let sets = self.slab.entries().filter(|entry| is_set(&entry.value));
        sets.take(self.sets).for_each(|entry| entry.value.unbind());
    }

    /// Unbinds the set of a key, if it means one: somebody is about to change it, whom its writers cannot see.
    pub(super) fn unbind(&self, hash: u64, key: &[u8]) {
        if let Some(id) = self.find(hash, key) {
            self.slab.get(id).value.unbind();
        }
    }

    /// All values, given away.
    pub(super) fn into_values(self) -> impl Iterator<Item = Value> {
        self.slab.into_entries().map(|entry| entry.value)
    }

    fn shrink_index(&mut self) {
        let capacity = self.index.capacity();
        if capacity > MIN_SHRINK_CAPACITY && self.index.len() * SHRINK_FACTOR < capacity {
            self.index.shrink_to(self.index.len() * 2, Place::index_hash);
        }
    }
}

fn is_set(value: &Value) -> bool {
    matches!(value, Value::VectorSet(_))
}

#[cfg(test)]
mod tests {
    use ahash::RandomState;

    use super::*;
    use crate::keyspace::StringValue;

    fn insert(table: &mut Table, hasher: &RandomState, key: &[u8], deadline: Deadline) -> u64 {
        let hash = hasher.hash_one(key);
        let value = Value::String(StringValue::new(key));
        table.insert(hash, Entry::new(key, value, deadline, 0));
        hash
    }

    #[test]
    fn entries_are_found_until_taken() {
        let (hasher, mut table) = (RandomState::new(), Table::default());
        let hash = insert(&mut table, &hasher, b"k", Deadline::at(5));
        assert!(table.find_live(hash, b"k", 5).is_some());
        assert!(table.find_live(hash, b"k", 6).is_none());
        let id = table.find(hash, b"k").unwrap();
        table.set_deadline(id, Deadline::NEVER);
        assert!(table.find_live(hash, b"k", 6).is_some());
        assert_eq!(table.deadlines().len(), 0);
        assert_eq!(table.take(hash, id).key(), b"k");
        assert_eq!(table.find(hash, b"k"), None);
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn a_shrunken_index_still_finds_the_rest() {
        let (hasher, mut table) = (RandomState::new(), Table::default());
        let keys: Vec<Vec<u8>> = (0..20_000_u32).map(|n| n.to_be_bytes().to_vec()).collect();
        let hashes: Vec<u64> =
            keys.iter().map(|key| insert(&mut table, &hasher, key, Deadline::NEVER)).collect();
        let full = table.index.capacity();
        for (key, hash) in keys.iter().zip(&hashes).skip(100) {
            let id = table.find(*hash, key).unwrap();
            table.take(*hash, id);
        }
        assert!(table.index.capacity() < full / 4);
        let found = keys.iter().zip(&hashes).filter(|(key, hash)| table.find(**hash, key).is_some());
        assert_eq!(found.count(), 100);
    }
}
