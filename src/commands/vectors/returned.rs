//! What a search has returned, for its figures and as a use of the elements.

use crate::keyspace::ElementFigures;
use crate::vector_set::{Hit, Metric, VectorSet};

/// What a search of one set has returned; by default nothing.
#[derive(Clone, Copy, Default)]
pub(super) struct Returned {
    count: usize,
    best_score: Option<f64>,
}

impl Returned {
    /// A hit is returned, the nearest first. It counts as used.
    pub(super) fn add(&mut self, metric: Metric, hit: &Hit) {
        hit.mark_used();
        self.count += 1;
        self.best_score.get_or_insert_with(|| metric.score(hit.distance));
    }

    /// Counts the search, of no set if its key is missing.
    pub(super) fn note(self, figures: &ElementFigures, set: Option<&VectorSet>) {
        figures.note_search(set, self.count, self.best_score);
    }
}
