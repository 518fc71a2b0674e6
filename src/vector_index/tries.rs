//! Where finer codes are in files, how a search begins: narrow, wide, or by finer codes at once.
//!
//! A search by estimates that finds that they were too rough is done again, in a wider walk, and
//! then by finer codes. Codes of few bits a vector are too rough for nearly all queries of a set:
//! with 96 components of one bit each, the first try was in vain for each of 2,000 queries of
//! 10,000,000 vectors. So a set counts how its searches end. Where most first tries are in vain,
//! searches begin with what takes less time, which depends on how many of the pages are in memory:
//! it is measured, and now and then another way is tried.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::costs::{Number, each};

/// How a search begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Try {
    /// By estimates.
    Narrow,
    /// By estimates, and many more are kept.
    Wide,
    /// By finer codes, of all that may be near.
    Finer,
}

/// How searches of a set ended.
#[derive(Default)]
pub(super) struct Tries {
    /// Of those that began narrow, about the share for which that was not enough.
    in_vain: Number,
    /// Nanoseconds for each result that was kept, of searches that began wide.
    wide_ns: Number,
    /// The same of those that began with finer codes.
    finer_ns: Number,
    searches: AtomicU32,
}

/// A search counts as so much of all.
const WEIGHT: f32 = 1.0 / 16.0;
/// Of so many searches, one is begun in each of the ways that seem to be worse.
const PERIOD: u32 = 64;

impl Tries {
    /// How the next search is to begin.
    pub(super) fn first(&self) -> Try {
        if self.in_vain.get() <= 0.5 {
            return Try::Narrow;
        }
        match self.searches.fetch_add(1, Ordering::Relaxed) % PERIOD {
            0 => Try::Narrow,
            // Both are measured soon.
            1 => Try::Wide,
            2 => Try::Finer,
            _ => self.second(),
        }
    }

    /// How a search goes on that began narrow, in vain.
    pub(super) fn second(&self) -> Try {
        if self.finer_ns.get() < self.wide_ns.get() { Try::Finer } else { Try::Wide }
    }

    /// A search that kept so many results began in this way, which was enough, or not. `time`: of
    /// all its tries.
    pub(super) fn learn(&self, first: Try, was_enough: bool, kept: usize, time: Duration) {
        match first {
            Try::Narrow => {
                let before = self.in_vain.get();
                let seen = f32::from(u8::from(!was_enough));
                self.in_vain.set(before + (seen - before) * WEIGHT);
            }
            Try::Wide => self.wide_ns.correct(each(kept, time)),
            Try::Finer => self.finer_ns.correct(each(kept, time)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(tries: &Tries, searches: usize) -> [usize; 3] {
        let mut counts = [0; 3];
        (0..searches).for_each(|_| counts[tries.first() as usize] += 1);
        counts
    }

    #[test]
    fn searches_begin_with_what_was_enough_and_took_less() {
        let tries = Tries::default();
        let learn = |first, was_enough, ns| {
            (0..100).for_each(|_| tries.learn(first, was_enough, 100, Duration::from_nanos(ns)));
        };
        learn(Try::Narrow, true, 1000);
        assert_eq!(begun(&tries, 640), [640, 0, 0]);
        learn(Try::Narrow, false, 1000);
        learn(Try::Wide, true, 5000);
        learn(Try::Finer, true, 3000);
        assert_eq!(begun(&tries, 640), [10, 10, 620]);
        // The pages of finer codes are in memory no more.
        learn(Try::Finer, true, 90_000);
        assert_eq!(begun(&tries, 640), [10, 620, 10]);
        learn(Try::Narrow, true, 1000);
        assert_eq!(begun(&tries, 640), [640, 0, 0]);
    }
}
