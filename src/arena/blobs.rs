//! Blocks that point to bytes of any length: element names and attributes.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::io;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::segments::{Segment, Segments};
use crate::epoch::{Limbo, Pin, pin};
use crate::memory::{Category, allocated_bytes, give_back, take};
use crate::tier::{Mapped, Part, Space, fetch};

/// Bytes on the heap behind one thin pointer: `[length: u32][bytes]`. The top bit of the length is
/// the blob's mark.
///
/// A `Box<[u8]>` would put the length beside the pointer, which is 8 more bytes for each element of
/// a set. The category is not stored: that of an arena's blobs is the arena's.
struct Blob {
    pointer: NonNull<u8>,
    category: Category,
}

const HEADER: usize = size_of::<u32>();

/// In the header. What it means is the owner's business.
const MARK: u32 = 1 << 31;

/// The bytes of a blob, with its mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marked<'b> {
    /// The bytes.
    pub bytes: &'b [u8],
    /// The mark that their owner gave them.
    pub mark: bool,
}

// SAFETY: a blob owns its bytes, which are immutable once it is made.
unsafe impl Send for Blob {}
// SAFETY: as above.
unsafe impl Sync for Blob {}

impl Blob {
    /// A copy of bytes, which must be fewer than 2 GiB.
    fn new(Marked { bytes, mark }: Marked<'_>, category: Category) -> Self {
        let layout = Self::layout(bytes.len());
        take(category, allocated_bytes(layout.size()));
        // SAFETY: the layout has at least the header's size.
        let Some(pointer) = NonNull::new(unsafe { alloc(layout) }) else { handle_alloc_error(layout) };
        // SAFETY: the new allocation holds the header, aligned for u32, and then `bytes.len()`
        // bytes.
        unsafe {
            pointer.cast::<u32>().write(header(bytes.len(), mark));
            pointer.add(HEADER).copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len());
        }
        Self { pointer, category }
    }

    fn layout(len: usize) -> Layout {
        assert!(len < MARK as usize);
        Layout::from_size_align(HEADER + len, align_of::<u32>()).expect("a blob's size fits")
    }

    /// Its bytes and its mark.
    fn contents(&self) -> Marked<'_> {
        // SAFETY: `new` wrote the header and the bytes, and they live as long as `self`.
        unsafe { contents_of(self.pointer) }
    }

    /// Bytes that the allocator gives for it.
    fn heap_bytes(&self) -> usize {
        allocated_bytes(Self::layout(self.contents().bytes.len()).size())
    }
}

/// # Safety
/// `pointer` must come from a [`Blob`] that lives for `'a`.
unsafe fn contents_of<'a>(pointer: NonNull<u8>) -> Marked<'a> {
    // SAFETY: a blob's pointer leads to its header, and the caller guarantees that it is alive.
    let header = unsafe { pointer.cast::<u32>().read() };
    let len = (header & !MARK) as usize;
    // SAFETY: the header is followed by as many bytes as it says.
    let bytes = unsafe { std::slice::from_raw_parts(pointer.add(HEADER).as_ptr(), len) };
    Marked { bytes, mark: header & MARK != 0 }
}

impl Drop for Blob {
    fn drop(&mut self) {
        let layout = Self::layout(self.contents().bytes.len());
        // SAFETY: `new` allocated it with the layout of this length.
        unsafe { dealloc(self.pointer.as_ptr(), layout) }
        give_back(self.category, allocated_bytes(layout.size()));
    }
}

/// A blob that readers may still hold: counted as such.
struct Retired(Blob);

impl Retired {
    fn new(blob: Blob) -> Self {
        let bytes = blob.heap_bytes();
        give_back(blob.category, bytes);
        take(Category::Retired, bytes);
        Self(blob)
    }
}

impl Drop for Retired {
    fn drop(&mut self) {
        // The blob itself is dropped next, and is counted in its own category again.
        let bytes = self.0.heap_bytes();
        give_back(Category::Retired, bytes);
        take(self.0.category, bytes);
    }
}

/// An optional blob per slot. A reader that is pinned may go on reading a blob that has just been
/// replaced.
///
/// A replaced blob never leaves the arena: it waits in the arena's own limbo for the end of its
/// grace period. What [`Blobs::get`] returns borrows the pin, so that period does not end before
/// the reader is done, and the arena, so the limbo is not dropped before.
///
/// ```compile_fail,E0505
/// # use nearhit::{arena::Blobs, epoch::pin, memory::Category};
/// let (blobs, pin) = (Blobs::new(Category::Names), pin());
/// let bytes = blobs.get(0, &pin);
/// drop(blobs); // frees what `bytes` borrows
/// println!("{bytes:?}");
/// ```
///
/// ```compile_fail,E0505
/// # use nearhit::{arena::Blobs, epoch::pin, memory::Category};
/// let (blobs, pin) = (Blobs::new(Category::Names), pin());
/// let bytes = blobs.get(0, &pin);
/// drop(pin); // lets the grace period end
/// println!("{bytes:?}");
/// ```
pub struct Blobs {
    segments: Segments,
    category: Category,
    /// Blobs that lie in files of a sealed set: an odd cell is twice the place in there, plus 1.
    lent: Option<Mapped>,
    /// Of the blobs that are in a slot, and of those in the limbo.
    bytes: AtomicUsize,
    /// Of those that are in a slot.
    bytes_in_slots: AtomicUsize,
    len: AtomicUsize,
    /// Replaced blobs that pinned readers may still be reading.
    limbo: Mutex<Limbo<Retired>>,
    /// Segments that were taken back, and that pinned threads may still be using.
    removed: Mutex<Limbo<Vec<Segment>>>,
}

/// What was in a cell.
enum Former {
    Own(Blob),
    /// Where it was in files.
    Lent,
}

/// Where blobs begin in files: at multiples of this.
pub const LENT_ALIGN: u64 = align_of::<u32>() as u64;

/// What a cell has of a blob at a place in files.
pub fn lent_cell(place: u64) -> u64 {
    place << 1 | 1
}

/// What a blob begins with in files.
pub fn lent_header(Marked { bytes, mark }: Marked<'_>) -> [u8; HEADER] {
    header(bytes.len(), mark).to_ne_bytes()
}

fn header(len: usize, mark: bool) -> u32 {
    assert!(len < MARK as usize);
    len as u32 | if mark { MARK } else { 0 }
}

impl Blobs {
    /// An empty arena. `category`: what the blobs are for.
    pub fn new(category: Category) -> Self {
        Self {
            segments: Segments::new(size_of::<AtomicPtr<u8>>(), category, None),
            category,
            lent: None,
            bytes: AtomicUsize::new(0),
            bytes_in_slots: AtomicUsize::new(0),
            len: AtomicUsize::new(0),
            limbo: Mutex::new(Limbo::new()),
            removed: Mutex::new(Limbo::new()),
        }
    }

    /// The blobs of a sealed set of so many slots: where they are, and their bytes. It may have
    /// none. What is put in later lies in memory.
    ///
    /// # Errors
    /// A part is not what it should be, or the system has no addresses.
    pub fn over(
        category: Category,
        space: &Arc<Space>,
        (cells, blobs): (Part, Part),
        slots: u32,
    ) -> io::Result<Self> {
        let sealed = space.sealed().ok_or(io::ErrorKind::NotFound)?;
        let mut arena = Self::new(category);
        if !sealed.has(blobs) {
            arena.grow_to(slots);
            return Ok(arena);
        }
        let lent = sealed.map(blobs)?;
        arena.segments = Segments::over(size_of::<AtomicPtr<u8>>(), category, (space, cells))?;
        if arena.segments.len() != slots {
            return Err(io::ErrorKind::InvalidData.into());
        }
        arena.bytes_in_slots = AtomicUsize::new(lent.len());
        arena.len = AtomicUsize::new(usize::try_from(sealed.items_of(blobs)).unwrap_or(usize::MAX));
        arena.lent = Some(lent);
        Ok(arena)
    }

    /// The blob of a cell that has a place in files. None if there is no whole one: files may have
    /// been damaged.
    #[cold]
    fn lent_at(&self, cell: usize) -> Option<Marked<'_>> {
        let (lent, place) = (self.lent.as_ref()?, cell >> 1);
        let text = place.checked_add(HEADER)?;
        let header = u32::from_ne_bytes(*lent.get(place..text)?.first_chunk()?);
        let (len, mark) = ((header & !MARK) as usize, header & MARK != 0);
        Some(Marked { bytes: lent.get(text..text.checked_add(len)?)?, mark })
    }

    /// Asks the disk for what it has of the blobs of these slots: for all cells at once, and then
    /// for all that these lead to.
    pub fn fetch(&self, slots: impl Iterator<Item = u32> + Clone) {
        let Some(lent) = &self.lent else { return };
        let in_files = slots.filter(|&slot| slot < self.segments.lent());
        fetch(in_files.clone().map(|slot| self.segments.to_read(slot)));
        let blobs = in_files.filter_map(|slot| {
            let cell = self.cell(slot).load(Ordering::Acquire) as usize;
            let place = is_place(cell).then_some(cell >> 1)?;
            lent.to_read(place..place.checked_add(HEADER)?)
        });
        fetch(blobs);
    }

    /// Before the cell of a slot is written.
    fn own(&self, slot: u32) {
        self.segments.own(slot, mend);
    }

    /// True if what a slot has lies in files: it stays there.
    pub fn is_lent(&self, slot: u32) -> bool {
        let _pin = pin();
        is_lent(self.cell(slot).load(Ordering::Acquire))
    }

    /// The caller is pinned while it uses the cell.
    fn cell(&self, slot: u32) -> &AtomicPtr<u8> {
        self.segments.see(slot);
        // SAFETY: the block is 8 zeroed bytes, aligned to 8 within a segment aligned to 64; null is
        // a valid pointer, and all access is atomic.
        unsafe { &*self.segments.block(slot).cast::<AtomicPtr<u8>>() }
    }

    /// The bytes of a slot, if it has any. What is returned stays readable as long as the reader
    /// stays pinned.
    #[inline]
    pub fn get<'p>(&'p self, slot: u32, pin: &'p Pin) -> Option<&'p [u8]> {
        self.get_marked(slot, pin).map(|contents| contents.bytes)
    }

    /// As [`Self::get`], with the mark.
    #[inline]
    pub fn get_marked<'p>(&'p self, slot: u32, _pin: &'p Pin) -> Option<Marked<'p>> {
        let mut pointer = NonNull::new(self.cell(slot).load(Ordering::Acquire))?;
        if is_lent(pointer.as_ptr()) {
            return self.lent_at(pointer.as_ptr() as usize);
        }
        if slot < self.segments.lent() {
            if self.segments.is_lent(slot) {
                // No file has an address: it was damaged.
                return None;
            }
            // The cell that was read may be that of the file, before it was copied.
            pointer = NonNull::new(self.cell(slot).load(Ordering::Acquire))?;
            if is_lent(pointer.as_ptr()) {
                return self.lent_at(pointer.as_ptr() as usize);
            }
        }
        // SAFETY: what `replace` takes out stays in the limbo for a grace period, which cannot end
        // while this reader is pinned, since it was pinned before it read the pointer. The limbo is
        // dropped with `self`, which is borrowed.
        Some(unsafe { contents_of(pointer) })
    }

    /// True if the slot has a blob.
    pub fn is_some(&self, slot: u32) -> bool {
        let _pin = pin();
        !self.cell(slot).load(Ordering::Acquire).is_null()
    }

    /// Puts a copy of these bytes, which must be fewer than 2 GiB, or nothing into a slot. What was
    /// there is retired; true if something was.
    pub fn replace(&self, slot: u32, bytes: Option<&[u8]>) -> bool {
        self.replace_marked(slot, bytes.map(|bytes| Marked { bytes, mark: false }), |_| ())
    }

    /// As [`Self::replace`], with a mark. `on_replaced` is called with what was there, if it lay in
    /// memory.
    pub fn replace_marked(
        &self,
        slot: u32,
        contents: Option<Marked<'_>>,
        on_replaced: impl FnOnce(Marked<'_>),
    ) -> bool {
        let former = self.swap(slot, contents.map(|contents| Blob::new(contents, self.category)));
        let was_some = former.is_some();
        if let Some(Former::Own(old)) = former {
            on_replaced(old.contents());
            self.limbo.lock().push(Retired::new(old));
        }
        was_some
    }

    /// Puts other bytes into a slot, without a mark, if what is there is still what the reader got
    /// while pinned; true if so. For another form of the same content: any thread may do it, beside
    /// others and beside writers.
    pub fn exchange(&self, slot: u32, old: &[u8], bytes: &[u8], _pin: &Pin) -> bool {
        self.own(slot);
        let blob = Blob::new(Marked { bytes, mark: false }, self.category);
        // A blob that was replaced since is not freed, and its address is not used again, while
        // this thread is pinned.
        let old = old.as_ptr().wrapping_sub(HEADER).cast_mut();
        let cell = self.cell(slot);
        let exchanged =
            cell.compare_exchange(old, blob.pointer.as_ptr(), Ordering::AcqRel, Ordering::Relaxed);
        let Some(old) = exchanged.ok().and_then(NonNull::new) else { return false };
        self.put_in(blob);
        self.limbo.lock().push(Retired::new(self.taken_out(old)));
        true
    }

    /// Frees the retired blobs whose grace period is over; true if there are no others.
    pub fn reclaim(&self) -> bool {
        // Collected first, so that the allocator works outside of the lock.
        let (freed, is_empty): (Vec<Retired>, bool) = {
            let mut limbo = self.limbo.lock();
            (std::iter::from_fn(|| limbo.pop()).collect(), limbo.is_empty())
        };
        drop(self.removed.lock().pop());
        let bytes = freed.iter().map(|retired| retired.0.heap_bytes()).sum();
        drop(freed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        is_empty
    }

    fn swap(&self, slot: u32, blob: Option<Blob>) -> Option<Former> {
        self.own(slot);
        let new = blob.map_or(std::ptr::null_mut(), |blob| {
            self.len.fetch_add(1, Ordering::Relaxed);
            self.put_in(blob)
        });
        let _pin = pin();
        let old = NonNull::new(self.cell(slot).swap(new, Ordering::AcqRel))?;
        self.len.fetch_sub(1, Ordering::Relaxed);
        if is_lent(old.as_ptr()) {
            let contents = self.lent_at(old.as_ptr() as usize).unwrap_or(Marked { bytes: &[], mark: false });
            let bytes = (HEADER + contents.bytes.len()).next_multiple_of(LENT_ALIGN as usize);
            self.bytes_in_slots.fetch_sub(bytes, Ordering::Relaxed);
            return Some(Former::Lent);
        }
        Some(Former::Own(self.taken_out(old)))
    }

    /// Counts a blob that belongs to a slot from now on: the pointer for the slot's cell.
    fn put_in(&self, blob: Blob) -> *mut u8 {
        let bytes = blob.heap_bytes();
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.bytes_in_slots.fetch_add(bytes, Ordering::Relaxed);
        std::mem::ManuallyDrop::new(blob).pointer.as_ptr()
    }

    /// The blob of a pointer that was in a slot's cell and is there no more.
    fn taken_out(&self, pointer: NonNull<u8>) -> Blob {
        let blob = Blob { pointer, category: self.category };
        self.bytes_in_slots.fetch_sub(blob.heap_bytes(), Ordering::Relaxed);
        blob
    }

    /// Makes slots `0 .. len` available.
    pub fn grow_to(&self, len: u32) {
        self.segments.grow_to(len);
    }

    /// Takes the slots from `len` on back, none of which has a blob, and returns their memory when
    /// no reader is left. What is handed out again has none either.
    pub fn shrink_to(&self, len: u32) {
        debug_assert!((len..self.segments.len()).all(|slot| !self.is_some(slot)));
        // SAFETY: cells are atomic, each is used by a call that is pinned while it uses it, and the
        // segments are dropped a grace period after they are out of sight.
        let segments = unsafe { self.segments.shrink_to(len) };
        if !segments.is_empty() {
            self.removed.lock().push(segments);
        }
    }

    /// How many slots have a blob.
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// True if no slot has a blob.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of the blobs that are in slots, and not of those that wait to be freed.
    pub fn blob_bytes(&self) -> usize {
        self.bytes_in_slots.load(Ordering::Relaxed)
    }

    /// Bytes held, blobs included.
    pub fn heap_bytes(&self) -> usize {
        self.segments.heap_bytes() + self.bytes.load(Ordering::Relaxed)
    }

    /// Drops every blob: for the end of the arena's life.
    fn clear(&mut self) {
        // Cells that lie in files are not read for this.
        for slot in (0..self.segments.len()).filter(|&slot| !self.segments.is_lent(slot)) {
            let cell = self.cell(slot).load(Ordering::Acquire);
            if !cell.is_null() && !is_lent(cell) {
                drop(self.swap(slot, None));
            }
        }
    }
}

/// Cells in files lead nowhere but into files, unless they were damaged: then they lead nowhere.
fn mend(bytes: &mut [u8]) {
    let (cells, _) = bytes.as_chunks_mut::<8>();
    let wrong = cells.iter_mut().filter(|cell| !is_place(usize::from_ne_bytes(**cell)));
    wrong.for_each(|cell| *cell = [0; 8]);
}

/// True for what a cell has of a blob in files: blobs in memory begin at multiples of 4.
#[inline(always)]
fn is_place(cell: usize) -> bool {
    cell & 1 == 1
}

#[inline(always)]
fn is_lent(cell: *mut u8) -> bool {
    is_place(cell as usize)
}

impl Drop for Blobs {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch::pin;

    #[test]
    fn what_was_put_is_there_until_replaced() {
        let blobs = Blobs::new(Category::Names);
        blobs.grow_to(40);
        assert!(!blobs.replace(33, Some(b"one")));
        assert_eq!(blobs.get(33, &pin()), Some(&b"one"[..]));
        assert_eq!(blobs.get(32, &pin()), None);
        let pin_of_reader = pin();
        let old = blobs.get(33, &pin_of_reader);
        assert!(blobs.replace(33, Some(&[7; 1000])), "there was one");
        blobs.reclaim();
        assert_eq!(old, Some(&b"one"[..]), "kept while a reader is pinned");
        assert_eq!(blobs.len(), 1);
        assert!(blobs.heap_bytes() >= 1000);
        assert!(blobs.replace(33, None));
        assert!(blobs.is_empty());
        assert!(!blobs.replace(0, Some(b"")));
        assert_eq!(blobs.get(0, &pin()), Some(&b""[..]));
    }

    #[test]
    fn marks_stay_with_their_bytes() {
        let blobs = Blobs::new(Category::Names);
        blobs.grow_to(2);
        let marked = Marked { bytes: b"marked", mark: true };
        assert!(!blobs.replace_marked(0, Some(marked), |_| unreachable!("nothing was there")));
        blobs.replace(1, Some(b"plain"));
        let pin = pin();
        assert_eq!(blobs.get_marked(0, &pin), Some(marked));
        assert_eq!(blobs.get(0, &pin), Some(marked.bytes));
        assert_eq!(blobs.get_marked(1, &pin), Some(Marked { bytes: b"plain", mark: false }));
        let mut seen = None;
        blobs.replace_marked(0, None, |old| seen = Some(old.mark));
        assert_eq!(seen, Some(true));
    }

    #[test]
    fn an_exchange_takes_place_unless_the_bytes_were_replaced() {
        let blobs = Blobs::new(Category::Names);
        blobs.grow_to(1);
        blobs.replace_marked(0, Some(Marked { bytes: b"old", mark: true }), |_| ());
        let pin = pin();
        let old = blobs.get(0, &pin).expect("it was put");
        assert!(blobs.exchange(0, old, b"same", &pin));
        assert_eq!(blobs.get_marked(0, &pin), Some(Marked { bytes: b"same", mark: false }));
        assert!(!blobs.exchange(0, old, b"late", &pin));
        assert_eq!((blobs.get(0, &pin), old, blobs.len()), (Some(&b"same"[..]), &b"old"[..], 1));
        blobs.replace(0, None);
        assert!(!blobs.exchange(0, old, b"late", &pin));
        assert_eq!((blobs.get(0, &pin), blobs.len()), (None, 0));
    }

    #[test]
    fn what_was_retired_is_freed_when_its_readers_have_gone() {
        let blobs = Blobs::new(Category::Names);
        blobs.grow_to(1);
        blobs.replace(0, Some(b"x"));
        blobs.replace(0, None);
        assert_eq!(blobs.limbo.lock().len(), 1);
        // Tests beside this one may be pinned for a while.
        while !blobs.limbo.lock().is_empty() {
            blobs.reclaim();
            std::thread::yield_now();
        }
    }
}
