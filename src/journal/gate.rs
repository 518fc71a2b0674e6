//! Counts the threads that are changing data: writers enter, and a cut closes the gate and waits
//! until it is empty.
//!
//! | thread | operations | ordering |
//! |---|---|---|
//! | a writer | adds itself to a counter, then reads whether the gate is closed; if so, subtracts itself and waits | SeqCst |
//! | a writer, leaving | subtracts itself | Release |
//! | the closer | closes, then reads all counters until they are zero | SeqCst |
//!
//! Either the writer sees the gate closed, or the closer sees the writer counted. Each counter is
//! on a cache line of its own, so that entering is an uncontended operation.
//!
//! *No deadlock:* a thread inside waits for locks whose holders are inside too, or only read; a
//! thread that waits at the gate holds no lock. A thread that is inside enters again without
//! reading whether the gate is closed.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::Journal;

/// Counters of writers.
const STRIPES: usize = 64;
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
        NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES
    };
    /// The gate that the thread is inside of, and how many passages of it the thread has. In a
    /// thread-local: a thread inside a transaction must not wait for a cut, whichever command, set
    /// or key enters again below it, and those do not have the passage of the transaction.
    static INSIDE: Cell<(*const Gate, u32)> = const { Cell::new((std::ptr::null(), 0)) };
}

#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe {
    inside: AtomicU32,
}

#[derive(Debug)]
pub(super) struct Gate {
    closed: AtomicBool,
    /// How long it was closed the last time, in microseconds.
    closed_us: AtomicU64,
    stripes: Box<[Stripe]>,
    /// Held by the closer while the gate is closed.
    closing: Mutex<()>,
    waiting: Mutex<()>,
    opened: Condvar,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            closed: AtomicBool::new(false),
            closed_us: AtomicU64::new(0),
            stripes: (0..STRIPES).map(|_| Stripe::default()).collect(),
            closing: Mutex::new(()),
            waiting: Mutex::new(()),
            opened: Condvar::new(),
        }
    }
}

/// While it lives, its thread may change data, and no cut is made.
#[derive(Debug)]
#[must_use = "the gate is left when the passage is dropped"]
pub struct Passage<'j> {
    journal: &'j Journal,
    /// The counter to subtract it from; none if the thread was inside already.
    counted: Option<&'j AtomicU32>,
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
        if let Some(counter) = self.counted {
            counter.fetch_sub(1, Ordering::Release);
        }
    }
}

impl Gate {
    pub(super) fn enter<'j>(&'j self, journal: &'j Journal) -> Passage<'j> {
        let (gate, depth) = INSIDE.get();
        let here: *const Gate = self;
        let passage = |counted| Passage { journal, counted, not_send: PhantomData };
        if depth > 0 {
            assert!(std::ptr::eq(gate, here), "a thread is inside one gate at a time");
            INSIDE.set((here, depth + 1));
            return passage(None);
        }
        let counter = &self.stripes[STRIPE.with(|stripe| *stripe)].inside;
        loop {
            counter.fetch_add(1, Ordering::SeqCst);
            if !self.closed.load(Ordering::SeqCst) {
                INSIDE.set((here, 1));
                return passage(Some(counter));
            }
            counter.fetch_sub(1, Ordering::Release);
            self.wait_until_open();
        }
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
            if self.stripes.iter().all(|stripe| stripe.inside.load(Ordering::SeqCst) == 0) {
                return true;
            }
            if began.elapsed() > patience {
                return false;
            }
            std::thread::yield_now();
        }
    }

    fn wait_until_open(&self) {
        let mut waiting = self.waiting.lock();
        while self.closed.load(Ordering::SeqCst) {
            self.opened.wait(&mut waiting);
        }
    }
}

/// The time in which the gate is closed, however it ends.
struct Closed<'g>(&'g Gate, Instant);

impl<'g> Closed<'g> {
    fn close(gate: &'g Gate) -> Self {
        gate.closed.store(true, Ordering::SeqCst);
        Self(gate, Instant::now())
    }
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        let _waiting = self.0.waiting.lock();
        self.0.closed.store(false, Ordering::SeqCst);
        self.0.opened.notify_all();
        self.0.closed_us.store(self.1.elapsed().as_micros() as u64, Ordering::Relaxed);
    }
}
