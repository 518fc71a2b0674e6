//! Which slots were elements at the cut, and how high they reached.

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

    /// Slots of the set.
    pub(super) fn end(&self) -> u32 {
        self.heights.len() as u32
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.heights.capacity()
    }
}
