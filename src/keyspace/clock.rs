//! What time is it: the system's clock, or one that a test sets.
//!
//! For a thread it may stand still: the commands of a transaction are to see one moment, as in Redis. And for a thread
//! nothing may have ended: what a log tells of keys that have ended since is to be done as it was done then.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The time that never is: the clock goes.
const GOES: i64 = i64::MIN;

/// A moment at which nothing has ended: no clock reads less, and no deadline is set that has passed.
const BEFORE_ALL_ENDS_MS: i64 = 0;

thread_local! {
    /// The time at which the clocks stand for this thread.
    static STANDS_AT_MS: Cell<i64> = const { Cell::new(GOES) };
    /// A moment since which this thread has taken no new requests.
    static RECENT_MS: Cell<i64> = const { Cell::new(GOES) };
    /// True while nothing has ended for this thread.
    static ENDLESS: Cell<bool> = const { Cell::new(false) };
}

/// The time in which clocks stand still for a thread; until the drop.
pub(super) struct Moment;

impl Drop for Moment {
    fn drop(&mut self) {
        STANDS_AT_MS.set(GOES);
    }
}

/// The time in which nothing has ended for the calling thread, whatever the clock says; until the drop. Times that count
/// from now still do.
#[derive(Debug)]
#[must_use = "things end again when it is dropped"]
pub struct Endless {
    before: bool,
    /// It belongs to its thread.
    not_send: PhantomData<*const ()>,
}

impl Endless {
    /// From now on.
    pub fn begin() -> Self {
        Self { before: ENDLESS.replace(true), not_send: PhantomData }
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        ENDLESS.set(self.before);
    }
}

/// Tells the time by which keys end. Clones tell the same time.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The system's wall clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still at `now_ms` until it is advanced.
    pub fn manual(now_ms: i64) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(now_ms))))
    }

    /// Milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        match (STANDS_AT_MS.get(), &self.0) {
            (GOES, Source::System) => system_now_ms(),
            (GOES, Source::Manual(now)) => now.load(Ordering::Acquire),
            (now_ms, _) => now_ms,
        }
    }

    /// The moment by which it is decided what has ended, if the time is `now_ms`, and if what has
    /// ended is shown.
    pub(super) fn moment_of_ends(now_ms: i64, shows_ended: bool) -> i64 {
        if shows_ended || ENDLESS.get() { BEFORE_ALL_ENDS_MS } else { now_ms }
    }

    /// The time for commands that only read: that of [`note_recent`](Self::note_recent), if it was noted, so that the
    /// commands of a pipeline do not all ask the system.
    ///
    /// A reader whose time is a moment within its own request sees what it could have seen then. A writer must not be
    /// late: it could keep alive what another has seen ended.
    pub(super) fn recent_ms(&self) -> i64 {
        match (STANDS_AT_MS.get(), RECENT_MS.get()) {
            (GOES, GOES) => self.now_ms(),
            (GOES, recent_ms) => recent_ms,
            (now_ms, _) => now_ms,
        }
    }

    /// The requests that this thread is about to run have all arrived by now. Holds until
    /// [`forget_recent`](Self::forget_recent), which must come before the thread does anything else.
    pub fn note_recent(now_ms: i64) {
        RECENT_MS.set(now_ms);
    }

    /// Readers ask the system for the time again.
    pub fn forget_recent() {
        RECENT_MS.set(GOES);
    }

    /// Lets all clocks stand still for this thread.
    pub(super) fn stop_at(now_ms: i64) -> Moment {
        STANDS_AT_MS.set(now_ms);
        Moment
    }

    /// Moves a manual clock by `by_ms`; the system's clock goes by itself, and does not hear this.
    pub fn advance(&self, by_ms: i64) {
        if let Source::Manual(now) = &self.0 {
            now.fetch_add(by_ms, Ordering::AcqRel);
        }
    }
}

/// A clock set before 1970 reads as 1970: no key ends too early for it.
fn system_now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_of_a_manual_clock_tell_the_same_time() {
        let clock = Clock::manual(5);
        let other = clock.clone();
        clock.advance(10);
        assert_eq!(other.now_ms(), 15);
    }

    #[test]
    fn a_stopped_clock_stands_for_its_thread_only() {
        let clock = Clock::manual(5);
        let moment = Clock::stop_at(clock.now_ms());
        clock.advance(10);
        assert_eq!(clock.now_ms(), 5);
        std::thread::scope(|scope| scope.spawn(|| assert_eq!(clock.now_ms(), 15)).join()).unwrap();
        drop(moment);
        assert_eq!(clock.now_ms(), 15);
    }

    #[test]
    fn a_recent_moment_is_for_readers_and_gives_way_to_one_that_stands() {
        let clock = Clock::manual(5);
        Clock::note_recent(4);
        assert_eq!((clock.recent_ms(), clock.now_ms()), (4, 5));
        let moment = Clock::stop_at(3);
        assert_eq!((clock.recent_ms(), clock.now_ms()), (3, 3));
        drop(moment);
        Clock::forget_recent();
        assert_eq!(clock.recent_ms(), 5);
    }

    #[test]
    fn nothing_ends_for_one_thread_until_its_time_is_over() {
        let outer = Endless::begin();
        drop(Endless::begin());
        assert_eq!(Clock::moment_of_ends(5, false), BEFORE_ALL_ENDS_MS);
        assert_eq!(Clock::manual(5).now_ms(), 5);
        std::thread::scope(|scope| scope.spawn(|| assert_eq!(Clock::moment_of_ends(5, false), 5)).join())
            .unwrap();
        drop(outer);
        assert_eq!(Clock::moment_of_ends(5, false), 5);
    }

    #[test]
    fn the_system_clock_does_not_hear_advance() {
        let clock = Clock::system();
        let before = clock.now_ms();
        clock.advance(1_000_000_000_000);
        assert!(clock.now_ms() < before + 1_000_000_000_000);
    }
}
