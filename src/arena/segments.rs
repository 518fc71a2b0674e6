//! The memory under every arena: geometrically growing segments behind a fixed table of pointers.
//!
//! ```text
//! table   [0]──► 16 blocks      slots 0 … 15
//!         [1]──► 32 blocks      slots 16 … 47
//!         [2]──► 64 blocks      slots 48 … 111
//!         [k]──► 16·2ᵏ blocks   slots 16·(2ᵏ−1) …
//! ```
//!
//! With `v = slot + 16`, the segment is the position of `v`'s highest bit less 4, and the rest of
//! `v` the place in it: two instructions, and one load from a table that stays in the first-level
//! cache.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use memmap2::MmapMut;
use parking_lot::Mutex;

use crate::memory::{Category, Held, allocated_bytes};

/// log2 of the number of blocks in the first segment.
const FIRST_BITS: u32 = 4;
/// Enough segments for every `u32` slot.
const SEGMENTS: usize = (32 - FIRST_BITS) as usize + 1;
/// Segments from this size are mapped, smaller ones come from the allocator.
const MAP_FROM: usize = 256 << 10;
/// Mapped segments from this size, that of a huge page, ask for huge pages: random reads of a large
/// set miss the TLB otherwise, which costs a search over 61,054 codes of 384 bytes a sixth of its
/// time.
#[cfg(target_os = "linux")]
const HUGE_FROM: usize = 2 << 20;
/// Blocks start at a cache line, where their stride allows.
const ALIGN: usize = 64;

/// Zeroed blocks of `stride` bytes, by slot.
pub(super) struct Segments {
    stride: usize,
    table: [AtomicPtr<u8>; SEGMENTS],
    /// Slots handed out so far: `0 .. len`. Only [`Segments::grow_to`] moves it, and only up.
    len: AtomicU32,
    /// Locked while segments are added: two callers that both add one would lose the memory of the
    /// first.
    growth: Mutex<Growth>,
}

/// What grows with the number of slots.
struct Growth {
    /// The segments that are mappings, with their numbers.
    mappings: Vec<(usize, MmapMut)>,
    /// Bytes of all segments, those of mappings as far as they have been handed out.
    held: Held,
    /// Bytes of mappings among them.
    mapped: Held,
    /// Bytes of all other segments.
    allocated: usize,
}

impl Growth {
    const fn new(category: Category) -> Self {
        Self {
            mappings: Vec::new(),
            held: Held::nothing(category),
            mapped: Held::nothing(Category::Mappings),
            allocated: 0,
        }
    }

    /// Counts what is handed out with slots `0 .. len`.
    fn count(&mut self, len: u32, stride: usize) {
        let handed_out = |segment| blocks_in(segment).min((len as usize).saturating_sub(first_of(segment)));
        let blocks: usize = self.mappings.iter().map(|(segment, _)| handed_out(*segment)).sum();
        self.mapped.set(blocks * stride);
        self.held.set(blocks * stride + self.allocated);
    }
}

// SAFETY: the table owns plain zeroed memory; how its bytes are shared is up to the typed arenas
// built on it.
unsafe impl Send for Segments {}
// SAFETY: as above; this type itself only ever adds segments, with release/acquire on the table.
unsafe impl Sync for Segments {}

/// Which segment a slot is in, and its place there.
#[inline(always)]
fn locate(slot: u32) -> (usize, usize) {
    let v = slot as u64 + (1 << FIRST_BITS);
    let top = v.ilog2();
    ((top - FIRST_BITS) as usize, (v ^ (1 << top)) as usize)
}

fn blocks_in(segment: usize) -> usize {
    1 << (FIRST_BITS as usize + segment)
}

/// The first slot of a segment.
fn first_of(segment: usize) -> usize {
    blocks_in(segment) - blocks_in(0)
}

impl Segments {
    /// `stride`: bytes per block, more than 0. `category`: what they are for.
    pub(super) fn new(stride: usize, category: Category) -> Self {
        assert!(stride > 0 && stride < 1 << 32);
        let table = [const { AtomicPtr::new(std::ptr::null_mut()) }; SEGMENTS];
        Self { stride, table, len: AtomicU32::new(0), growth: Mutex::new(Growth::new(category)) }
    }

    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// Slots handed out.
    pub(super) fn len(&self) -> u32 {
        self.len.load(Ordering::Relaxed)
    }

    /// Where the block of `slot` starts: `stride` bytes, zeroed when they were handed out, valid as
    /// long as `self`.
    ///
    /// # Panics
    /// If the slot's segment was never handed out.
    #[inline(always)]
    pub(super) fn block(&self, slot: u32) -> *mut u8 {
        let (segment, place) = locate(slot);
        let base = self.table[segment].load(Ordering::Acquire);
        assert!(!base.is_null(), "slot {slot} was never handed out");
        // SAFETY: a segment in the table holds `blocks_in(segment)` blocks of `stride` bytes, and
        // `place` is below that.
        unsafe { base.add(place * self.stride) }
    }

    /// Makes slots `0 .. len` available. Callers that grow at the same time take turns.
    pub(super) fn grow_to(&self, len: u32) {
        if len <= self.len.load(Ordering::Relaxed) {
            return;
        }
        let mut growth = self.growth.lock();
        let old = self.len.load(Ordering::Relaxed);
        if len <= old {
            return;
        }
        for segment in locate(old).0..=locate(len - 1).0 {
            if self.table[segment].load(Ordering::Relaxed).is_null() {
                self.table[segment].store(self.allocate(segment, &mut growth), Ordering::Release);
            }
        }
        growth.count(len, self.stride);
        self.len.store(len, Ordering::Relaxed);
    }

    /// Bytes held: whole segments of the allocator, and of mapped segments what was handed out.
    pub(super) fn heap_bytes(&self) -> usize {
        self.growth.lock().held.bytes()
    }

    /// Zeroed memory for a segment. The system limits how many mappings a process has
    /// (`vm.max_map_count`): beyond that the allocator serves large segments too.
    fn allocate(&self, segment: usize, growth: &mut Growth) -> *mut u8 {
        let bytes = blocks_in(segment) * self.stride;
        if bytes >= MAP_FROM
            && let Some(mut mapping) = map(bytes)
        {
            let pointer = mapping.as_mut_ptr();
            growth.mappings.push((segment, mapping));
            return pointer;
        }
        let layout = layout(bytes);
        growth.allocated += allocated_bytes(layout.size());
        growth.held.set(growth.mapped.bytes() + growth.allocated);
        // SAFETY: the layout is not empty, since neither stride nor block count is 0.
        NonNull::new(unsafe { alloc_zeroed(layout) }).unwrap_or_else(|| handle_alloc_error(layout)).as_ptr()
    }
}

impl Drop for Segments {
    fn drop(&mut self) {
        let mappings = &self.growth.get_mut().mappings;
        for (segment, pointer) in self.table.iter_mut().enumerate() {
            let pointer = *pointer.get_mut();
            if !pointer.is_null() && mappings.iter().all(|(mapped, _)| *mapped != segment) {
                // SAFETY: `allocate` took it from the allocator with this very layout.
                unsafe { dealloc(pointer, layout(blocks_in(segment) * self.stride)) };
            }
        }
    }
}

/// Of a multiple of the alignment, as which the allocator takes it.
fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes, ALIGN).expect("a segment's size fits").pad_to_align()
}

/// A zeroed anonymous mapping, if the system has one to give.
fn map(bytes: usize) -> Option<MmapMut> {
    let mapping = MmapMut::map_anon(bytes).ok()?;
    // Miri has no `madvise`.
    #[cfg(all(target_os = "linux", not(miri)))]
    if bytes >= HUGE_FROM {
        // A hint: where the kernel has no huge pages to give, ordinary ones do.
        let _ = mapping.advise(memmap2::Advice::HugePage);
    }
    Some(mapping)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_located_without_gap_or_overlap() {
        let mut expected = (0, 0);
        for slot in 0..100_000 {
            assert_eq!(locate(slot), expected, "slot {slot}");
            expected.1 += 1;
            if expected.1 == blocks_in(expected.0) {
                expected = (expected.0 + 1, 0);
            }
        }
        assert_eq!(locate(u32::MAX).0, SEGMENTS - 1);
    }

    #[test]
    fn blocks_are_zeroed_and_keep_their_place() {
        for stride in [1, 12, 128, 5000] {
            let segments = Segments::new(stride, Category::Vectors);
            let mut seen = Vec::new();
            for len in [1, 16, 17, 300, 2000] {
                segments.grow_to(len);
                for slot in seen.len() as u32..len {
                    let block = segments.block(slot);
                    // SAFETY: the slot is handed out, and only this thread uses it.
                    unsafe {
                        assert_eq!(*block, 0);
                        assert_eq!(*block.add(stride - 1), 0);
                        *block = 7;
                    }
                    seen.push(block);
                }
                assert!(seen.iter().enumerate().all(|(slot, &block)| segments.block(slot as u32) == block));
                assert!(segments.heap_bytes() >= len as usize * stride);
            }
        }
    }

    #[test]
    fn callers_that_grow_at_the_same_time_share_the_segments() {
        let segments = Segments::new(8, Category::Vectors);
        let grow = |_| {
            (0..5000).for_each(|len| segments.grow_to(len));
            segments.block(4998) as usize
        };
        let seen: Vec<usize> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|n| scope.spawn(move || grow(n))).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        assert!(seen.iter().all(|&block| block == seen[0]));
        assert_eq!(segments.len(), 4999);
    }

    #[test]
    #[should_panic(expected = "never handed out")]
    fn a_slot_beyond_the_end_is_refused() {
        Segments::new(8, Category::Vectors).block(3);
    }
}
