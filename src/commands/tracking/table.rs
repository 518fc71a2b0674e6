//! The readers of keys.

use std::sync::atomic::{AtomicUsize, Ordering};

use ahash::RandomState;
use hashbrown::{HashSet, HashTable};
use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::memory::{Category, Held};

/// Shards, each with a lock of its own. A power of two.
const SHARDS: usize = 64;

/// Readers up to which they are in a list.
const FEW: usize = 8;

/// Readers at which those that have left are removed, and at each doubling.
const MANY: usize = 64;

/// Keys with the clients that have read them since they were last changed.
pub(super) struct Table {
    /// With random keys, so that no client can choose keys that collide.
    hasher: RandomState,
    shards: Box<[Mutex<Shard>]>,
    keys: AtomicUsize,
    items: AtomicUsize,
    /// Where the search for a key to be forgotten goes on.
    next: AtomicUsize,
}

struct Shard {
    places: HashTable<usize>,
    entries: Vec<Entry>,
    /// Bytes of keys and readers that are not in `entries` itself.
    bytes: usize,
    memory: Held,
}

struct Entry {
    hash: u64,
    key: Box<[u8]>,
    readers: Readers,
}

/// Ids of clients, each once.
enum Readers {
    Few(SmallVec<[u64; 2]>),
    Many(HashSet<u64, RandomState>),
}

impl Default for Table {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::new(Shard::new())).collect(),
            keys: AtomicUsize::new(0),
            items: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
        }
    }
}

impl Table {
    pub(super) fn keys(&self) -> usize {
        self.keys.load(Ordering::Relaxed)
    }

    pub(super) fn items(&self) -> usize {
        self.items.load(Ordering::Relaxed)
    }

    fn place(&self, key: &[u8]) -> (u64, &Mutex<Shard>) {
        let hash = self.hasher.hash_one(key);
        // The table uses the low bits.
        (hash, &self.shards[(hash >> 32) as usize % SHARDS])
    }

    /// Adds a reader of a key. `is_there` says of an id whether that client still tracks.
    pub(super) fn remember(&self, key: &[u8], id: u64, is_there: impl Fn(u64) -> bool) {
        let (hash, shard) = self.place(key);
        let mut shard = shard.lock();
        let shard = &mut *shard;
        let found = shard.places.find(hash, |&at| *shard.entries[at].key == *key).copied();
        let at = found.unwrap_or_else(|| {
            self.keys.fetch_add(1, Ordering::Relaxed);
            shard.insert(hash, key)
        });
        let readers = &mut shard.entries[at].readers;
        let (len, bytes) = (readers.len(), readers.heap_bytes());
        if !readers.add(id) {
            return;
        }
        if readers.len() >= MANY && readers.len().is_power_of_two() {
            readers.retain(is_there);
        }
        let (new_len, new_bytes) = (readers.len(), readers.heap_bytes());
        self.items.fetch_add(new_len, Ordering::Relaxed);
        self.items.fetch_sub(len, Ordering::Relaxed);
        shard.bytes = shard.bytes + new_bytes - bytes;
        shard.count();
    }

    /// Removes a key, and returns its readers.
    pub(super) fn take(&self, key: &[u8]) -> Option<Vec<u64>> {
        let (hash, shard) = self.place(key);
        let mut shard = shard.lock();
        let shard = &mut *shard;
        let at = *shard.places.find(hash, |&at| *shard.entries[at].key == *key)?;
        Some(self.forget(shard, at).readers.ids())
    }

    /// Removes some key, and returns it with its readers; none if there is none.
    pub(super) fn take_any(&self) -> Option<(Box<[u8]>, Vec<u64>)> {
        for _ in 0..SHARDS {
            let draw = self.next.fetch_add(1, Ordering::Relaxed);
            let mut shard = self.shards[draw % SHARDS].lock();
            if !shard.entries.is_empty() {
                let at = self.hasher.hash_one(draw) as usize % shard.entries.len();
                let entry = self.forget(&mut shard, at);
                return Some((entry.key, entry.readers.ids()));
            }
        }
        None
    }

    /// Removes all keys.
    pub(super) fn clear(&self) {
        for shard in &self.shards {
            let old = std::mem::replace(&mut *shard.lock(), Shard::new());
            self.keys.fetch_sub(old.entries.len(), Ordering::Relaxed);
            let items: usize = old.entries.iter().map(|entry| entry.readers.len()).sum();
            self.items.fetch_sub(items, Ordering::Relaxed);
        }
    }

    fn forget(&self, shard: &mut Shard, at: usize) -> Entry {
        let entry = shard.remove(at);
        self.keys.fetch_sub(1, Ordering::Relaxed);
        self.items.fetch_sub(entry.readers.len(), Ordering::Relaxed);
        entry
    }
}

impl Shard {
    fn new() -> Self {
        Self {
            places: HashTable::new(),
            entries: Vec::new(),
            bytes: 0,
            memory: Held::nothing(Category::Clients),
        }
    }

    fn insert(&mut self, hash: u64, key: &[u8]) -> usize {
        let at = self.entries.len();
        self.bytes += key.len();
        self.entries.push(Entry { hash, key: key.into(), readers: Readers::Few(SmallVec::new()) });
        let entries = &self.entries;
        self.places.insert_unique(hash, at, |&at| entries[at].hash);
        at
    }

    fn remove(&mut self, at: usize) -> Entry {
        let last = self.entries.len() - 1;
        let (hash, hash_of_last) = (self.entries[at].hash, self.entries[last].hash);
        if let Ok(place) = self.places.find_entry(hash, |&other| other == at) {
            place.remove();
        }
        if at != last
            && let Some(place) = self.places.find_mut(hash_of_last, |&other| other == last)
        {
            *place = at;
        }
        let entry = self.entries.swap_remove(at);
        self.bytes -= entry.key.len() + entry.readers.heap_bytes();
        self.give_room_back();
        self.count();
        entry
    }

    /// Gives room back when most keys are gone.
    fn give_room_back(&mut self) {
        if self.entries.capacity() > 64 && self.entries.len() < self.entries.capacity() / 4 {
            self.entries.shrink_to(self.entries.len() * 2);
            let entries = &self.entries;
            self.places.shrink_to(entries.len() * 2, |&at| entries[at].hash);
        }
    }

    fn count(&mut self) {
        let tables = self.entries.capacity() * size_of::<Entry>() + self.places.allocation_size();
        self.memory.set(self.bytes + tables);
    }
}

impl Readers {
    fn len(&self) -> usize {
        match self {
            Self::Few(ids) => ids.len(),
            Self::Many(ids) => ids.len(),
        }
    }

    /// False if it is among them already.
    fn add(&mut self, id: u64) -> bool {
        if let Self::Few(ids) = self
            && ids.len() == FEW
            && !ids.contains(&id)
        {
            let mut many = HashSet::with_hasher(RandomState::new());
            many.extend(ids.iter().copied());
            *self = Self::Many(many);
        }
        match self {
            Self::Few(ids) if ids.contains(&id) => false,
            Self::Few(ids) => {
                ids.push(id);
                true
            }
            Self::Many(ids) => ids.insert(id),
        }
    }

    fn retain(&mut self, keep: impl Fn(u64) -> bool) {
        match self {
            Self::Few(ids) => ids.retain(|id| keep(*id)),
            Self::Many(ids) => ids.retain(|id| keep(*id)),
        }
    }

    /// In the order in which they connected.
    fn ids(self) -> Vec<u64> {
        let mut ids: Vec<u64> = match self {
            Self::Few(ids) => ids.into_vec(),
            Self::Many(ids) => ids.into_iter().collect(),
        };
        ids.sort_unstable();
        ids
    }

    fn heap_bytes(&self) -> usize {
        match self {
            Self::Few(ids) if ids.spilled() => ids.capacity() * size_of::<u64>(),
            Self::Few(_) => 0,
            Self::Many(ids) => ids.allocation_size(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_each_of_its_readers_once_until_it_is_taken() {
        let table = Table::default();
        for id in [7, 3, 7, 9, 3] {
            table.remember(b"k", id, |_| true);
        }
        table.remember(b"l", 3, |_| true);
        assert_eq!((table.keys(), table.items()), (2, 4));
        assert_eq!(table.take(b"k"), Some(vec![3, 7, 9]));
        assert_eq!(table.take(b"k"), None);
        assert_eq!((table.keys(), table.items()), (1, 1));
        table.clear();
        assert_eq!((table.keys(), table.items(), table.take(b"l")), (0, 0, None));
    }

    #[test]
    fn keys_are_found_after_others_were_removed_in_any_order() {
        let table = Table::default();
        let key = |number: u64| format!("key:{number}").into_bytes();
        (0..5_000).for_each(|number| table.remember(&key(number), number, |_| true));
        for number in (0..5_000).filter(|number| number % 3 != 0) {
            assert_eq!(table.take(&key(number)), Some(vec![number]));
        }
        let mut left = 0;
        while let Some((taken, readers)) = table.take_any() {
            assert_eq!(taken.to_vec(), key(readers[0]));
            left += 1;
        }
        assert_eq!((left, table.keys(), table.items()), (1_667, 0, 0));
        assert!(table.shards.iter().all(|shard| shard.lock().bytes == 0));
    }

    #[test]
    fn readers_that_have_left_do_not_add_up() {
        let table = Table::default();
        (0..100_000).for_each(|id| table.remember(b"k", id, |other| other + 10 > id));
        assert!(table.items() < 2 * MANY, "{}", table.items());
        let readers = table.take(b"k").expect("it was read");
        assert!(readers.contains(&99_999) && table.items() == 0);
    }
}
