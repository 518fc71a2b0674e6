//! An element that is updated moves to another slot, while a search looks at both slots in any order.
//!
//! The orderings, and the order of the steps, are those of the product; what they are about is left out: of a slot
//! only its state is kept, of a search only which slots it returns.

use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};

const LINKING: u32 = 1;
const LIVE: u32 = 2;
const DEAD: u32 = 3;
const MOMENT_SHIFT: u32 = 2;

/// The slots of one element, oldest first: the first is live, the others are being linked.
pub struct Element {
    words: Vec<AtomicU32>,
    deaths: AtomicU32,
    updates: AtomicU64,
}

/// Faults that the model must be able to find.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// None: the protocol as it is.
    None,
    /// The search reads the count of deaths before that of updates.
    DeathsFirst,
    /// The writer kills the old slot before it publishes the new one.
    KillFirst,
    /// The search returns a slot that was not an element yet when it ended.
    KeepLinking,
    /// The writer moves the count of updates only after it has changed the slots.
    CountOnce,
}

impl Element {
    /// An element that will be updated until it has used this many slots.
    pub fn new(slots: usize) -> Self {
        let words = (0..slots).map(|slot| AtomicU32::new(if slot == 0 { LIVE } else { LINKING })).collect();
        Self { words, deaths: AtomicU32::new(0), updates: AtomicU64::new(0) }
    }

    /// `VectorSet::commit`: the element moves from a slot to the next. The caller is the only writer.
    pub fn update(&self, old: usize, fault: Fault) {
        if fault != Fault::CountOnce {
            self.updates.fetch_add(1, Ordering::Relaxed);
        }
        if fault == Fault::KillFirst {
            self.kill(old);
        }
        self.words[old + 1].store(LIVE, Ordering::Release);
        if fault != Fault::KillFirst {
            self.kill(old);
        }
        self.updates.fetch_add(if fault == Fault::CountOnce { 2 } else { 1 }, Ordering::Release);
    }

    /// `Slots::kill`.
    fn kill(&self, slot: usize) {
        let moment = self.deaths.load(Ordering::Relaxed) + 1;
        self.words[slot].store(moment << MOMENT_SHIFT | DEAD, Ordering::Release);
        self.deaths.store(moment, Ordering::Release);
    }

    /// `VectorSet::search_once` and `settle`, meeting the slots in this order: how often it returns the element.
    pub fn search(&self, order: &[usize], fault: Fault) -> usize {
        let (updates, start) = self.begin(fault);
        let mut found: Vec<usize> = order.iter().copied().filter(|&slot| self.admits(slot, start)).collect();
        if fault != Fault::KeepLinking {
            found.retain(|&slot| self.words[slot].load(Ordering::Acquire) & 3 != LINKING);
        }
        if updates % 2 == 1 || self.updates.load(Ordering::Acquire) != updates {
            // The slots have one name.
            found.truncate(1);
        }
        found.len()
    }

    fn begin(&self, fault: Fault) -> (u64, u32) {
        if fault == Fault::DeathsFirst {
            let start = self.deaths.load(Ordering::Acquire);
            return (self.updates.load(Ordering::Acquire), start);
        }
        let updates = self.updates.load(Ordering::Acquire);
        (updates, self.deaths.load(Ordering::Acquire))
    }

    /// `Slots::admits`.
    fn admits(&self, slot: usize, start: u32) -> bool {
        let word = self.words[slot].load(Ordering::Acquire);
        match word & 3 {
            LINKING | LIVE => true,
            _ => word >> MOMENT_SHIFT > start,
        }
    }
}
