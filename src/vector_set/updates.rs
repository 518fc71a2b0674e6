//! The count of a set's updates, by which a search knows whether it can have met two slots of one
//! element.
//!
//! An update gives an element another slot. A search takes no lock, so it may meet the old slot
//! before the update and the new one after it, and may return both (see [`crate::index`]).
//!
//! | thread | operations | ordering |
//! |---|---|---|
//! | the writer, under the set's lock | adds 1, publishes the new slot, kills the old one, adds 1 | the second addition Release |
//! | a search | reads the count, notes its moment in the order of deaths, looks at slots, reads the count again | Acquire |
//!
//! A search that met the new slot read what was written after the first addition, so its last read
//! gives at least that count. And a search that began during an update reads an odd number. So if
//! the count is even and the same in both reads, no element was met in two slots.
//!
//! `tests/loom` checks this file together with the slot states in `src/index/slots.rs`.

#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU64, Ordering};

/// Twice the number of updates so far; odd while an element has two slots.
pub(super) struct Updates(AtomicU64);

/// The count, as a search read it when it began.
#[derive(Clone, Copy)]
pub(super) struct Seen(u64);

impl Updates {
    /// No updates yet.
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// An update begins: to be called before the new slot is published, by one writer at a time.
    #[inline]
    pub(super) fn begin(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The update is complete: to be called after the old slot was killed.
    #[inline]
    pub(super) fn end(&self) {
        self.0.fetch_add(1, Ordering::Release);
    }

    /// To be called by a search before it begins.
    #[inline]
    pub(super) fn seen(&self) -> Seen {
        Seen(self.0.load(Ordering::Acquire))
    }

    /// True if an update has overlapped the time since `seen` was read.
    #[inline]
    pub(super) fn overlapped(&self, seen: Seen) -> bool {
        seen.0 % 2 == 1 || self.0.load(Ordering::Acquire) != seen.0
    }
}
