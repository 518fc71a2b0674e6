//! What a set has of the snapshots that are being taken of it: which slots are settled, and the
//! before-images that wait.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::before_image::BeforeImage;
use super::spill::{Place, Spill};
use crate::arena::Words;
use crate::memory::{Category, Held};
use crate::vector_index::PhaseHold;
use crate::vector_set::Changed;
use crate::vector_set::commit::Exclusive;

/// One snapshot of one set, from the cut to its last element. The steps are in the table of
/// [`super`].
pub(super) struct Running {
    /// The number of the cut; 0: the snapshot is of this set alone.
    pub(super) cut: u64,
    /// Members lie below this slot.
    pub(super) end: u32,
    /// How many members there are.
    pub(super) len: usize,
    /// The slots that the snapshot thread has not come to: from here …
    low: AtomicU32,
    /// … to below this.
    high: AtomicU32,
    /// A bit for each slot: it is young, or was copied.
    settled: Words,
    images: Mutex<Vec<BeforeImage>>,
    image_bytes: Mutex<Held>,
    /// Images that were moved from memory before the snapshot came to this set.
    spilled: Mutex<Vec<Place>>,
    given_up: AtomicBool,
    pub(super) at_cut: AtCut,
    /// All elements are read with the codes that are in use now.
    _phase: PhaseHold,
}

/// What is known of the set at the cut beside its elements.
pub(super) struct AtCut {
    /// Of a cache: what it had learnt.
    pub(super) learning: Vec<u8>,
    /// Changes of the set before.
    pub(super) changes: u64,
    /// Elements that have changed since, if they are noted.
    pub(super) changed: Option<Arc<Changed>>,
}

/// The before-images since the snapshot thread last took them.
pub(super) struct Taken {
    pub(super) images: Vec<BeforeImage>,
    /// Where more of it lies in the spill.
    pub(super) spilled: Vec<Place>,
}

impl Taken {
    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        self.images.iter().map(|element| element.as_bytes().len()).sum()
    }
}

impl Running {
    /// `end`, `len`: as above.
    pub(super) fn new(cut: u64, (end, len): (u32, usize), phase: PhaseHold, at_cut: AtCut) -> Self {
        // A set without members has no slot that matters.
        let end = if len == 0 { 0 } else { end };
        let settled = Words::new(1, Category::Snapshot);
        settled.grow_to(end.div_ceil(u32::BITS));
        Self {
            cut,
            end,
            len,
            low: AtomicU32::new(0),
            high: AtomicU32::new(end),
            settled,
            images: Mutex::default(),
            image_bytes: Mutex::new(Held::nothing(Category::Snapshot)),
            spilled: Mutex::default(),
            given_up: AtomicBool::new(false),
            at_cut,
            _phase: phase,
        }
    }

    /// True if the slot does not hold a member any more, or not the one that it held at the cut.
    #[inline]
    pub(super) fn is_settled(&self, slot: u32) -> bool {
        slot >= self.end || self.bits(slot).load(Ordering::Relaxed) & bit(slot) != 0
    }

    fn settle(&self, slot: u32) {
        if slot < self.end {
            self.bits(slot).fetch_or(bit(slot), Ordering::Relaxed);
        }
    }

    fn bits(&self, slot: u32) -> &AtomicU32 {
        &self.settled.block(slot / u32::BITS)[0]
    }

    /// True if the element in this slot is a member that was neither read nor copied.
    fn needs(&self, slot: u32) -> bool {
        self.ahead().contains(&slot) && !self.is_settled(slot)
    }

    fn keep(&self, slot: u32, image: BeforeImage) {
        self.settle(slot);
        self.image_bytes.lock().grow(image.as_bytes().len());
        self.images.lock().push(image);
    }

    /// The slots that the snapshot thread has not come to.
    pub(super) fn ahead(&self) -> Range<u32> {
        self.low.load(Ordering::Relaxed)..self.high.load(Ordering::Relaxed)
    }

    /// The snapshot thread has come to the first or the last of these, and to all but these now.
    pub(super) fn leave_ahead(&self, slots: Range<u32>) {
        self.low.store(slots.start, Ordering::Relaxed);
        self.high.store(slots.end, Ordering::Relaxed);
    }

    /// Takes the before-images. Only the snapshot thread.
    pub(super) fn take(&self) -> Taken {
        let images = std::mem::take(&mut *self.images.lock());
        let taken = Taken { images, spilled: std::mem::take(&mut *self.spilled.lock()) };
        self.image_bytes.lock().shrink(taken.bytes());
        taken
    }

    /// Moves the before-images into the spill, and returns how many bytes they were. Only the
    /// snapshot thread.
    pub(super) fn relieve(&self, spill: &mut dyn Spill) -> io::Result<usize> {
        let Taken { images, mut spilled } = self.take();
        let blocks: Vec<&[u8]> = images.iter().map(BeforeImage::as_bytes).collect();
        let bytes = blocks.concat();
        if !bytes.is_empty() {
            spilled.push(spill.append(&bytes)?);
        }
        self.spilled.lock().append(&mut spilled);
        Ok(bytes.len())
    }

    /// True if what it has seen is not the whole set.
    pub(super) fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }

    fn heap_bytes(&self) -> usize {
        self.settled.heap_bytes() + self.image_bytes.lock().bytes()
    }
}

fn bit(slot: u32) -> u32 {
    1 << (slot % u32::BITS)
}

/// The snapshots of a set that are running.
#[derive(Default)]
pub(in crate::vector_set) struct Snapshots {
    /// The last cut that the set knows of.
    seen: AtomicU64,
    /// How many are running: writers look at this alone while there is none.
    count: AtomicUsize,
    running: Mutex<Vec<Arc<Running>>>,
    /// Bytes of before-images that the journal has not counted.
    unreported: AtomicUsize,
}

impl Snapshots {
    /// True if one is running.
    #[inline]
    pub(in crate::vector_set) fn any(&self) -> bool {
        self.count.load(Ordering::Relaxed) != 0
    }

    /// True if there is nothing new for a writer that comes with this cut.
    #[inline]
    pub(super) fn has_seen(&self, cut: u64) -> bool {
        cut == self.seen.load(Ordering::Relaxed)
    }

    /// There is a new cut, or none any more: snapshots of an earlier one were given up.
    pub(super) fn see(&self, cut: u64, _: &Exclusive) {
        let mut running = self.running.lock();
        running.retain(|snapshot| {
            let stays = snapshot.cut == 0 || snapshot.cut == cut;
            snapshot.given_up.fetch_or(!stays, Ordering::Relaxed);
            stays
        });
        self.count.store(running.len(), Ordering::Relaxed);
        self.seen.store(cut, Ordering::Relaxed);
    }

    pub(super) fn add(&self, snapshot: Running, _: &Exclusive) -> Arc<Running> {
        let snapshot = Arc::new(snapshot);
        let mut running = self.running.lock();
        running.push(Arc::clone(&snapshot));
        self.count.store(running.len(), Ordering::Relaxed);
        snapshot
    }

    pub(super) fn of_cut(&self, cut: u64) -> Option<Arc<Running>> {
        self.running.lock().iter().find(|snapshot| snapshot.cut == cut).map(Arc::clone)
    }

    /// The snapshot is complete, or given up.
    pub(super) fn end(&self, ended: &Arc<Running>) {
        let mut running = self.running.lock();
        running.retain(|snapshot| !Arc::ptr_eq(snapshot, ended));
        self.count.store(running.len(), Ordering::Relaxed);
    }

    /// What is in this slot is not what was there at any cut.
    #[inline]
    pub(in crate::vector_set) fn settle(&self, slot: u32, _: &Exclusive) {
        if self.any() {
            self.running.lock().iter().for_each(|snapshot| snapshot.settle(slot));
        }
    }

    /// Copies the element in this slot for all that need it.
    pub(super) fn keep_before_image(&self, slot: u32, copy: impl Fn() -> BeforeImage, _: &Exclusive) {
        for snapshot in self.running.lock().iter().filter(|snapshot| snapshot.needs(slot)) {
            let image = copy();
            if snapshot.cut != 0 {
                self.unreported.fetch_add(image.as_bytes().len(), Ordering::Relaxed);
            }
            snapshot.keep(slot, image);
        }
    }

    /// Bytes of before-images for the journal's cut since the last call.
    pub(super) fn take_unreported(&self) -> usize {
        self.unreported.swap(0, Ordering::Relaxed)
    }

    pub(in crate::vector_set) fn heap_bytes(&self) -> usize {
        self.running.lock().iter().map(|snapshot| snapshot.heap_bytes()).sum()
    }
}
