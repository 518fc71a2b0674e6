//! Which slots have a value, and which of them have one that the index does not hold.

use roaring::RoaringBitmap;

use super::bitmap::CountedBitmap;
use crate::memory::{Category, Held};

/// What a slot has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing that could be read.
    Absent,
    /// Null.
    Null,
    /// A value of a type that this kind of index does not hold.
    Other,
    /// A value that it holds.
    Indexed,
}

/// Which slots have a value, and of which type.
#[derive(Clone, Debug)]
pub struct Presence {
    present: CountedBitmap,
    nulls: CountedBitmap,
    others: CountedBitmap,
    held: Held,
}

impl Presence {
    pub(super) fn new() -> Self {
        let none = CountedBitmap::default;
        Self {
            present: none(),
            nulls: none(),
            others: none(),
            held: Held::nothing(Category::AttributeIndexes),
        }
    }

    pub(super) fn insert(&mut self, slot: u32, state: State) {
        match state {
            State::Absent => return,
            State::Null => _ = self.nulls.insert(slot),
            State::Other => _ = self.others.insert(slot),
            State::Indexed => {}
        }
        self.present.insert(slot);
        self.count_bytes();
    }

    /// Returns what it was.
    pub(super) fn remove(&mut self, slot: u32) -> State {
        if !self.present.remove(slot) {
            return State::Absent;
        }
        let is_null = self.nulls.remove(slot);
        let is_other = !is_null && self.others.remove(slot);
        self.count_bytes();
        match (is_null, is_other) {
            (true, _) => State::Null,
            (_, true) => State::Other,
            _ => State::Indexed,
        }
    }

    pub(super) fn state(&self, slot: u32) -> State {
        if !self.present().contains(slot) {
            State::Absent
        } else if self.nulls().contains(slot) {
            State::Null
        } else if self.others().contains(slot) {
            State::Other
        } else {
            State::Indexed
        }
    }

    fn count_bytes(&mut self) {
        let bitmaps = [&self.present, &self.nulls, &self.others];
        self.held.set(bitmaps.into_iter().map(CountedBitmap::heap_bytes).sum());
    }

    /// Slots with a value that can be read, null and others included.
    pub fn present(&self) -> &RoaringBitmap {
        self.present.bits()
    }

    /// Slots with null.
    pub fn nulls(&self) -> &RoaringBitmap {
        self.nulls.bits()
    }

    /// Slots with a value of a type that the index does not hold.
    pub fn others(&self) -> &RoaringBitmap {
        self.others.bits()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.held.bytes()
    }
}
