//! Blocks of plain bytes: the encoded vectors. Written once, then read by any thread.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::segments::Segments;
use crate::memory::Category;
use crate::tier::{Part, Space};

/// `stride` bytes per slot, 0 at first.
pub struct Codes {
    segments: Segments,
}

impl Codes {
    /// `stride`: bytes per slot, at least 1. `category`: what they are for.
    pub fn new(stride: usize, category: Category) -> Self {
        Self::new_in(stride, category, None)
    }

    /// The same, with what is large in a space.
    pub fn new_in(stride: usize, category: Category, space: Option<Arc<Space>>) -> Self {
        Self { segments: Segments::new(stride, category, space) }
    }

    /// The codes of a part of a sealed set, and behind them new ones in the same space. Those of
    /// the part are never written.
    ///
    /// # Errors
    /// The part is not what it should be, or the system has no addresses.
    pub fn over(stride: usize, category: Category, space: &Arc<Space>, part: Part) -> io::Result<Self> {
        let segments = Segments::over(stride, category, (space, part))?;
        Ok(Self { segments })
    }

    /// How many slots are available.
    pub fn len(&self) -> u32 {
        self.segments.len()
    }

    /// True if no slot is available.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same, with all in a space: slots below [`Codes::first_in_space`] do not exist, and it
    /// grows by [`Codes::grow_in_space`] alone.
    pub(super) fn in_space(stride: usize, category: Category, space: Arc<Space>) -> Self {
        Self { segments: Segments::in_space(stride, category, space) }
    }

    pub(super) fn first_in_space(&self) -> u32 {
        self.segments.first()
    }

    /// Makes slots below `len` available if there is room for them in the space. False if not.
    pub(super) fn grow_in_space(&self, len: u32) -> bool {
        self.segments.grow_in_space(len)
    }

    /// Bytes for each slot.
    pub(super) fn stride(&self) -> usize {
        self.segments.stride()
    }

    /// To be called before the bytes of a slot are read that may lie in a part of a sealed set.
    #[inline]
    pub fn see(&self, slot: u32) {
        self.segments.see(slot);
    }

    /// The bytes of a slot. Panics if the slot was never handed out.
    #[inline(always)]
    pub fn get(&self, slot: u32) -> &[u8] {
        let pointer = self.segments.fixed_block(slot);
        // SAFETY: the block holds `stride` initialised bytes and lives as long as `self`. No one
        // writes them while this view exists: that is what every caller of `write` promises.
        unsafe { std::slice::from_raw_parts(pointer, self.segments.stride()) }
    }

    /// Slots that lie in files of a sealed set.
    pub fn lent(&self) -> u32 {
        self.segments.lent()
    }

    /// The addresses that the disk is to be asked for before the bytes of a slot are read.
    pub fn to_read(&self, slot: u32) -> Range<usize> {
        self.segments.to_read(slot)
    }

    /// The same, if it is more than the bytes of the slot: blocks that are to be compared first.
    pub fn to_compare(&self, slot: u32) -> Option<Range<usize>> {
        self.segments.to_compare(slot)
    }

    /// Lets `fill` write the bytes of a slot.
    ///
    /// # Safety
    /// No view of this slot from [`Codes::get`] may exist, or be made by another thread, until the
    /// caller has published the slot with release ordering. `index::slots` gives that promise: a
    /// slot that it reserves has been unreachable for a whole grace period.
    pub unsafe fn write(&self, slot: u32, fill: impl FnOnce(&mut [u8])) {
        let pointer = self.segments.fixed_block(slot);
        // SAFETY: as in `get`, and the caller promises that this is the only view.
        fill(unsafe { std::slice::from_raw_parts_mut(pointer, self.segments.stride()) });
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
