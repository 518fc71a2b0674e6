//! What searches of a set found, and what became of its elements: counts since it was made.
//!
//! A search adds to two counters, and of a set in files to a third, without a lock. Those of a set
//! are shared by all threads: beside a search, which takes tens of microseconds, the cache line
//! that moves between cores costs some hundred nanoseconds at worst, and places for each thread
//! would take kilobytes a set.

use super::VectorSet;
use crate::counters::Counter;

/// Ranges of scores that are counted apart, each of 0.05.
pub const SCORE_BUCKETS: usize = 20;

/// What searches found.
#[derive(Debug, Default)]
pub struct SearchFigures {
    /// Searches by the score of the best element that they returned: below 0.05, below 0.1, and so
    /// on. Scores below 0 and from 1 on are in the first and the last.
    best_scores: [Counter; SCORE_BUCKETS],
    empty: Counter,
    returned: Counter,
}

impl SearchFigures {
    /// Counts a search that returned so many elements. `best_score`: that of the first, if there is
    /// one.
    pub fn note(&self, returned: usize, best_score: Option<f64>) {
        let Some(score) = best_score else { return self.empty.add(1) };
        // The cast saturates: what is negative, or no number, is in the first bucket.
        let bucket = (score * SCORE_BUCKETS as f64) as usize;
        self.best_scores[bucket.min(SCORE_BUCKETS - 1)].add(1);
        self.returned.add(returned as u64);
    }

    /// Searches that returned something, by the score of the best.
    pub fn best_scores(&self) -> [u64; SCORE_BUCKETS] {
        self.best_scores.each_ref().map(Counter::get)
    }

    /// Searches that returned something.
    pub fn found(&self) -> u64 {
        self.best_scores().iter().sum()
    }

    /// Searches that returned nothing.
    pub fn empty(&self) -> u64 {
        self.empty.get()
    }

    /// Elements returned.
    pub fn returned(&self) -> u64 {
        self.returned.get()
    }

    /// Counts what others have counted too.
    fn add(&self, others: &Self) {
        self.counters().zip(others.counters()).for_each(|(to, from)| to.add(from.get()));
    }

    /// Sets all to zero.
    pub fn reset(&self) {
        self.counters().for_each(Counter::reset);
    }

    fn counters(&self) -> impl Iterator<Item = &Counter> {
        self.best_scores.iter().chain([&self.empty, &self.returned])
    }
}

/// The figures of a set.
#[derive(Debug, Default)]
pub struct Figures {
    /// What its searches found.
    pub searches: SearchFigures,
    /// Elements that searches returned and that lay in files.
    pub warm_hits: Counter,
    /// Pages of files that searches waited for.
    pub faults: Counter,
    /// Elements that were removed because they had expired.
    pub expired: Counter,
    /// Elements that were evicted because the server's memory was short.
    pub evicted_for_memory: Counter,
    /// Elements that were evicted because the set was at a limit of its own.
    pub evicted_for_limit: Counter,
}

impl Figures {
    /// Counts what others have counted too.
    pub(super) fn add(&self, others: &Self) {
        self.searches.add(&others.searches);
        self.warm_hits.add(others.warm_hits.get());
        self.faults.add(others.faults.get());
        let counters = |figures: &Self| {
            [&figures.expired, &figures.evicted_for_memory, &figures.evicted_for_limit].map(Counter::get)
        };
        let [expired, for_memory, for_limit] = counters(others);
        self.expired.add(expired);
        self.evicted_for_memory.add(for_memory);
        self.evicted_for_limit.add(for_limit);
    }
}

impl VectorSet {
    /// What its searches found, and what became of its elements.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searches_are_counted_by_their_best_score() {
        let figures = SearchFigures::default();
        for score in [-3.0, f64::NAN, 0.0, 0.049, 0.05, 0.5, 0.99, 1.0, 7.0] {
            figures.note(2, Some(score));
        }
        figures.note(0, None);
        let mut expected = [0; SCORE_BUCKETS];
        (expected[0], expected[1], expected[10], expected[19]) = (4, 1, 1, 3);
        assert_eq!(figures.best_scores(), expected);
        assert_eq!((figures.found(), figures.empty(), figures.returned()), (9, 1, 18));
        figures.reset();
        assert_eq!((figures.found(), figures.empty(), figures.returned()), (0, 0, 0));
    }
}
