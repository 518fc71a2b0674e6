//! Entries at positions that do not move: what SCAN walks, and what the hash index points to.

use std::collections::BTreeSet;

use super::entry::Entry;

/// Slots in a chunk. Growing copies at most one chunk, and an empty chunk gives its memory back.
pub(super) const CHUNK_SLOTS: u32 = 1024;

/// End of a chain of vacant slots.
const NONE: u32 = u32::MAX;

/// A growing set of slots. An entry keeps its position from its insertion to its removal.
///
/// New entries go to the lowest chunk that has room, so that the chunks at the end run empty and are freed.
#[derive(Debug, Default)]
pub(super) struct Slab {
    chunks: Vec<Chunk>,
    /// The chunks with a vacant slot.
    roomy: BTreeSet<u32>,
    len: usize,
}

#[derive(Debug)]
struct Chunk {
    slots: Vec<Slot>,
    /// First of the chain of vacant slots, or `NONE`.
    vacant: u32,
    taken: u32,
}

#[derive(Debug)]
enum Slot {
    Vacant { next: u32 },
    Taken(Entry),
}

impl Slab {
    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Puts an entry into a vacant slot and says which.
    pub(super) fn insert(&mut self, entry: Entry) -> u32 {
        let number = self.roomy_chunk();
        let chunk = &mut self.chunks[number as usize];
        let slot = chunk.insert(entry);
        if chunk.taken == CHUNK_SLOTS {
            self.roomy.remove(&number);
        }
        self.len += 1;
        number * CHUNK_SLOTS + slot
    }

    /// Takes the entry out of its slot.
    ///
    /// # Panics
    /// If no entry is there: the caller's index would be out of step with the slab.
    pub(super) fn remove(&mut self, position: u32) -> Entry {
        let number = position / CHUNK_SLOTS;
        let entry = self.chunks[number as usize].remove(position % CHUNK_SLOTS);
        self.roomy.insert(number);
        self.len -= 1;
        self.drop_empty_tail();
        entry
    }

    /// The entry at a position that is known to have one.
    ///
    /// # Panics
    /// As [`Self::remove`].
    pub(super) fn get(&self, position: u32) -> &Entry {
        match &self.chunks[(position / CHUNK_SLOTS) as usize].slots[(position % CHUNK_SLOTS) as usize] {
            Slot::Taken(entry) => entry,
            Slot::Vacant { .. } => panic!("no entry at position {position}"),
        }
    }

    /// As [`Self::get`].
    pub(super) fn get_mut(&mut self, position: u32) -> &mut Entry {
        match &mut self.chunks[(position / CHUNK_SLOTS) as usize].slots[(position % CHUNK_SLOTS) as usize] {
            Slot::Taken(entry) => entry,
            Slot::Vacant { .. } => panic!("no entry at position {position}"),
        }
    }

    /// What is at a position, for a walk over all of them.
    pub(super) fn step(&self, position: u32) -> Step<'_> {
        let Some(chunk) = self.chunks.get((position / CHUNK_SLOTS) as usize) else { return Step::End };
        let next_chunk = (position / CHUNK_SLOTS + 1) * CHUNK_SLOTS;
        match chunk.slots.get((position % CHUNK_SLOTS) as usize) {
            Some(Slot::Taken(entry)) => Step::Entry(entry, position + 1),
            Some(Slot::Vacant { .. }) if chunk.taken > 0 => Step::Nothing(position + 1),
            Some(Slot::Vacant { .. }) | None => Step::Nothing(next_chunk),
        }
    }

    /// The `n`th entry by position: chunks are skipped by their counts.
    pub(super) fn nth(&self, mut n: usize) -> Option<&Entry> {
        for chunk in &self.chunks {
            if n < chunk.taken as usize {
                return chunk.entries().nth(n);
            }
            n -= chunk.taken as usize;
        }
        None
    }

    /// All entries.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.chunks.iter().flat_map(Chunk::entries)
    }

    /// All entries, given away.
    pub(super) fn into_entries(self) -> impl Iterator<Item = Entry> {
        self.chunks.into_iter().flat_map(|chunk| chunk.slots).filter_map(|slot| match slot {
            Slot::Taken(entry) => Some(entry),
            Slot::Vacant { .. } => None,
        })
    }

    fn roomy_chunk(&mut self) -> u32 {
        if let Some(number) = self.roomy.first() {
            return *number;
        }
        let number = u32::try_from(self.chunks.len())
            .ok()
            .filter(|number| *number < u32::MAX / CHUNK_SLOTS)
            .expect("four billion entries in a shard take more than the memory of the machine");
        self.chunks.push(Chunk { slots: Vec::new(), vacant: NONE, taken: 0 });
        self.roomy.insert(number);
        number
    }

    fn drop_empty_tail(&mut self) {
        while self.chunks.last().is_some_and(|chunk| chunk.taken == 0) {
            self.chunks.pop();
            self.roomy.remove(&(self.chunks.len() as u32));
        }
    }
}

/// What a walk finds at a position, and where it goes on.
pub(super) enum Step<'s> {
    Entry(&'s Entry, u32),
    Nothing(u32),
    End,
}

impl Chunk {
    fn insert(&mut self, entry: Entry) -> u32 {
        self.taken += 1;
        if self.vacant == NONE {
            self.slots.push(Slot::Taken(entry));
            return self.slots.len() as u32 - 1;
        }
        let slot = self.vacant;
        if let Slot::Vacant { next } = std::mem::replace(&mut self.slots[slot as usize], Slot::Taken(entry)) {
            self.vacant = next;
        }
        slot
    }

    fn remove(&mut self, slot: u32) -> Entry {
        let vacant = Slot::Vacant { next: self.vacant };
        let Slot::Taken(entry) = std::mem::replace(&mut self.slots[slot as usize], vacant) else {
            panic!("no entry in slot {slot}")
        };
        self.vacant = slot;
        self.taken -= 1;
        if self.taken == 0 {
            *self = Self { slots: Vec::new(), vacant: NONE, taken: 0 };
        }
        entry
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.slots.iter().filter_map(|slot| match slot {
            Slot::Taken(entry) => Some(entry),
            Slot::Vacant { .. } => None,
        })
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
        let (mut keys, mut steps, mut position) = (Vec::new(), 0, 0);
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
        assert_eq!(slab.entries().count(), 1501);
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
    fn nth_finds_each_entry_once() {
        let mut slab = Slab::default();
        let positions: Vec<u32> = (0..2500).map(|n| slab.insert(entry(n))).collect();
        positions.iter().step_by(3).for_each(|position| drop(slab.remove(*position)));
        let by_nth: Vec<_> = (0..slab.len()).map(|n| slab.nth(n).unwrap().key().to_vec()).collect();
        assert_eq!(by_nth, walk(&slab).0);
    }
}
