//! What is served: the rule of the last search, by which it is said whether an entry would answer
//! in the place of another.
//!
//! The *serving threshold* of a cache is what its last search was answered by: a least score
//! (`MINSCORE`, `MAXDIST`), or a share of errors, which for each entry stands for the score from
//! which on its answers are sure enough, by what was learnt. Before the first search it is the
//! share that the cache accepts, if it has one; without it, nothing is served. It is not saved: it
//! decides what is evicted, and evictions are logged as what they are.
//!
//! # What is covered
//!
//! By the policy `coverage` entries go first in whose place another would be served: a question
//! that is worded like theirs would still be answered. Whether that is so is computed when a victim
//! is chosen, from the links of the graph: at most 2 M distances, 32 by default, for each of a few
//! samples. (A byte that is kept when an entry is written was the other way. It would be wrong
//! after the other entry has left, after each change of the threshold, and in the older of two
//! entries, so that it had to be made again for all links of an entry whenever one of these
//! changes.)
//!
//! * What is found by an alias is its entry: so the aliases of an entry, and the entry, do not
//!   cover each other.
//! * An entry with aliases is covered by nothing: it is found by vectors of which nothing is known
//!   here.
//! * An alias covers as an entry does on which there was no feedback.
//! * What is removed in the same change covers nothing: of two entries that cover each other one
//!   stays.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Certainty, Entries};
use crate::certainty::Lead;
use crate::epoch::Pin;
use crate::vector_set::{Present, Share};

/// By which rule searches are answered.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Served {
    /// By any entry of at least this score.
    FromScore(f32),
    /// By an entry that is right with the exception of this share, by expectation.
    Expected(Share),
    /// By an entry that is so with 95 % probability.
    Sure(Share),
}

/// The last rule, in a word: which in the upper half, its number in the lower. 0: none yet.
#[derive(Default)]
pub(super) struct LastServed(AtomicU64);

const FROM_SCORE: u64 = 1 << 32;
const EXPECTED: u64 = 2 << 32;
const SURE: u64 = 3 << 32;

impl LastServed {
    pub(super) fn set(&self, served: Served) {
        let word = match served {
            Served::FromScore(least) => FROM_SCORE | u64::from(least.to_bits()),
            Served::Expected(share) => EXPECTED | u64::from(share.billionths()),
            Served::Sure(share) => SURE | u64::from(share.billionths()),
        };
        // Mostly it is the same, and its cache line stays with all that read it.
        if self.0.load(Ordering::Relaxed) != word {
            self.0.store(word, Ordering::Relaxed);
        }
    }

    pub(super) fn get(&self) -> Option<Served> {
        let word = self.0.load(Ordering::Relaxed);
        let number = word as u32;
        let share = || Share::from_billionths(number.into());
        match word - u64::from(number) {
            FROM_SCORE => Some(Served::FromScore(f32::from_bits(number))),
            EXPECTED => share().map(Served::Expected),
            SURE => share().map(Served::Sure),
            _ => None,
        }
    }
}

impl Entries {
    pub(in crate::vector_set) fn served(&self) -> Option<Served> {
        self.common.last_served.get().or_else(|| self.common.max_error().map(Served::Sure))
    }

    /// True if the entry in a slot would be the answer at this score.
    pub(super) fn serves(&self, slot: u32, score: f64, pin: &Pin) -> bool {
        let Some(served) = self.served() else { return false };
        if self.state(slot).missing() > 0 {
            return false;
        }
        is_served(served, score, || {
            let fit = (*self.common.fit.read())?;
            Some(Certainty::new(&fit.prior, self.threshold(slot, &fit, pin), score, Lead::UNKNOWN))
        })
    }
}

/// True if an answer of this score would be served by a rule. `certainty`: of that score, if
/// anything is known of it.
pub(super) fn is_served(served: Served, score: f64, certainty: impl FnOnce() -> Option<Certainty>) -> bool {
    match served {
        Served::FromScore(least) => score >= f64::from(least),
        Served::Expected(share) => certainty().is_some_and(|found| found.chance >= 1.0 - share.get()),
        Served::Sure(share) => certainty().is_some_and(|found| found.least >= 1.0 - share.get()),
    }
}

impl Present<'_> {
    /// True if for the vector of the element in a slot another entry would be served that stays.
    /// Takes no lock.
    pub(in crate::vector_set) fn is_covered(
        &self,
        slot: u32,
        stays: &impl Fn(u32) -> bool,
        pin: &Pin,
    ) -> bool {
        let Some(entries) = self.set.entries.as_deref() else { return false };
        if entries.aliases(slot) > 0 {
            return false;
        }
        let entry_of = |slot| {
            let name = self.names.get(slot, pin);
            entries.entry_of(slot, name).unwrap_or(name)
        };
        let own = entry_of(slot);
        let metric = self.params().metric();
        let mut is_covered = false;
        self.vectors.for_each_linked(slot, |other, distance| {
            is_covered = is_covered
                || entries.serves(other, metric.score(distance), pin)
                    && self.is_live(other)
                    && stays(other)
                    && entry_of(other) != own;
        });
        is_covered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_kept_as_it_was_said() {
        let last = LastServed::default();
        assert_eq!(last.get(), None);
        let share = Share::new(0.02).expect("between 0 and 1");
        for served in [
            Served::FromScore(0.0),
            Served::FromScore(-1.5),
            Served::FromScore(f32::MAX),
            Served::Expected(share),
            Served::Sure(share),
        ] {
            last.set(served);
            assert_eq!(last.get(), Some(served));
        }
    }
}
