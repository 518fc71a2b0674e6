//! What is counted of the searches of a cache, since it was made or loaded.

use crate::counters::Counter;
use crate::vector_set::SCORE_BUCKETS;

/// What a search was answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// This is the answer.
    Hit,
    /// The nearest entry is not near enough, but almost.
    Near,
    /// It may be the answer: whoever asked may find out, and say so.
    Explore,
    /// There is none.
    Miss,
}

impl Verdict {
    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Near => "near",
            Self::Explore => "explore",
            Self::Miss => "miss",
        }
    }
}

crate::counters! {
    /// Counts of a cache.
    pub struct CacheFigures {
        /// Searches that were answered.
        hits,
        /// Searches that would have been, but were only tried.
        dry_hits,
        /// Searches whose nearest entry was almost near enough.
        near,
        /// Searches whose answer was not sure enough.
        explored,
        /// Searches that found nothing.
        misses,
        /// Observations of right answers.
        right,
        /// Of wrong ones.
        wrong,
        /// Of right ones that were decided to be hits.
        hits_right,
        /// Of wrong ones that were.
        hits_wrong,
        /// What the entries of hits cost, in millionths.
        cost_saved_millionths,
    }
}

/// Searches by the score of the nearest entry.
#[derive(Debug, Default)]
pub(super) struct ScoreHistogram([Counter; SCORE_BUCKETS]);

impl ScoreHistogram {
    pub(super) fn add(&self, score: f64) {
        // The cast saturates: what is negative, or no number, is in the first bucket.
        let bucket = (score * SCORE_BUCKETS as f64) as usize;
        self.0[bucket.min(SCORE_BUCKETS - 1)].add(1);
    }

    pub(super) fn counts(&self) -> [u64; SCORE_BUCKETS] {
        self.0.each_ref().map(Counter::get)
    }
}

impl CacheFigures {
    /// Searches.
    pub fn searches(&self) -> u64 {
        [&self.hits, &self.dry_hits, &self.near, &self.explored, &self.misses].map(Counter::get).iter().sum()
    }

    /// What the entries of hits cost.
    pub fn cost_saved(&self) -> f64 {
        self.cost_saved_millionths.get() as f64 / 1e6
    }

    /// Counts a search. `cost`: of the entry, if it is a hit.
    pub fn note(&self, verdict: Verdict, is_dry: bool, cost: f32) {
        match verdict {
            Verdict::Hit if is_dry => self.dry_hits.add(1),
            Verdict::Hit => {
                self.hits.add(1);
                // The cast saturates.
                self.cost_saved_millionths.add((f64::from(cost) * 1e6) as u64 & u64::MAX >> 8);
            }
            Verdict::Near => self.near.add(1),
            Verdict::Explore => self.explored.add(1),
            Verdict::Miss => self.misses.add(1),
        }
    }

    /// Counts an observation. `is_of_hit`: the answer was decided to be a hit.
    pub fn note_feedback(&self, is_right: bool, is_of_hit: bool) {
        match (is_right, is_of_hit) {
            (true, true) => self.hits_right.add(1),
            (false, true) => self.hits_wrong.add(1),
            _ => {}
        }
        if is_right { &self.right } else { &self.wrong }.add(1);
    }
}
