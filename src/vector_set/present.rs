//! A set as one command sees it: at one time, without the elements that have expired.

use std::ops::Deref;

use super::VectorSet;
use crate::frequency::Lfu;

/// The time of a command, and whether what it reads counts as used.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Elements whose deadlines lie before this have expired. Milliseconds since 1970; 0: none has.
    pub expiry_ms: i64,
    /// The time of use that elements get. Milliseconds since 1970.
    pub used_ms: i64,
    /// Reading an element counts as a use of it.
    pub touches: bool,
    /// How uses are counted.
    pub lfu: Lfu,
}

impl Now {
    /// No element has expired, and none is used: for replays and for programs without a clock.
    pub const UNTIMED: Self = Self { expiry_ms: 0, used_ms: 0, touches: false, lfu: Lfu::DEFAULT };
}

/// A set at a time. Its methods that look at elements leave out what has expired by then; those of
/// the [`VectorSet`] itself know of no time.
#[derive(Clone, Copy)]
pub struct Present<'s> {
    pub(super) set: &'s VectorSet,
    pub(super) now: Now,
}

impl Deref for Present<'_> {
    type Target = VectorSet;

    fn deref(&self) -> &VectorSet {
        self.set
    }
}

impl VectorSet {
    /// The set at this time.
    pub fn at(&self, now: Now) -> Present<'_> {
        Present { set: self, now }
    }

    /// The set for a program without a clock: nothing in it expires.
    pub fn untimed(&self) -> Present<'_> {
        self.at(Now::UNTIMED)
    }

    /// True if all its elements have expired and it is not one that may be empty: its key is to be
    /// removed. Costs one read in most cases.
    pub fn is_spent(&self, expiry_ms: i64) -> bool {
        self.deadlines.may_be_due(expiry_ms) && !self.options.may_be_empty && {
            let elements = self.elements.read();
            elements.len() > 0 && elements.len() == self.deadlines.count_due(expiry_ms)
        }
    }
}

impl Present<'_> {
    /// How many elements it has. A change of several elements is counted whole or not at all.
    pub fn len(&self) -> usize {
        let elements = self.set.elements.read();
        elements.len() - self.count_due()
    }

    /// True if it has no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True if the element in a slot has not expired.
    #[inline]
    pub(super) fn is_live(&self, slot: u32) -> bool {
        !self.set.deadlines.is_past(slot, self.now.expiry_ms)
    }

    /// How many elements have expired and are still there. Under the set's lock.
    pub(super) fn count_due(&self) -> usize {
        self.set.deadlines.count_due(self.now.expiry_ms)
    }

    /// Counts a use of the element in a slot.
    #[inline]
    pub(super) fn count_use(&self, slot: u32) {
        if self.now.touches {
            self.set.uses.mark(slot, &self.now);
        }
    }

    /// The same, where nothing that is read counts as used.
    pub fn untouched(self) -> Self {
        Self { now: Now { touches: false, ..self.now }, ..self }
    }
}
