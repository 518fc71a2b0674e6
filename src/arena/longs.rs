//! Blocks of one atomic `u64`: times of use, deadlines. Safe to read and write from any thread at
//! any time.

use std::sync::atomic::AtomicU64;

use parking_lot::Mutex;

use super::segments::{Segment, Segments};
use crate::epoch::Limbo;
use crate::memory::Category;

/// An atomic `u64` per slot, 0 at first.
pub struct Longs {
    segments: Segments,
    removed: Mutex<Limbo<Vec<Segment>>>,
}

impl Longs {
    /// No slots yet. `category`: what the memory is for.
    pub fn new(category: Category) -> Self {
        let segments = Segments::new(size_of::<AtomicU64>(), category, None);
        Self { segments, removed: Mutex::new(Limbo::new()) }
    }

    /// The word of a slot. Panics if the slot was never handed out. To be used while pinned, or
    /// while nothing can take the slot back.
    #[inline(always)]
    pub fn get(&self, slot: u32) -> &AtomicU64 {
        let pointer = self.segments.fixed_block(slot).cast::<AtomicU64>();
        // SAFETY: the block holds one initialised word, aligned to 8 since segments are aligned to
        // 64 and the stride is 8; it lives as long as `self`, and all access to it is atomic.
        unsafe { &*pointer }
    }

    /// Slots `0 .. len` are available.
    #[inline]
    pub fn len(&self) -> u32 {
        self.segments.len()
    }

    /// True if no slot is available.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes slots `0 .. len` available.
    pub fn grow_to(&self, len: u32) {
        self.segments.grow_to(len);
    }

    /// Takes the slots from `len` on back, and returns their memory when no reader is left. What is
    /// handed out again later holds zeros, or what it held.
    pub fn shrink_to(&self, len: u32) {
        // SAFETY: words are atomic, each is used while its user is pinned or keeps the slot from
        // being taken back, and the segments are dropped a grace period after they are out of
        // sight.
        let segments = unsafe { self.segments.shrink_to(len) };
        let mut removed = self.removed.lock();
        if !segments.is_empty() {
            removed.push(segments);
        }
        drop(removed.pop());
    }

    /// Bytes held.
    pub fn heap_bytes(&self) -> usize {
        self.segments.heap_bytes()
    }
}
