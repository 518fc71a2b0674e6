//! How often elements of vector sets were looked for, and found: of all sets together.
//!
//! A *hit* is a search that returned an element, or an element whose attribute or vector was read
//! (`VGETATTR`, `VEMB`); a *miss* a search that returned none, or an element that was read and had
//! none of these. One query over one set is one search; over a missing key it is a miss.

use crate::counters::{Counter, Sharded};
#[cfg(doc)]
use crate::vector_set::Trace;
use crate::vector_set::{CacheFigures, SCORE_BUCKETS, SearchFigures, VectorSet};

/// A place for each thread, so that searches of different sets share no cache line.
#[derive(Debug)]
pub struct ElementFigures(Sharded<Shard>);

#[derive(Debug, Default)]
struct Shard {
    searches: SearchFigures,
    read: Counter,
    not_read: Counter,
    filtered: Counter,
    short: Counter,
    caches: CacheFigures,
}

impl Default for ElementFigures {
    fn default() -> Self {
        Self(Sharded::new(Shard::default))
    }
}

impl ElementFigures {
    /// Counts a search, of no set if its key is missing: see [`SearchFigures::note`].
    pub fn note_search(&self, set: Option<&VectorSet>, returned: usize, best_score: Option<f64>) {
        self.0.mine().searches.note(returned, best_score);
        if let Some(set) = set {
            set.figures().searches.note(returned, best_score);
        }
    }

    /// Counts a search with a filter. `is_short`: as in its [`Trace`].
    pub fn note_filtered(&self, is_short: bool) {
        let shard = self.0.mine();
        shard.filtered.add(1);
        shard.short.add(is_short.into());
    }

    /// What the calling thread counts of searches of semantic caches, and of what is said of their
    /// answers.
    pub fn caches(&self) -> &CacheFigures {
        &self.0.mine().caches
    }

    /// The sums of that over all threads, by name.
    pub fn all_caches(&self) -> CacheFigures {
        let sums = CacheFigures::default();
        self.0.iter().for_each(|shard| sums.add(&shard.caches));
        sums
    }

    /// Searches with a filter.
    pub fn filtered(&self) -> u64 {
        self.sum(|shard| shard.filtered.get())
    }

    /// Of those, how many were short: see [`Trace::is_short`].
    pub fn short(&self) -> u64 {
        self.sum(|shard| shard.short.get())
    }

    /// Counts elements that were to be read: how many of them were.
    pub fn note_reads(&self, of: usize, read: usize) {
        let shard = self.0.mine();
        if read > 0 {
            shard.read.add(read as u64);
        }
        if read < of {
            shard.not_read.add((of - read) as u64);
        }
    }

    /// Searches.
    pub fn searches(&self) -> u64 {
        self.sum(|shard| shard.searches.found() + shard.searches.empty())
    }

    /// Elements that searches returned.
    pub fn returned(&self) -> u64 {
        self.sum(|shard| shard.searches.returned())
    }

    /// Searches that returned something, by the score of the best element.
    pub fn best_scores(&self) -> [u64; SCORE_BUCKETS] {
        self.0.iter().map(|shard| shard.searches.best_scores()).fold([0; SCORE_BUCKETS], |sums, scores| {
            std::array::from_fn(|bucket| sums[bucket] + scores[bucket])
        })
    }

    /// Hits and misses.
    pub fn hits_and_misses(&self) -> (u64, u64) {
        let hits = self.sum(|shard| shard.searches.found() + shard.read.get());
        (hits, self.sum(|shard| shard.searches.empty() + shard.not_read.get()))
    }

    /// Sets all to zero. Those of sets go on.
    pub(super) fn reset(&self) {
        for shard in self.0.iter() {
            shard.searches.reset();
            shard.read.reset();
            shard.not_read.reset();
            shard.filtered.reset();
            shard.short.reset();
            shard.caches.reset();
        }
    }

    fn sum(&self, count: fn(&Shard) -> u64) -> u64 {
        self.0.iter().map(count).sum()
    }
}
