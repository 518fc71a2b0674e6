//! Finding the elements nearest to a query.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::fields::{FacetValue, Knowledge, values_of};
use super::filter::{FieldReader, Filter};
use super::updates::Seen;
use super::{Format, Present, Probe, Tier, VectorSet};
use crate::compressed::Stored;
use crate::epoch::{Pin, pin};
use crate::index::Candidate;
use crate::tier::Waits;
use crate::vector_index::{Found, Plan, QueryError, Reach, Selection, Trace};

/// A test of a filter takes as long as reading so many codes.
const TEST_PER_CODE: usize = 8;

/// The parameters of a search besides its query.
pub struct Search<'f> {
    /// Results wanted, at least 1.
    pub count: usize,
    /// Candidates kept while walking; more finds more. At least `count` are kept.
    pub ef: usize,
    /// Only elements whose attribute matches.
    pub filter: Option<&'f Filter>,
    /// With a filter: nodes whose links are followed at most. If there is no limit, as many as it
    /// takes where indexes know what matches; else [`FILTER_EF_PER_RESULT`] for each result.
    pub filter_ef: Option<usize>,
    /// Looks at every element instead of walking the graph.
    pub truth: bool,
    /// With a filter: the plan to begin with, if it is not to be chosen.
    pub plan: Option<Plan>,
    /// When it is given up, if it has a limit of time.
    pub deadline: Option<Instant>,
}

/// Nodes whose links a filtered search follows for each requested result, if nothing else is said
/// (Redis' default).
pub const FILTER_EF_PER_RESULT: usize = 100;

impl Search<'_> {
    fn reach(&self, expansions: Option<usize>) -> Reach {
        let (exhaustive, deadline) = (self.truth, self.deadline);
        Reach { count: self.count, ef: self.ef, expansions, exhaustive, deadline }
    }

    /// Nodes whose links may be followed where each slot that is met has to be tested.
    pub(super) fn expansions_of_tests(&self) -> usize {
        self.filter_ef.unwrap_or(self.count.saturating_mul(FILTER_EF_PER_RESULT))
    }
}

/// What a search found, nearest first. While it lives, the elements it names stay readable.
pub struct Hits<'s> {
    pub(super) set: Present<'s>,
    pub(super) pin: Pin,
    found: Vec<Candidate>,
    is_cut_off: bool,
    is_whole_set: bool,
    explanation: Option<Explanation>,
    _waits: Option<CountsWaits<'s>>,
}

/// Counts the pages of files that this thread waits for until it is dropped, as the set's.
struct CountsWaits<'s> {
    set: &'s VectorSet,
    waits: Waits,
}

impl<'s> CountsWaits<'s> {
    /// None if the set has nothing in files.
    fn of(set: &'s VectorSet) -> Option<Self> {
        set.may_wait_for_disk().then(|| Self { set, waits: Waits::begin() })
    }
}

impl Drop for CountsWaits<'_> {
    fn drop(&mut self) {
        let faults = self.waits.pages();
        if faults > 0 {
            self.set.figures.faults.add(faults);
            self.set.space().iter().for_each(|space| space.dir().balance().count_faults(faults));
        }
    }
}

/// How a filtered search went, in its last try.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// What was known of the elements that match.
    pub knowledge: Knowledge,
    /// How long it took to find that out.
    pub lookup: Duration,
    /// Attributes that were read and tested.
    pub tested: usize,
    /// The steps.
    pub trace: Trace,
}

/// One element that was found.
pub struct Hit<'h> {
    /// Its name.
    pub element: &'h [u8],
    /// Its distance, as codes compare; see [`crate::quantization::Metric::user_distance`].
    pub distance: f32,
    pub(super) slot: u32,
    pub(super) hits: &'h Hits<'h>,
}

impl<'h> Hit<'h> {
    /// It is returned to a client: counts as a use. Returns where it lay.
    pub fn mark_used(&self) -> Tier {
        self.hits.set.count_hit(self.slot, &self.hits.pin)
    }

    /// Its attribute.
    pub fn attribute(&self) -> Option<Cow<'h, [u8]>> {
        self.hits.set.attributes.get(self.slot, &self.hits.pin).map(Stored::text)
    }

    /// What it has at a path: a value, or the items of an array.
    pub fn values(&self, path: &FieldReader) -> Vec<FacetValue> {
        let mut values = Vec::new();
        if let Some(attribute) = self.attribute()
            && let Some(value) = path.read(&attribute).first().copied().flatten()
        {
            values_of(value, &mut values);
        }
        values
    }

    /// Its vector, as near to what was sent as its code allows.
    pub fn vector(&self) -> Vec<f32> {
        let view = self.hits.set.vectors.codes(&self.hits.pin);
        view.best().format().decode(view.best().code(self.slot))
    }
}

impl Hits<'_> {
    /// How it was searched, if there was a filter.
    pub fn explanation(&self) -> Option<&Explanation> {
        self.explanation.as_ref()
    }

    /// True if the time of the search was over before it was complete.
    pub fn is_cut_off(&self) -> bool {
        self.is_cut_off
    }

    /// True if fewer were found than were wanted: there is nothing beside them.
    pub fn is_whole_set(&self) -> bool {
        self.is_whole_set
    }

    /// Their attributes will be read: asks the disk for what it has of them, all at once.
    pub fn fetch_attributes(&self) {
        self.set.attributes.fetch(self.found.iter().map(|candidate| candidate.slot()));
    }

    /// The set that was searched.
    pub fn set(&self) -> &VectorSet {
        &self.set
    }

    /// The elements found, nearest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Hit<'_>> {
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

    /// Roughly how many bytes a search reads: what decides where it runs. `filtered`: it will have
    /// a filter, which may not be compiled yet. Without indexes of fields, each slot that is met
    /// costs as much as some kilobytes, since its attribute is read.
    pub fn search_cost(&self, search: &Search, filtered: bool) -> usize {
        let tests = filtered && !self.fields.exist();
        let expansions = tests.then(|| search.expansions_of_tests());
        let bytes = self.vectors.search_cost(&search.reach(expansions));
        if tests {
            bytes.saturating_mul(TEST_PER_CODE)
        } else if filtered {
            bytes.max(self.vectors.search_cost(&Reach { exhaustive: true, ..search.reach(None) }) / 4)
        } else {
            bytes
        }
    }

    /// What steps of filtered searches cost, as far as it was measured: nanoseconds for a distance
    /// of a scan and of a walk, for a node of a walk over bridges, for a test of an attribute; and
    /// distances for each result of a walk.
    pub fn measured_costs(&self) -> [(&'static str, f32); 5] {
        self.vectors.measured_costs()
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
    pub(super) fn search_once(
        &self,
        query: &Probe,
        search: &Search,
        checks_deadlines: bool,
    ) -> (Hits<'s>, bool) {
        let pin = pin();
        let waits = CountsWaits::of(self.set);
        // Both before the search begins: an update after this is then seen to have moved the
        // count, and what has expired by now was either removed by now or is known to be due.
        let updates = self.updates.seen();
        let may_be_due = self.deadlines.may_be_due(self.now.expiry_ms);
        let checks = may_be_due && checks_deadlines;
        let is_live = |slot| !checks || self.is_live(slot);
        let (found, explanation) = match search.filter {
            None => (self.vectors.search(query, &search.reach(None), &pin, is_live), None),
            Some(filter) => {
                let (found, explanation) = self.search_filtered(query, search, filter, &pin, is_live);
                (found, Some(explanation))
            }
        };
        let mut candidates = found.candidates;
        if may_be_due && !checks {
            candidates.retain(|candidate| self.is_live(candidate.slot()));
        }
        self.remove_twins(&mut candidates, updates, &pin);
        let is_cut_off = found.is_cut_off;
        let is_crowded = found.is_full && candidates.len() < search.count && !is_cut_off;
        let is_whole_set = candidates.len() < search.count && !is_cut_off;
        candidates.truncate(search.count);
        self.names.fetch(candidates.iter().map(|candidate| candidate.slot()));
        let hits =
            Hits { set: *self, pin, found: candidates, is_cut_off, is_whole_set, explanation, _waits: waits };
        (hits, is_crowded)
    }

    fn search_filtered(
        &self,
        query: &Probe,
        search: &Search,
        filter: &Filter,
        pin: &Pin,
        is_live: impl Fn(u32) -> bool,
    ) -> (Found, Explanation) {
        // What indexes say is the truth of a moment after this.
        let start = self.vectors.moment();
        let began = Instant::now();
        let selected = self.select(filter, pin);
        let lookup = began.elapsed();
        let tested = Cell::new(0);
        let test = |slot| {
            tested.set(tested.get() + 1);
            self.matches(slot, filter, pin)
        };
        let (known, expansions) = selected.known(search);
        let matches = |slot| is_live(slot) && (selected.is_sure(slot) || test(slot));
        let selection = Selection { start, known, plan: search.plan };
        let reach = search.reach(expansions);
        let (found, trace) = self.vectors.search_known(query, &reach, pin, selection, matches);
        let knowledge = selected.knowledge();
        (found, Explanation { knowledge, lookup, tested: tested.get(), trace })
    }

    /// True if the attribute of a slot that the reader has met matches.
    pub(super) fn matches(&self, slot: u32, filter: &Filter, pin: &Pin) -> bool {
        self.attributes.filter(slot, pin, |attribute| filter.matches(attribute)).unwrap_or(false)
    }

    /// Removes the second slot of each element that was updated since `updates` was read.
    fn remove_twins(&self, found: &mut Vec<Candidate>, updates: Seen, pin: &Pin) {
        if self.updates.overlapped(updates) {
            let mut seen = HashSet::with_capacity(found.len());
            found.retain(|candidate| seen.insert(self.names.get(candidate.slot(), pin)));
        }
    }
}
