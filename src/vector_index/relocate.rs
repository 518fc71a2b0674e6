//! Lower slots for what high ones hold, so that the memory of the last slots can be given back.
//!
//! The step between [`prepare_below`](VectorIndex::prepare_below) and
//! [`relocate`](VectorIndex::relocate) is the user's critical section, as it is for an update; the
//! user is pinned from before it has seen that the slot is live until after it.

use super::VectorIndex;
use super::stores::Phase;
use crate::epoch::pin;

impl VectorIndex {
    /// Takes the lowest free slot if it is below `slot`, which is live, and gives it the same
    /// codes. `describe` as in [`prepare`](Self::prepare). None also while the index changes its
    /// codes.
    pub fn prepare_below(&self, slot: u32, describe: impl FnOnce(u32)) -> Option<u32> {
        let pin = pin();
        let view = self.stores.view(&pin);
        if !matches!(view.phase, Phase::Plain | Phase::Settled) {
            return None;
        }
        let lower = self.graph.reserve_below(slot)?;
        for store in view.written() {
            // SAFETY: the slot was just reserved: it has been out of reach for a grace period, and
            // is in no list. The other one is live, or was since this thread is pinned.
            unsafe { store.copy(slot, lower) };
        }
        describe(lower);
        Some(lower)
    }

    /// Gives back what [`prepare_below`](Self::prepare_below) took, if nothing is relocated there.
    pub fn abandon_below(&self, lower: u32) {
        // SAFETY: no other thread has seen the slot since it was reserved.
        unsafe { self.stores.release(lower) };
        self.graph.unreserve(lower);
    }

    /// Makes a prepared slot live, and kills the one that it was prepared for, which is live still.
    pub fn relocate(&self, from: u32, to: u32) {
        self.graph.relocate(from, to);
    }

    /// Lets what led to the old slot lead to the new one: after the critical section.
    pub fn redirect(&self, from: u32, to: u32) {
        self.graph.redirect(from, to);
    }

    /// Gives memory back beyond the end of the slots, a few megabytes of it, if no reader is left
    /// that could use it. `shrink(len)`: the same for arenas of the user. True if there was any.
    pub fn give_back(&self, shrink: impl FnOnce(u32)) -> bool {
        self.graph.give_back(|len| {
            // SAFETY: slots from `len` on are free since a grace period, and the end was lowered
            // a grace period ago: no reader uses a number of one, and no writer gets one before
            // this call returns.
            unsafe { self.stores.shrink_to(len) };
            shrink(len);
        })
    }
}
