//! Which slots were elements at the cut, and how high they reached.

use crate::memory::{Category, Held};

/// The highest layer of each slot that was an element; nothing of the others.
pub(super) struct Members {
    /// By slot: 0, or the highest layer + 1.
    heights: Vec<u8>,
}

impl Members {
    /// None yet, of slots `0 .. end`.
    pub(super) fn new(end: u32) -> Self {
        Self { heights: vec![0; end as usize] }
    }

    pub(super) fn add(&mut self, slot: u32, level: u32) {
        self.heights[slot as usize] = level as u8 + 1;
    }

    /// True if the slot was an element that reaches this layer.
    #[inline]
    pub(super) fn reaches(&self, slot: u32, layer: u32) -> bool {
        self.heights.get(slot as usize).is_some_and(|&height| height as u32 > layer)
    }

    /// The next member below a slot that reaches this layer.
    pub(super) fn below(&self, slot: u32, layer: u32) -> Option<u32> {
        let below = &self.heights[..slot as usize];
        below.iter().rposition(|&height| height as u32 > layer).map(|place| place as u32)
    }

    /// The slots that reach above layer 0, with their highest layers.
    pub(super) fn tall(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let tall = self.heights.iter().enumerate().filter(|(_, height)| **height > 1);
        tall.map(|(slot, &height)| (slot as u32, height as u32 - 1))
    }

    /// The numbers of the members, by slot.
    pub(super) fn ranks(&self) -> Ranks {
        let mut words = vec![0u64; self.heights.len().div_ceil(64)];
        let members = self.heights.iter().enumerate().filter(|(_, height)| **height > 0);
        members.for_each(|(slot, _)| words[slot / 64] |= 1 << (slot % 64));
        let before = words.iter().scan(0, |sum, word| Some(std::mem::replace(sum, *sum + word.count_ones())));
        let before = before.collect();
        Ranks::new(words, before)
    }

    /// Slots of the set.
    pub(super) fn end(&self) -> u32 {
        self.heights.len() as u32
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.heights.capacity()
    }
}

/// Which number each member has, in the order of slots.
pub struct Ranks {
    /// A bit for each slot that is a member.
    words: Vec<u64>,
    /// For each word, how many bits are set before it.
    before: Vec<u32>,
    _held: Held,
}

impl Ranks {
    fn new(words: Vec<u64>, before: Vec<u32>) -> Self {
        let bytes = words.capacity() * size_of::<u64>() + before.capacity() * size_of::<u32>();
        Self { words, before, _held: Held::new(Category::Snapshot, bytes) }
    }

    /// The number of a slot, which is a member.
    #[inline]
    pub(in crate::vector_set) fn of(&self, slot: u32) -> u32 {
        let (word, bit) = ((slot / 64) as usize, slot % 64);
        self.before[word] + (self.words[word] & !(u64::MAX << bit)).count_ones()
    }

    /// True if a slot is a member.
    pub(in crate::vector_set) fn has(&self, slot: u32) -> bool {
        self.words.get((slot / 64) as usize).is_some_and(|word| word >> (slot % 64) & 1 == 1)
    }
}
