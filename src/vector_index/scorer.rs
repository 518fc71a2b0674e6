//! Distances between codes in the arenas: the `Scorer`s that the graph is walked with.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};

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
///
/// *Where finer codes may be in files*, a slot whose finer code is in one counts with the estimate
/// of its coarse code, and what is found is settled at the end (see [`super::run`]), when all the
/// finer codes that are needed can be asked for at once. Other threads move codes between files
/// and memory meanwhile: so estimates are noted when they are made, and are not inferred from where
/// a code is later.
pub(super) struct RefiningScorer<'a> {
    coarse: StoreScorer<'a>,
    fine: StoreScorer<'a>,
    /// Slots that were scored by estimates. None: finer codes are read wherever they are.
    estimated: Option<RefCell<Vec<u32>>>,
    /// The walk waits for the disk.
    waits: Cell<bool>,
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
        self.fine_scorer(probe).map(|fine| RefiningScorer {
            coarse,
            fine,
            estimated: None,
            waits: Cell::new(false),
        })
    }

    /// Scores by coarse codes and then by those finer ones that are in memory, if some are not.
    pub(super) fn estimating_scorer<'a>(&self, probe: &'a Probe) -> Option<RefiningScorer<'a>>
    where
        'p: 'a,
    {
        self.fine.filter(|fine| fine.share_in_files() > 0.0)?;
        let scorer = self.refining_scorer(probe)?;
        Some(RefiningScorer { estimated: Some(RefCell::default()), ..scorer })
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
        self.store.see(slots);
        for ((head, body), &slot) in heads.iter_mut().zip(&mut bodies).zip(slots) {
            let code = self.store.seen_code(slot);
            (*head, *body) = (code.head, code.body);
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
    fn fetch(&self, slots: &[u32], waits: bool) {
        self.store.fetch_ahead(slots, waits);
    }

    fn fetch_between(&self, slots: &[u32]) {
        self.store.fetch(slots);
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
        if !self.is_far(slot) {
            return self.fine.distance(slot);
        }
        self.note_estimates([slot]);
        self.coarse.distance(slot)
    }

    fn between(&self, a: u32, b: u32) -> f32 {
        let is_far = self.is_far(a) || self.is_far(b);
        if is_far { self.coarse.between(a, b) } else { self.fine.between(a, b) }
    }

    /// One batch of reads for an insertion. (A graph linked by estimates alone finds less: of 3,600
    /// random vectors with one bit a component, the last third linked so, .87 where .94 are found
    /// else. What other lists choose anew when they are full, they choose by estimates: that takes
    /// hundreds of codes.)
    fn refine(&self, candidates: &mut Vec<Candidate>, most: usize) {
        if self.estimated.is_none() {
            return;
        }
        candidates.truncate(most);
        let (estimated, mut exact) = self.apart(std::mem::take(candidates));
        self.read(&estimated, &mut exact);
        exact.sort_unstable();
        *candidates = exact;
    }

    fn between_refined(&self, a: u32, b: u32) -> f32 {
        self.fine.between(a, b)
    }

    #[inline(always)]
    fn fetch(&self, slots: &[u32], waits: bool) {
        self.waits.set(waits);
        self.coarse.fetch(slots, waits);
    }

    fn fetch_between(&self, slots: &[u32]) {
        let (far, near): (Vec<u32>, Vec<u32>) = slots.iter().partition(|&&slot| self.is_far(slot));
        self.coarse.fetch_between(&far);
        self.fine.fetch_between(&near);
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
                if !is_within(bound, limit) {
                    continue;
                }
                if self.is_far(slot) {
                    far.push(slot);
                } else {
                    self.fine.prefetch(slot);
                    near.push(slot);
                }
            }
            if !far.is_empty() {
                let before = found.len();
                self.coarse.nearer(&far, limit, found);
                self.note_estimates(found[before..].iter().map(|candidate| candidate.slot()));
            }
            if self.waits.get() {
                self.fine.store.fetch(&near);
            }
            self.fine.nearer(&near, limit, found);
        }
    }
}

impl RefiningScorer<'_> {
    /// True if a slot is to be scored by an estimate.
    #[inline(always)]
    fn is_far(&self, slot: u32) -> bool {
        self.estimated.is_some() && self.fine.store.is_in_file(slot)
    }

    fn note_estimates(&self, slots: impl IntoIterator<Item = u32>) {
        if let Some(estimated) = &self.estimated {
            estimated.borrow_mut().extend(slots);
        }
    }

    /// Takes candidates apart: the slots of those whose distances may be estimates, and those whose
    /// distances are exact, both in the order given.
    fn apart(&self, candidates: Vec<Candidate>) -> (Vec<u32>, Vec<Candidate>) {
        let Some(estimated) = &self.estimated else { return (Vec::new(), candidates) };
        let mut estimated = estimated.borrow_mut();
        estimated.sort_unstable();
        estimated.dedup();
        let is_exact = |candidate: &Candidate| estimated.binary_search(&candidate.slot()).is_err();
        let (exact, others): (Vec<_>, Vec<_>) = candidates.into_iter().partition(is_exact);
        (others.iter().map(|candidate| candidate.slot()).collect(), exact)
    }

    /// Gives candidates, nearest first by [`Scorer::nearer`], their finer distances, as far as they
    /// may be among the `count` nearest; others that have estimates are left out.
    ///
    /// True if most of the farthest might have been among them by what their estimates say: then
    /// others that might be were not kept at all.
    pub(super) fn settle(&self, candidates: &mut Vec<Candidate>, count: usize) -> bool {
        let first = count.saturating_mul(2).saturating_add(READ_AT_ONCE).min(candidates.len());
        let (behind, near) = self.apart(candidates.split_off(first));
        let (read_first, mut settled) = self.apart(std::mem::take(candidates));
        self.read(&read_first, &mut settled);
        settled.extend(near);
        settled.sort_unstable();
        let distance_of = |place: usize| settled.get(place).map_or(f32::INFINITY, |at| at.distance());
        // One bound in some dozens is too high: behind the middle of what was read, that excludes
        // none of the nearest. (Compared with the last one wanted, it cost 2 % of them.)
        let (nearest, limit) = (distance_of(count.saturating_sub(1)), distance_of(first / 2));
        let mut bounds = vec![0.0; behind.len()];
        for (slots, bounds) in behind.chunks(BATCH).zip(bounds.chunks_mut(BATCH)) {
            self.coarse.bounds(slots, bounds);
        }
        let farthest = &bounds[bounds.len() - bounds.len() / FARTHEST..];
        let is_open =
            farthest.iter().filter(|bound| is_within(**bound, nearest)).count() * 2 > farthest.len();
        let open = behind.iter().zip(bounds).filter(|(_, bound)| is_within(*bound, limit));
        self.read(&open.map(|(&slot, _)| slot).collect::<Vec<u32>>(), &mut settled);
        settled.sort_unstable();
        *candidates = settled;
        is_open
    }

    /// Adds the finer distances of slots.
    fn read(&self, slots: &[u32], found: &mut Vec<Candidate>) {
        self.fine.store.fetch(slots);
        self.fine.nearer(slots, f32::INFINITY, found);
    }
}

/// True if a slot of this bound may be near enough. A bound that is no number excludes nothing.
#[inline(always)]
fn is_within(bound: f32, limit: f32) -> bool {
    bound <= limit || bound.is_nan()
}
