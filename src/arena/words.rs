//! Blocks of atomic words: link lists and slot states. Safe to read and write from any thread at
//! any time.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use super::segments::Segments;
use crate::memory::Category;
use crate::tier::{Part, Space};

/// `n` atomic `u32` per slot, 0 at first.
pub struct Words {
    segments: Segments,
    per_block: usize,
    /// Words of a part of a sealed set are no higher, unless it was damaged.
    most: u32,
}

impl Words {
    /// `per_block`: words per slot, at least 1. `category`: what they are for.
    pub fn new(per_block: usize, category: Category) -> Self {
        Self::new_in(per_block, category, None)
    }

    /// The same, with what is large in a space.
    pub fn new_in(per_block: usize, category: Category, space: Option<Arc<Space>>) -> Self {
        Self::of(Segments::new(per_block * size_of::<AtomicU32>(), category, space), per_block)
    }

    fn of(segments: Segments, per_block: usize) -> Self {
        Self { segments, per_block, most: u32::MAX }
    }

    /// The words of a part of a sealed set, which should be at most `most`, and behind them new
    /// ones in the same space.
    ///
    /// # Errors
    /// The part is not what it should be, or the system has no addresses.
    pub fn over(
        per_block: usize,
        category: Category,
        part: (&Arc<Space>, Part),
        most: u32,
    ) -> io::Result<Self> {
        let segments = Segments::over(per_block * size_of::<AtomicU32>(), category, part)?;
        Ok(Self { most, ..Self::of(segments, per_block) })
    }

    /// How many slots lie, or lay, in a part of a sealed set. What is there may have been damaged.
    #[inline(always)]
    pub fn lent(&self) -> u32 {
        self.segments.lent()
    }

    /// To be called before the words of a slot are read that may lie in a part of a sealed set.
    #[inline]
    pub fn see(&self, slot: u32) {
        self.segments.see(slot);
    }

    /// The addresses that the disk is to be asked for before the words of a slot are read.
    pub fn to_read(&self, slot: u32) -> Range<usize> {
        self.segments.to_read(slot)
    }

    /// To be called before a word of a block is stored, and before that block is asked for: what
    /// lies in a part of a sealed set is copied.
    #[inline]
    pub fn own(&self, slot: u32) {
        self.segments.own(slot, |bytes| mend(bytes, self.most));
    }

    /// Slots `0 .. len` are available.
    pub fn len(&self) -> u32 {
        self.segments.len()
    }

    /// True if no slot is available.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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

/// Takes out of words what is higher than any of them should be.
fn mend(bytes: &mut [u8], most: u32) {
    let (words, _) = bytes.as_chunks_mut::<4>();
    let wrong = words.iter_mut().filter(|word| u32::from_ne_bytes(**word) > most);
    wrong.for_each(|word| *word = [0; 4]);
}
