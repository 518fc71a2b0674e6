//! Readers pin and read a cell, while a writer takes it out of sight and uses it again.
#![cfg(loom)]

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use nearhit_loom::epoch::Domain;

/// No cell is in sight.
const NOWHERE: usize = usize::MAX;

/// Cells, one of which is in sight at most. Loom knows for each which accesses overlap.
struct Shared {
    domain: Domain,
    in_sight: AtomicUsize,
    cells: [UnsafeCell<u32>; 2],
}

// SAFETY: that accesses to the cells do not overlap is what loom checks here.
unsafe impl Sync for Shared {}

/// By how much a writer is wrong about the epoch that it waits for.
#[derive(Clone, Copy)]
enum Wait {
    /// Two epochs after the one noted, as the protocol says.
    Two,
    /// One only.
    One,
    /// Two, but the epoch was noted before the cell went out of sight.
    NotedEarly,
}

impl Shared {
    fn new() -> Arc<Self> {
        let cells = [UnsafeCell::new(0), UnsafeCell::new(1)];
        Arc::new(Self { domain: Domain::new(), in_sight: AtomicUsize::new(0), cells })
    }

    /// What a reader may see is what was written for the cell before it came in sight.
    fn read(&self, stripe: usize) {
        let _pin = self.domain.pin(stripe);
        let at = self.in_sight.load(Ordering::Acquire);
        if at != NOWHERE {
            // SAFETY: what is in sight stays as it is while this thread is pinned.
            let content = self.cells[at].with(|cell| unsafe { *cell });
            assert_eq!(content as usize, at, "a cell was used again under a reader");
        }
    }

    /// Puts `next` in sight instead of `old`, and uses `old` for something else if its grace period
    /// is over already.
    fn replace(&self, old: usize, next: usize, wait: Wait) {
        let early = self.domain.now();
        self.in_sight.store(next, Ordering::Release);
        let since = match wait {
            Wait::Two => self.domain.now(),
            Wait::One => self.domain.now() - 1,
            Wait::NotedEarly => early,
        };
        if self.domain.grace_over(since) {
            // SAFETY: no reader can still see the cell, if the protocol holds.
            self.cells[old].with_mut(|cell| unsafe { *cell = u32::MAX });
        }
    }
}

/// `readers` threads, on stripes of their own or sharing one, and a writer that replaces the cell
/// in sight, and then its successor, so that the parity of the epochs comes round.
fn check(readers: usize, stripes: usize, wait: Wait) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(move || {
        let shared = Shared::new();
        let threads: Vec<_> = (0..readers)
            .map(|reader| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.read(reader % stripes))
            })
            .collect();
        shared.replace(0, 1, wait);
        shared.replace(1, NOWHERE, wait);
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
    });
}

#[test]
fn one_reader() {
    check(1, 1, Wait::Two);
}

#[test]
fn two_readers_on_two_stripes() {
    check(2, 2, Wait::Two);
}

#[test]
fn two_readers_on_one_stripe() {
    check(2, 1, Wait::Two);
}

/// A reader that comes back meets an epoch of the same parity as before.
#[test]
fn a_reader_that_comes_back() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let shared = Shared::new();
        let reader = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            reader.read(0);
            reader.read(0);
        });
        shared.replace(0, 1, Wait::Two);
        shared.replace(1, NOWHERE, Wait::Two);
        thread.join().expect("no panic");
    });
}

/// The model can fail: one epoch is not enough.
#[test]
#[should_panic(expected = "Causality violation")]
fn waiting_for_one_epoch_is_found_out() {
    check(1, 1, Wait::One);
}

/// The model can fail: the epoch must be noted after the cell went out of sight.
#[test]
#[should_panic(expected = "Causality violation")]
fn noting_the_epoch_early_is_found_out() {
    check(1, 1, Wait::NotedEarly);
}
