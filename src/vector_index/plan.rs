//! How a filtered search goes about it, and why: the choice between reading the slots that match
//! and walking to them.
//!
//! | plan | distances for `ef` results, where a share `s` of `n` slots matches |
//! |---|---|
//! | scan of what matches | `s·n`, the cheapest ones, and exact |
//! | walk through all slots | about `ef/s` times what a walk computes for a result |
//! | walk over bridges | about `ef` nodes, each dearer: links of two hops are read |
//!
//! The plan with the least expected time is taken; what each costs was measured ([`super::costs`]).
//! The estimate of a walk holds if what matches is spread evenly around the query. So if it is not
//! a scan, some of the nearest slots are looked at first: the share of them that may match is what
//! a walk will meet. If it is far below the share of all, what matches lies where the query does
//! not lead, a walk takes longer and finds less, and the search is a scan if that is short, else a
//! walk over bridges with a wider `ef` (*astray*).
//!
//! A walk has a budget besides, of twice what was expected. At its end the search goes on by
//! another plan: by the scan, which cannot fail, if it takes no more than some times as long as was
//! spent, else over bridges, wider too. The methods were compared by others in *Filter-DiskANN* and
//! its successors, and in *ACORN* (arXiv 2403.04871).
//!
//! Where no index says which slots match, there is only an estimate of how many, from a sample: the
//! choice is then between the walk, in which nearly each slot that is met has to be tested, and a
//! scan of all slots by distance, in which only those are tested that are nearer than the results
//! so far.

use std::time::Duration;

use smallvec::SmallVec;

use super::costs::Costs;
use crate::index::{End, SlotSet};

/// A way to search.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Plan {
    /// Every slot that may match, one after the other.
    Scan,
    /// The walk over the graph, through slots that do not match too.
    Walk,
    /// The walk from one slot that matches to the next, over others as bridges.
    Bridges,
}

/// What is known of the slots that a search may return, before it begins.
#[derive(Clone, Copy)]
pub enum Known<'a> {
    /// All others cannot match. `matching`: an estimate of how many of them do.
    Among {
        /// Slots that may match.
        slots: &'a SlotSet,
        /// About so many of them do.
        matching: usize,
    },
    /// An estimate of the share that matches, above 0.
    Share(f64),
}

/// One step of a search.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// What was done.
    pub plan: Plan,
    /// Nodes whose links were followed.
    pub expanded: usize,
    /// Distances computed, or excluded by a bound.
    pub scored: usize,
    /// Slots that were found to match, of those that are kept.
    pub found: usize,
    /// True if its outcome is the answer; else it was given up for the next step.
    pub is_last: bool,
    /// How long it took.
    pub time: Duration,
}

/// How a filtered search went.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Trace {
    /// Slots that were expected to match.
    pub expected: usize,
    /// Of the slots nearest to the query, the share that may match, if it was looked at.
    pub near_share: Option<f32>,
    /// What was done, in order.
    pub steps: SmallVec<[Step; 3]>,
    /// Fewer were found than asked for, though it was not made sure that no more match, and the
    /// search was not limited to a number of nodes. It should never be.
    pub is_short: bool,
}

/// What a plan is chosen by.
pub(super) struct Question<'a> {
    pub(super) known: Known<'a>,
    /// Slots that are live.
    pub(super) live: usize,
    /// Results kept.
    pub(super) kept: usize,
    /// Results wanted.
    pub(super) count: usize,
    /// Nodes whose links may be followed.
    pub(super) expansions: usize,
    pub(super) costs: &'a Costs,
    /// Of the slots nearest to the query, the share that may match, if it was looked at.
    pub(super) near_share: Option<f32>,
}

/// A walk is given up after so many times the distances that were expected.
const PATIENCE: f32 = 2.0;
/// After a walk that was given up, a scan is begun if it takes at most so many times as long.
const SPENT_AGAIN: f32 = 8.0;
/// A walk that is astray, or comes after one that was given up, keeps so many times as many
/// results.
pub(super) const WIDENING: usize = 8;
/// A search is astray if what may match is so many times rarer near its query than elsewhere.
const ASTRAY: f32 = 4.0;
/// A search that is astray is a scan if that takes no longer, in nanoseconds.
const SHORT_SCAN_NS: f32 = 5e6;
/// Distances that a node of a walk over bridges leads to at most, at M 16.
const MOST_PER_NODE: f32 = 32.0;
/// No walk is given up before it has computed so many distances for each result.
const LEAST_PER_RESULT: usize = 8;

impl Question<'_> {
    /// True if it is known of each slot whether it matches.
    pub(super) fn is_exact(&self) -> bool {
        matches!(self.known, Known::Among { slots, matching } if slots.len() == matching)
    }

    /// About how many slots match, at least 1.
    pub(super) fn matching(&self) -> usize {
        match self.known {
            Known::Among { matching, .. } => matching,
            Known::Share(share) => (share * self.live as f64) as usize,
        }
        .max(1)
    }

    /// The plan that is expected to be fastest. Where a walk may not follow as many nodes as it
    /// would have to, a scan may take twice as long, since it finds all.
    pub(super) fn first(&self) -> Plan {
        match self.known {
            Known::Among { .. } => self.cheapest(&[Plan::Scan, Plan::Walk, Plan::Bridges]),
            Known::Share(_) => {
                let patience = if self.is_cut() { PATIENCE } else { 1.0 };
                let scans = self.nanoseconds(Plan::Scan) <= patience * self.nanoseconds(Plan::Walk);
                if scans { Plan::Scan } else { Plan::Walk }
            }
        }
    }

    /// True if what may match is much rarer near the query than elsewhere.
    pub(super) fn is_astray(&self) -> bool {
        match (self.known, self.near_share) {
            (Known::Among { slots, .. }, Some(near)) => {
                near * ASTRAY < slots.len() as f32 / self.live.max(1) as f32
            }
            _ => false,
        }
    }

    /// The plan for a search that is astray.
    pub(super) fn if_astray(&self) -> Plan {
        if self.nanoseconds(Plan::Scan) <= SHORT_SCAN_NS { Plan::Scan } else { Plan::Bridges }
    }

    /// The plan after a walk that has not answered the question, and took so long.
    pub(super) fn after(&self, plan: Plan, spent: Duration) -> Plan {
        let is_scan_near = self.nanoseconds(Plan::Scan) <= SPENT_AGAIN * spent.as_nanos() as f32;
        match (plan, self.known) {
            (Plan::Walk, Known::Among { .. }) if !is_scan_near => Plan::Bridges,
            _ => Plan::Scan,
        }
    }

    /// Distances after which a walk is given up. Where a scan would have to test what it meets, a
    /// walk ends by the nodes that it may follow; so does a walk that has already been widened.
    pub(super) fn budget(&self, plan: Plan, is_widened: bool) -> usize {
        let is_bounded = matches!(self.known, Known::Among { .. }) && !is_widened;
        let distances = match plan {
            Plan::Walk if is_bounded => self.scored(plan) * PATIENCE,
            Plan::Bridges if is_bounded => self.kept as f32 * PATIENCE * MOST_PER_NODE,
            _ => return usize::MAX,
        };
        (distances as usize).max(self.kept * LEAST_PER_RESULT)
    }

    fn cheapest(&self, plans: &[Plan]) -> Plan {
        let cost = |plan: &Plan| self.nanoseconds(*plan);
        plans.iter().copied().min_by(|a, b| cost(a).total_cmp(&cost(b))).unwrap_or(Plan::Scan)
    }

    /// Distances that a plan is expected to compute.
    fn scored(&self, plan: Plan) -> f32 {
        let live = self.live as f32;
        let everywhere = (self.matching() as f32 / live.max(1.0)).min(1.0);
        let share = match (self.known, self.near_share) {
            (Known::Among { slots, .. }, Some(near)) => {
                near * self.matching() as f32 / slots.len().max(1) as f32
            }
            _ => everywhere,
        };
        let for_kept = self.kept as f32 * self.costs.scored_per_result();
        match (plan, self.known) {
            (Plan::Scan, Known::Among { slots, .. }) => slots.len() as f32,
            (Plan::Scan, Known::Share(_)) => live,
            (Plan::Walk, Known::Among { .. }) => (for_kept / share).min(live),
            (Plan::Walk, Known::Share(_)) => (for_kept / share).min(self.most_scored()).min(live),
            (Plan::Bridges, _) => for_kept.min(live),
        }
    }

    /// The expected time of a plan.
    fn nanoseconds(&self, plan: Plan) -> f32 {
        let distances_ns = match plan {
            Plan::Scan => self.scored(plan) * self.costs.scan_ns(),
            Plan::Walk => self.scored(plan) * self.costs.walk_ns(),
            Plan::Bridges => self.kept as f32 * self.costs.bridge_node_ns(),
        };
        distances_ns + self.tests(plan) * self.costs.test_ns()
    }

    /// Attributes that a plan is expected to read.
    fn tests(&self, plan: Plan) -> f32 {
        let matching = self.matching() as f32;
        if self.is_exact() {
            return 0.0;
        }
        let may_match = match self.known {
            Known::Among { slots, .. } => slots.len() as f32,
            Known::Share(_) => self.live as f32,
        };
        let share = (matching / may_match.max(1.0)).min(1.0);
        match plan {
            // Of slots in random order, those that are nearer than the nearest so far.
            Plan::Scan => {
                let kept = self.count as f32;
                (kept / share * (1.0 + (may_match * share / kept).max(1.0).ln())).min(may_match)
            }
            Plan::Walk | Plan::Bridges => self.scored(plan),
        }
    }

    /// True if what a walk found is the answer.
    pub(super) fn is_answered(&self, found: usize, end: End) -> bool {
        match (self.known, end) {
            (_, End::Budget) => false,
            // There is no time for another step.
            (_, End::Deadline) => true,
            // It has not reached all that match, so that some of the nearest may be missing too.
            (Known::Among { slots, matching }, End::Converged) if slots.len() == matching => {
                found >= self.kept.min(matching)
            }
            // The walk came to its limits; but where it is known that more match, they are looked
            // for.
            (Known::Among { slots, .. }, _) => found >= self.count.min(slots.len()),
            (Known::Share(_), End::Expansions) => true,
            (Known::Share(_), End::Converged) => found >= self.count,
        }
    }

    /// True if less was found than was asked for without a reason: see [`Trace::is_short`].
    pub(super) fn is_short(&self, plan: Plan, found: usize, end: End) -> bool {
        let wanted = match self.known {
            Known::Among { slots, .. } => self.count.min(slots.len()),
            Known::Share(_) => self.count,
        };
        found < wanted && plan != Plan::Scan && !matches!(end, End::Expansions | End::Deadline)
    }

    /// True if a walk may not follow as many nodes as it would take to find what it keeps.
    fn is_cut(&self) -> bool {
        self.scored(Plan::Walk) >= self.most_scored()
    }

    /// Distances that a walk may compute: for each node that it follows about as many as for each
    /// result that a walk keeps.
    fn most_scored(&self) -> f32 {
        self.expansions as f32 * self.costs.scored_per_result()
    }
}
