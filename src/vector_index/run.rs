//! The steps of a search: scans, walks, and what is looked at before them.

use std::cell::{Cell, OnceCell, RefCell};
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::plan::{Known, Plan, Question};
use super::scorer::RefiningScorer;
use super::search::{Found, SPARE};
use super::store::Store;
use super::tries::Try;
use super::{Probe, VectorIndex, View};
use crate::index::{
    Candidate, Effort, End, Moment, Nearest, Scorer, SlotSet, Slots, State, Walk, Walked, is_overdue,
};
use crate::quantization::BATCH;

/// One search under way.
pub(super) struct Run<'s> {
    index: &'s VectorIndex,
    view: View<'s>,
    query: &'s Probe,
    start: Moment,
    deadline: Option<Instant>,
    /// If some finer codes are in files, and not all are to be read.
    tiered: Option<RefiningScorer<'s>>,
    /// By estimates, so many times as many are kept.
    widening: usize,
    /// Looked at when it is needed.
    near: OnceCell<Near>,
}

/// What is near the query.
struct Near {
    /// The nearest slots, those that a search may return, nearest first.
    nearest: Vec<Candidate>,
    /// Of these and others that are nearly as near, the share that may match, above 0.
    share: f32,
}

/// A walk by estimates alone keeps so much more.
const BY_ESTIMATES: f32 = 1.0;
/// A walk by estimates that was not wide enough keeps so many times as many in its second try.
const WIDER: usize = 4;
/// A scan by estimates keeps so many times as many.
const ESTIMATED: usize = 4;
/// Results that the short walk near a query keeps; the slots that it meets are some times as many.
const NEAR: usize = 16;
/// Slots sampled as places to begin a walk over bridges.
const SEEDS: usize = 64;
/// Distances of the scan by which costs are measured first, and results of the walk.
const MEASURED_SCAN: usize = 1024;
const MEASURED_WALK: usize = 64;

impl<'s> Run<'s> {
    /// A search with this query; `start`: see [`VectorIndex::moment`].
    pub(super) fn new(
        index: &'s VectorIndex,
        view: View<'s>,
        query: &'s Probe,
        start: Moment,
        deadline: Option<Instant>,
    ) -> Self {
        let tiered = view.estimating_scorer(query);
        Self { index, view, query, start, deadline, tiered, widening: 1, near: OnceCell::new() }
    }

    /// The same, where the finer code of every slot that is looked at is read.
    pub(super) fn exactly(self) -> Self {
        Self { tiered: None, ..self }
    }

    /// The same, as a search is to begin by how the last ones ended.
    pub(super) fn begun(self, first: Try) -> Self {
        match first {
            Try::Narrow => self,
            Try::Wide => Self { widening: WIDER, ..self },
            Try::Finer => self.exactly(),
        }
    }

    /// True if some finer codes are in files, and not all are to be read.
    pub(super) fn estimates(&self) -> bool {
        self.tiered.is_some()
    }

    /// The same once more, where estimates were too rough: with finer codes if it was wide already.
    pub(super) fn again(self) -> Self {
        let second = if self.widening == 1 { self.index.tries.second() } else { Try::Finer };
        self.begun(second)
    }

    /// The plan to begin with.
    pub(super) fn choose(&self, question: &mut Question<'_>) -> Plan {
        let first = question.first();
        let Known::Among { slots, .. } = question.known else { return first };
        if first == Plan::Scan {
            return first;
        }
        question.near_share = Some(self.near(slots).share);
        if question.is_astray() { question.if_astray() } else { question.first() }
    }

    fn near(&self, slots: &SlotSet) -> &Near {
        self.near.get_or_init(|| {
            let (looked_at, matching) = (Cell::new(0), Cell::new(0));
            let walked = self.walk(Walk::new(NEAR), |slot| {
                looked_at.set(looked_at.get() + 1);
                matching.set(matching.get() + usize::from(slots.contains(slot)));
                true
            });
            let share = (matching.get() as f32 + 0.5) / (looked_at.get() as f32 + 1.0);
            Near { nearest: walked.found, share }
        })
    }

    pub(super) fn step(
        &self,
        plan: Plan,
        known: Known<'_>,
        walk: Walk,
        matches: &impl Fn(u32) -> bool,
    ) -> Walked {
        match (plan, known) {
            (Plan::Scan, Known::Among { slots, .. }) => self.scan_among(slots, walk.ef, matches),
            (Plan::Scan, Known::Share(_)) => self.scan_all(walk.ef, matches),
            (Plan::Walk, Known::Among { slots, .. }) => {
                self.walk(walk, |slot| slots.contains(slot) && matches(slot))
            }
            (Plan::Bridges, Known::Among { slots, .. }) => self.walk_bridges(walk, slots, matches),
            (Plan::Walk | Plan::Bridges, Known::Share(_)) => self.walk(walk, matches),
        }
    }

    fn slots(&self) -> &Slots {
        self.index.graph.slots()
    }

    /// Of all slots, the `keep` nearest that match.
    pub(super) fn scan_all(&self, keep: usize, matches: impl Fn(u32) -> bool) -> Walked {
        let slots = self.slots();
        let live = (0..slots.end()).filter(|&slot| slots.admits(slot, self.start));
        self.scan(live, Kept { keep, room: slots.live() + SPARE, deadline: self.deadline }, matches)
    }

    fn scan_among(&self, among: &SlotSet, keep: usize, matches: impl Fn(u32) -> bool) -> Walked {
        let slots = self.slots();
        let live = among.iter().filter(|&slot| slots.admits_met(slot, self.start));
        self.scan(live, Kept { keep, room: among.len(), deadline: self.deadline }, matches)
    }

    fn scan(&self, slots: impl Iterator<Item = u32>, kept: Kept, matches: impl Fn(u32) -> bool) -> Walked {
        match &self.tiered {
            // Estimates are not in the order of the distances.
            Some(scorer) => {
                let keep = kept.keep.saturating_mul(ESTIMATED * self.widening);
                scan(scorer, slots, Kept { keep, ..kept }, matches)
            }
            None => scan(&self.view.best_scorer(self.query), slots, kept, matches),
        }
    }

    /// The walk through all slots.
    pub(super) fn walk(&self, walk: Walk, matches: impl Fn(u32) -> bool) -> Walked {
        let walk = Walk { deadline: self.deadline, ..walk };
        let graph = &self.index.graph;
        let admit = |slot| self.slots().admits_met(slot, self.start) && matches(slot);
        if let Some(scorer) = &self.tiered {
            return graph.search(scorer, self.widened(walk), admit);
        }
        match self.view.refining_scorer(self.query) {
            Some(scorer) => graph.search(&scorer, walk, admit),
            None => graph.search(&self.view.best_scorer(self.query), walk, admit),
        }
    }

    fn walk_bridges(&self, walk: Walk, among: &SlotSet, matches: impl Fn(u32) -> bool) -> Walked {
        let walk = Walk { deadline: self.deadline, ..walk };
        let graph = &self.index.graph;
        let near = &self.near(among).nearest;
        let seeds = among.sample(SEEDS);
        let belongs = |slot| among.contains(slot);
        let admit = |slot| self.slots().admits_met(slot, self.start) && matches(slot);
        if let Some(scorer) = &self.tiered {
            return graph.search_bridges(scorer, self.widened(walk), near, &seeds, belongs, admit);
        }
        match self.view.refining_scorer(self.query) {
            Some(scorer) => graph.search_bridges(&scorer, walk, near, &seeds, belongs, admit),
            None => {
                graph.search_bridges(&self.view.best_scorer(self.query), walk, near, &seeds, belongs, admit)
            }
        }
    }

    /// A walk by estimates keeps twice as many for the same recall: by the share of slots for which
    /// there are only estimates.
    fn widened(&self, walk: Walk) -> Walk {
        let share = self.view.fine.map_or(0.0, Store::share_in_files);
        let more = walk.ef as f32 * share * BY_ESTIMATES;
        Walk { ef: walk.ef.saturating_add(more as usize).saturating_mul(self.widening), ..walk }
    }

    /// Measures costs for the first time, with this query: the best of some tries each.
    pub(super) fn measure(&self) {
        let timed = |run: &dyn Fn() -> Walked| {
            let began = Instant::now();
            let scored = run().effort.scored;
            (scored, began.elapsed())
        };
        let stride = (self.slots().end() as usize / MEASURED_SCAN).max(1);
        let some = || SlotSet::of((0..self.slots().end()).step_by(stride), self.slots().end());
        let tries = [(); 4].map(|()| {
            let walk = timed(&|| self.walk(Walk::new(MEASURED_WALK), |_| true));
            let some = some();
            (walk, timed(&|| self.scan_among(&some, MEASURED_WALK, |_| true)))
        });
        let fastest = |times: [(usize, Duration); 4]| times.into_iter().min_by_key(|(_, time)| *time);
        if let (Some(walk), Some(scan)) = (fastest(tries.map(|t| t.0)), fastest(tries.map(|t| t.1))) {
            self.index.costs.begin(MEASURED_WALK, walk, scan);
        }
    }

    /// What was found, at most `kept`, at the end of the search for `count`.
    pub(super) fn finish(
        &self,
        mut candidates: Vec<Candidate>,
        (kept, count): (usize, usize),
        end: End,
    ) -> Found {
        let is_full = candidates.len() >= kept;
        let is_open = self.tiered.as_ref().is_some_and(|scorer| scorer.settle(&mut candidates, count));
        // What was not published by the end was never there.
        candidates.retain(|candidate| self.slots().state(candidate.slot()) != State::Linking);
        let is_cut_off = end == End::Deadline;
        Found { candidates, is_full, is_cut_off, is_open: is_open && !is_cut_off }
    }
}

/// What a scan keeps.
struct Kept {
    /// So many results.
    keep: usize,
    /// About so many slots may match.
    room: usize,
    deadline: Option<Instant>,
}

/// Of these slots, the nearest that match. `matches` is asked only for those that are nearer than
/// what is kept so far.
fn scan(
    scorer: &impl Scorer,
    mut slots: impl Iterator<Item = u32>,
    Kept { keep, room, deadline }: Kept,
    matches: impl Fn(u32) -> bool,
) -> Walked {
    thread_local! {
        /// For speed: the only memory that a scan needs beside its results.
        static NEAR: RefCell<Vec<Candidate>> = const { RefCell::new(Vec::new()) };
    }
    let mut take = || -> SmallVec<[u32; BATCH]> {
        slots.by_ref().take(BATCH).inspect(|&slot| scorer.prefetch(slot)).collect()
    };
    NEAR.with_borrow_mut(|near| {
        let mut nearest = Nearest::with_room(keep, room.min(keep));
        let (mut scored, mut batches) = (0, 0);
        let mut end = End::Converged;
        let mut batch = take();
        while !batch.is_empty() {
            if is_overdue(deadline, batches) {
                end = End::Deadline;
                break;
            }
            batches += 1;
            // The next codes are on their way while these are compared.
            let next = take();
            scored += batch.len();
            scorer.nearer(&batch, nearest.limit(), near);
            for candidate in near.drain(..) {
                if candidate.distance() <= nearest.limit() && matches(candidate.slot()) {
                    nearest.offer(candidate);
                }
            }
            batch = next;
        }
        Walked { found: nearest.into_sorted(), effort: Effort { expanded: 0, scored }, end }
    })
}
