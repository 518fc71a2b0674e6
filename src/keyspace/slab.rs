//! Entries at fixed positions: SCAN walks over them, and the hash index points to them.

use std::collections::BTreeSet;

use super::entry::Entry;
use crate::kernels::prefetch_at;
use crate::memory::{Category, Held, allocated_bytes};
use crate::splitmix::SplitMix64;

/// Slots in a chunk. Growing copies at most one chunk, and the memory of an empty chunk is freed.
pub(super) const CHUNK_SLOTS: u32 = 1024;

/// A growing set of slots. An entry keeps its position from its insertion to its removal.
///
/// New entries go to the lowest chunk that has room, so that the chunks at the end become empty and
/// are freed.
#[derive(Debug)]
pub(super) struct Slab {
    chunks: Vec<Chunk>,
    /// Numbers of the chunks with a vacant slot.
    roomy: BTreeSet<u32>,
    len: usize,
    /// Bytes of the slots of all chunks.
    slot_bytes: usize,
    /// Those, and the list of chunks.
    held: Held,
}

impl Default for Slab {
    fn default() -> Self {
        let held = Held::nothing(Category::Keys);
        Self { chunks: Vec::new(), roomy: BTreeSet::new(), len: 0, slot_bytes: 0, held }
    }
}

#[derive(Debug, Default)]
struct Chunk {
    slots: Vec<Option<Entry>>,
    taken: u32,
    /// A bit for each slot, set if it exists and is vacant: a linked list through the slots would
    /// make them larger.
    vacant: [u64; VACANT_WORDS],
}

const VACANT_WORDS: usize = (CHUNK_SLOTS / u64::BITS) as usize;

impl Slab {
    /// Bytes that the allocator gives for all slots.
    pub(super) fn heap_bytes(&self) -> usize {
        self.held.bytes()
    }

    /// To be called when slots or chunks were allocated or freed.
    fn count_bytes(&mut self) {
        self.held.set(self.slot_bytes + allocated_bytes(self.chunks.capacity() * size_of::<Chunk>()));
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Puts an entry into a vacant slot and returns its position.
    pub(super) fn insert(&mut self, entry: Entry) -> u32 {
        let number = self.roomy_chunk();
        let chunk = &mut self.chunks[number as usize];
        let before = chunk.heap_bytes();
        let slot = chunk.insert(entry);
        let grown = chunk.heap_bytes() - before;
        if chunk.taken == CHUNK_SLOTS {
            self.roomy.remove(&number);
        }
        self.len += 1;
        if grown > 0 {
            self.slot_bytes += grown;
            self.count_bytes();
        }
        number * CHUNK_SLOTS + slot
    }

    /// Takes the entry out of its slot.
    ///
    /// # Panics
    /// If no entry is there: then the caller's index does not match the slab.
    pub(super) fn remove(&mut self, position: u32) -> Entry {
        let number = position / CHUNK_SLOTS;
        let chunk = &mut self.chunks[number as usize];
        if chunk.taken == CHUNK_SLOTS {
            self.roomy.insert(number);
        }
        let before = chunk.heap_bytes();
        let entry = chunk.remove(position % CHUNK_SLOTS);
        let freed = before - chunk.heap_bytes();
        self.len -= 1;
        self.drop_empty_tail();
        if freed > 0 {
            self.slot_bytes -= freed;
            self.count_bytes();
        }
        entry
    }

    /// The entry at a position that is known to have one.
    ///
    /// # Panics
    /// As [`Self::remove`].
    pub(super) fn get(&self, position: u32) -> &Entry {
        let slot = &self.chunks[(position / CHUNK_SLOTS) as usize].slots[(position % CHUNK_SLOTS) as usize];
        slot.as_ref().expect(TAKEN)
    }

    /// Prefetches an entry, without reading it.
    pub(super) fn prefetch(&self, position: u32) {
        let slots =
            self.chunks.get((position / CHUNK_SLOTS) as usize).map_or(&[][..], |chunk| &chunk.slots[..]);
        if let Some(slot) = slots.get((position % CHUNK_SLOTS) as usize) {
            prefetch_at(std::ptr::from_ref(slot).cast(), size_of_val(slot));
        }
    }

    /// As [`Self::get`].
    pub(super) fn get_mut(&mut self, position: u32) -> &mut Entry {
        let chunk = &mut self.chunks[(position / CHUNK_SLOTS) as usize];
        chunk.slots[(position % CHUNK_SLOTS) as usize].as_mut().expect(TAKEN)
    }

    /// The content of a position, for a walk over all of them.
    pub(super) fn step(&self, position: u32) -> Step<'_> {
        let Some(chunk) = self.chunks.get((position / CHUNK_SLOTS) as usize) else { return Step::End };
        let next_chunk = (position / CHUNK_SLOTS + 1) * CHUNK_SLOTS;
        match chunk.slots.get((position % CHUNK_SLOTS) as usize) {
            Some(Some(entry)) => Step::Entry(entry, position + 1),
            Some(None) if chunk.taken > 0 => Step::Nothing(position + 1),
            Some(None) | None => Step::Nothing(next_chunk),
        }
    }

    /// The first position after all that are taken.
    pub(super) fn end(&self) -> u32 {
        self.chunks.len() as u32 * CHUNK_SLOTS
    }

    /// The `n`th entry by position: chunks are skipped by their counts.
    pub(super) fn nth(&self, mut n: usize) -> Option<&Entry> {
        for chunk in &self.chunks {
            if n < chunk.taken as usize {
                return chunk.slots.iter().flatten().nth(n);
            }
            n -= chunk.taken as usize;
        }
        None
    }

    /// The entry at a position, if there is one.
    pub(super) fn at(&self, position: u32) -> Option<&Entry> {
        let chunk = self.chunks.get((position / CHUNK_SLOTS) as usize)?;
        chunk.slots.get((position % CHUNK_SLOTS) as usize)?.as_ref()
    }

    /// A random entry with its position. All have the same probability, unless so many slots are
    /// vacant that [`RANDOM_TRIES`] positions were: then it is the next entry after the last one.
    pub(super) fn any(&self, random: &mut SplitMix64) -> Option<(u32, &Entry)> {
        let last = self.chunks.last()?;
        let end = (self.chunks.len() - 1) * CHUNK_SLOTS as usize + last.slots.len();
        let mut position = 0;
        for _ in 0..RANDOM_TRIES {
            position = random.below(end as u64) as u32;
            if let Some(entry) = self.at(position) {
                return Some((position, entry));
            }
        }
        self.next_entry(position).or_else(|| self.next_entry(0))
    }

    /// The first entry from a position on, with its position.
    pub(super) fn next_entry(&self, mut position: u32) -> Option<(u32, &Entry)> {
        loop {
            position = match self.step(position) {
                Step::Entry(entry, _) => return Some((position, entry)),
                Step::Nothing(next) => next,
                Step::End => return None,
            };
        }
    }

    /// All entries, by value.
    pub(super) fn into_entries(self) -> impl Iterator<Item = Entry> {
        self.chunks.into_iter().flat_map(|chunk| chunk.slots).flatten()
    }

    fn roomy_chunk(&mut self) -> u32 {
        if let Some(number) = self.roomy.first() {
            return *number;
        }
        let number = u32::try_from(self.chunks.len())
            .ok()
            .filter(|number| *number < u32::MAX / CHUNK_SLOTS)
            .expect("four billion entries in a shard take more than the memory of the machine");
        self.chunks.push(Chunk::default());
        self.roomy.insert(number);
        number
    }

    fn drop_empty_tail(&mut self) {
        while self.chunks.last().is_some_and(|chunk| chunk.taken == 0) {
            self.chunks.pop();
            self.roomy.remove(&(self.chunks.len() as u32));
        }
        if self.chunks.is_empty() {
            self.chunks = Vec::new();
        }
    }
}

/// Random positions that are looked at before the next entry is searched.
const RANDOM_TRIES: usize = 32;

/// Why a slot that the index points to has an entry.
const TAKEN: &str = "the index points to taken slots only";

/// What a walk finds at a position, and the position at which it goes on.
pub(super) enum Step<'s> {
    Entry(&'s Entry, u32),
    Nothing(u32),
    End,
}

impl Chunk {
    fn heap_bytes(&self) -> usize {
        allocated_bytes(self.slots.capacity() * size_of::<Option<Entry>>())
    }

    fn insert(&mut self, entry: Entry) -> u32 {
        self.taken += 1;
        let Some(slot) = self.first_vacant() else {
            self.slots.push(Some(entry));
            return self.slots.len() as u32 - 1;
        };
        self.slots[slot as usize] = Some(entry);
        self.vacant[(slot / u64::BITS) as usize] &= !(1 << (slot % u64::BITS));
        slot
    }

    fn remove(&mut self, slot: u32) -> Entry {
        let entry = self.slots[slot as usize].take().expect(TAKEN);
        self.vacant[(slot / u64::BITS) as usize] |= 1 << (slot % u64::BITS);
        self.taken -= 1;
        if self.taken == 0 {
            *self = Self::default();
        }
        entry
    }

    fn first_vacant(&self) -> Option<u32> {
        let word = self.vacant.iter().position(|word| *word != 0)?;
        Some(word as u32 * u64::BITS + self.vacant[word].trailing_zeros())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::{Deadline, StringValue, Value};

    fn entry(number: u32) -> Entry {
        let value = Value::String(StringValue::integer(i64::from(number)));
        Entry::new(&number.to_be_bytes(), value, Deadline::NEVER, 0)
    }

    fn walk(slab: &Slab) -> (Vec<Vec<u8>>, usize) {
        let mut keys = Vec::new();
        let mut steps = 0;
        let mut position = 0;
        loop {
            steps += 1;
            position = match slab.step(position) {
                Step::Entry(entry, next) => {
                    keys.push(entry.key().to_vec());
                    next
                }
                Step::Nothing(next) => next,
                Step::End => return (keys, steps),
            };
        }
    }

    #[test]
    fn positions_stay_and_vacant_slots_are_used_again() {
        let mut slab = Slab::default();
        let positions: Vec<u32> = (0..3000).map(|n| slab.insert(entry(n))).collect();
        for n in (0..3000).step_by(2) {
            assert_eq!(slab.remove(positions[n]).key(), (n as u32).to_be_bytes());
        }
        for n in (1..3000).step_by(2) {
            assert_eq!(slab.get(positions[n]).key(), (n as u32).to_be_bytes());
        }
        let again = slab.insert(entry(9999));
        assert!(again < CHUNK_SLOTS, "the lowest chunk with room is taken");
        assert_eq!(walk(&slab).0.len(), slab.len());
        assert_eq!(slab.nth(slab.len()).map(Entry::key), None);
        assert_eq!(walk(&slab).0.len(), 1501);
    }

    #[test]
    fn empty_chunks_cost_one_step_and_no_slots() {
        let mut slab = Slab::default();
        let positions: Vec<u32> = (0..5 * CHUNK_SLOTS).map(|n| slab.insert(entry(n))).collect();
        for position in &positions[1..positions.len() - 1] {
            slab.remove(*position);
        }
        assert_eq!(slab.chunks[2].slots.capacity(), 0);
        let (keys, steps) = walk(&slab);
        assert_eq!(keys.len(), 2);
        assert!(steps < 2 * CHUNK_SLOTS as usize + 10);
        slab.remove(positions[0]);
        slab.remove(positions[positions.len() - 1]);
        assert!(slab.chunks.is_empty() && slab.roomy.is_empty());
    }

    #[test]
    fn random_entries_are_about_uniform() {
        const DRAWS: usize = 100_000;
        let mut slab = Slab::default();
        let positions: Vec<u32> = (0..2500).map(|n| slab.insert(entry(n))).collect();
        positions
            .iter()
            .filter(|position| *position % 10 != 7)
            .for_each(|position| drop(slab.remove(*position)));
        assert_eq!(slab.len(), 250);
        let mut random = SplitMix64::new(7);
        let mut counts = std::collections::BTreeMap::<Vec<u8>, usize>::new();
        for _ in 0..DRAWS {
            let (position, found) = slab.any(&mut random).expect("it is not empty");
            assert_eq!(slab.get(position).key(), found.key());
            *counts.entry(found.key().to_vec()).or_default() += 1;
        }
        assert_eq!(counts.len(), slab.len());
        // Expected: 400 each, with a standard deviation of 20 and a little more for the fallback.
        assert!(counts.values().all(|count| (250..700).contains(count)), "{counts:?}");
        assert!(Slab::default().any(&mut random).is_none());
    }

    #[test]
    fn nth_finds_each_entry_once() {
        let mut slab = Slab::default();
        let positions: Vec<u32> = (0..2500).map(|n| slab.insert(entry(n))).collect();
        positions.iter().step_by(3).for_each(|position| drop(slab.remove(*position)));
        let by_nth: Vec<_> = (0..slab.len()).map(|n| slab.nth(n).unwrap().key().to_vec()).collect();
        assert_eq!(by_nth, walk(&slab).0);
    }
}
