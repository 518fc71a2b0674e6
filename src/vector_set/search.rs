//! Finding the elements nearest to a query.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::atomic::Ordering;

use super::filter::Filter;
use super::{Format, Probe, VectorSet};
use crate::epoch::{Pin, pin};
use crate::index::{Candidate, Nearest, Scorer, State, Walk};
use crate::quantization::BATCH;

/// Up to so many elements per candidate kept, reading all of them one after the other is faster than walking the graph,
/// and exact. Measured with Int8 at 100 and 384 dimensions: the two meet at 15 (EF 20) to 35 (EF 200).
const SCAN_PER_EF: usize = 20;
/// Results that a scan keeps beyond what was asked, in case writers that overlap it take some away.
const SPARE: usize = 16;

/// What is asked of a search besides its query.
pub struct Search<'f> {
    /// Results wanted, at least 1.
    pub count: usize,
    /// Candidates kept while walking; more finds more. At least `count` are kept.
    pub ef: usize,
    /// Only elements whose attribute matches.
    pub filter: Option<&'f Filter>,
    /// With a filter: nodes whose links are followed at most.
    pub filter_ef: usize,
    /// Looks at every element instead of walking the graph.
    pub truth: bool,
}

/// Why a vector cannot be a query.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QueryError {
    /// It has `got` components, the set `has`.
    Dimension {
        /// Components of the query.
        got: usize,
        /// Components of the set's vectors.
        has: usize,
    },
    /// It has `got` components; the set has fewer or more, and projects from `expects`.
    ProjectionDimension {
        /// Components of the query.
        got: usize,
        /// Components that the projection takes.
        expects: usize,
    },
}

/// What a search found, nearest first. While it lives, the elements it names stay readable.
pub struct Hits<'s> {
    set: &'s VectorSet,
    pin: Pin,
    found: Vec<Candidate>,
}

/// One element that was found.
pub struct Hit<'h> {
    /// Its name.
    pub element: &'h [u8],
    /// Its distance, as codes compare; see [`crate::quantization::Metric::user_distance`].
    pub distance: f32,
    slot: u32,
    hits: &'h Hits<'h>,
}

impl<'h> Hit<'h> {
    /// Its attribute.
    pub fn attribute(&self) -> Option<&'h [u8]> {
        self.hits.set.attributes.get(self.slot, &self.hits.pin)
    }

    /// Its vector, as near to what was sent as its code allows.
    pub fn vector(&self) -> Vec<f32> {
        let view = self.hits.set.stores.view(&self.hits.pin);
        view.best().format().decode(view.best().code(self.slot))
    }
}

impl Hits<'_> {
    /// The elements found, nearest first.
    pub fn iter(&self) -> impl Iterator<Item = Hit<'_>> {
        self.found.iter().map(|candidate| Hit {
            element: self.set.names.get(candidate.slot(), &self.pin),
            distance: candidate.distance(),
            slot: candidate.slot(),
            hits: self,
        })
    }

    /// How many were found.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// True if none was.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }
}

impl VectorSet {
    /// Makes a vector of the set's dimension, or of the one it projects from, ready to be searched with.
    pub fn query(&self, vector: &[f32]) -> Result<Probe, QueryError> {
        let (got, has) = (vector.len(), self.params.dim());
        match self.params.input_dim() {
            // A projection to its own dimension projects queries too. (Redis does not, and compares apples to pears.)
            Some(expects) if got == expects => Ok(self.probe(&self.projected(vector))),
            _ if got == has => Ok(self.probe(vector)),
            Some(expects) => Err(QueryError::ProjectionDimension { got, expects }),
            None => Err(QueryError::Dimension { got, has }),
        }
    }

    /// The same of a vector of the dimension that is stored, which is not projected.
    pub fn query_stored(&self, vector: &[f32]) -> Result<Probe, QueryError> {
        let (got, has) = (vector.len(), self.params.dim());
        if got == has { Ok(self.probe(vector)) } else { Err(QueryError::Dimension { got, has }) }
    }

    /// The same of an element's vector. It is decoded and encoded again, as Redis does.
    pub fn query_of(&self, element: &[u8]) -> Option<Probe> {
        self.with_code(element, Format::decode).map(|vector| self.probe(&vector))
    }

    /// A vector as it is stored: one of the input dimension of a set that projects is projected.
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
        let changes = self.training.is_due();
        self.stores.view(&pin).probe(vector, changes)
    }

    /// How many elements there are, within a change that is being made: needs no lock.
    fn about(&self) -> usize {
        self.index.slots().live()
    }

    /// True if a search with this `ef` reads every element anyway.
    fn scans(&self, search: &Search) -> bool {
        search.truth || self.about() <= search.ef.max(search.count).saturating_mul(SCAN_PER_EF)
    }

    /// Roughly how many bytes of codes a search reads: what decides where it runs. `filtered`: it will have a filter,
    /// which may not be compiled yet.
    pub fn search_cost(&self, search: &Search, filtered: bool) -> usize {
        /// Codes read for each candidate kept, roughly, at M 16.
        const READ_PER_EF: usize = 16;
        let ef = search.ef.max(search.count);
        let followed = if filtered { search.filter_ef.saturating_mul(self.params.m()) } else { 0 };
        let walked = ef.saturating_mul(READ_PER_EF).saturating_add(followed);
        let read = if self.scans(search) { self.about() } else { walked.min(self.about()) };
        read.saturating_mul(self.stores.view(&pin()).walk.format().code_bytes())
    }

    /// The elements nearest to a query, which [`VectorSet::query`] or its like made.
    ///
    /// A search that overlaps so many updates that slots of one element crowd out others starts over; the third time
    /// it holds changes off while it looks.
    pub fn search(&self, query: &Probe, search: &Search) -> Hits<'_> {
        for _ in 0..2 {
            let (hits, crowded) = self.search_once(query, search);
            if !crowded {
                return hits;
            }
        }
        let _no_changes = self.elements.read();
        self.search_once(query, search).0
    }

    /// One try, and whether its list of results was full of slots that had to be taken out again.
    fn search_once(&self, query: &Probe, search: &Search) -> (Hits<'_>, bool) {
        let pin = pin();
        let view = self.stores.view(&pin);
        let query = &*view.fitting(query);
        // In this order: an update between the two is then seen to have moved the count.
        let updates = self.updates.load(Ordering::Acquire);
        let start = self.index.slots().moment();
        let slots = self.index.slots();
        let matches = |slot| self.matches(slot, search.filter, &pin);
        let (mut found, kept) = if self.scans(search) {
            let keep = search.count.saturating_add(SPARE);
            let admit = |slot| slots.admits(slot, start) && matches(slot);
            (scan(&view.best_scorer(query), slots.end(), keep, admit), keep)
        } else {
            let expansions = if search.filter.is_some() { search.filter_ef } else { usize::MAX };
            let ef = search.ef.max(search.count).min(self.about().saturating_add(SPARE));
            let walk = Walk { ef, expansions };
            let admit = |slot| slots.admits_met(slot, start) && matches(slot);
            let found = match view.refining_scorer(query) {
                Some(scorer) => self.index.search(&scorer, walk, admit),
                None => self.index.search(&view.best_scorer(query), walk, admit),
            };
            (found, ef)
        };
        let full = found.len() >= kept;
        self.settle(&mut found, updates, &pin);
        let crowded = full && found.len() < search.count;
        found.truncate(search.count);
        (Hits { set: self, pin, found }, crowded)
    }

    fn matches(&self, slot: u32, filter: Option<&Filter>, pin: &Pin) -> bool {
        filter.is_none_or(|filter| {
            self.attributes.get(slot, pin).is_some_and(|attribute| filter.matches(attribute))
        })
    }

    /// Takes out what did not become an element by the end, and the second slot of an element that was updated meanwhile.
    fn settle(&self, found: &mut Vec<Candidate>, updates: u64, pin: &Pin) {
        let slots = self.index.slots();
        found.retain(|candidate| slots.state(candidate.slot()) != State::Linking);
        if updates % 2 == 1 || self.updates.load(Ordering::Acquire) != updates {
            let mut seen = HashSet::with_capacity(found.len());
            found.retain(|candidate| seen.insert(self.names.get(candidate.slot(), pin)));
        }
    }
}

/// Of slots `0 .. end`, the `keep` nearest that are admitted.
fn scan(scorer: &impl Scorer, end: u32, keep: usize, admit: impl Fn(u32) -> bool) -> Vec<Candidate> {
    let mut nearest = Nearest::new(keep);
    let (mut slots, mut near) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
    let mut rest = (0..end).filter(|&slot| admit(slot));
    loop {
        slots.clear();
        slots.extend(rest.by_ref().take(BATCH));
        if slots.is_empty() {
            return nearest.into_sorted();
        }
        scorer.nearer(&slots, nearest.limit(), &mut near);
        near.drain(..).for_each(|candidate| nearest.offer(candidate));
    }
}
