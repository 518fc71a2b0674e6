//! The walk: greedy down the upper layers, then best-first on a layer with a bounded list of results.
//!
//! Algorithms 2 and 5 of Malkov and Yashunin, *Efficient and robust approximate nearest neighbor search using HNSW
//! graphs* (2016). What is added: any slot may be refused as a result and still be walked through, which serves
//! filters, removed slots and slots that are not elements yet.

use std::cmp::Reverse;

use super::Index;
use super::visited::{Scratch, with_scratch};
use crate::index::{Candidate, Scorer};

/// How far one search goes.
#[derive(Clone, Copy, Debug)]
pub struct Walk {
    /// Results kept while walking (the paper's `ef`): more finds more.
    pub ef: usize,
    /// Nodes whose links are followed on layer 0 at most.
    pub expansions: usize,
}

impl Walk {
    /// A walk bounded by `ef` alone.
    pub fn new(ef: usize) -> Self {
        Self { ef, expansions: usize::MAX }
    }
}

impl Index {
    /// The nearest slots that `admit` accepts, nearest first, at most `walk.ef`. The caller is pinned.
    ///
    /// `admit` is asked once for each slot that is near enough to be a result.
    pub fn search(&self, scorer: &impl Scorer, walk: Walk, admit: impl FnMut(u32) -> bool) -> Vec<Candidate> {
        let Some(entry) = self.entry() else { return Vec::new() };
        let start = self.descend(scorer, entry.slot, entry.level, 0);
        self.search_layer(scorer, &[start], 0, walk, admit)
    }

    /// Walks greedily from a slot on layer `from` to where layer `to + 1` gets no nearer.
    pub(super) fn descend(&self, scorer: &impl Scorer, slot: u32, from: u32, to: u32) -> Candidate {
        let mut nearest = Candidate::new(scorer.distance(slot), slot);
        for layer in (to + 1..=from).rev() {
            loop {
                let mut better = nearest;
                self.graph.for_each_link(nearest.slot(), layer, |link| {
                    better = better.min(Candidate::new(scorer.distance(link), link));
                });
                if better == nearest {
                    break;
                }
                nearest = better;
            }
        }
        nearest
    }

    /// Best-first search on one layer from the given slots: what `admit` accepts, nearest first.
    pub(super) fn search_layer(
        &self,
        scorer: &impl Scorer,
        starts: &[Candidate],
        layer: u32,
        walk: Walk,
        mut admit: impl FnMut(u32) -> bool,
    ) -> Vec<Candidate> {
        with_scratch(|scratch| {
            scratch.begin(self.graph.slots.end());
            for &start in starts {
                scratch.visited.insert(start.slot());
                scratch.consider(start, walk.ef, &mut admit);
            }
            let mut expansions = 0;
            while let Some(Reverse(nearest)) = scratch.frontier.pop() {
                if expansions == walk.expansions || scratch.is_beyond(nearest, walk.ef) {
                    break;
                }
                expansions += 1;
                self.expand(scorer, nearest.slot(), layer, walk.ef, scratch, &mut admit);
            }
            scratch.take_found()
        })
    }

    /// Meets every unvisited link of a slot.
    #[inline(always)]
    fn expand(
        &self,
        scorer: &impl Scorer,
        slot: u32,
        layer: u32,
        ef: usize,
        scratch: &mut Scratch,
        admit: &mut impl FnMut(u32) -> bool,
    ) {
        let mut fresh = std::mem::take(&mut scratch.fresh);
        fresh.clear();
        // Two passes, so that the codes of all links are on their way before the first is needed.
        self.graph.for_each_link(slot, layer, |link| {
            if scratch.visited.insert(link) {
                scorer.prefetch(link);
                fresh.push(link);
            }
        });
        for &link in &fresh {
            let candidate = Candidate::new(scorer.distance(link), link);
            if !scratch.is_beyond(candidate, ef) {
                scratch.consider(candidate, ef, admit);
            }
        }
        scratch.fresh = fresh;
    }
}

impl Scratch {
    fn begin(&mut self, end: u32) {
        self.visited.begin(end);
        self.frontier.clear();
        self.found.clear();
    }

    /// True if the results are full and all nearer than this one.
    #[inline(always)]
    fn is_beyond(&self, candidate: Candidate, ef: usize) -> bool {
        self.found.len() >= ef && self.found.peek().is_some_and(|worst| candidate > *worst)
    }

    /// Takes a candidate as a place to walk on from, and as a result if it is admitted.
    #[inline(always)]
    fn consider(&mut self, candidate: Candidate, ef: usize, admit: &mut impl FnMut(u32) -> bool) {
        self.frontier.push(Reverse(candidate));
        if !admit(candidate.slot()) {
            return;
        }
        if self.found.len() < ef {
            self.found.push(candidate);
        } else if let Some(mut worst) = self.found.peek_mut() {
            *worst = candidate;
        }
    }

    fn take_found(&mut self) -> Vec<Candidate> {
        let mut found: Vec<_> = self.found.drain().collect();
        found.sort_unstable();
        found
    }
}
