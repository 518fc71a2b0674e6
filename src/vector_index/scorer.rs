//! Distances between codes in the arenas: the `Scorer`s that the graph is walked with.

use std::borrow::Cow;

use super::store::Store;
use super::stores::{Phase, Stores, View};
use crate::epoch::pin;
use crate::index::{Candidate, Scorer};
use crate::quantization::{BATCH, Query};

/// A vector made ready to be searched with, in one set.
#[derive(Clone, Debug)]
pub struct Probe {
    pub(super) walk: Query,
    /// Of the finer copy, if the set has one.
    pub(super) fine: Option<Query>,
    phase: Phase,
    /// The vector, if the set may come to walk on other codes before it is searched.
    vector: Option<Box<[f32]>>,
}

/// Scores slots by the codes of one store, against one query.
#[derive(Clone, Copy)]
pub(super) struct StoreScorer<'a> {
    store: &'a Store,
    query: &'a Query,
}

/// Scores slots by coarse codes first, and by the finer copy those that may be near enough.
///
/// So a search meets the finer codes of a few neighbours of each node only, and what it keeps and
/// compares are their distances: the same `ef` finds as much as it would with the finer codes
/// alone. (Walking on estimates, and ordering the results anew at the end, was tried: it takes 1.5
/// times the `ef` for the same recall, and as long.)
#[derive(Clone, Copy)]
pub(super) struct RefiningScorer<'a> {
    coarse: StoreScorer<'a>,
    fine: StoreScorer<'a>,
}

impl<'p> View<'p> {
    /// Makes a vector of the dimension that is stored ready to be searched with. `kept`: and keeps
    /// it, for other views.
    pub(super) fn probe(&self, vector: &[f32], kept: bool) -> Probe {
        let query = |store: &Store| store.format().query(vector);
        Probe {
            walk: query(self.walk),
            fine: self.fine.map(query),
            phase: self.phase,
            vector: kept.then(|| vector.into()),
        }
    }

    /// The same vector, ready to be searched with by this view.
    pub(super) fn fitting<'a>(&self, probe: &'a Probe) -> Cow<'a, Probe> {
        match &probe.vector {
            Some(vector) if probe.phase.walks_coarse() != self.phase.walks_coarse() => {
                Cow::Owned(self.probe(vector, true))
            }
            _ => Cow::Borrowed(probe),
        }
    }

    /// Scores by the best codes that the set has.
    pub(super) fn best_scorer<'a>(&self, probe: &'a Probe) -> StoreScorer<'a>
    where
        'p: 'a,
    {
        self.fine_scorer(probe).unwrap_or(StoreScorer { store: self.walk, query: &probe.walk })
    }

    /// Scores by coarse codes and then by finer ones, if the set has both.
    pub(super) fn refining_scorer<'a>(&self, probe: &'a Probe) -> Option<RefiningScorer<'a>>
    where
        'p: 'a,
    {
        let coarse = StoreScorer { store: self.walk, query: &probe.walk };
        self.fine_scorer(probe).map(|fine| RefiningScorer { coarse, fine })
    }

    fn fine_scorer<'a>(&self, probe: &'a Probe) -> Option<StoreScorer<'a>>
    where
        'p: 'a,
    {
        Some(StoreScorer { store: self.fine?, query: probe.fine.as_ref()? })
    }
}

/// Scores slots against each other, by the best codes that there are at the moment.
pub(super) struct PairScorer<'a>(pub(super) &'a Stores);

impl Scorer for PairScorer<'_> {
    /// There is no query.
    fn distance(&self, _: u32) -> f32 {
        f32::INFINITY
    }

    fn between(&self, a: u32, b: u32) -> f32 {
        let pin = pin();
        let view = self.0.view(&pin);
        view.best().format().between(view.best().code(a), view.best().code(b))
    }

    fn prefetch(&self, _: u32) {}
}

impl StoreScorer<'_> {
    /// Calls `score` with the heads and the bodies of at most [`BATCH`] slots.
    #[inline(always)]
    fn with_codes(&self, slots: &[u32], score: impl FnOnce(&[&[u8]], &[&[u8]])) {
        let (mut heads, mut bodies): ([&[u8]; BATCH], [&[u8]; BATCH]) = ([&[]; BATCH], [&[]; BATCH]);
        for ((head, body), &slot) in heads.iter_mut().zip(&mut bodies).zip(slots) {
            (*head, *body) = (self.store.head(slot), self.store.body(slot));
        }
        score(&heads[..slots.len()], &bodies[..slots.len()]);
    }

    fn distances(&self, slots: &[u32], results: &mut [f32]) {
        let format = self.store.format();
        self.with_codes(slots, |heads, bodies| format.distances(self.query, heads, bodies, results));
    }

    fn bounds(&self, slots: &[u32], results: &mut [f32]) {
        let format = self.store.format();
        self.with_codes(slots, |heads, bodies| format.bounds(self.query, heads, bodies, results));
    }
}

impl Scorer for StoreScorer<'_> {
    fn distance(&self, slot: u32) -> f32 {
        self.store.format().distance(self.query, self.store.code(slot))
    }

    fn between(&self, a: u32, b: u32) -> f32 {
        self.store.format().between(self.store.code(a), self.store.code(b))
    }

    #[inline(always)]
    fn prefetch(&self, slot: u32) {
        self.store.prefetch(slot);
    }

    fn nearer(&self, slots: &[u32], limit: f32, found: &mut Vec<Candidate>) {
        for slots in slots.chunks(BATCH) {
            let mut distances = [0.0; BATCH];
            self.distances(slots, &mut distances[..slots.len()]);
            let candidates =
                slots.iter().zip(distances).map(|(&slot, distance)| Candidate::new(distance, slot));
            found.extend(candidates.filter(|candidate| candidate.distance() <= limit));
        }
    }
}

impl Scorer for RefiningScorer<'_> {
    fn distance(&self, slot: u32) -> f32 {
        self.fine.distance(slot)
    }

    fn between(&self, a: u32, b: u32) -> f32 {
        self.fine.between(a, b)
    }

    #[inline(always)]
    fn prefetch(&self, slot: u32) {
        self.coarse.prefetch(slot);
    }

    fn nearer(&self, slots: &[u32], limit: f32, found: &mut Vec<Candidate>) {
        for slots in slots.chunks(BATCH) {
            let mut bounds = [0.0; BATCH];
            self.coarse.bounds(slots, &mut bounds[..slots.len()]);
            let mut near = [0; BATCH];
            let mut len = 0;
            for (&slot, bound) in slots.iter().zip(bounds) {
                // A bound that is no number excludes nothing.
                if bound <= limit || bound.is_nan() {
                    self.fine.prefetch(slot);
                    near[len] = slot;
                    len += 1;
                }
            }
            self.fine.nearer(&near[..len], limit, found);
        }
    }
}
