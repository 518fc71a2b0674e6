//! The codes of all slots in one format.

use std::sync::Arc;

use crate::arena::Codes;
use crate::kernels::prefetch;
use crate::memory::{Category, Held};
use crate::quantization::{Code, Codebook, Format};
use crate::tier::Space;

/// Bytes of a body that are asked for ahead; behind so many the hardware's own prefetcher follows.
const AHEAD: usize = 1024;
/// Bodies of less than a cache line take a power of two of bytes, so that none lies in two lines.
const CACHE_LINE: usize = 64;

/// Codes of one format, by slot.
pub struct Store {
    format: Format,
    heads: Codes,
    bodies: Codes,
    /// What the format has learnt.
    learnt: Held,
}

impl Store {
    /// `space`: where the codes lie, if not in memory.
    pub(super) fn new(format: Format, space: Option<&Arc<Space>>) -> Self {
        let codes = |stride| Codes::new_in(stride, Category::Vectors, space.cloned());
        let heads = codes(format.head_bytes());
        let bodies = codes(stride(format.body_bytes()));
        let learnt = format.codebook().map_or(0, Codebook::heap_bytes);
        Self { format, heads, bodies, learnt: Held::new(Category::Vectors, learnt) }
    }

    /// The format of every code.
    pub fn format(&self) -> &Format {
        &self.format
    }

    #[inline(always)]
    pub(super) fn head(&self, slot: u32) -> &[u8] {
        self.heads.get(slot)
    }

    /// Its bytes, and those that fill it up to the stride.
    #[inline(always)]
    fn padded_body(&self, slot: u32) -> &[u8] {
        self.bodies.get(slot)
    }

    /// The body of that code.
    #[inline(always)]
    pub fn body(&self, slot: u32) -> &[u8] {
        &self.padded_body(slot)[..self.format.body_bytes()]
    }

    /// The code of a slot that the reader has met while pinned.
    #[inline(always)]
    pub fn code(&self, slot: u32) -> Code<'_> {
        Code { head: self.head(slot), body: self.body(slot) }
    }

    #[inline(always)]
    pub(super) fn prefetch(&self, slot: u32) {
        if self.format.reads_heads() {
            prefetch(self.head(slot));
        }
        let body = self.padded_body(slot);
        prefetch(&body[..body.len().min(AHEAD)]);
    }

    /// Writes the code of a slot.
    ///
    /// # Safety
    /// As [`Codes::write`].
    pub(super) unsafe fn write(&self, slot: u32, Code { head, body }: Code) {
        // SAFETY: the caller guarantees it.
        unsafe {
            self.heads.write(slot, |bytes| bytes.copy_from_slice(head));
            self.bodies.write(slot, |bytes| bytes[..body.len()].copy_from_slice(body));
        }
    }

    /// Makes slots `0 .. len` available. One caller at a time.
    pub(super) fn grow_to(&self, len: u32) {
        self.heads.grow_to(len);
        self.bodies.grow_to(len);
    }

    /// Copies the code of a slot to another one, bit by bit.
    ///
    /// # Safety
    /// As [`Codes::write`], for the slot `to`; and `from` is not written meanwhile.
    pub(super) unsafe fn copy(&self, from: u32, to: u32) {
        // SAFETY: the caller guarantees it.
        unsafe { self.write(to, self.code(from)) };
    }

    /// Takes the slots from `len` on back, and returns their memory.
    ///
    /// # Safety
    /// As [`Codes::shrink_to`].
    pub(super) unsafe fn shrink_to(&self, len: u32) {
        // SAFETY: the caller guarantees it.
        unsafe {
            self.heads.shrink_to(len);
            self.bodies.shrink_to(len);
        }
    }

    /// Bytes held.
    pub(super) fn heap_bytes(&self) -> usize {
        self.heads.heap_bytes() + self.bodies.heap_bytes() + self.learnt.bytes()
    }
}

/// Bytes that a store takes for each slot.
pub(super) fn bytes_per_slot(format: &Format) -> usize {
    format.head_bytes() + stride(format.body_bytes())
}

fn stride(body: usize) -> usize {
    if body < CACHE_LINE { body.next_power_of_two() } else { body }
}
