//! The walk: greedy down the upper layers, then best-first on a layer with a bounded list of
//! results.
//!
//! Algorithms 2 and 5 of Malkov and Yashunin, *Efficient and robust approximate nearest neighbor
//! search using HNSW graphs* (2016). What is added: any slot may be refused as a result and still
//! be walked through, which serves filters, removed slots and slots that are not elements yet.

use std::time::Instant;

use super::Index;
use super::visited::{Pulse, Scratch, with_scratch};
use crate::index::{Candidate, Scorer};

/// Of a walk that waits for the disk, nodes whose lists are asked for before they are due.
const AHEAD: usize = 8;

/// Nodes, in a walk, or groups of slots, in a scan, between two looks at the clock: some ten
/// microseconds.
const BETWEEN_LOOKS: usize = 32;

/// True if a search is to end that has looked at so many nodes or groups of slots. The clock is
/// read now and then only, and not at all without a deadline.
#[inline(always)]
pub fn is_overdue(deadline: Option<Instant>, steps: usize) -> bool {
    match deadline {
        Some(deadline) if steps.is_multiple_of(BETWEEN_LOOKS) => Instant::now() >= deadline,
        _ => false,
    }
}

/// How far one search goes.
#[derive(Clone, Copy, Debug)]
pub struct Walk {
    /// Results kept while walking (the paper's `ef`): more finds more.
    pub ef: usize,
    /// Nodes whose links are followed on layer 0 at most.
    pub expansions: usize,
    /// Distances computed on layer 0, after which the walk is given up.
    pub budget: usize,
    /// When the search is given up, if it has a limit of time.
    pub deadline: Option<Instant>,
}

impl Walk {
    /// A walk bounded by `ef` alone.
    pub fn new(ef: usize) -> Self {
        Self { ef, expansions: usize::MAX, budget: usize::MAX, deadline: None }
    }
}

/// What a walk cost on layer 0.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Effort {
    /// Nodes whose links were followed.
    pub expanded: usize,
    /// Distances computed, or excluded by a bound.
    pub scored: usize,
}

/// Why a walk ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// Nothing nearer lies behind any place that it has met.
    Converged,
    /// It has followed as many nodes as it may.
    Expansions,
    /// It has computed as many distances as it may.
    Budget,
    /// Its time was over.
    Deadline,
}

/// What a walk found.
#[derive(Debug)]
pub struct Walked {
    /// Nearest first, at most `ef`.
    pub found: Vec<Candidate>,
    /// What it cost.
    pub effort: Effort,
    /// Why it ended.
    pub end: End,
}

impl Index {
    /// The nearest slots that `admit` accepts, nearest first, at most `walk.ef`. The caller is
    /// pinned.
    ///
    /// `admit` is asked once for each slot that is near enough to be a result.
    pub fn search(&self, scorer: &impl Scorer, walk: Walk, admit: impl FnMut(u32) -> bool) -> Walked {
        let Some(entry) = self.entry() else { return Walked::nowhere() };
        let start = self.descend(scorer, entry.slot, entry.level, 0);
        self.walk_layer(scorer, &[start], 0, walk, admit)
    }

    /// Walks greedily from a slot on layer `from` to where layer `to + 1` gets no nearer.
    pub(super) fn descend(&self, scorer: &impl Scorer, slot: u32, from: u32, to: u32) -> Candidate {
        let mut nearest = Candidate::new(scorer.distance(slot), slot);
        with_scratch(|Scratch { fresh, near, .. }| {
            for layer in (to + 1..=from).rev() {
                loop {
                    fresh.clear();
                    self.graph.for_each_link(nearest.slot(), layer, |link| fresh.push(link));
                    if self.graph.is_in_files() {
                        scorer.fetch(fresh, false);
                    }
                    fresh.iter().for_each(|&link| scorer.prefetch(link));
                    near.clear();
                    scorer.nearer(fresh, nearest.distance(), near);
                    match near.iter().min() {
                        Some(&nearer) if nearer < nearest => nearest = nearer,
                        _ => break,
                    }
                }
            }
        });
        nearest
    }

    /// Best-first search on one layer from the given slots: what `admit` accepts, nearest first.
    pub(super) fn search_layer(
        &self,
        scorer: &impl Scorer,
        starts: &[Candidate],
        layer: u32,
        walk: Walk,
        admit: impl FnMut(u32) -> bool,
    ) -> Vec<Candidate> {
        self.walk_layer(scorer, starts, layer, walk, admit).found
    }

    /// The same, with what it cost.
    pub(super) fn walk_layer(
        &self,
        scorer: &impl Scorer,
        starts: &[Candidate],
        layer: u32,
        walk: Walk,
        admit: impl FnMut(u32) -> bool,
    ) -> Walked {
        with_scratch(|scratch| {
            scratch.begin(self.graph.slots.end(), walk.ef, starts);
            scratch.walk(scorer, walk, admit, |slot, scratch| self.meet_links(scorer, slot, layer, scratch))
        })
    }

    /// Collects the unvisited links of a slot, and prefetches what will be needed of them and of
    /// the slot after this one.
    #[inline(always)]
    fn meet_links(&self, scorer: &impl Scorer, slot: u32, layer: u32, scratch: &mut Scratch) {
        let waits = self.graph.is_in_files() && self.ask_ahead(layer, scratch);
        let Scratch { visited, results, fresh, .. } = scratch;
        fresh.resize(self.graph.capacity(layer), 0);
        let mut len = 0;
        // Without a branch: whether a link was visited is a toss of a coin, which no CPU foresees.
        self.graph.for_each_link(slot, layer, |link| {
            fresh[len] = link;
            len += usize::from(visited.insert(link));
        });
        fresh.truncate(len);
        // All codes are on their way before the first is needed.
        if self.graph.is_in_files() {
            scorer.fetch(fresh, waits);
        }
        fresh.iter().for_each(|&link| scorer.prefetch(link));
        if let Some(next) = results.peek() {
            self.graph.prefetch(next.slot(), layer);
        }
    }

    /// True if the walk waits for the disk. Then the lists of the next nodes are asked for: each is
    /// read only when it is known which of the last one is near, so that the disk would be asked
    /// for one after the other.
    #[inline(never)]
    fn ask_ahead(&self, layer: u32, Scratch { results, pulse, .. }: &mut Scratch) -> bool {
        let waits = pulse.waits();
        if waits {
            self.graph.fetch_lists(results.upcoming(AHEAD), layer);
        }
        waits
    }
}

impl Walked {
    /// A walk over a graph without nodes.
    pub(super) fn nowhere() -> Self {
        Self { found: Vec::new(), effort: Effort::default(), end: End::Converged }
    }
}

impl Scratch {
    /// Follows the nearest places first, until none can lead to a better result. `meet` collects
    /// what is behind a place.
    #[inline(always)]
    pub(super) fn walk(
        &mut self,
        scorer: &impl Scorer,
        walk: Walk,
        mut admit: impl FnMut(u32) -> bool,
        mut meet: impl FnMut(u32, &mut Self),
    ) -> Walked {
        self.results.take(&mut self.near, &mut admit);
        let mut effort = Effort::default();
        let end = loop {
            let Some(nearest) = self.results.next() else { break End::Converged };
            if effort.expanded >= walk.expansions {
                break End::Expansions;
            }
            if effort.scored > walk.budget {
                break End::Budget;
            }
            if is_overdue(walk.deadline, effort.expanded) {
                break End::Deadline;
            }
            meet(nearest.slot(), self);
            effort.expanded += 1;
            effort.scored += self.fresh.len();
            self.near.clear();
            scorer.nearer(&self.fresh, self.results.limit(), &mut self.near);
            self.results.take(&mut self.near, &mut admit);
        };
        Walked { found: self.results.found(), effort, end }
    }

    pub(super) fn begin(&mut self, end: u32, ef: usize, starts: &[Candidate]) {
        self.visited.begin(end);
        self.results.begin(ef);
        self.near.clear();
        self.near.extend(starts);
        self.pulse = Pulse::default();
        starts.iter().for_each(|start| _ = self.visited.insert(start.slot()));
    }
}
