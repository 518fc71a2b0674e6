//! When may memory that readers share with writers be used again? When every reader that could have
//! seen it has left.
//!
//! Readers *pin* themselves, for the length of one command. A writer that takes something out of
//! sight notes the epoch, and uses it again only after a *grace period*: when every reader that was
//! pinned at that time has gone. Pinning costs two uncontended atomic operations and never waits;
//! writers never wait either, they try again later.
//!
//! # The protocol
//!
//! There is one epoch counter, and in each of many stripes two counters of readers, for even and
//! odd epochs.
//!
//! | thread | step | ordering |
//! |---|---|---|
//! | reader | reads the epoch `e`, counts itself in at `e & 1`, reads the epoch again; if it moved, counts itself out and starts over | SeqCst |
//! | reader, leaving | counts itself out | Release |
//! | writer | takes something out of sight, then notes the epoch `r` | SeqCst fence between |
//! | any | moves the epoch from `e` to `e + 1` if no reader is counted in at `e - 1` | SeqCst |
//! | writer | uses it again once the epoch is at least `r + 2` | Acquire |
//!
//! *Why two:* a reader that might have seen the thing was pinned at `r` or earlier. The step to
//! `r + 1` needs those at `r - 1` to have left, and the step to `r + 2` those at `r`. A reader that
//! counts itself in late, with an old `e`, sees the epoch moved and goes back; until then it can
//! only hold the epoch up. This is the scheme of Fraser's *Practical lock-freedom* (2004) with
//! counters instead of per-thread records, so that threads need no registration.
//!
//! `tests/loom` checks it exhaustively for two readers and a writer.

#[cfg(loom)]
use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// Readers spread over so many counters. More than cores only means that fewer share one.
const STRIPES: usize = if cfg!(loom) { 2 } else { 64 };

/// Counts of pinned readers, by parity of their epoch, on cache lines of their own.
#[repr(align(128))]
struct Stripe {
    pinned: [AtomicU32; 2],
}

/// One epoch counter and its readers. The process has one, behind [`pin`]; tests make their own.
pub struct Domain {
    epoch: AtomicU64,
    stripes: [Stripe; STRIPES],
}

impl Domain {
    /// A domain without readers.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self {
            epoch: AtomicU64::new(2),
            stripes: [const { Stripe { pinned: [const { AtomicU32::new(0) }; 2] } }; STRIPES],
        }
    }

    /// A domain without readers.
    #[cfg(loom)]
    pub fn new() -> Self {
        let stripe = || Stripe { pinned: [AtomicU32::new(0), AtomicU32::new(0)] };
        Self { epoch: AtomicU64::new(2), stripes: std::array::from_fn(|_| stripe()) }
    }

    /// Pins the caller until the [`Pinned`] is dropped. `stripe` is any number; threads should
    /// differ in it.
    #[inline]
    pub fn pin(&self, stripe: usize) -> Pinned<'_> {
        let stripe = &self.stripes[stripe % STRIPES];
        loop {
            let epoch = self.epoch.load(Ordering::SeqCst);
            let counter = &stripe.pinned[(epoch & 1) as usize];
            counter.fetch_add(1, Ordering::SeqCst);
            if self.epoch.load(Ordering::SeqCst) == epoch {
                // Partner of the fence in `now`: what was out of sight when this epoch began stays
                // out of sight here. x86 needs none, as the read-modify-write above is a full
                // barrier there.
                if cfg!(any(loom, not(target_arch = "x86_64"))) {
                    fence(Ordering::SeqCst);
                }
                return Pinned { counter };
            }
            counter.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// The epoch to note for what has just been taken out of sight.
    pub fn now(&self) -> u64 {
        // Partner of the fence in `pin`: the caller's stores come before the epoch that it notes.
        fence(Ordering::SeqCst);
        self.epoch.load(Ordering::SeqCst)
    }

    /// True if every reader that was pinned when `since` was noted has left. Tries to move the
    /// epoch on.
    pub fn grace_over(&self, since: u64) -> bool {
        while self.epoch.load(Ordering::SeqCst) < since + 2 {
            if !self.try_advance() {
                return false;
            }
        }
        true
    }

    /// False if a reader of the epoch before this one is still pinned.
    fn try_advance(&self) -> bool {
        let epoch = self.epoch.load(Ordering::SeqCst);
        let before = ((epoch + 1) & 1) as usize;
        if self.stripes.iter().any(|s| s.pinned[before].load(Ordering::SeqCst) != 0) {
            return false;
        }
        // Losing the race means that another thread moved it on.
        let _ = self.epoch.compare_exchange(epoch, epoch + 1, Ordering::SeqCst, Ordering::SeqCst);
        true
    }
}

impl Default for Domain {
    fn default() -> Self {
        Self::new()
    }
}

/// While it lives, no grace period of its domain that begins later ends.
pub struct Pinned<'d> {
    counter: &'d AtomicU32,
}

impl Drop for Pinned<'_> {
    fn drop(&mut self) {
        self.counter.fetch_sub(1, Ordering::Release);
    }
}

#[cfg(not(loom))]
mod process {
    use super::*;

    /// All vector sets share one domain: a stripe per set would cost 8 KiB for each, and a long
    /// search on one set merely delays the reuse of memory in the others.
    static DOMAIN: Domain = Domain::new();

    thread_local! {
        /// For speed: threads that pin themselves in different stripes do not share a cache line.
        /// Any stripe is correct, so callers at every depth need not pass one on.
        static STRIPE: usize = {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            NEXT.fetch_add(1, Ordering::Relaxed) as usize
        };
    }

    /// A reader pinned in the domain of the process: while it lives, no memory that its holder can
    /// see is used again.
    ///
    /// The arenas take this type and no [`Pinned`] of another domain, whose epochs say nothing
    /// about their memory:
    ///
    /// ```compile_fail,E0308
    /// # use nearhit::{arena::Blobs, epoch::Domain, memory::Category};
    /// let (blobs, domain) = (Blobs::new(Category::Names), Domain::new());
    /// let _ = blobs.get(0, &domain.pin(0));
    /// ```
    pub struct Pin {
        _pinned: Pinned<'static>,
    }

    /// Pins the calling thread in the process's domain.
    #[inline]
    pub fn pin() -> Pin {
        Pin { _pinned: DOMAIN.pin(STRIPE.with(|stripe| *stripe)) }
    }

    /// The process's epoch: note it for what has just been taken out of sight.
    pub fn now() -> u64 {
        DOMAIN.now()
    }

    /// True if every reader of the process that was pinned when `since` was noted has left.
    pub fn grace_over(since: u64) -> bool {
        DOMAIN.grace_over(since)
    }
}

#[cfg(not(loom))]
pub use process::{Pin, grace_over, now, pin};

/// Things out of sight, in the order in which they went, until their grace period is over.
///
/// Dropping a limbo drops what is in it at once, whatever readers hold. So a limbo belongs into the
/// arena that lends the things out: what an arena lends borrows the arena, which therefore outlives
/// it, and its limbo with it.
#[cfg(not(loom))]
pub struct Limbo<T> {
    waiting: std::collections::VecDeque<(u64, T)>,
}

#[cfg(not(loom))]
impl<T> Limbo<T> {
    /// An empty one.
    pub const fn new() -> Self {
        Self { waiting: std::collections::VecDeque::new() }
    }

    /// Takes what has just been made unreachable for new readers.
    pub fn push(&mut self, thing: T) {
        self.waiting.push_back((now(), thing));
    }

    /// The oldest thing, if its grace period is over.
    pub fn pop(&mut self) -> Option<T> {
        let &(since, _) = self.waiting.front()?;
        if !grace_over(since) {
            return None;
        }
        self.waiting.pop_front().map(|(_, thing)| thing)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// True if none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(not(loom))]
impl<T> Default for Limbo<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_reader_holds_up_what_it_could_have_seen() {
        let domain = Domain::new();
        let reader = domain.pin(0);
        let since = domain.now();
        assert!(!domain.grace_over(since));
        let later = domain.pin(1);
        drop(reader);
        assert!(domain.grace_over(since), "a reader that came later does not count");
        drop(later);
    }

    #[test]
    fn without_readers_grace_is_over_at_once() {
        let domain = Domain::new();
        for _ in 0..5 {
            assert!(domain.grace_over(domain.now()));
        }
    }

    #[test]
    fn limbo_gives_back_in_order() {
        let domain_free = std::thread::spawn(|| {
            let mut limbo = Limbo::new();
            limbo.push(1);
            limbo.push(2);
            let mut out = Vec::new();
            while out.len() < 2 {
                out.extend(limbo.pop());
                std::thread::yield_now();
            }
            out
        });
        assert_eq!(domain_free.join().expect("no panic"), [1, 2]);
    }
}
