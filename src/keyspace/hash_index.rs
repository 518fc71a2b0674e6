//! Which positions have things with this hash? Four bytes for each bucket, and few empty buckets.

use smallvec::{SmallVec, smallvec};

use crate::kernels::prefetch_at;
use crate::memory::{Category, Held, allocated_bytes};

/// No position: all bits set, which no word with a position has.
const EMPTY: u32 = u32::MAX;

/// Positions are below this, so that a word has room for at least one bit of a hash.
const MAX_POSITION: u32 = u32::MAX >> 1;

/// Buckets of the smallest part.
const MIN_BUCKETS: usize = 16;

/// A part is full at 13 of 16 buckets: an unsuccessful search reads 14 buckets then, a successful
/// one 3, mostly in one cache line.
const MAX_LOAD: (usize, usize) = (13, 16);

/// A part is shrunk when it is this many times as large as its content, so that the cost of moving
/// is spread over many removals.
const SHRINK_FACTOR: usize = 8;

/// A part with fewer buckets is not worth shrinking.
const MIN_SHRINK_BUCKETS: usize = 1024;

/// Positions in a part on average before one part is added. A part has at most twice as many,
/// and each of them is a cache miss when the part is rebuilt: a tenth of a millisecond for all,
/// which is the longest that an insertion takes.
const FULL_PART: usize = 1024;

/// Positions in a part on average before one part is removed: far from full, so that a key that is
/// added and removed again and again does not split and join parts.
const SPARSE_PART: usize = FULL_PART / 4;

/// Positions of things with hashes. The hashes are not stored here; the owner of the things passes
/// a function that returns them.
///
/// # Parts
///
/// The index is divided by the low bits of the hash, and each [`Part`] is an open-addressing table
/// of its own. There is one part while it is small. When the parts are full on average, the next
/// one in order is split in two by one more bit of the hash (linear hashing: `n` parts between two
/// powers of two are those of the lower power, of which the first have been split). So an insertion
/// rebuilds one part at most, however many there are; a search reads one part, whose number
/// follows from the hash and from how many there are; and there is no time at which an old table
/// and a new one are both in memory. (A table with a second one to which a few buckets move at each
/// insertion was the alternative: it needs both for as long as the move takes, two searches for
/// what is not there, and the new one is a large block that has to be cleared.)
#[derive(Clone, Debug)]
pub(super) struct HashIndex {
    parts: SmallVec<[Part; 1]>,
    /// The low bits of a hash that are needed to number all parts.
    mask: u32,
    len: usize,
    /// Bytes of the buckets of all parts.
    bucket_bytes: usize,
    /// Those, and the list of parts.
    held: Held,
}

impl HashIndex {
    /// An index of nothing. `category`: what it is a part of.
    pub(super) fn new(category: Category) -> Self {
        let held = Held::nothing(category);
        Self { parts: smallvec![Part::default()], mask: 0, len: 0, bucket_bytes: 0, held }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.len
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.held.bytes()
    }

    /// To be called when buckets or parts were allocated or freed.
    fn count_bytes(&mut self) {
        let parts = if self.parts.spilled() { self.parts.capacity() * size_of::<Part>() } else { 0 };
        self.held.set(self.bucket_bytes + allocated_bytes(parts));
    }

    /// The position with this hash for which `matches` is true.
    pub(super) fn find(&self, hash: u32, matches: impl FnMut(u32) -> bool) -> Option<u32> {
        self.part(hash).find(hash, matches)
    }

    /// Prefetches the bucket at which a search for this hash begins.
    pub(super) fn prefetch(&self, hash: u32) {
        self.part(hash).prefetch(hash);
    }

    /// The first position that may have this hash; a cheap guess at what [`find`](Self::find)
    /// finds.
    pub(super) fn guess(&self, hash: u32) -> Option<u32> {
        self.part(hash).find(hash, |_| true)
    }

    /// Adds a position that is not there.
    ///
    /// # Panics
    /// If it is 2³¹ or more.
    pub(super) fn insert(&mut self, hash: u32, position: u32, hash_of: impl Fn(u32) -> u32) {
        assert!(position < MAX_POSITION, "two billion positions are more than memory can hold");
        if self.len >= self.parts.len() * FULL_PART {
            self.split(&hash_of);
        }
        self.change(hash, |part| part.insert(hash, position, &hash_of));
        self.len += 1;
    }

    /// Removes a position, if it is there.
    pub(super) fn remove(&mut self, hash: u32, position: u32, hash_of: impl Fn(u32) -> u32) {
        if !self.change(hash, |part| part.remove(hash, position, &hash_of)) {
            return;
        }
        self.len -= 1;
        if self.parts.len() > 1 && self.len < self.parts.len() * SPARSE_PART {
            self.join(&hash_of);
        }
    }

    /// Replaces a position: the thing at `from` is at `to` now.
    pub(super) fn relocate(&mut self, hash: u32, from: u32, to: u32) {
        let number = self.number(hash);
        self.parts[number].relocate(hash, from, to);
    }

    fn part(&self, hash: u32) -> &Part {
        &self.parts[self.number(hash)]
    }

    /// The number of the part of a hash: by as many bits as parts that have been split need, by one
    /// bit less if the part has not been split.
    fn number(&self, hash: u32) -> usize {
        let number = (hash & self.mask) as usize;
        if number < self.parts.len() { number } else { (hash & self.mask >> 1) as usize }
    }

    fn change<R>(&mut self, hash: u32, change: impl FnOnce(&mut Part) -> R) -> R {
        let number = self.number(hash);
        let part = &mut self.parts[number];
        let before = part.heap_bytes();
        let outcome = change(part);
        let after = part.heap_bytes();
        if after != before {
            self.bucket_bytes = self.bucket_bytes + after - before;
            self.count_bytes();
        }
        outcome
    }

    /// Splits the next part in order in two.
    fn split(&mut self, hash_of: &impl Fn(u32) -> u32) {
        let depth = self.parts.len().ilog2();
        let number = self.parts.len() - (1 << depth);
        let old = self.take(number);
        let moves = |hash: u32| hash >> depth & 1 == 1;
        let (upper, lower): (Vec<_>, Vec<_>) = old.content(hash_of).partition(|(hash, _)| moves(*hash));
        self.put(number, Part::of(&lower, depth + 1));
        self.parts.push(Part::default());
        self.put(self.parts.len() - 1, Part::of(&upper, depth + 1));
        self.count_bits();
        self.count_bytes();
    }

    /// Joins the last part with the one from which it was split.
    fn join(&mut self, hash_of: &impl Fn(u32) -> u32) {
        let last = self.parts.len() - 1;
        let depth = last.ilog2();
        let number = last - (1 << depth);
        let old = self.take(number);
        let other = self.take(last);
        self.parts.pop();
        self.count_bits();
        let content: Vec<_> = old.content(hash_of).chain(other.content(hash_of)).collect();
        self.put(number, Part::of(&content, depth));
        if self.parts.spilled() && self.parts.len() * SHRINK_FACTOR < self.parts.capacity() {
            self.parts.shrink_to_fit();
        }
        self.count_bytes();
    }

    fn count_bits(&mut self) {
        self.mask = self.parts.len().next_power_of_two() as u32 - 1;
    }

    fn take(&mut self, number: usize) -> Part {
        let part = std::mem::take(&mut self.parts[number]);
        self.bucket_bytes -= part.heap_bytes();
        part
    }

    fn put(&mut self, number: usize, part: Part) {
        self.bucket_bytes += part.heap_bytes();
        self.parts[number] = part;
    }
}

/// The positions of the hashes with the same low bits.
///
/// Open addressing with linear probing. A bucket has a position in its low bits, and the next bits
/// of its hash in the remaining ones, so that few things other than the searched one are read. The
/// high bits of the hash determine where a search begins, for any number of buckets: so a part
/// grows by two fifths, and needs no spare half. (hashbrown takes five bytes for a bucket, and
/// twice as many buckets when it is full.)
#[derive(Clone, Debug, Default)]
struct Part {
    words: Box<[u32]>,
    len: u32,
    /// The highest position that was ever in this part.
    highest: u32,
    /// How many low bits of a word are the position.
    position_bits: u32,
    /// How many low bits of a hash are the same for all.
    depth: u32,
}

impl Part {
    /// A part with these hashes and positions, and room for some more.
    fn of(content: &[(u32, u32)], depth: u32) -> Self {
        let highest = content.iter().map(|(_, position)| *position).max().unwrap_or(0);
        let mut part = Self { len: content.len() as u32, highest, depth, ..Self::default() };
        part.allocate((content.len() * 3 / 2).max(MIN_BUCKETS));
        content.iter().for_each(|(hash, position)| part.put(*hash, *position));
        part
    }

    fn heap_bytes(&self) -> usize {
        allocated_bytes(self.words.len() * size_of::<u32>())
    }

    fn find(&self, hash: u32, matches: impl FnMut(u32) -> bool) -> Option<u32> {
        self.bucket(hash, matches).map(|bucket| self.position(self.words[bucket]))
    }

    fn prefetch(&self, hash: u32) {
        if let Some(word) = self.words.get(self.home(hash)) {
            prefetch_at(std::ptr::from_ref(word).cast(), size_of_val(word));
        }
    }

    fn insert(&mut self, hash: u32, position: u32, hash_of: &impl Fn(u32) -> u32) {
        self.highest = self.highest.max(position);
        let (load, of) = MAX_LOAD;
        if (self.len as usize + 1) * of > self.words.len() * load {
            self.rebuild((self.words.len() * 5 / 4).max(MIN_BUCKETS), hash_of);
        } else if self.highest >= !self.tag_mask() {
            self.rebuild(self.words.len(), hash_of);
        }
        self.put(hash, position);
        self.len += 1;
    }

    /// False if the position was not there.
    fn remove(&mut self, hash: u32, position: u32, hash_of: &impl Fn(u32) -> u32) -> bool {
        let Some(bucket) = self.bucket(hash, |other| other == position) else { return false };
        self.len -= 1;
        if self.len == 0 {
            *self = Self { depth: self.depth, ..Self::default() };
            return true;
        }
        self.close(bucket, hash_of);
        if self.words.len() > MIN_SHRINK_BUCKETS && self.len as usize * SHRINK_FACTOR < self.words.len() {
            self.rebuild(self.len as usize * 2, hash_of);
        }
        true
    }

    fn relocate(&mut self, hash: u32, from: u32, to: u32) {
        debug_assert!(to < from, "a lower position has a place in every word");
        if let Some(bucket) = self.bucket(hash, |other| other == from) {
            self.words[bucket] = self.word(hash, to);
        }
    }

    /// All positions with their hashes.
    fn content(&self, hash_of: &impl Fn(u32) -> u32) -> impl Iterator<Item = (u32, u32)> {
        let taken = self.words.iter().filter(|word| **word != EMPTY);
        taken.map(|word| self.position(*word)).map(|position| (hash_of(position), position))
    }

    fn bucket(&self, hash: u32, mut matches: impl FnMut(u32) -> bool) -> Option<usize> {
        if self.len == 0 {
            return None;
        }
        let searched = self.word(hash, 0);
        let mask = self.tag_mask();
        let mut bucket = self.home(hash);
        loop {
            let word = self.words[bucket];
            if word == EMPTY {
                return None;
            }
            if (word ^ searched) & mask == 0 && matches(self.position(word)) {
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

    /// Empties a bucket. Words after it move into the gap if that is nearer to their home bucket,
    /// so that no search ends early.
    fn close(&mut self, bucket: usize, hash_of: &impl Fn(u32) -> u32) {
        let mut hole = bucket;
        let mut bucket = bucket;
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

    /// Moves all words to at least so many buckets.
    fn rebuild(&mut self, buckets: usize, hash_of: &impl Fn(u32) -> u32) {
        let old = std::mem::take(self);
        *self = Self { words: Box::default(), ..old };
        self.allocate(buckets);
        for word in old.words.iter().filter(|word| **word != EMPTY) {
            let position = old.position(*word);
            self.put(hash_of(position), position);
        }
    }

    /// Makes empty buckets: at least so many, and as many as fit into the allocator's size class.
    fn allocate(&mut self, buckets: usize) {
        let buckets = allocated_bytes(buckets * size_of::<u32>()) / size_of::<u32>();
        self.words = vec![EMPTY; buckets].into_boxed_slice();
        // Positions are rarely higher than the number of buckets of all parts. The one with all
        // bits set is never used: it is `EMPTY`.
        let positions = buckets.max(self.highest as usize + 1);
        self.position_bits = (positions.ilog2() + 1).min(u32::BITS - 1);
    }

    fn word(&self, hash: u32, position: u32) -> u32 {
        (hash >> self.depth) << self.position_bits | position
    }

    fn position(&self, word: u32) -> u32 {
        word & !self.tag_mask()
    }

    fn tag_mask(&self) -> u32 {
        u32::MAX << self.position_bits
    }

    /// The bucket at which a search begins.
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
    use std::cell::Cell;
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// A hash as well distributed as that of a good function.
    fn hash_of(position: u32) -> u32 {
        (u64::from(position).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32
    }

    fn filled(len: u32) -> HashIndex {
        let mut index = HashIndex::new(Category::Keys);
        (0..len).for_each(|position| index.insert(hash_of(position), position, hash_of));
        index
    }

    #[test]
    fn a_thousand_things_take_less_than_eight_bytes_each() {
        for len in [1_000, 15_625, 100_000, 150_000] {
            assert!(filled(len).heap_bytes() < 8 * len as usize, "{len}");
        }
    }

    #[test]
    fn few_wrong_positions_are_read() {
        let index = filled(20_000);
        let mut reads = 0;
        for position in 0..20_000 {
            let found = index.find(hash_of(position), |other| {
                reads += 1;
                other == position
            });
            assert_eq!(found, Some(position));
        }
        assert!(reads < 20_100, "{reads}");
    }

    #[test]
    fn an_index_that_becomes_empty_frees_its_memory() {
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

    #[test]
    fn no_change_needs_more_hashes_than_a_part_has_however_many_parts_there_are() {
        let mut index = HashIndex::new(Category::Keys);
        let calls = Cell::new(0);
        let mut most = 0;
        let counted = |position| {
            calls.set(calls.get() + 1);
            hash_of(position)
        };
        let mut measure = |change: &mut dyn FnMut()| {
            calls.set(0);
            change();
            most = most.max(calls.get());
        };
        (0..200_000).for_each(|n| measure(&mut || index.insert(hash_of(n), n, counted)));
        assert!(index.parts.len() > 100);
        (0..200_000).for_each(|n| measure(&mut || index.remove(hash_of(n), n, counted)));
        assert_eq!((index.parts.len(), index.len()), (1, 0));
        assert!(index.heap_bytes() <= 8 * FULL_PART, "{}", index.heap_bytes());
        assert!(most < 5 * FULL_PART / 2, "{most}");
    }

    /// Named things without gaps, like the fields of a hash.
    struct Things {
        names: Vec<u32>,
        made: u32,
        index: HashIndex,
    }

    impl Default for Things {
        fn default() -> Self {
            Self { names: Vec::new(), made: 0, index: HashIndex::new(Category::Keys) }
        }
    }

    impl Things {
        fn add(&mut self, hash_of: impl Fn(u32) -> u32) {
            let position = self.names.len() as u32;
            self.names.push(self.made);
            self.index.insert(hash_of(self.made), position, |at| hash_of(self.names[at as usize]));
            self.made += 1;
        }

        fn remove(&mut self, position: usize, hash_of: impl Fn(u32) -> u32) {
            let names = &self.names;
            self.index.remove(hash_of(names[position]), position as u32, |at| hash_of(names[at as usize]));
            let last = names.len() - 1;
            if position != last {
                self.index.relocate(hash_of(names[last]), last as u32, position as u32);
            }
            self.names.swap_remove(position);
        }

        fn are_found(&self, hash_of: impl Fn(u32) -> u32) -> bool {
            let found = |name: u32| self.index.find(hash_of(name), |at| self.names[at as usize] == name);
            self.names.iter().enumerate().all(|(at, name)| found(*name) == Some(at as u32))
                && (self.made..self.made + 100).all(|name| found(name).is_none())
        }
    }

    proptest! {
        #[test]
        fn it_finds_what_a_plain_map_has(changes in prop::collection::vec((0..200_u32, any::<bool>()), 1..600), spread in 0..32_u32) {
            // From hashes that are equal in their high bits to hashes that are equal in their low
            // bits.
            let hash_of = |position: u32| (position % 16).rotate_right(spread);
            let mut index = HashIndex::new(Category::Keys);
            let mut model = BTreeMap::new();
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

        #[test]
        fn all_are_found_while_parts_are_split_and_joined(
            rounds in prop::collection::vec((0..4000_usize, 0..4000_usize, any::<usize>()), 1..8),
            kinds in prop_oneof![9 => Just(u32::MAX), 1 => 1..3000_u32],
        ) {
            // Few kinds are many things with the same hash.
            let hash_of = |name: u32| hash_of(name % kinds);
            let mut things = Things::default();
            for (adds, removals, seed) in rounds {
                (0..adds).for_each(|_| things.add(hash_of));
                prop_assert!(things.are_found(hash_of));
                for removal in 0..removals.min(things.names.len()) {
                    let position = seed.wrapping_mul(removal + 1) % things.names.len();
                    things.remove(position, hash_of);
                }
                prop_assert!(things.are_found(hash_of));
                let Things { index, names, .. } = &things;
                prop_assert_eq!(index.len(), names.len());
                prop_assert_eq!(index.bucket_bytes, index.parts.iter().map(Part::heap_bytes).sum::<usize>());
                prop_assert!(index.parts.len() * SPARSE_PART <= index.len().max(SPARSE_PART));
            }
        }
    }
}
