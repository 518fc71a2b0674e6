//! The time: of the system's clock, or of one that a test sets.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A moment at which nothing has expired: no clock returns less, and no deadline in the past is
/// stored.
pub(super) const BEFORE_ALL_DEADLINES_MS: i64 = 0;

/// The clock by which keys expire. Clones have the same time.
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
        match &self.0 {
            Source::System => system_now_ms(),
            Source::Manual(now) => now.load(Ordering::Acquire),
        }
    }

    /// Moves a manual clock by `by_ms`; has no effect on the system's clock.
    pub fn advance(&self, by_ms: i64) {
        if let Source::Manual(now) = &self.0 {
            now.fetch_add(by_ms, Ordering::AcqRel);
        }
    }
}

/// A clock set before 1970 reads as 1970: no key expires too early.
fn system_now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_of_a_manual_clock_have_the_same_time() {
        let clock = Clock::manual(5);
        let other = clock.clone();
        clock.advance(10);
        assert_eq!(other.now_ms(), 15);
    }

    #[test]
    fn advance_has_no_effect_on_the_system_clock() {
        let clock = Clock::system();
        let before = clock.now_ms();
        clock.advance(1_000_000_000_000);
        assert!(clock.now_ms() < before + 1_000_000_000_000);
    }
}
