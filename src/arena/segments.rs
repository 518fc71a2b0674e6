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
use std::io;
use std::ops::Range;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use memmap2::MmapMut;
use parking_lot::Mutex;

use super::copied::Copied;
use crate::memory::{Category, Held, allocated_bytes};
use crate::tier::{Area, Checks, Part, Space};

/// log2 of the number of blocks in the first segment.
const FIRST_BITS: u32 = 4;
/// Enough segments for every `u32` slot.
const SEGMENTS: usize = (32 - FIRST_BITS) as usize + 1;
/// Segments from this size are mapped, smaller ones come from the allocator.
const MAP_FROM: usize = 256 << 10;
/// Where all is to lie in a space, no segment is smaller: each is a file.
const FILE_FROM: usize = 4 << 20;
/// Mapped segments from this size, that of a huge page, ask for huge pages: random reads of a large
/// set miss the TLB otherwise, which costs a search over 61,054 codes of 384 bytes a sixth of its
/// time.
#[cfg(target_os = "linux")]
const HUGE_FROM: usize = 2 << 20;
/// A multiple of every page size that Linux has for ordinary pages.
#[cfg(all(target_os = "linux", not(miri)))]
const LARGEST_PAGE: usize = 64 << 10;
/// Blocks start at a cache line, where their stride allows.
const ALIGN: usize = 64;

/// Zeroed blocks of `stride` bytes, by slot.
pub(super) struct Segments {
    stride: usize,
    table: [AtomicPtr<u8>; SEGMENTS],
    /// Slots handed out: `0 .. len`. Moved by [`Segments::grow_to`] and [`Segments::shrink_to`].
    len: AtomicU32,
    /// Slots that lie, or lay, in files of a sealed set: they stay handed out.
    lent: u32,
    /// Of those, the blocks that were changed.
    copied: Option<Box<Copied>>,
    /// Of what was lent.
    checks: Option<Checks>,
    /// Locked while segments are added: two callers that both add one would lose the memory of the
    /// first.
    growth: Mutex<Growth>,
}

/// Memory that was a segment.
pub(super) enum Segment {
    /// Is unmapped when it is dropped.
    Mapped { _mapping: MmapMut },
    /// Goes back to its space when it is dropped.
    InSpace { _area: Area },
    /// Comes from the allocator.
    Allocated { pointer: *mut u8, layout: Layout },
    /// Is a part of what several share.
    Lent,
}

// SAFETY: it owns plain memory.
unsafe impl Send for Segment {}

impl Drop for Segment {
    fn drop(&mut self) {
        if let Self::Allocated { pointer, layout } = *self {
            // SAFETY: `allocate` took it from the allocator with this very layout, and it is in no
            // table any more.
            unsafe { dealloc(pointer, layout) };
        }
    }
}

/// What grows with the number of slots.
struct Growth {
    /// The segments that are mappings, with their numbers.
    mappings: Vec<(usize, MmapMut)>,
    /// Where segments lie from the size of a mapping on, if not in memory.
    space: Option<Arc<Space>>,
    /// The segments that are there, with their numbers.
    areas: Vec<(usize, Area)>,
    /// The first segments, of a set that began with files: so many of them lie in one area, one
    /// after the other.
    lent: Option<(usize, Area)>,
    /// Bytes of all segments that are in memory, those of mappings as far as they have been handed
    /// out.
    held: Held,
    /// Bytes of mappings among them.
    mapped: Held,
    /// Bytes of all other segments.
    allocated: usize,
}

impl Growth {
    const fn new(category: Category, space: Option<Arc<Space>>) -> Self {
        Self {
            mappings: Vec::new(),
            space,
            areas: Vec::new(),
            lent: None,
            held: Held::nothing(category),
            mapped: Held::nothing(Category::Mappings),
            allocated: 0,
        }
    }

    /// Makes slots `0 .. len` of the areas usable, and counts what is handed out.
    fn hand_out(&mut self, len: u32, stride: usize) {
        let handed_out = |segment| blocks_in(segment).min((len as usize).saturating_sub(first_of(segment)));
        let blocks: usize = self.mappings.iter().map(|(segment, _)| handed_out(*segment)).sum();
        let mut mapped = blocks * stride;
        for (segment, area) in &mut self.areas {
            area.extend_to(handed_out(*segment) * stride);
            mapped += area.in_memory();
        }
        if let Some((segments, area)) = &mut self.lent {
            area.extend_to(first_of(*segments).min(len as usize) * stride);
            mapped += area.in_memory();
        }
        self.mapped.set(mapped);
        self.held.set(mapped + self.allocated);
    }

    /// A segment that was taken out of the table: not counted any more if it was allocated.
    fn remove(&mut self, segment: usize, pointer: *mut u8, stride: usize) -> Segment {
        if let Some(place) = self.mappings.iter().position(|(mapped, _)| *mapped == segment) {
            return Segment::Mapped { _mapping: self.mappings.swap_remove(place).1 };
        }
        if let Some(place) = self.areas.iter().position(|(number, _)| *number == segment) {
            return Segment::InSpace { _area: self.areas.swap_remove(place).1 };
        }
        if self.lent.as_ref().is_some_and(|(segments, _)| segment < *segments) {
            return Segment::Lent;
        }
        let layout = layout(blocks_in(segment) * stride);
        self.allocated -= allocated_bytes(layout.size());
        Segment::Allocated { pointer, layout }
    }

    /// Returns the pages of a mapped segment behind its first `used` bytes.
    #[cfg(all(target_os = "linux", not(miri)))]
    fn give_pages_back(&self, segment: usize, used: usize) {
        let Some((_, mapping)) = self.mappings.iter().find(|(mapped, _)| *mapped == segment) else { return };
        let from = used.next_multiple_of(LARGEST_PAGE);
        if from < mapping.len() {
            // A hint like the one for huge pages: if it is refused, the pages stay.
            // SAFETY: the mapping is anonymous and private, so its pages hold zeros afterwards; the
            // caller of `shrink_to` promises that they are not used.
            let _ = unsafe {
                mapping.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, from, mapping.len() - from)
            };
        }
    }

    #[cfg(not(all(target_os = "linux", not(miri))))]
    fn give_pages_back(&self, _: usize, _: usize) {}
}

// SAFETY: the table owns plain zeroed memory; how its bytes are shared is up to the typed arenas
// built on it.
unsafe impl Send for Segments {}
// SAFETY: as above; this type itself adds segments with release/acquire on the table, and takes one
// away only when its caller promises that it is not in use.
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
    /// `stride`: bytes per block, more than 0. `category`: what they are for. `space`: where large
    /// segments lie, if not in memory.
    pub(super) fn new(stride: usize, category: Category, space: Option<Arc<Space>>) -> Self {
        assert!(stride > 0 && stride < 1 << 32);
        let table = [const { AtomicPtr::new(std::ptr::null_mut()) }; SEGMENTS];
        Self {
            stride,
            table,
            len: AtomicU32::new(0),
            lent: 0,
            copied: None,
            checks: None,
            growth: Mutex::new(Growth::new(category, space)),
        }
    }

    /// The slots of a part of a sealed set, and behind them new ones in the same space.
    ///
    /// # Errors
    /// The part is not there, has no whole number of slots or more than there can be, or the
    /// system has no addresses.
    pub(super) fn over(
        stride: usize,
        category: Category,
        (space, part): (&Arc<Space>, Part),
    ) -> io::Result<Self> {
        let mut segments = Self::new(stride, category, Some(Arc::clone(space)));
        let sealed = space.sealed().ok_or(io::ErrorKind::NotFound)?;
        let bytes = sealed.bytes_of(part);
        let slots = u32::try_from(bytes / stride as u64).ok().filter(|_| bytes.is_multiple_of(stride as u64));
        let slots = slots.ok_or(io::ErrorKind::InvalidData)?;
        let Some(last) = slots.checked_sub(1) else { return Ok(segments) };
        let count = locate(last).0 + 1;
        let area = space.area_over(part, first_of(count) * stride)?;
        for (segment, pointer) in segments.table.iter().enumerate().take(count) {
            // Segments begin at multiples of `ALIGN`, or their stride has no use for it.
            pointer.store(area.as_mut_ptr().wrapping_add(first_of(segment) * stride), Ordering::Relaxed);
        }
        segments.lent = slots;
        segments.copied = Some(Box::new(Copied::new(stride, category, space, slots)));
        segments.checks = sealed.checks(part);
        segments.len = AtomicU32::new(slots);
        let growth = segments.growth.get_mut();
        growth.lent = Some((count, area));
        growth.hand_out(slots, stride);
        Ok(segments)
    }

    /// Slots that lie, or lay, in files of a sealed set.
    pub(super) fn lent(&self) -> u32 {
        self.lent
    }

    /// To be called before the block of a slot is read that may lie in files of a sealed set.
    #[inline(always)]
    pub(super) fn see(&self, slot: u32) {
        if slot < self.lent
            && let Some(checks) = &self.checks
        {
            checks.see(self.bytes_of(slot));
        }
    }

    /// Where the block of a slot is among those that were lent.
    fn bytes_of(&self, slot: u32) -> Range<usize> {
        let start = slot as usize * self.stride;
        start..start + self.stride
    }

    /// The addresses of what is read of the disk with the block of a slot, if it lies there.
    pub(super) fn to_read(&self, slot: u32) -> Range<usize> {
        self.to_compare(slot).unwrap_or_else(|| {
            let start = self.block(slot) as usize;
            start..start + self.stride
        })
    }

    /// The addresses of what [`see`](Self::see) would read of the disk for a slot; none if that
    /// would be nothing.
    pub(super) fn to_compare(&self, slot: u32) -> Option<Range<usize>> {
        let checks = self.checks.as_ref().filter(|_| self.is_lent(slot))?;
        let block = self.bytes_of(slot);
        let read = checks.to_read(block.clone())?;
        // What was lent lies at addresses one after the other.
        let start = self.fixed_block(slot) as usize - (block.start - read.start);
        Some(start..start + read.len())
    }

    /// True if the block of a slot lies in files of a sealed set.
    #[inline]
    pub(super) fn is_lent(&self, slot: u32) -> bool {
        slot < self.lent && self.copy_of(slot).is_none()
    }

    /// The block of a slot that was lent, if it was copied.
    fn copy_of(&self, slot: u32) -> Option<*mut u8> {
        self.copied.as_ref()?.get(slot)
    }

    /// To be called before a block is written that may have been lent: then it is copied, and is
    /// another [block](Self::block) from then on. Readers of the former find what was there.
    /// `mend` is called with the copy: files may have been damaged.
    #[inline]
    pub(super) fn own(&self, slot: u32, mend: impl Fn(&mut [u8])) {
        if self.is_lent(slot) {
            self.copy(slot, &mend);
        }
    }

    #[cold]
    fn copy(&self, slot: u32, mend: &dyn Fn(&mut [u8])) {
        self.see(slot);
        // SAFETY: the block has so many bytes, which are those of a file that never changes.
        let mut block = unsafe { std::slice::from_raw_parts(self.fixed_block(slot), self.stride) }.to_vec();
        mend(&mut block);
        self.copied.iter().for_each(|copied| copied.add(slot, &block));
    }

    /// All of whose segments are to lie in a space: slots below [`Segments::first`] do not exist.
    /// If it grows by [`Segments::grow_in_space`] alone, they do; else as far as there is room.
    pub(super) fn in_space(stride: usize, category: Category, space: Arc<Space>) -> Self {
        let segments = Self::new(stride, category, Some(space));
        segments.len.store(segments.first(), Ordering::Relaxed);
        segments
    }

    /// The first slot of the first segment that is worth a file.
    pub(super) fn first(&self) -> u32 {
        let large = (0..SEGMENTS - 1).find(|&segment| blocks_in(segment) * self.stride >= FILE_FROM);
        first_of(large.unwrap_or(SEGMENTS - 1)) as u32
    }

    /// Makes slots below `len` available if all of them lie in the space; else changes nothing, and
    /// returns false. At most one segment is added.
    pub(super) fn grow_in_space(&self, len: u32) -> bool {
        let mut growth = self.growth.lock();
        if len <= self.len.load(Ordering::Relaxed) {
            return true;
        }
        let segment = locate(len - 1).0;
        if self.table[segment].load(Ordering::Relaxed).is_null() {
            let bytes = blocks_in(segment) * self.stride;
            let Some(area) = growth.space.as_ref().and_then(|space| space.area(bytes)) else { return false };
            self.table[segment].store(area.as_mut_ptr(), Ordering::Release);
            growth.areas.push((segment, area));
        }
        let used = (len as usize - first_of(segment)) * self.stride;
        let area = growth.areas.iter_mut().find(|(number, _)| *number == segment);
        let is_there = area.is_some_and(|(_, area)| area.try_extend_to(used));
        if is_there {
            self.len.store(len, Ordering::Release);
        }
        is_there
    }

    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// Slots handed out. The segments in which they lie are visible after this.
    pub(super) fn len(&self) -> u32 {
        self.len.load(Ordering::Acquire)
    }

    /// Where the block of `slot` starts: `stride` bytes, zeroed when they were first handed out,
    /// valid until the slot is taken back.
    ///
    /// # Panics
    /// If the slot's segment was never handed out.
    #[inline(always)]
    pub(super) fn block(&self, slot: u32) -> *mut u8 {
        if slot < self.lent { self.lent_block(slot) } else { self.fixed_block(slot) }
    }

    /// The same of a slot that was lent. Not inlined: sets in memory have none.
    #[inline(never)]
    fn lent_block(&self, slot: u32) -> *mut u8 {
        self.copy_of(slot).unwrap_or_else(|| self.fixed_block(slot))
    }

    /// The same of slots whose blocks are never [copied](Self::own).
    #[inline(always)]
    pub(super) fn fixed_block(&self, slot: u32) -> *mut u8 {
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
        growth.hand_out(len, self.stride);
        self.len.store(len, Ordering::Release);
    }

    /// Takes the slots from `len` on back, and gives the pages at the end of a mapped segment back
    /// to the system. What is handed out again later holds zeros, or what it held. Segments that
    /// have no other slots are returned.
    ///
    /// # Safety
    /// No thread asks for a block from `len` on before it is handed out again, and none uses one
    /// when the segments are dropped. Pages that a thread uses meanwhile turn to zeros: only atomic
    /// words may be used.
    #[must_use]
    pub(super) unsafe fn shrink_to(&self, len: u32) -> Vec<Segment> {
        let len = len.max(self.lent);
        let mut growth = self.growth.lock();
        let old = self.len.load(Ordering::Relaxed);
        if len >= old {
            return Vec::new();
        }
        let kept = len.checked_sub(1).map_or(0, |last| locate(last).0 + 1);
        let taken = kept..=locate(old - 1).0;
        let removed = taken.map(|segment| {
            let pointer = self.table[segment].swap(ptr::null_mut(), Ordering::Relaxed);
            growth.remove(segment, pointer, self.stride)
        });
        let removed = removed.collect();
        if let Some(segment) = kept.checked_sub(1) {
            growth.give_pages_back(segment, (len as usize - first_of(segment)) * self.stride);
        }
        self.len.store(len, Ordering::Relaxed);
        growth.hand_out(len, self.stride);
        removed
    }

    /// Bytes of memory held: whole segments of the allocator, and of mapped segments what was
    /// handed out.
    pub(super) fn heap_bytes(&self) -> usize {
        let copied = self.copied.as_ref().map_or(0, |copied| copied.heap_bytes());
        self.growth.lock().held.bytes() + copied
    }

    /// Zeroed memory for a segment. The system limits how many mappings a process has
    /// (`vm.max_map_count`): beyond that the allocator serves large segments too.
    fn allocate(&self, segment: usize, growth: &mut Growth) -> *mut u8 {
        let bytes = blocks_in(segment) * self.stride;
        if bytes >= MAP_FROM
            && let Some(area) = growth.space.as_ref().and_then(|space| space.area(bytes))
        {
            let pointer = area.as_mut_ptr();
            growth.areas.push((segment, area));
            return pointer;
        }
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
        let growth = self.growth.get_mut();
        for (segment, pointer) in self.table.iter_mut().enumerate() {
            let pointer = *pointer.get_mut();
            if !pointer.is_null() {
                drop(growth.remove(segment, pointer, self.stride));
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
            let segments = Segments::new(stride, Category::Vectors, None);
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
        let segments = Segments::new(8, Category::Vectors, None);
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
    fn what_is_taken_back_is_not_held_and_can_be_handed_out_again() {
        for stride in [8, 600] {
            let segments = Segments::new(stride, Category::Vectors, None);
            for len in [30_000, 9_000, 8_999, 2_000, 300, 17, 16, 1, 0] {
                segments.grow_to(30_000);
                for slot in 0..30_000 {
                    // SAFETY: the slot is handed out, and only this thread uses it.
                    unsafe { *segments.block(slot) = 7 };
                }
                // SAFETY: no block is in use.
                drop(unsafe { segments.shrink_to(len) });
                let fresh = Segments::new(stride, Category::Vectors, None);
                fresh.grow_to(len);
                assert_eq!((segments.len(), segments.heap_bytes()), (len, fresh.heap_bytes()));
                // SAFETY: as above.
                assert!((0..len).all(|slot| unsafe { *segments.block(slot) } == 7));
            }
        }
    }

    #[test]
    #[should_panic(expected = "never handed out")]
    fn a_slot_beyond_the_end_is_refused() {
        Segments::new(8, Category::Vectors, None).block(3);
    }
}
