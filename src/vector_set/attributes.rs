//! The JSON of each slot that has some: compressed, until a filter reads it.
//!
//! Attributes that are long enough are compressed where that saves a fifth (see
//! [`crate::compressed`]); the mark of a blob says so. A search with FILTER reads the attribute of
//! each slot that it visits, and would have to decompress it each time. So the first such search
//! marks the set as *filtered*, for good: what is written from then on is stored as it is, and a
//! filter that comes to a compressed attribute puts the text in its place. A search of which
//! indexes of fields know what matches reads none, and leaves them compressed.
//!
//! Measured on 10,000 elements (MiniLM, 384 dimensions, two conditions) by the server's CPU time
//! for 300 searches, beside a server with `compression-threshold 0`: 650 µs a search in both with
//! attributes of 456 bytes, 770 µs in both with 960 bytes, from the first 300 searches on. Where
//! each search decompressed what it read, it took 770 µs beside 570, and 970 beside 660.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::commit::Exclusive;
use crate::arena::{Blobs, Marked};
use crate::compressed::{Ready, Savings, Stored};
use crate::epoch::Pin;
use crate::memory::Category;
use crate::tier::{Part, Space};

/// Attributes by slot, which searches read without a lock.
///
/// The attribute of an element that was removed, or that has got another slot, stays where it was
/// until the slot is free: a search that began before returns the element, and reads it.
pub(super) struct Attributes {
    blobs: Blobs,
    /// A search has had a filter.
    is_filtered: AtomicBool,
    /// Filters have decompressed some, and what was there before is not freed yet.
    has_replaced: AtomicBool,
    /// How many are compressed.
    compressed: AtomicUsize,
    /// Bytes that this saves.
    saved_bytes: AtomicUsize,
    /// Elements that have one.
    len: AtomicUsize,
}

impl Default for Attributes {
    fn default() -> Self {
        Self::of(Category::Attributes)
    }
}

impl Attributes {
    /// None yet. `category`: what they are for.
    pub(super) fn of(category: Category) -> Self {
        Self {
            blobs: Blobs::new(category),
            is_filtered: AtomicBool::new(false),
            has_replaced: AtomicBool::new(false),
            compressed: AtomicUsize::new(0),
            saved_bytes: AtomicUsize::new(0),
            len: AtomicUsize::new(0),
        }
    }

    /// Those of a sealed set of so many slots, in these parts.
    ///
    /// # Errors
    /// The parts are not what they should be.
    pub(super) fn over(
        category: Category,
        space: &Arc<Space>,
        parts: (Part, Part),
        slots: u32,
    ) -> io::Result<Self> {
        let blobs = Blobs::over(category, space, parts, slots)?;
        Ok(Self { len: AtomicUsize::new(blobs.len()), blobs, ..Self::of(category) })
    }

    /// Asks the disk for what it has of those of these slots, all at once.
    pub(super) fn fetch(&self, slots: impl Iterator<Item = u32> + Clone) {
        self.blobs.fetch(slots);
    }

    /// The attribute of a slot that the reader has met while pinned, if it has one.
    pub(super) fn get<'p>(&'p self, slot: u32, pin: &'p Pin) -> Option<Stored<'p>> {
        self.blobs.get_marked(slot, pin).map(stored)
    }

    /// Called before a search that reads attributes: they are decompressed from now on when they
    /// are filtered, and new ones are not compressed. Frees what earlier filters have replaced:
    /// there may be no writer to do it.
    pub(super) fn begin_filtering(&self) {
        if !self.is_filtered.load(Ordering::Relaxed) {
            self.is_filtered.store(true, Ordering::Relaxed);
        }
        if self.has_replaced.load(Ordering::Relaxed) && self.has_replaced.swap(false, Ordering::Relaxed) {
            let is_all = self.blobs.reclaim();
            self.has_replaced.fetch_or(!is_all, Ordering::Relaxed);
        }
    }

    /// What a filter finds in the attribute of a slot that the reader has met while pinned; none if
    /// it has no attribute.
    #[inline]
    pub(super) fn filter<R>(&self, slot: u32, pin: &Pin, look: impl FnOnce(&[u8]) -> R) -> Option<R> {
        Some(match self.get(slot, pin)? {
            Stored::Plain(text) => look(text),
            attribute @ Stored::Compressed(_) => look(&self.decompress(slot, attribute, pin)),
        })
    }

    /// Puts the text in the place of a compressed attribute, and returns it.
    #[cold]
    fn decompress(&self, slot: u32, attribute: Stored<'_>, pin: &Pin) -> Vec<u8> {
        let text = attribute.text().into_owned();
        if self.blobs.exchange(slot, attribute.parts().0, &text, pin) {
            self.discount(attribute);
            self.has_replaced.store(true, Ordering::Relaxed);
        }
        text
    }

    /// How many elements have one.
    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// What compression saves.
    pub(super) fn savings(&self) -> Savings {
        let load = |number: &AtomicUsize| number.load(Ordering::Relaxed);
        Savings { values: load(&self.compressed), bytes: load(&self.saved_bytes) }
    }

    /// An attribute in the form in which it is to be stored. To be made outside of the lock.
    pub(super) fn ready<'t>(&self, attribute: &'t [u8]) -> Ready<'t> {
        if self.is_filtered.load(Ordering::Relaxed) { Ready::Plain(attribute) } else { Ready::new(attribute) }
    }

    /// Gives a slot an attribute; empty removes it.
    pub(super) fn set(&self, slot: u32, attribute: Stored<'_>, _: &Exclusive) {
        self.replace(slot, attribute);
    }

    /// The element has left its slot.
    pub(super) fn leave(&self, slot: u32, _: &Exclusive) {
        if self.blobs.is_some(slot) {
            self.len.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Removes what an element has left in a slot that no reader can see any more.
    pub(super) fn forget(&self, slot: u32) {
        if !self.blobs.is_lent(slot) {
            self.blobs.replace_marked(slot, None, |old| self.discount(stored(old)));
        }
    }

    /// Takes the slots from `len` on back, which are free, and returns their memory.
    pub(super) fn shrink_to(&self, len: u32) {
        self.blobs.shrink_to(len);
    }

    /// Gives a slot of a set that is being loaded its attribute. Empty: none.
    pub(super) fn load(&self, slot: u32, attribute: &[u8]) {
        if !attribute.is_empty() {
            self.replace(slot, self.ready(attribute).stored());
        }
    }

    /// Makes slots `0 .. len` available. One caller at a time.
    pub(super) fn grow_to(&self, len: u32) {
        self.blobs.grow_to(len);
    }

    /// Frees removed attributes that no reader can be reading any more.
    pub(super) fn reclaim(&self) {
        self.blobs.reclaim();
    }

    /// Bytes of the texts as they are stored, of all slots that are not free.
    pub(super) fn text_bytes(&self) -> usize {
        self.blobs.blob_bytes()
    }

    /// Bytes held.
    pub(super) fn heap_bytes(&self) -> usize {
        self.blobs.heap_bytes()
    }

    fn replace(&self, slot: u32, attribute: Stored<'_>) {
        let (bytes, mark) = attribute.parts();
        // Counted first: a filter may discount it as soon as it is there.
        self.count(attribute);
        let contents = (!bytes.is_empty()).then_some(Marked { bytes, mark });
        self.len.fetch_add(usize::from(contents.is_some()), Ordering::Relaxed);
        if self.blobs.replace_marked(slot, contents, |old| self.discount(stored(old))) {
            self.len.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn count(&self, attribute: Stored<'_>) {
        if let Stored::Compressed(compressed) = attribute {
            self.compressed.fetch_add(1, Ordering::Relaxed);
            self.saved_bytes.fetch_add(compressed.savings().bytes, Ordering::Relaxed);
        }
    }

    /// To be called by whatever takes it out of its slot.
    fn discount(&self, attribute: Stored<'_>) {
        if let Stored::Compressed(compressed) = attribute {
            self.compressed.fetch_sub(1, Ordering::Relaxed);
            self.saved_bytes.fetch_sub(compressed.savings().bytes, Ordering::Relaxed);
        }
    }
}

fn stored(Marked { bytes, mark }: Marked<'_>) -> Stored<'_> {
    Stored::new(bytes, mark)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compressed::repetitive;
    use crate::epoch::pin;

    fn attributes(slots: u32, attribute: &[u8]) -> Attributes {
        let attributes = Attributes::default();
        attributes.grow_to(slots);
        (0..slots).for_each(|slot| attributes.load(slot, attribute));
        attributes
    }

    #[test]
    fn what_is_saved_is_counted_until_it_is_removed() {
        let text = repetitive(1000);
        let attributes = attributes(3, &text);
        let saved = attributes.savings();
        assert!(saved.values == 3 && saved.bytes > 3 * 400);
        assert!(attributes.heap_bytes() < 3 * 600);
        let pin = pin();
        assert_eq!(attributes.get(1, &pin).expect("it has one").text(), text);
        attributes.replace(0, Stored::Plain(&[]));
        attributes.load(1, b"short");
        assert_eq!(attributes.savings(), Savings { values: 1, bytes: saved.bytes / 3 });
        assert_eq!((attributes.len(), attributes.get(0, &pin)), (2, None));
        assert_eq!(attributes.get(1, &pin), Some(Stored::Plain(b"short")));
    }

    #[test]
    fn what_a_filter_reads_is_decompressed_once() {
        let text = repetitive(1000);
        let attributes = attributes(3, &text);
        attributes.begin_filtering();
        let pin = pin();
        for _ in 0..2 {
            assert_eq!(attributes.filter(1, &pin, |bytes| bytes == text), Some(true));
        }
        assert_eq!(attributes.get(1, &pin), Some(Stored::Plain(&text)));
        assert_eq!(attributes.savings().values, 2);
        attributes.load(0, &text);
        assert_eq!(attributes.savings().values, 1, "a set that is filtered has new ones as they are");
        assert_eq!(attributes.len(), 3);
    }

    #[test]
    fn filters_and_writers_of_the_same_slots_agree_on_what_is_saved() {
        let text = repetitive(1000);
        let attributes = attributes(64, &text);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for slot in (0..64).cycle().take(6400) {
                        let pin = pin();
                        let found = attributes.filter(slot, &pin, |bytes| bytes == text);
                        assert_ne!(found, Some(false));
                    }
                });
            }
            for slot in (0..64).cycle().take(6400) {
                attributes.replace(slot, Stored::Plain(&[]));
                attributes.load(slot, &text);
            }
        });
        let pin = pin();
        let compressed = (0..64).filter_map(|slot| attributes.get(slot, &pin)).map(Stored::savings).sum();
        assert_eq!(attributes.savings(), compressed);
    }
}
