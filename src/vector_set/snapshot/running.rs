//! What a set knows of the snapshots that are taken of it: which slots are settled, and what was handed over.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::handed::Handed;
use super::spill::{Place, Spill};
use crate::arena::Words;

/// One snapshot of one set, from the cut to its last element. See the table in [`super`] for who does what.
pub(super) struct Running {
    /// The number of the cut; 0: the set was asked for alone.
    pub(super) cut: u64,
    /// Members lie below this slot.
    pub(super) end: u32,
    /// How many members there are.
    pub(super) len: usize,
    /// The slots that the snapshot thread has not come to: from here …
    low: AtomicU32,
    /// … to below this.
    high: AtomicU32,
    /// A bit for each slot: it is young, or was handed over.
    settled: Words,
    handed: Mutex<Vec<Handed>>,
    handed_bytes: AtomicUsize,
    /// What was moved from `handed` before the snapshot came to this set.
    spilled: Mutex<Vec<Place>>,
    given_up: AtomicBool,
}

/// What was handed over since the snapshot thread last asked.
pub(super) struct Taken {
    pub(super) handed: Vec<Handed>,
    /// Where more of it lies in the spill.
    pub(super) spilled: Vec<Place>,
}

impl Taken {
    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        self.handed.iter().map(|element| element.as_bytes().len()).sum()
    }
}

impl Running {
    pub(super) fn new(cut: u64, end: u32, len: usize) -> Self {
        // A set without members has no slot that matters.
        let end = if len == 0 { 0 } else { end };
        let settled = Words::new(1);
        settled.grow_to(end.div_ceil(u32::BITS));
        Self {
            cut,
            end,
            len,
            low: AtomicU32::new(0),
            high: AtomicU32::new(end),
            settled,
            handed: Mutex::default(),
            handed_bytes: AtomicUsize::new(0),
            spilled: Mutex::default(),
            given_up: AtomicBool::new(false),
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

    /// True if the element in this slot is a member that nobody has a copy of.
    fn wants(&self, slot: u32) -> bool {
        self.ahead().contains(&slot) && !self.is_settled(slot)
    }

    fn hand_over(&self, slot: u32, element: Handed) {
        self.settle(slot);
        self.handed_bytes.fetch_add(element.as_bytes().len(), Ordering::Relaxed);
        self.handed.lock().push(element);
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

    /// Takes what was handed over. Only the snapshot thread.
    pub(super) fn take(&self) -> Taken {
        let handed = std::mem::take(&mut *self.handed.lock());
        let taken = Taken { handed, spilled: std::mem::take(&mut *self.spilled.lock()) };
        self.handed_bytes.fetch_sub(taken.bytes(), Ordering::Relaxed);
        taken
    }

    /// Moves what was handed over into the spill, and tells how many bytes that were. Only the snapshot thread.
    pub(super) fn relieve(&self, spill: &mut dyn Spill) -> io::Result<usize> {
        let Taken { handed, mut spilled } = self.take();
        let blocks: Vec<&[u8]> = handed.iter().map(Handed::as_bytes).collect();
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
        self.settled.heap_bytes() + self.handed_bytes.load(Ordering::Relaxed)
    }
}

fn bit(slot: u32) -> u32 {
    1 << (slot % u32::BITS)
}

/// The snapshots of a set that are running. All but [`Snapshots::end`] is called under the set's lock.
#[derive(Default)]
pub(in crate::vector_set) struct Snapshots {
    /// The last cut that the set knows of.
    seen: AtomicU64,
    /// How many are running: writers look at this alone while there is none.
    count: AtomicUsize,
    running: Mutex<Vec<Arc<Running>>>,
    /// Bytes handed over that the journal has not been told of.
    untold: AtomicUsize,
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
    pub(super) fn see(&self, cut: u64) {
        let mut running = self.running.lock();
        running.retain(|snapshot| {
            let stays = snapshot.cut == 0 || snapshot.cut == cut;
            snapshot.given_up.fetch_or(!stays, Ordering::Relaxed);
            stays
        });
        self.count.store(running.len(), Ordering::Relaxed);
        self.seen.store(cut, Ordering::Relaxed);
    }

    pub(super) fn add(&self, snapshot: Running) -> Arc<Running> {
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
    pub(super) fn settle(&self, slot: u32) {
        self.running.lock().iter().for_each(|snapshot| snapshot.settle(slot));
    }

    /// Hands the element in this slot to all that want it.
    pub(super) fn hand_over(&self, slot: u32, copy: impl Fn() -> Handed) {
        for snapshot in self.running.lock().iter().filter(|snapshot| snapshot.wants(slot)) {
            let element = copy();
            if snapshot.cut != 0 {
                self.untold.fetch_add(element.as_bytes().len(), Ordering::Relaxed);
            }
            snapshot.hand_over(slot, element);
        }
    }

    /// Bytes handed over for the journal's cut since this was last asked.
    pub(super) fn take_untold(&self) -> usize {
        self.untold.swap(0, Ordering::Relaxed)
    }

    pub(in crate::vector_set) fn heap_bytes(&self) -> usize {
        self.running.lock().iter().map(|snapshot| snapshot.heap_bytes()).sum()
    }
}
