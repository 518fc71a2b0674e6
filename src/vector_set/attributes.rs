//! The JSON of each slot that has some.

use super::commit::Exclusive;
use crate::arena::Blobs;
use crate::epoch::Pin;
use crate::memory::Category;

/// Attributes by slot, which searches read without a lock.
pub(super) struct Attributes(Blobs);

impl Default for Attributes {
    fn default() -> Self {
        Self(Blobs::new(Category::Attributes))
    }
}

impl Attributes {
    /// The attribute of a slot that the reader has met while pinned, if it has one.
    pub(super) fn get<'p>(&'p self, slot: u32, pin: &'p Pin) -> Option<&'p [u8]> {
        self.0.get(slot, pin)
    }

    /// How many slots have one.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Gives a slot an attribute; empty removes it.
    pub(super) fn set(&self, slot: u32, attribute: &[u8], _: &Exclusive) {
        self.replace(slot, attribute);
    }

    /// Removes the attribute of a slot.
    pub(super) fn remove(&self, slot: u32, _: &Exclusive) {
        self.replace(slot, &[]);
    }

    /// Gives a slot of a set that is being loaded its attribute. Empty: none.
    pub(super) fn load(&self, slot: u32, attribute: &[u8]) {
        if !attribute.is_empty() {
            self.replace(slot, attribute);
        }
    }

    /// Makes slots `0 .. len` available. One caller at a time.
    pub(super) fn grow_to(&self, len: u32) {
        self.0.grow_to(len);
    }

    /// Frees removed attributes that no reader can be reading any more.
    pub(super) fn reclaim(&self) {
        self.0.reclaim();
    }

    /// Bytes held.
    pub(super) fn heap_bytes(&self) -> usize {
        self.0.heap_bytes()
    }

    fn replace(&self, slot: u32, attribute: &[u8]) {
        self.0.replace(slot, (!attribute.is_empty()).then_some(attribute));
    }
}
