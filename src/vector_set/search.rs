//! Finding the elements nearest to a query.

use std::borrow::Cow;
use std::collections::HashSet;

use super::filter::Filter;
use super::updates::Seen;
use super::{Format, Present, Probe, VectorSet};
use crate::compressed::Stored;
use crate::epoch::{Pin, pin};
use crate::index::Candidate;
use crate::vector_index::{QueryError, Reach};

/// The parameters of a search besides its query.
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

impl Search<'_> {
    fn reach(&self, is_filtered: bool) -> Reach {
        let expansions = is_filtered.then_some(self.filter_ef);
        Reach { count: self.count, ef: self.ef, expansions, exhaustive: self.truth }
    }
}

/// What a search found, nearest first. While it lives, the elements it names stay readable.
pub struct Hits<'s> {
    set: Present<'s>,
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
    /// It is returned to a client: counts as a use.
    pub fn mark_used(&self) {
        self.hits.set.mark_used(self.slot);
    }

    /// Its attribute.
    pub fn attribute(&self) -> Option<Cow<'h, [u8]>> {
        self.hits.set.attributes.get(self.slot, &self.hits.pin).map(Stored::text)
    }

    /// Its vector, as near to what was sent as its code allows.
    pub fn vector(&self) -> Vec<f32> {
        let view = self.hits.set.vectors.codes(&self.hits.pin);
        view.best().format().decode(view.best().code(self.slot))
    }
}

impl Hits<'_> {
    /// The set that was searched.
    pub fn set(&self) -> &VectorSet {
        &self.set
    }

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
    /// Makes a vector of the set's dimension, or of the one it projects from, ready to be searched
    /// with.
    pub fn query(&self, vector: &[f32]) -> Result<Probe, QueryError> {
        self.vectors.query(vector)
    }

    /// The same of a vector of the dimension that is stored, which is not projected.
    pub fn query_stored(&self, vector: &[f32]) -> Result<Probe, QueryError> {
        self.vectors.query_stored(vector)
    }

    /// Roughly how many bytes of codes a search reads: what decides where it runs. `filtered`: it
    /// will have a filter, which may not be compiled yet.
    pub fn search_cost(&self, search: &Search, filtered: bool) -> usize {
        self.vectors.search_cost(&search.reach(filtered))
    }

    /// True if the next writer may have to learn from the set's vectors: a matter of a second.
    pub fn may_train(&self) -> bool {
        self.vectors.may_train()
    }
}

impl<'s> Present<'s> {
    /// A query of an element's vector. It is decoded and encoded again, as Redis does.
    pub fn query_of(&self, element: &[u8]) -> Option<Probe> {
        let vector = self.with_code(element, Format::decode)?;
        Some(self.vectors.query_stored(&vector).expect("a stored vector has the stored dimension"))
    }

    /// The elements nearest to a query, which [`VectorSet::query`] or its like made.
    ///
    /// A search that overlaps so many updates that slots of one element crowd out others starts
    /// over; the third time it holds changes off while it looks. So does one in which elements that
    /// have expired crowd out others; from the second time on it looks at deadlines as it goes,
    /// which costs a read for each element that it meets.
    pub fn search(&self, query: &Probe, search: &Search) -> Hits<'s> {
        if search.filter.is_some() {
            self.attributes.begin_filtering();
        }
        for checks_deadlines in [false, true] {
            let (hits, is_crowded) = self.search_once(query, search, checks_deadlines);
            if !is_crowded {
                return hits;
            }
        }
        let _no_changes = self.set.elements.read();
        self.search_once(query, search, true).0
    }

    /// One try, and whether its list of results was full of slots that had to be taken out again.
    fn search_once(&self, query: &Probe, search: &Search, checks_deadlines: bool) -> (Hits<'s>, bool) {
        let pin = pin();
        // Both before the search begins: an update after this is then seen to have moved the
        // count, and what has expired by now was either removed by now or is known to be due.
        let updates = self.updates.seen();
        let may_be_due = self.deadlines.may_be_due(self.now.expiry_ms);
        let checks = may_be_due && checks_deadlines;
        let matches = |slot| self.matches(slot, search.filter, &pin) && (!checks || self.is_live(slot));
        let reach = search.reach(search.filter.is_some());
        let found = self.vectors.search(query, &reach, &pin, matches);
        let mut candidates = found.candidates;
        if may_be_due && !checks {
            candidates.retain(|candidate| self.is_live(candidate.slot()));
        }
        self.remove_twins(&mut candidates, updates, &pin);
        let is_crowded = found.is_full && candidates.len() < search.count;
        candidates.truncate(search.count);
        (Hits { set: *self, pin, found: candidates }, is_crowded)
    }

    fn matches(&self, slot: u32, filter: Option<&Filter>, pin: &Pin) -> bool {
        filter.is_none_or(|filter| {
            self.attributes.filter(slot, pin, |attribute| filter.matches(attribute)).unwrap_or(false)
        })
    }

    /// Removes the second slot of each element that was updated since `updates` was read.
    fn remove_twins(&self, found: &mut Vec<Candidate>, updates: Seen, pin: &Pin) {
        if self.updates.overlapped(updates) {
            let mut seen = HashSet::with_capacity(found.len());
            found.retain(|candidate| seen.insert(self.names.get(candidate.slot(), pin)));
        }
    }
}
