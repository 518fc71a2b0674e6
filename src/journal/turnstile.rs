//! Counts threads in and out, and can be closed: the shared state of the [gate](super::gate).
//!
//! | thread | operations | ordering |
//! |---|---|---|
//! | a writer | adds itself to a counter, then reads whether the turnstile is closed; if so, subtracts itself, waits until it is open, and starts over | SeqCst |
//! | a writer, leaving | subtracts itself | Release |
//! | the closer | closes, then reads all counters until they are zero | SeqCst |
//! | the closer, done | opens, and wakes waiting writers | SeqCst, under the lock of the condition variable |
//!
//! Either the writer sees it closed, or the closer sees the writer counted. A closer that reads
//! zero also sees all that writers did inside, and a writer that enters later sees all that the
//! closer did. Each counter is on a cache line of its own, so that entering is an uncontended
//! operation.
//!
//! `tests/loom` checks it for two writers and a closer.

#[cfg(loom)]
use loom::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use parking_lot::{Condvar, Mutex};

/// Counters of writers.
const STRIPES: usize = if cfg!(loom) { 2 } else { 64 };

#[derive(Debug)]
#[repr(align(128))]
struct Stripe {
    inside: AtomicU32,
}

/// Counts the threads inside.
#[derive(Debug)]
pub(super) struct Turnstile {
    closed: AtomicBool,
    stripes: Box<[Stripe; STRIPES]>,
    waiting: Mutex<()>,
    opened: Condvar,
}

/// A thread that is counted, until the drop.
#[derive(Debug)]
pub(super) struct Counted<'t>(&'t AtomicU32);

impl Drop for Counted<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}

impl Turnstile {
    /// Open and empty.
    pub(super) fn new() -> Self {
        let stripe = || Stripe { inside: AtomicU32::new(0) };
        Self {
            closed: AtomicBool::new(false),
            stripes: Box::new(std::array::from_fn(|_| stripe())),
            waiting: Mutex::new(()),
            opened: Condvar::new(),
        }
    }

    /// Counts the caller in, as soon as it is open. `stripe` is any number; threads should differ
    /// in it.
    #[inline]
    pub(super) fn enter(&self, stripe: usize) -> Counted<'_> {
        loop {
            if let Some(counted) = self.try_enter(stripe) {
                return counted;
            }
            self.wait_until_open();
        }
    }

    #[inline]
    fn try_enter(&self, stripe: usize) -> Option<Counted<'_>> {
        let inside = &self.stripes[stripe % STRIPES].inside;
        inside.fetch_add(1, Ordering::SeqCst);
        let counted = Counted(inside);
        #[cfg(loom)]
        in_one_order();
        (!self.closed.load(Ordering::SeqCst)).then_some(counted)
    }

    /// Lets no more threads in. One closer at a time.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        #[cfg(loom)]
        in_one_order();
    }

    /// Lets threads in again.
    pub(super) fn open(&self) {
        let _waiting = self.waiting.lock();
        self.closed.store(false, Ordering::SeqCst);
        self.opened.notify_all();
    }

    /// True if no thread is inside; that stays so while it is closed.
    pub(super) fn is_empty(&self) -> bool {
        self.stripes.iter().all(|stripe| stripe.inside.load(Ordering::SeqCst) == 0)
    }

    #[cold]
    fn wait_until_open(&self) {
        let mut waiting = self.waiting.lock();
        while self.closed.load(Ordering::SeqCst) {
            self.opened.wait(&mut waiting);
        }
    }
}

/// Loom gives SeqCst accesses no more than Acquire and Release; of SeqCst it has fences only. This
/// one stands for the common order of the access before it and the one after it.
#[cfg(loom)]
fn in_one_order() {
    fence(Ordering::SeqCst);
}
