//! The codes of all slots in one format.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use crate::arena::{Codes, TieredCodes};
use crate::kernels::prefetch;
use crate::memory::{Category, Held};
use crate::quantization::{Code, Codebook, Format};
use crate::tier::{Part, Residence, Space, Tier, fetch};

/// Bytes of a body that are asked for ahead; behind so many the hardware's own prefetcher follows.
const AHEAD: usize = 1024;
/// Bodies of less than a cache line take a power of two of bytes, so that none lies in two lines.
const CACHE_LINE: usize = 64;

/// Codes of one format, by slot.
pub struct Store {
    format: Format,
    heads: Codes,
    bodies: Bodies,
    /// All bodies are in files.
    is_in_files: bool,
    /// What the format has learnt.
    learnt: Held,
}

/// The bodies of codes: all in one place, or each in memory or in a file.
#[expect(clippy::large_enum_variant, reason = "most are of the large variant, and are read in each distance")]
enum Bodies {
    Together(Codes),
    // In a box: it is four times as large as the other form.
    Tiered(Box<TieredCodes>),
}

impl Bodies {
    #[inline(always)]
    fn get(&self, slot: u32) -> &[u8] {
        match self {
            Self::Together(codes) => codes.get(slot),
            Self::Tiered(codes) => codes.get(slot),
        }
    }

    /// The addresses that the disk is to be asked for before the body of a slot is read.
    fn to_read(&self, slot: u32) -> Range<usize> {
        match self {
            Self::Together(codes) => codes.to_read(slot),
            Self::Tiered(codes) => {
                let body = codes.get(slot).as_ptr_range();
                body.start as usize..body.end as usize
            }
        }
    }
}

impl Store {
    /// `residence`: where the codes lie.
    pub(super) fn new(format: Format, residence: &Residence) -> Self {
        let codes = |stride| Codes::new_in(stride, Category::Vectors, residence.files().cloned());
        let heads = codes(format.head_bytes());
        let stride = stride(format.body_bytes());
        let bodies = match residence {
            Residence::Either(space) => {
                Bodies::Tiered(Box::new(TieredCodes::new(stride, Category::Vectors, Arc::clone(space))))
            }
            Residence::Memory | Residence::Files(_) => Bodies::Together(codes(stride)),
        };
        let learnt = format.codebook().map_or(0, Codebook::heap_bytes);
        let is_in_files = residence.files().is_some();
        Self { format, heads, bodies, is_in_files, learnt: Held::new(Category::Vectors, learnt) }
    }

    /// The codes of two parts of a sealed set, and behind them new ones in the same space.
    pub(super) fn over(
        format: Format,
        space: &Arc<Space>,
        (heads, bodies): (Part, Part),
    ) -> io::Result<Self> {
        let codes = |stride, part| Codes::over(stride, Category::Vectors, space, part);
        let heads = codes(format.head_bytes(), heads)?;
        let bodies = codes(stride(format.body_bytes()), bodies)?;
        if heads.len() != bodies.len() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let learnt = Held::new(Category::Vectors, format.codebook().map_or(0, Codebook::heap_bytes));
        Ok(Self { format, heads, bodies: Bodies::Together(bodies), is_in_files: true, learnt })
    }

    /// Slots that are available.
    pub(super) fn len(&self) -> u32 {
        self.heads.len()
    }

    /// The format of every code.
    pub fn format(&self) -> &Format {
        &self.format
    }

    /// To be called before codes are read by [`seen_code`](Self::seen_code): those that lie in
    /// files of a sealed set are compared with their checksums. Once for all neighbours of a node:
    /// a test for each of them costs searches in memory up to a tenth of their time.
    #[inline(always)]
    pub(super) fn see(&self, slots: &[u32]) {
        if self.heads.lent() > 0 {
            self.see_lent(slots);
        }
    }

    #[inline(never)]
    fn see_lent(&self, slots: &[u32]) {
        for &slot in slots {
            self.heads.see(slot);
            if let Bodies::Together(bodies) = &self.bodies {
                bodies.see(slot);
            }
        }
    }

    #[inline(always)]
    fn head(&self, slot: u32) -> &[u8] {
        self.heads.get(slot)
    }

    /// Its bytes, and those that fill it up to the stride.
    #[inline(always)]
    fn padded_body(&self, slot: u32) -> &[u8] {
        self.bodies.get(slot)
    }

    /// The code of a slot that the reader has met while pinned.
    #[inline(always)]
    pub fn code(&self, slot: u32) -> Code<'_> {
        self.see(&[slot]);
        self.seen_code(slot)
    }

    /// The same of a slot that was [seen](Self::see).
    #[inline(always)]
    pub(super) fn seen_code(&self, slot: u32) -> Code<'_> {
        Code { head: self.head(slot), body: &self.padded_body(slot)[..self.format.body_bytes()] }
    }

    /// The bodies, if each is in memory or in a file.
    #[inline(always)]
    pub(super) fn tiers(&self) -> Option<&TieredCodes> {
        if let Bodies::Tiered(codes) = &self.bodies { Some(codes) } else { None }
    }

    /// True if the body of a slot is in a file.
    #[inline(always)]
    pub(super) fn is_in_file(&self, slot: u32) -> bool {
        match &self.bodies {
            Bodies::Together(_) => self.is_in_files,
            Bodies::Tiered(tiers) => tiers.tier(slot) == Some(Tier::Warm),
        }
    }

    /// True if all of it is in files.
    pub(super) fn is_in_files(&self) -> bool {
        self.is_in_files
    }

    /// The part of the bodies that is in files, from 0 to 1.
    pub(super) fn share_in_files(&self) -> f32 {
        match &self.bodies {
            Bodies::Together(_) => f32::from(u8::from(self.is_in_files)),
            Bodies::Tiered(tiers) => {
                let (hot, warm) = tiers.counts();
                warm as f32 / (hot + warm).max(1) as f32
            }
        }
    }

    /// Asks the disk for what it has of the codes of these slots, all at once.
    pub(super) fn fetch(&self, slots: &[u32]) {
        let lent = self.heads.lent();
        let heads = slots.iter().filter(|&&slot| slot < lent).map(|&slot| self.heads.to_read(slot));
        let bodies = slots.iter().filter(|&&slot| self.is_in_file(slot));
        fetch(heads.chain(bodies.map(|&slot| self.bodies.to_read(slot))));
    }

    /// The same of blocks in files of a sealed set that are to be compared before they are used.
    /// With `waits`, and of all others in files.
    #[inline(always)]
    pub(super) fn fetch_ahead(&self, slots: &[u32], waits: bool) {
        if waits && self.is_in_files {
            self.fetch(slots);
        } else if self.heads.lent() > 0 {
            self.fetch_blocks(slots);
        }
    }

    #[inline(never)]
    fn fetch_blocks(&self, slots: &[u32]) {
        let Bodies::Together(bodies) = &self.bodies else { return };
        let heads = slots.iter().filter_map(|&slot| self.heads.to_compare(slot));
        fetch(heads.chain(slots.iter().filter_map(|&slot| bodies.to_compare(slot))));
    }

    #[inline(always)]
    pub(super) fn prefetch(&self, slot: u32) {
        if self.format.reads_heads() {
            prefetch(self.head(slot));
        }
        let body = self.padded_body(slot);
        prefetch(&body[..body.len().min(AHEAD)]);
    }

    /// Writes the code of a slot. `tier`: where its body is to be, if there is a choice.
    ///
    /// # Safety
    /// As [`Codes::write`]; and where there is a choice, as [`TieredCodes::write`].
    pub(super) unsafe fn write(&self, slot: u32, tier: Tier, Code { head, body }: Code) {
        let fill = |bytes: &mut [u8]| bytes[..body.len()].copy_from_slice(body);
        // SAFETY: the caller guarantees it.
        unsafe {
            self.heads.write(slot, |bytes| bytes.copy_from_slice(head));
            match &self.bodies {
                Bodies::Together(codes) => codes.write(slot, fill),
                Bodies::Tiered(codes) => codes.write(slot, tier, fill),
            }
        }
    }

    /// Takes away what a slot has for itself alone.
    ///
    /// # Safety
    /// As [`TieredCodes::release`].
    pub(super) unsafe fn release(&self, slot: u32) {
        if let Some(tiers) = self.tiers() {
            // SAFETY: the caller guarantees it.
            unsafe { tiers.release(slot) };
        }
    }

    /// Makes slots `0 .. len` available. One caller at a time.
    pub(super) fn grow_to(&self, len: u32) {
        self.heads.grow_to(len);
        match &self.bodies {
            Bodies::Together(codes) => codes.grow_to(len),
            Bodies::Tiered(codes) => codes.grow_to(len),
        }
    }

    /// Copies the code of a slot to another one, bit by bit, and to the same tier.
    ///
    /// # Safety
    /// As [`Store::write`], for the slot `to`; and `from` is not written meanwhile.
    pub(super) unsafe fn copy(&self, from: u32, to: u32) {
        let tier = if self.is_in_file(from) { Tier::Warm } else { Tier::Hot };
        // SAFETY: the caller guarantees it.
        unsafe { self.write(to, tier, self.code(from)) };
    }

    /// Takes the slots from `len` on back, and returns their memory.
    ///
    /// # Safety
    /// As [`Codes::shrink_to`].
    pub(super) unsafe fn shrink_to(&self, len: u32) {
        // SAFETY: the caller guarantees it.
        unsafe {
            self.heads.shrink_to(len);
            match &self.bodies {
                Bodies::Together(codes) => codes.shrink_to(len),
                Bodies::Tiered(codes) => codes.shrink_to(len),
            }
        }
    }

    /// Bytes held.
    pub(super) fn heap_bytes(&self) -> usize {
        let bodies = match &self.bodies {
            Bodies::Together(codes) => codes.heap_bytes(),
            Bodies::Tiered(codes) => codes.heap_bytes(),
        };
        self.heads.heap_bytes() + bodies + self.learnt.bytes()
    }
}

/// Bytes that a store takes for each slot.
pub(super) fn bytes_per_slot(format: &Format) -> usize {
    format.head_bytes() + stride(format.body_bytes())
}

/// Bytes that a body takes.
pub fn stride(body: usize) -> usize {
    if body < CACHE_LINE { body.next_power_of_two() } else { body }
}
