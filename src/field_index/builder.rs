//! An index of many slots at once.

use super::tokens::Language;
use super::{FieldIndex, Kind, Value};

/// An index that is being filled, and cannot be read yet. What is kept in an order is sorted once,
/// at the end; the result is the same as that of [`FieldIndex::insert`] for each slot. It is
/// fastest when slots come in order.
pub struct Builder {
    index: FieldIndex,
}

impl Builder {
    /// Of an empty index, as [`FieldIndex::new`].
    pub fn new(kind: Kind, language: Option<Language>) -> Self {
        Self { index: FieldIndex::new(kind, language) }
    }

    /// Stores what a slot has; what it had before is removed. Slots are below 2³¹.
    pub fn insert(&mut self, slot: u32, value: Value) {
        self.remove(slot);
        match &mut self.index {
            FieldIndex::Numeric(index) => _ = index.put(slot, value),
            FieldIndex::Geo(index) => _ = index.put(slot, value),
            index => index.insert(slot, value),
        }
    }

    /// Forgets what a slot has, if anything.
    pub fn remove(&mut self, slot: u32) {
        match &mut self.index {
            FieldIndex::Numeric(index) => index.forget(slot),
            FieldIndex::Geo(index) => index.forget(slot),
            index => index.remove(slot),
        }
    }

    /// The index. Sorting takes some 0.1 s and 16 MB for a million slots.
    pub fn finish(mut self) -> FieldIndex {
        match &mut self.index {
            FieldIndex::Numeric(index) => index.sort_all(),
            FieldIndex::Geo(index) => index.sort_all(),
            FieldIndex::Keyword(_) | FieldIndex::Text(_) => {}
        }
        self.index
    }
}
