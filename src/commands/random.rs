//! Random numbers for commands that choose elements. Not for secrets.

use std::cell::Cell;

use ahash::RandomState;

use crate::resp::Error;
use crate::splitmix::{STEP, scramble};

/// Limit of a choice with repetition, which the number of elements does not limit. Redis has no
/// limit and builds a reply of any size.
const MAX_REPLY: usize = 1 << 20;

/// How many elements a command is to choose.
#[derive(Clone, Copy)]
pub(super) enum Selection {
    /// One, without a count.
    One,
    /// So many, none of them twice.
    Distinct(usize),
    /// So many, each chosen from all; at most [`MAX_REPLY`].
    WithRepetition(usize),
}

impl Selection {
    /// The selection for a count: a negative one allows repetition. `too_many` is the error above
    /// the limit.
    pub(super) fn count(count: i64, too_many: Error) -> Result<Self, Error> {
        let size = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        match count {
            0.. => Ok(Self::Distinct(size)),
            _ if size <= MAX_REPLY => Ok(Self::WithRepetition(size)),
            _ => Err(too_many),
        }
    }
}

thread_local! {
    /// Of the thread, so that threads need not share a cache line; which numbers a command draws
    /// does not matter.
    static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(STEP));
}

/// A number below `bound`, uniform but for a bias of `bound / 2^64`; 0 if `bound` is 0.
pub(super) fn below(bound: usize) -> usize {
    ((u128::from(next()) * bound as u128) >> u64::BITS) as usize
}

/// The next number of this thread's SplitMix64.
fn next() -> u64 {
    let state = STATE.get().wrapping_add(STEP);
    STATE.set(state);
    scramble(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_numbers_below_the_bound_come_about_as_often() {
        let mut seen = [0u32; 7];
        (0..70_000).for_each(|_| seen[below(seen.len())] += 1);
        // Ten standard deviations: one failure in 10^22 runs.
        assert!(seen.iter().all(|count| count.abs_diff(10_000) < 1_000), "{seen:?}");
        assert_eq!(below(1), 0);
        assert_eq!(below(0), 0);
    }

    #[test]
    fn threads_draw_different_numbers() {
        let draw = || (0..4).map(|_| next()).collect::<Vec<_>>();
        let other = std::thread::spawn(draw).join().expect("drawing does not panic");
        assert_ne!(draw(), other);
    }
}
