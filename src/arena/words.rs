//! Blocks of atomic words: link lists and slot states. Safe to read and write from any thread at
//! any time.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use super::segments::Segments;
use crate::memory::Category;
use crate::tier::Space;

/// `n` atomic `u32` per slot, 0 at first.
pub struct Words {
    segments: Segments,
    per_block: usize,
}

impl Words {
    /// `per_block`: words per slot, at least 1. `category`: what they are for.
    pub fn new(per_block: usize, category: Category) -> Self {
        Self::new_in(per_block, category, None)
    }

    /// The same, with what is large in a space.
    pub fn new_in(per_block: usize, category: Category, space: Option<Arc<Space>>) -> Self {
        Self { segments: Segments::new(per_block * size_of::<AtomicU32>(), category, space), per_block }
    }

    /// The words of a slot. Panics if the slot was never handed out.
    #[inline(always)]
    pub fn block(&self, slot: u32) -> &[AtomicU32] {
        let pointer = self.segments.block(slot).cast::<AtomicU32>();
        // SAFETY: the block holds `per_block` initialised words, aligned to 4 since segments are
        // aligned to 64 and the stride is a multiple of 4; it lives as long as `self`, and all
        // access to it is atomic.
        unsafe { std::slice::from_raw_parts(pointer, self.per_block) }
    }

    /// Makes slots `0 .. len` available.
    pub fn grow_to(&self, len: u32) {
        self.segments.grow_to(len);
    }

    /// Takes the slots from `len` on back, and returns their memory. What is handed out again later
    /// holds zeros, or what it held.
    ///
    /// # Safety
    /// No thread uses a block from `len` on, or asks for one before it is handed out again.
    pub unsafe fn shrink_to(&self, len: u32) {
        // SAFETY: the caller guarantees it.
        drop(unsafe { self.segments.shrink_to(len) });
    }

    /// Bytes of memory held.
    pub fn heap_bytes(&self) -> usize {
        self.segments.heap_bytes()
    }
}
