//! A slot's way into the index and out of it.

use std::borrow::Cow;

use super::scorer::PairScorer;
use super::{Store, VectorIndex, View};
use crate::epoch::pin;

/// A vector that has a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Prepared {
    /// A new slot: coded, linked, and visible to no search until it is published.
    New(u32),
    /// The slot named by the caller, whose code is that of the vector already.
    Same(u32),
}

impl VectorIndex {
    /// Encodes a vector and connects it to the graph: everything that takes long, without any lock
    /// of the caller.
    ///
    /// `old`: the slot that holds the same thing now, if there is one; it is returned if it has
    /// this very code. The caller is pinned since before it has looked for it. `ef`: candidates
    /// explored. `grow(len)` is called when slots `0 .. len` come to exist, by one thread at a
    /// time; `describe(slot)` before the slot is linked, when no other thread has seen it yet.
    pub fn prepare(
        &self,
        vector: &[f32],
        old: Option<u32>,
        ef: usize,
        grow: impl Fn(u32),
        describe: impl FnOnce(u32),
    ) -> Prepared {
        let vector = self.projected(vector);
        let pin = pin();
        let view = self.stores.view(&pin);
        let code = self.stores.encode(view.best(), &vector);
        if let Some(slot) = old.filter(|&slot| view.best().code(slot) == code.as_code()) {
            return Prepared::Same(slot);
        }
        let slot = self.reserve(&view, grow);
        let tier = self.tier_of_new();
        for store in view.written() {
            let best = std::ptr::eq(store, view.best());
            let code =
                if best { Cow::Borrowed(&code) } else { Cow::Owned(self.stores.encode(store, &vector)) };
            // SAFETY: the slot was just reserved: it has been out of reach for a grace period, and
            // is in no list.
            unsafe { store.write(slot, tier, code.as_code()) };
        }
        describe(slot);
        self.link(slot, &vector, ef, &view);
        Prepared::New(slot)
    }

    /// The same of the codes that a slot of another index has, which are of this one's formats.
    /// Both [are settled](Self::is_settled).
    pub fn prepare_copy(
        &self,
        (other, from): (&Self, u32),
        old: Option<u32>,
        ef: usize,
        grow: impl Fn(u32),
        describe: impl FnOnce(u32),
    ) -> Prepared {
        let pin = pin();
        let (view, others) = (self.stores.view(&pin), other.stores.view(&pin));
        let (best, coarse) = others.persistent();
        let code_for = |store: &Store| {
            let is_best = std::ptr::eq(store, view.best());
            if is_best { best.code(from) } else { coarse.unwrap_or(best).code(from) }
        };
        let has_them = |slot: &u32| view.written().all(|store| store.code(*slot) == code_for(store));
        if let Some(slot) = old.filter(has_them) {
            return Prepared::Same(slot);
        }
        let slot = self.reserve(&view, grow);
        let tier = self.tier_of_new();
        for store in view.written() {
            // SAFETY: as in `prepare`.
            unsafe { store.write(slot, tier, code_for(store)) };
        }
        describe(slot);
        self.link(slot, &best.format().decode(best.code(from)), ef, &view);
        Prepared::New(slot)
    }

    fn reserve(&self, view: &View<'_>, grow: impl Fn(u32)) -> u32 {
        self.graph.reserve(|len| {
            self.stores.grow_to(len, view);
            grow(len);
        })
    }

    /// Connects a slot that has its codes.
    fn link(&self, slot: u32, vector: &[f32], ef: usize, view: &View<'_>) {
        // By the best codes: a graph built from estimates would stay as imprecise as they are.
        let probe = view.probe(vector, false);
        match view.estimating_scorer(&probe) {
            // Few of the codes on the disk are read.
            Some(scorer) => self.graph.link(slot, ef, &scorer),
            None => self.graph.link(slot, ef, &view.best_scorer(&probe)),
        }
    }

    /// Makes a prepared slot visible to searches that begin from now on.
    pub fn publish(&self, slot: u32) {
        self.graph.slots().publish(slot);
    }

    /// Takes a slot, published or only prepared, away from searches that begin from now on. Its
    /// number is used again after a sweep and a grace period.
    pub fn kill(&self, slot: u32) {
        self.graph.kill(slot);
    }

    /// Does the sweeping that so many removals owe: dead slots leave all lists. `freed(slot)` is
    /// called for each that no reader can meet any more. False if there was nothing to do, or
    /// something to wait for.
    pub fn sweep(&self, removals: usize, mut freed: impl FnMut(u32)) -> bool {
        let freed = |slot| {
            // SAFETY: the sweep has waited for all readers that could have met the slot.
            unsafe { self.stores.release(slot) };
            freed(slot);
        };
        // A change that removes nothing still does a little, so that a round that has begun ends.
        (removals > 0 || self.graph.dead() > 0)
            && self.graph.sweep(removals.max(1), &PairScorer(&self.stores), freed)
    }
}
