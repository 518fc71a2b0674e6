//! What a search has returned, for its figures and as a use of the elements.

use crate::keyspace::ElementFigures;
use crate::vector_set::{Hit, Hits, Metric, Tier};

/// What a search of one set has returned; by default nothing.
#[derive(Clone, Copy, Default)]
pub(super) struct Returned {
    count: usize,
    /// Of those, elements that lay in files.
    warm: usize,
    best_score: Option<f64>,
}

impl Returned {
    /// A hit is returned, the nearest first. It counts as used.
    pub(super) fn add(&mut self, metric: Metric, hit: &Hit) {
        self.warm += usize::from(hit.mark_used() == Tier::Warm);
        self.count += 1;
        self.best_score.get_or_insert_with(|| metric.score(hit.distance));
    }

    /// Counts the search that has found this, nothing if its key is missing.
    pub(super) fn note(self, figures: &ElementFigures, hits: Option<&Hits<'_>>) {
        let set = hits.map(Hits::set);
        figures.note_search(set, self.count, self.best_score);
        if let Some(set) = set.filter(|_| self.warm > 0) {
            set.figures().warm_hits.add(self.warm as u64);
        }
        if let Some(explanation) = hits.and_then(Hits::explanation) {
            figures.note_filtered(explanation.trace.is_short);
        }
    }
}
