//! The slots nearest to a query.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use super::params::MAX_EF;
use super::plan::{Known, Plan, Question, Step, Trace, WIDENING};
use super::run::Run;
use super::scorer::PairScorer;
use super::tries::Try;
use super::{Probe, VectorIndex};
use crate::epoch::{Pin, pin};
use crate::index::{Candidate, Effort, End, Moment, Scorer, State, Walk, Walked};

/// Up to so many slots per candidate kept, reading all of them one after the other is faster than
/// walking the graph, and exact. Measured with Int8 at 100 and 384 dimensions: the two meet at 15
/// (EF 20) to 35 (EF 200).
const SCAN_PER_EF: usize = 20;
/// Results that a scan keeps beyond what was asked for, in case writers that overlap it remove
/// some.
pub(super) const SPARE: usize = 16;
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
    /// When the search is given up, if it has a limit of time.
    pub deadline: Option<Instant>,
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
    /// True if its time was over before it was complete.
    pub is_cut_off: bool,
    /// True if it is to be searched again, since estimates did not tell candidates apart.
    pub(super) is_open: bool,
}

/// What is known of the slots that match a filter.
#[derive(Clone, Copy)]
pub struct Selection<'a> {
    /// [`VectorIndex::moment`], from before it was looked up.
    pub start: Moment,
    /// What was found.
    pub known: Known<'a>,
    /// The plan to begin with, if it is not to be chosen.
    pub plan: Option<Plan>,
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
    pub fn projected<'v>(&self, vector: &'v [f32]) -> Cow<'v, [f32]> {
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
        let run = Run::new(self, view, query, self.moment(), reach.deadline);
        let (mut run, first) = self.begun(run, reach);
        let begun = first.map(|first| (first, Instant::now()));
        let mut was_enough = true;
        loop {
            let found = self.search_once(&run, reach, &matches);
            if found.is_open {
                was_enough = false;
                run = run.again();
                continue;
            }
            if let Some((first, began)) = begun.filter(|_| !found.is_cut_off) {
                self.tries.learn(first, was_enough, self.kept(reach), began.elapsed());
            }
            return found;
        }
    }

    /// The run as the search is to begin, and which of the ways that is, if there is a choice.
    fn begun<'s>(&self, run: Run<'s>, reach: &Reach) -> (Run<'s>, Option<Try>) {
        if reach.exhaustive {
            return (run.exactly(), None);
        }
        let first = run.estimates().then(|| self.tries.first());
        (run.begun(first.unwrap_or(Try::Narrow)), first)
    }

    fn search_once(&self, run: &Run<'_>, reach: &Reach, matches: impl Fn(u32) -> bool) -> Found {
        let (walked, kept) = if self.scans(reach) {
            let keep = reach.count.saturating_add(SPARE);
            (run.scan_all(keep, matches), keep)
        } else {
            let kept = self.kept(reach);
            let walk = Walk { expansions: reach.expansions.unwrap_or(usize::MAX), ..Walk::new(kept) };
            // Filtered searches choose by it.
            let began = (!self.costs.are_unknown()).then(Instant::now);
            let walked = run.walk(walk, matches);
            if let Some(began) = began.filter(|_| walked.end != End::Deadline) {
                self.costs.learn(Plan::Walk, walked.effort, began.elapsed());
            }
            (walked, kept)
        };
        run.finish(walked.found, (kept, reach.count), walked.end)
    }

    /// The point in time that a search notes when it begins. What a filter is known to accept is to
    /// be looked up after it.
    pub fn moment(&self) -> Moment {
        self.graph.slots().moment()
    }

    /// Slots are below this.
    pub fn end(&self) -> u32 {
        self.graph.slots().end()
    }

    /// The vector of a slot that the reader has met while pinned, as near to what was sent as its
    /// code in memory allows.
    pub fn rough_vector(&self, slot: u32, pin: &Pin) -> Vec<f32> {
        let view = self.stores.view(pin);
        let is_far = view.fine.is_some_and(|fine| fine.is_in_file(slot));
        let store = if is_far { view.walk } else { view.best() };
        store.format().decode(store.code(slot))
    }

    /// Calls `each` with the live slots that a slot is linked to on the lowest layer, the nearest
    /// of all among them in most cases, and with their distances. The caller has met the slot while
    /// pinned. Codes in files are not read: their distances are estimates.
    pub fn for_each_linked(&self, slot: u32, mut each: impl FnMut(u32, f32)) {
        let scorer = PairScorer(&self.stores);
        self.graph.for_each_link(slot, 0, |link| {
            if self.graph.slots().state(link) == State::Live {
                each(link, scorer.between(slot, link));
            }
        });
    }

    /// As [`search`](Self::search), where something is known of the slots that may match: the
    /// fastest of several plans, see [`Plan`].
    ///
    /// `matches` is asked for slots that may match, and are near.
    pub fn search_known(
        &self,
        query: &Probe,
        reach: &Reach,
        pin: &Pin,
        selection: Selection<'_>,
        matches: impl Fn(u32) -> bool,
    ) -> (Found, Trace) {
        let Selection { start, known, plan } = selection;
        let view = self.stores.view(pin);
        let query = &*view.fitting(query);
        if self.costs.are_unknown() {
            Run::new(self, view, query, start, None).measure();
        }
        let run = Run::new(self, view, query, start, reach.deadline);
        let (mut run, _) = self.begun(run, reach);
        let kept = self.kept(reach);
        let mut question = Question {
            known,
            live: self.graph.slots().live(),
            kept,
            count: reach.count,
            expansions: reach.expansions.unwrap_or(usize::MAX),
            costs: &self.costs,
            near_share: None,
        };
        let mut trace = Trace { expected: question.matching(), ..Trace::default() };
        let mut plan = match plan {
            _ if reach.exhaustive => Plan::Scan,
            Some(plan) => plan,
            None => run.choose(&mut question),
        };
        trace.near_share = question.near_share;
        loop {
            let began = Instant::now();
            let is_widened = plan != Plan::Scan && (question.is_astray() || !trace.steps.is_empty());
            let keep = match plan {
                Plan::Scan => reach.count.saturating_add(SPARE),
                _ if is_widened => kept.saturating_mul(WIDENING).min(MAX_EF),
                _ => kept,
            };
            let budget = question.budget(plan, is_widened);
            let walk = Walk { ef: keep, expansions: question.expansions, budget, deadline: None };
            let Walked { found, effort, end } = run.step(plan, question.known, walk, &matches);
            let time = began.elapsed();
            // Tests of filters are no part of what a distance takes.
            if question.is_exact() && end != End::Deadline {
                self.costs.learn(plan, effort, time);
            }
            let is_last = plan == Plan::Scan || question.is_answered(found.len(), end);
            let Effort { expanded, scored } = effort;
            trace.steps.push(Step { plan, expanded, scored, found: found.len(), is_last, time });
            if is_last {
                trace.is_short = question.is_short(plan, found.len(), end);
                let found = run.finish(found, (keep, reach.count), end);
                if !found.is_open {
                    return (found, trace);
                }
                run = run.again();
                continue;
            }
            plan = question.after(plan, time);
        }
    }

    /// What the test of a filter takes is learnt from so many tests.
    pub fn learn_test(&self, tested: usize, time: Duration) {
        self.costs.learn_test(tested, time);
    }

    /// Nanoseconds that a distance takes in a scan and in a walk, that a node takes in a walk over
    /// bridges, and a test; distances for each result of a walk. 0 before the first filtered
    /// search.
    pub fn measured_costs(&self) -> [(&'static str, f32); 5] {
        [
            ("scan-ns", self.costs.scan_ns()),
            ("walk-ns", self.costs.walk_ns()),
            ("bridge-node-ns", self.costs.bridge_node_ns()),
            ("test-ns", self.costs.test_ns()),
            ("distances-per-result", self.costs.scored_per_result()),
        ]
    }

    fn kept(&self, reach: &Reach) -> usize {
        reach.kept().min(self.graph.slots().live().saturating_add(SPARE))
    }
}
