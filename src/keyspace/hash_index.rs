//! Which positions have things with this hash? Four bytes for each bucket, and few buckets without one.

use crate::arena::allocated_bytes;
use crate::kernels::prefetch_at;

/// No position: all bits set, which no word with a position has.
const EMPTY: u32 = u32::MAX;

/// Positions are below this, so that a word has room for at least one bit of a hash.
const MAX_POSITION: u32 = u32::MAX >> 1;

/// Buckets of the smallest index.
const MIN_BUCKETS: usize = 16;

/// Full is 13 of 16 buckets: a search for nothing looks at 14 then, one for something at 3, mostly in one cache line.
const MAX_LOAD: (usize, usize) = (13, 16);

/// An index is shrunk when this many times as large as its content, so that the moves are paid by removals.
const SHRINK_FACTOR: usize = 8;

/// An index with fewer buckets is not worth shrinking.
const MIN_SHRINK_BUCKETS: usize = 1024;

/// Positions of things with hashes, which are asked for whenever they are needed: their owner has them at hand.
///
/// Open addressing with linear probing. A bucket has a position in its low bits, and in those that are left the low
/// bits of its hash, so that few of the things that are not searched for are looked at. Where a search begins is told
/// by the high bits of the hash, for any number of buckets: so an index grows by two fifths, and needs no spare half.
/// (hashbrown takes five bytes for a bucket, and twice as many buckets when it is full.)
#[derive(Clone, Debug, Default)]
pub(super) struct HashIndex {
    words: Vec<u32>,
    len: usize,
    /// How many low bits of a word are the position.
    position_bits: u32,
    /// The highest position that ever was in here.
    highest: u32,
}

impl HashIndex {
    #[cfg(test)]
    fn len(&self) -> usize {
        self.len
    }

    pub(super) fn heap_bytes(&self) -> usize {
        allocated_bytes(self.words.len() * size_of::<u32>())
    }

    /// The position with this hash of which `is_it` says that it is the one.
    pub(super) fn find(&self, hash: u32, is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        self.bucket(hash, is_it).map(|bucket| self.position(self.words[bucket]))
    }

    /// Asks for the place at which a search for this hash begins.
    pub(super) fn prefetch(&self, hash: u32) {
        if let Some(word) = self.words.get(self.home(hash)) {
            prefetch_at(std::ptr::from_ref(word).cast(), size_of_val(word));
        }
    }

    /// The first position that may have this hash; a cheap guess at what [`find`](Self::find) finds.
    pub(super) fn guess(&self, hash: u32) -> Option<u32> {
        self.bucket(hash, |_| true).map(|bucket| self.position(self.words[bucket]))
    }

    /// Adds a position that is not there.
    ///
    /// # Panics
    /// If it is 2³¹ or more.
    pub(super) fn insert(&mut self, hash: u32, position: u32, hash_of: impl Fn(u32) -> u32) {
        assert!(position < MAX_POSITION, "two billion positions are more than memory can hold");
        self.highest = self.highest.max(position);
        let (load, of) = MAX_LOAD;
        if (self.len + 1) * of > self.words.len() * load {
            self.rebuild((self.words.len() * 5 / 4).max(MIN_BUCKETS), hash_of);
        } else if self.highest >= !self.tag_mask() {
            self.rebuild(self.words.len(), hash_of);
        }
        self.put(hash, position);
        self.len += 1;
    }

    /// Removes a position, if it is there.
    pub(super) fn remove(&mut self, hash: u32, position: u32, hash_of: impl Fn(u32) -> u32) {
        let Some(bucket) = self.bucket(hash, |other| other == position) else { return };
        self.close(bucket, &hash_of);
        self.len -= 1;
        if self.words.len() > MIN_SHRINK_BUCKETS && self.len * SHRINK_FACTOR < self.words.len() {
            self.rebuild(self.len * 2, hash_of);
        }
    }

    /// What was at one position is at another now.
    pub(super) fn relocate(&mut self, hash: u32, from: u32, to: u32) {
        debug_assert!(to < from, "a lower position has a place in every word");
        if let Some(bucket) = self.bucket(hash, |other| other == from) {
            self.words[bucket] = self.word(hash, to);
        }
    }

    fn bucket(&self, hash: u32, mut is_it: impl FnMut(u32) -> bool) -> Option<usize> {
        if self.len == 0 {
            return None;
        }
        let (wanted, mask) = (self.word(hash, 0), self.tag_mask());
        let mut bucket = self.home(hash);
        loop {
            let word = self.words[bucket];
            if word == EMPTY {
                return None;
            }
            if (word ^ wanted) & mask == 0 && is_it(self.position(word)) {
                return Some(bucket);
            }
            bucket = self.next(bucket);
        }
    }

    fn put(&mut self, hash: u32, position: u32) {
        let mut bucket = self.home(hash);
        while self.words[bucket] != EMPTY {
            bucket = self.next(bucket);
        }
        self.words[bucket] = self.word(hash, position);
    }

    /// Empties a bucket. What is behind it moves up, if that is nearer to its home: so no search ends early.
    fn close(&mut self, bucket: usize, hash_of: &impl Fn(u32) -> u32) {
        let (mut hole, mut bucket) = (bucket, bucket);
        loop {
            bucket = self.next(bucket);
            let word = self.words[bucket];
            if word == EMPTY {
                break;
            }
            let home = self.home(hash_of(self.position(word)));
            if self.distance(home, bucket) >= self.distance(hole, bucket) {
                self.words[hole] = word;
                hole = bucket;
            }
        }
        self.words[hole] = EMPTY;
    }

    /// Moves all to at least so many buckets, as many as the allocator gives for them.
    fn rebuild(&mut self, buckets: usize, hash_of: impl Fn(u32) -> u32) {
        let old = std::mem::replace(self, Self { len: self.len, highest: self.highest, ..Self::default() });
        let buckets = allocated_bytes(buckets * size_of::<u32>()) / size_of::<u32>();
        self.words = vec![EMPTY; buckets];
        // Positions are hardly ever more than the buckets; and the one with all bits set stays free for `EMPTY`.
        self.position_bits = (buckets.max(self.highest as usize + 1).ilog2() + 1).min(u32::BITS - 1);
        for word in old.words.iter().filter(|word| **word != EMPTY) {
            let position = old.position(*word);
            self.put(hash_of(position), position);
        }
    }

    fn word(&self, hash: u32, position: u32) -> u32 {
        hash << self.position_bits | position
    }

    fn position(&self, word: u32) -> u32 {
        word & !self.tag_mask()
    }

    fn tag_mask(&self) -> u32 {
        u32::MAX << self.position_bits
    }

    /// Where a search begins.
    fn home(&self, hash: u32) -> usize {
        ((u64::from(hash) * self.words.len() as u64) >> u32::BITS) as usize
    }

    fn next(&self, bucket: usize) -> usize {
        if bucket + 1 == self.words.len() { 0 } else { bucket + 1 }
    }

    fn distance(&self, from: usize, to: usize) -> usize {
        if to >= from { to - from } else { to + self.words.len() - from }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// A hash as a good function would make it.
    fn hash_of(position: u32) -> u32 {
        (u64::from(position).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32
    }

    fn filled(len: u32) -> HashIndex {
        let mut index = HashIndex::default();
        (0..len).for_each(|position| index.insert(hash_of(position), position, hash_of));
        index
    }

    #[test]
    fn a_thousand_things_take_less_than_eight_bytes_each() {
        for len in [1_000, 15_625, 100_000] {
            assert!(filled(len).heap_bytes() < 8 * len as usize, "{len}");
        }
    }

    #[test]
    fn few_wrong_positions_are_looked_at() {
        let (index, mut looks) = (filled(20_000), 0);
        for position in 0..20_000 {
            let found = index.find(hash_of(position), |other| {
                looks += 1;
                other == position
            });
            assert_eq!(found, Some(position));
        }
        assert!(looks < 20_100, "{looks}");
    }

    #[test]
    fn an_index_that_runs_empty_gives_its_room_back() {
        let mut index = filled(20_000);
        let full = index.heap_bytes();
        (0..19_900).for_each(|position| index.remove(hash_of(position), position, hash_of));
        assert!(index.heap_bytes() < full / 8);
        assert!(
            (19_900..20_000)
                .all(|position| index.find(hash_of(position), |other| other == position).is_some())
        );
    }

    #[test]
    fn high_positions_have_room() {
        let mut index = filled(10);
        for position in [1_000_000, 31, 1 << 20, MAX_POSITION - 1] {
            index.insert(hash_of(position), position, hash_of);
        }
        for position in (0..10).chain([1_000_000, 31, 1 << 20, MAX_POSITION - 1]) {
            assert_eq!(index.find(hash_of(position), |other| other == position), Some(position));
        }
    }

    proptest! {
        #[test]
        fn it_finds_what_a_plain_map_has(changes in prop::collection::vec((0..200_u32, any::<bool>()), 1..600), spread in 0..32_u32) {
            // From hashes that are all alike at one end to such that are alike at the other.
            let hash_of = |position: u32| (position % 16).rotate_right(spread);
            let (mut index, mut model) = (HashIndex::default(), BTreeMap::new());
            for (position, adds) in changes {
                if adds && model.insert(position, ()).is_none() {
                    index.insert(hash_of(position), position, hash_of);
                } else if !adds && model.remove(&position).is_some() {
                    index.remove(hash_of(position), position, hash_of);
                }
                prop_assert_eq!(index.len(), model.len());
            }
            for position in 0..200 {
                let found = index.find(hash_of(position), |other| other == position);
                prop_assert_eq!(found.is_some(), model.contains_key(&position));
            }
        }
    }
}
