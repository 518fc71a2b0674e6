//! Distances between codes in the arenas: the `Scorer`s that the graph is walked with.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::store::Store;
use super::stores::{Phase, Stores, View};
use crate::epoch::pin;
use crate::index::{Candidate, Scorer};
use crate::quantization::{BATCH, Query};

/// Of candidates whose finer codes are in files, so many and twice the results wanted are read
/// whatever their estimates say.
const READ_AT_ONCE: usize = 32;
/// One in so many of the candidates are the farthest.
const FARTHEST: usize = 8;

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

/// Scores slots by coarse codes first, as [`RefiningScorer`], where finer codes may be in files: a
/// slot whose finer code is in one counts with the estimate of its coarse code, and what is found
/// is settled at the end (see [`super::run`]), when all the finer codes that are needed can be
/// asked for at once.
#[derive(Clone, Copy)]
pub(super) struct TieredScorer<'a> {
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

    /// Scores by coarse codes and then by those finer ones that are in memory, if some are not.
    pub(super) fn tiered_scorer<'a>(&self, probe: &'a Probe) -> Option<TieredScorer<'a>>
    where
        'p: 'a,
    {
        self.fine.filter(|fine| fine.share_in_files() > 0.0)?;
        self.refining_scorer(probe).map(|RefiningScorer { coarse, fine }| TieredScorer { coarse, fine })
    }

    fn fine_scorer<'a>(&self, probe: &'a Probe) -> Option<StoreScorer<'a>>
    where
        'p: 'a,
    {
        Some(StoreScorer { store: self.fine?, query: probe.fine.as_ref()? })
    }
}

/// Scores slots against each other, by the best codes that there are in memory at the moment.
pub(super) struct PairScorer<'a>(pub(super) &'a Stores);

impl Scorer for PairScorer<'_> {
    /// There is no query.
    fn distance(&self, _: u32) -> f32 {
        f32::INFINITY
    }

    fn between(&self, a: u32, b: u32) -> f32 {
        let pin = pin();
        let view = self.0.view(&pin);
        let is_far = view.fine.is_some_and(|fine| fine.is_in_file(a) || fine.is_in_file(b));
        let store = if is_far { view.walk } else { view.best() };
        store.format().between(store.code(a), store.code(b))
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

impl Scorer for TieredScorer<'_> {
    fn distance(&self, slot: u32) -> f32 {
        if self.fine.store.is_in_file(slot) { self.coarse.distance(slot) } else { self.fine.distance(slot) }
    }

    fn between(&self, a: u32, b: u32) -> f32 {
        let is_far = self.fine.store.is_in_file(a) || self.fine.store.is_in_file(b);
        if is_far { self.coarse.between(a, b) } else { self.fine.between(a, b) }
    }

    /// One batch of reads for an insertion. (A graph linked by estimates alone finds less: of 3,600
    /// random vectors with one bit a component, the last third linked so, .87 where .94 are found
    /// else. What other lists choose anew when they are full, they choose by estimates: that takes
    /// hundreds of codes.)
    fn refine(&self, candidates: &mut Vec<Candidate>, most: usize) {
        candidates.truncate(most);
        let is_far = |candidate: &Candidate| self.fine.store.is_in_file(candidate.slot());
        let (far, mut near): (Vec<Candidate>, Vec<Candidate>) =
            std::mem::take(candidates).into_iter().partition(is_far);
        self.read(far.iter().map(|candidate| candidate.slot()).collect(), &mut near);
        near.sort_unstable();
        *candidates = near;
    }

    fn between_refined(&self, a: u32, b: u32) -> f32 {
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
            let (mut near, mut far) = (SmallVec::<[u32; BATCH]>::new(), SmallVec::<[u32; BATCH]>::new());
            for (&slot, bound) in slots.iter().zip(bounds) {
                // A bound that is no number excludes nothing.
                if bound > limit {
                    continue;
                }
                if self.fine.store.is_in_file(slot) {
                    far.push(slot);
                } else {
                    self.fine.prefetch(slot);
                    near.push(slot);
                }
            }
            self.coarse.nearer(&far, limit, found);
            self.fine.nearer(&near, limit, found);
        }
    }
}

impl TieredScorer<'_> {
    /// Gives candidates, nearest first by [`Scorer::nearer`], their finer distances, as far as they
    /// may be among the `count` nearest; others whose finer codes are in files are left out.
    ///
    /// True if most of the farthest might have been among them by what their estimates say: then
    /// others that might be were not kept at all.
    pub(super) fn settle(&self, candidates: &mut Vec<Candidate>, count: usize) -> bool {
        let is_far = |candidate: &Candidate| self.fine.store.is_in_file(candidate.slot());
        if !candidates.iter().any(is_far) {
            return false;
        }
        let first = count.saturating_mul(2).saturating_add(READ_AT_ONCE).min(candidates.len());
        let rest = candidates.split_off(first);
        let (far, mut settled): (Vec<Candidate>, Vec<Candidate>) =
            std::mem::take(candidates).into_iter().partition(is_far);
        self.read(far.iter().map(|candidate| candidate.slot()).collect(), &mut settled);
        let (behind, near): (Vec<Candidate>, Vec<Candidate>) = rest.into_iter().partition(is_far);
        settled.extend(near);
        settled.sort_unstable();
        let distance_of = |place: usize| settled.get(place).map_or(f32::INFINITY, |at| at.distance());
        // One bound in some dozens is too high: behind the middle of what was read, that excludes
        // none of the nearest. (Compared with the last one wanted, it cost 2 % of them.)
        let (nearest, limit) = (distance_of(count.saturating_sub(1)), distance_of(first / 2));
        let behind: Vec<u32> = behind.iter().map(|candidate| candidate.slot()).collect();
        let mut bounds = vec![0.0; behind.len()];
        for (slots, bounds) in behind.chunks(BATCH).zip(bounds.chunks_mut(BATCH)) {
            self.coarse.bounds(slots, bounds);
        }
        let is_within = |bound: f32, limit: f32| bound <= limit || bound.is_nan();
        let farthest = &bounds[bounds.len() - bounds.len() / FARTHEST..];
        let is_open =
            farthest.iter().filter(|bound| is_within(**bound, nearest)).count() * 2 > farthest.len();
        let open = behind.iter().zip(bounds).filter(|(_, bound)| is_within(*bound, limit));
        self.read(open.map(|(&slot, _)| slot).collect(), &mut settled);
        settled.sort_unstable();
        *candidates = settled;
        is_open
    }

    /// Adds the finer distances of slots.
    fn read(&self, slots: Vec<u32>, found: &mut Vec<Candidate>) {
        self.fine.store.fetch(&slots);
        self.fine.nearer(&slots, f32::INFINITY, found);
    }
}
