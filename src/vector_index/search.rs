//! The slots nearest to a query.

use std::borrow::Cow;
use std::cell::RefCell;

use smallvec::SmallVec;

use super::{Probe, VectorIndex};
use crate::epoch::{Pin, pin};
use crate::index::{Candidate, Nearest, Scorer, State, Walk};
use crate::quantization::BATCH;

/// Up to so many slots per candidate kept, reading all of them one after the other is faster than
/// walking the graph, and exact. Measured with Int8 at 100 and 384 dimensions: the two meet at 15
/// (EF 20) to 35 (EF 200).
const SCAN_PER_EF: usize = 20;
/// Results that a scan keeps beyond what was asked for, in case writers that overlap it remove
/// some.
const SPARE: usize = 16;
/// Codes read for each candidate kept, roughly, at M 16.
const READ_PER_EF: usize = 16;

/// How far a search looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reach {
    /// Results wanted, at least 1.
    pub count: usize,
    /// Candidates kept while walking; more finds more. At least `count` are kept.
    pub ef: usize,
    /// Nodes whose links are followed at most; none: no limit.
    pub expansions: Option<usize>,
    /// Looks at every slot instead of walking the graph.
    pub exhaustive: bool,
}

impl Reach {
    fn kept(&self) -> usize {
        self.ef.max(self.count)
    }
}

/// What a search found.
pub struct Found {
    /// Nearest first, more than were wanted if more were kept.
    pub candidates: Vec<Candidate>,
    /// True if no more were kept: others may have been pushed out.
    pub is_full: bool,
}

/// Why a vector cannot be a query.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QueryError {
    /// It has `got` components, the index `has`.
    Dimension {
        /// Components of the query.
        got: usize,
        /// Components of the index's vectors.
        has: usize,
    },
    /// It has `got` components; the index has fewer or more, and projects from `expects`.
    ProjectionDimension {
        /// Components of the query.
        got: usize,
        /// Components that the projection takes.
        expects: usize,
    },
}

impl VectorIndex {
    /// Makes a vector of the index's dimension, or of the one it projects from, ready to be
    /// searched with.
    pub fn query(&self, vector: &[f32]) -> Result<Probe, QueryError> {
        let got = vector.len();
        match self.params.input_dim() {
            // A projection to its own dimension projects queries too. (Redis does not, and so
            // compares vectors of two different spaces.)
            Some(expects) if got == expects => Ok(self.probe(&self.projected(vector))),
            Some(expects) if got != self.params.dim() => {
                Err(QueryError::ProjectionDimension { got, expects })
            }
            _ => self.query_stored(vector),
        }
    }

    /// As [`query`](Self::query), for a vector of the dimension that is stored, which is not
    /// projected.
    pub fn query_stored(&self, vector: &[f32]) -> Result<Probe, QueryError> {
        let got = vector.len();
        let has = self.params.dim();
        if got == has { Ok(self.probe(vector)) } else { Err(QueryError::Dimension { got, has }) }
    }

    /// A vector as it is stored: one of the input dimension of an index that projects is projected.
    pub(super) fn projected<'v>(&self, vector: &'v [f32]) -> Cow<'v, [f32]> {
        match &self.projection {
            Some(projection) if self.params.input_dim() == Some(vector.len()) => {
                Cow::Owned(projection.project(vector))
            }
            _ => Cow::Borrowed(vector),
        }
    }

    /// Of a vector of the dimension that is stored.
    fn probe(&self, vector: &[f32]) -> Probe {
        let pin = pin();
        let may_change_codes = self.training.is_due();
        self.stores.view(&pin).probe(vector, may_change_codes)
    }

    /// True if a search reads every slot.
    fn scans(&self, reach: &Reach) -> bool {
        reach.exhaustive || self.graph.slots().live() <= reach.kept().saturating_mul(SCAN_PER_EF)
    }

    /// Roughly how many bytes of codes a search reads.
    pub fn search_cost(&self, reach: &Reach) -> usize {
        let live = self.graph.slots().live();
        let followed = reach.expansions.map_or(0, |nodes| nodes.saturating_mul(self.params.m()));
        let walked = reach.kept().saturating_mul(READ_PER_EF).saturating_add(followed);
        let read = if self.scans(reach) { live } else { walked.min(live) };
        read.saturating_mul(self.stores.view(&pin()).walk.format().code_bytes())
    }

    /// The slots nearest to a query that `matches` accepts. Takes no lock.
    ///
    /// It returns every slot that was live from its beginning to its end, if it is near enough, and
    /// none that was not live at any moment between. A slot published and one killed meanwhile may
    /// both be there; where they hold the same thing, the caller decides between them.
    pub fn search(&self, query: &Probe, reach: &Reach, pin: &Pin, matches: impl Fn(u32) -> bool) -> Found {
        let view = self.stores.view(pin);
        let query = &*view.fitting(query);
        let slots = self.graph.slots();
        let start = slots.moment();
        let (mut candidates, kept) = if self.scans(reach) {
            let keep = reach.count.saturating_add(SPARE);
            let admit = |slot| slots.admits(slot, start) && matches(slot);
            (scan(&view.best_scorer(query), slots.end(), keep, admit), keep)
        } else {
            let ef = reach.kept().min(slots.live().saturating_add(SPARE));
            let walk = Walk { ef, expansions: reach.expansions.unwrap_or(usize::MAX) };
            let admit = |slot| slots.admits_met(slot, start) && matches(slot);
            let found = match view.refining_scorer(query) {
                Some(scorer) => self.graph.search(&scorer, walk, admit),
                None => self.graph.search(&view.best_scorer(query), walk, admit),
            };
            (found, ef)
        };
        let is_full = candidates.len() >= kept;
        // What was not published by the end was never there.
        candidates.retain(|candidate| slots.state(candidate.slot()) != State::Linking);
        Found { candidates, is_full }
    }
}

/// Of slots `0 .. end`, the `keep` nearest that are admitted.
fn scan(scorer: &impl Scorer, end: u32, keep: usize, admit: impl Fn(u32) -> bool) -> Vec<Candidate> {
    thread_local! {
        /// For speed: the only memory that a scan needs beside its results.
        static NEAR: RefCell<Vec<Candidate>> = const { RefCell::new(Vec::new()) };
    }
    NEAR.with_borrow_mut(|near| {
        let mut nearest = Nearest::with_room(keep, keep.min(end as usize));
        let mut rest = (0..end).filter(|&slot| admit(slot));
        loop {
            let slots: SmallVec<[u32; BATCH]> = rest.by_ref().take(BATCH).collect();
            if slots.is_empty() {
                return nearest.into_sorted();
            }
            scorer.nearer(&slots, nearest.limit(), near);
            near.drain(..).for_each(|candidate| nearest.offer(candidate));
        }
    })
}
