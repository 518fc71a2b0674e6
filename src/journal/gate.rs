//! Counts the threads that are changing data: writers enter, and a cut closes the gate and waits
//! until it is empty.
//!
//! The [`Turnstile`] counts, and has the protocol. The gate adds the threads that enter while they
//! are inside already, and a closer that gives up and tries again.
//!
//! *No deadlock:* a thread inside waits for locks whose holders are inside too, or only read; a
//! thread that waits at the gate holds no lock. A thread that is inside enters again without
//! reading whether the gate is closed.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Journal;
use super::turnstile::{Counted, Turnstile};

/// How long writers are kept out for one try, at first.
const PATIENCE: Duration = Duration::from_micros(900);
/// Pause between two tries.
const BETWEEN: Duration = Duration::from_millis(3);
/// After so many failed tries the patience grows by as much again.
const TRIES: u32 = 300;

thread_local! {
    /// For speed: which stripe a thread counts itself in does not matter.
    static STRIPE: usize = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed)
    };
    /// The gate that the thread is inside of, and how many passages of it the thread has. In a
    /// thread-local: a thread inside a transaction must not wait for a cut, whichever command, set
    /// or key enters again below it, and those do not have the passage of the transaction.
    static INSIDE: Cell<(*const Gate, u32)> = const { Cell::new((std::ptr::null(), 0)) };
}

#[derive(Debug)]
pub(super) struct Gate {
    turnstile: Turnstile,
    /// How long it was closed the last time, in microseconds.
    closed_us: AtomicU64,
    /// Held by the closer while the gate is closed.
    closing: Mutex<()>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { turnstile: Turnstile::new(), closed_us: AtomicU64::new(0), closing: Mutex::new(()) }
    }
}

/// While it lives, its thread may change data, and no cut is made.
#[derive(Debug)]
#[must_use = "the gate is left when the passage is dropped"]
pub struct Passage<'j> {
    journal: &'j Journal,
    /// None if the thread was inside already. Dropped after `INSIDE` is set back.
    _counted: Option<Counted<'j>>,
    /// It belongs to its thread.
    not_send: PhantomData<*const ()>,
}

impl Passage<'_> {
    /// The number of the cut whose snapshot is running, which needs before-images. 0 if there is
    /// none. It stays the same as long as the passage lives, unless the snapshot ends.
    #[inline]
    pub fn cut(&self) -> u64 {
        self.journal.cut.load(Ordering::Acquire)
    }

    /// The journal whose gate this is.
    pub fn journal(&self) -> &Journal {
        self.journal
    }
}

impl Drop for Passage<'_> {
    fn drop(&mut self) {
        let (gate, depth) = INSIDE.get();
        INSIDE.set(if depth > 1 { (gate, depth - 1) } else { (std::ptr::null(), 0) });
    }
}

impl Gate {
    pub(super) fn enter<'j>(&'j self, journal: &'j Journal) -> Passage<'j> {
        let (gate, depth) = INSIDE.get();
        let here: *const Gate = self;
        let passage = |counted| Passage { journal, _counted: counted, not_send: PhantomData };
        if depth > 0 {
            assert!(std::ptr::eq(gate, here), "a thread is inside one gate at a time");
            INSIDE.set((here, depth + 1));
            return passage(None);
        }
        let counted = self.turnstile.enter(STRIPE.with(|stripe| *stripe));
        INSIDE.set((here, 1));
        passage(Some(counted))
    }

    pub(super) fn is_inside(&self) -> bool {
        let (gate, depth) = INSIDE.get();
        depth > 0 && std::ptr::eq(gate, self)
    }

    /// Runs `work` while no thread is inside.
    pub(super) fn alone<R>(&self, work: impl FnOnce() -> R) -> R {
        assert_eq!(INSIDE.get().1, 0, "a thread that is inside would wait for itself");
        let _closing = self.closing.lock();
        for tries in 0.. {
            let closed = Closed::close(self);
            if self.is_empty_within(PATIENCE * (1 + tries / TRIES)) {
                return work();
            }
            drop(closed);
            std::thread::sleep(BETWEEN);
        }
        unreachable!("there is no last try")
    }

    /// How long it was closed the last time.
    pub(super) fn last_closed(&self) -> Duration {
        Duration::from_micros(self.closed_us.load(Ordering::Relaxed))
    }

    fn is_empty_within(&self, patience: Duration) -> bool {
        let began = Instant::now();
        loop {
            if self.turnstile.is_empty() {
                return true;
            }
            if began.elapsed() > patience {
                return false;
            }
            std::thread::yield_now();
        }
    }
}

/// The time in which the gate is closed, however it ends.
struct Closed<'g>(&'g Gate, Instant);

impl<'g> Closed<'g> {
    fn close(gate: &'g Gate) -> Self {
        gate.turnstile.close();
        Self(gate, Instant::now())
    }
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.0.turnstile.open();
        self.0.closed_us.store(self.1.elapsed().as_micros() as u64, Ordering::Relaxed);
    }
}
