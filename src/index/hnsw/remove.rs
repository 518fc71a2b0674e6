//! Taking dead slots out of the graph, a little at a time, and using them again.
//!
//! Killing a slot is one store: searches stop returning it, and still walk through it. What remains
//! is to find the lists that lead to it, and those are not known, since links are directed. So the
//! dead are collected into *rounds*:
//!
//! ```text
//! killed ──► (grace) ──► sweep of every list ──► (grace) ──► free
//! ```
//!
//! 1. *Grace before.* An inserter that chose the slot while it lived may still be about to link to
//!    it. After a grace period none is; from then on no list gains a link to it, since only
//!    living slots are linked to.
//! 2. *Sweep.* A cursor passes all slots. A list that leads to dead slots drops them, and for each
//!    adopts the nearest living one that the dead slot led to: the repair of FreshDiskANN (Singh et
//!    al., 2021), with one candidate for each loss instead of a full new choice: far fewer
//!    distances. `tests/recall.rs` holds what that costs in recall.
//!    Where a dead slot was only relocated (see [`super::relocate`]), its new slot is adopted.
//! 3. *Grace after.* A reader may have copied a list before it was cleaned. Then the slots are
//!    free.
//!
//! The remover pays: each removal moves the cursor by [`SWEEP_PER_REMOVAL`] slots, so a round
//! over `n` slots takes `n / SWEEP_PER_REMOVAL` removals, and at most two rounds' worth of dead
//! slots (3 % of the set) exist at a time. No thread of its own, no pause, and the same order of
//! steps for the same order of commands.

use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::graph::Links;
use super::{Entry, Index};
use crate::epoch::{self, pin};
use crate::index::{Candidate, Scorer, State};

/// Slots whose lists are looked through for each removal.
const SWEEP_PER_REMOVAL: usize = 64;
/// Dead slots looked at, while searching for living ones behind them.
const DEAD_WALKED: usize = 32;
/// Living slots weighed for each lost link.
const HEIRS_WEIGHED: usize = 64;

/// Removals of other threads that a thread sweeps for besides its own.
const MOST_OWED: usize = 8;
/// Slots by which the end is lowered at once.
const LOWERED: usize = 1 << 13;

/// True while a grace period has to end.
fn is_stuck(round: &Round) -> bool {
    matches!(round, Round::GraceBefore { since, .. } | Round::GraceAfter { since, .. } if !epoch::grace_over(*since))
}

/// The rounds of sweeping. Killed slots wait in `dying` for the next round.
pub(super) struct Sweeper {
    dying: Mutex<Vec<u32>>,
    round: Mutex<Round>,
    /// Removals whose share of the sweeping could not be done when they were made.
    owed: AtomicUsize,
    /// When the end of the slots was lowered, if memory beyond it was not given back since. Changed
    /// by the holder of the round.
    lowered: Mutex<Option<u64>>,
}

enum Round {
    Idle,
    GraceBefore { batch: Vec<u32>, since: u64 },
    Sweep { batch: Vec<u32>, cursor: u32, end: u32 },
    GraceAfter { batch: Vec<u32>, since: u64 },
}

impl Sweeper {
    pub(super) fn new() -> Self {
        Self {
            dying: Mutex::default(),
            round: Mutex::new(Round::Idle),
            owed: AtomicUsize::new(0),
            lowered: Mutex::default(),
        }
    }

    /// Dead slots that cannot be used again yet.
    fn pending(&self) -> usize {
        let in_round = match &*self.round.lock() {
            Round::Idle => 0,
            Round::GraceBefore { batch, .. }
            | Round::Sweep { batch, .. }
            | Round::GraceAfter { batch, .. } => batch.len(),
        };
        in_round + self.dying.lock().len()
    }
}

impl Index {
    /// `Live` or `Linking` → `Dead`. Part of the caller's critical section; [`Index::sweep`] comes
    /// after it.
    pub fn kill(&self, slot: u32) {
        self.graph.slots.kill(slot);
        self.sweeper.dying.lock().push(slot);
    }

    /// Dead slots that are not free yet.
    pub fn dead(&self) -> usize {
        self.sweeper.pending()
    }

    /// Does the sweeping that `removals` removals owe. `scorer`'s query does not matter. `freed` is
    /// called with each slot that may be used again, before it is. If another thread is sweeping,
    /// or readers have to be waited for, this thread's share is added to what the next ones do.
    /// False if there was nothing to do, or something to wait for.
    pub fn sweep(&self, removals: usize, scorer: &impl Scorer, mut freed: impl FnMut(u32)) -> bool {
        let Some(mut round) = self.sweeper.round.try_lock().filter(|round| !is_stuck(round)) else {
            self.sweeper.owed.fetch_add(removals, Ordering::Relaxed);
            return false;
        };
        let owed = self.sweeper.owed.load(Ordering::Relaxed).min(MOST_OWED);
        self.sweeper.owed.fetch_sub(owed, Ordering::Relaxed);
        let mut budget = removals.saturating_add(owed).saturating_mul(SWEEP_PER_REMOVAL);
        let mut has_swept = false;
        while let Some(next) =
            self.step(mem::replace(&mut *round, Round::Idle), &mut budget, scorer, &mut freed)
        {
            has_swept = true;
            let is_stuck = is_stuck(&next);
            *round = next;
            if is_stuck || budget == 0 {
                break;
            }
        }
        has_swept
    }

    /// Lowers the end of the slots to below free ones that lie there, some thousands at most. True
    /// if there were any. No thread but pinned ones uses what it has read of the end.
    pub fn lower_end(&self) -> bool {
        let Some(_round) = self.sweeper.round.try_lock() else { return false };
        let is_lower = self.graph.slots.lower_end(LOWERED);
        if is_lower {
            *self.sweeper.lowered.lock() = Some(epoch::now());
        }
        is_lower
    }

    /// Gives memory back beyond the end of the slots, a few megabytes of it, if the readers have
    /// gone that were there when the end was lowered. `shrink(len)` must leave slots `0 .. len` in
    /// the caller's arenas, and take the others' memory. True if it was called.
    pub fn give_back(&self, shrink: impl FnOnce(u32)) -> bool {
        // The sweep uses the end without a pin, in steps that have the round.
        let Some(_round) = self.sweeper.round.try_lock() else { return false };
        let mut lowered = self.sweeper.lowered.lock();
        if !lowered.is_some_and(epoch::grace_over) {
            return false;
        }
        let is_some = self.graph.give_back(shrink);
        if !is_some {
            *lowered = None;
        }
        is_some
    }

    /// True if there is memory beyond the end of the slots that can be given back at some time.
    pub fn has_tail(&self) -> bool {
        self.sweeper.lowered.lock().is_some()
    }

    /// The round after this step, or none if there is nothing to do.
    fn step(
        &self,
        round: Round,
        budget: &mut usize,
        scorer: &impl Scorer,
        freed: &mut impl FnMut(u32),
    ) -> Option<Round> {
        match round {
            Round::Idle => {
                let batch = mem::take(&mut *self.sweeper.dying.lock());
                (!batch.is_empty()).then(|| Round::GraceBefore { batch, since: epoch::now() })
            }
            Round::GraceBefore { batch, since } if epoch::grace_over(since) => {
                self.replace_dead_entry();
                Some(Round::Sweep { batch, cursor: 0, end: self.graph.slots.end() })
            }
            Round::Sweep { batch, cursor, end } => {
                // It may have been lowered.
                let end = end.min(self.graph.slots.end());
                let cursor = cursor.min(end);
                let until = end.min(cursor.saturating_add((*budget).min(u32::MAX as usize) as u32));
                *budget -= (until - cursor) as usize;
                let _pin = pin();
                (cursor..until).for_each(|slot| self.clean(slot, scorer));
                Some(if until == end {
                    Round::GraceAfter { batch, since: epoch::now() }
                } else {
                    Round::Sweep { batch, cursor: until, end }
                })
            }
            Round::GraceAfter { mut batch, since } if epoch::grace_over(since) => {
                let keep = batch.len().saturating_sub((*budget).max(1));
                for slot in batch.drain(keep..) {
                    freed(slot);
                    self.relocated.forget(slot);
                    self.graph.release(slot);
                }
                *budget = budget.saturating_sub(1);
                Some(if batch.is_empty() { Round::Idle } else { Round::GraceAfter { batch, since } })
            }
            waiting => Some(waiting),
        }
    }

    /// Drops links to dead slots from the lists of a slot.
    fn clean(&self, slot: u32, scorer: &impl Scorer) {
        let word = self.graph.word(slot);
        if word.state() == State::Free {
            return;
        }
        for layer in 0..=word.level() {
            if word.state() == State::Dead && self.heir(slot).is_none() {
                self.graph.links(slot, layer).iter().for_each(|&link| self.offer_again(link, layer, scorer));
            }
            if self.graph.any_link(slot, layer, |link| self.graph.slots.is_dead(link)) {
                self.repair(slot, layer, scorer);
            }
        }
    }

    /// A living slot that a dead one led to may now be in no list: unless one of its own
    /// neighbours leads back to it, it offers itself to the nearest that has room, or else to the
    /// nearest.
    fn offer_again(&self, slot: u32, layer: u32, scorer: &impl Scorer) {
        if self.is_dead(slot) {
            return;
        }
        let living: Links =
            self.graph.links(slot, layer).into_iter().filter(|&link| !self.is_dead(link)).collect();
        let back: Vec<Links> = living.iter().map(|&link| self.graph.links(link, layer)).collect();
        if back.iter().any(|links| links.contains(&slot)) {
            return;
        }
        let roomy = |at: &usize| back[*at].len() < self.graph.capacity(layer);
        let near = |at: usize| Candidate::new(scorer.between(slot, living[at]), living[at]);
        let nearest =
            (0..living.len()).filter(roomy).map(near).min().or_else(|| (0..living.len()).map(near).min());
        if let Some(nearest) = nearest {
            self.offer(nearest, layer, slot, scorer);
        }
    }

    fn repair(&self, slot: u32, layer: u32, scorer: &impl Scorer) {
        let _list = self.graph.lock(slot);
        let (mut dead, mut kept): (Links, Links) =
            self.graph.links(slot, layer).into_iter().partition(|&link| self.is_dead(link));
        self.with_heirs(slot, &mut kept, &mut dead);
        for lost in dead {
            if let Some(replacement) = self.replacement(slot, lost, layer, &kept, scorer) {
                kept.push(replacement);
            }
        }
        self.graph.replace(slot, layer, &kept);
    }

    /// The nearest living slot that `lost` led to, directly or through other dead ones, that lies
    /// in a direction of its own; failing that, while the list has room, just the nearest. (With
    /// room for less, lists grow thin over time.)
    fn replacement(
        &self,
        slot: u32,
        lost: u32,
        layer: u32,
        kept: &[u32],
        scorer: &impl Scorer,
    ) -> Option<u32> {
        let mut dead: Links = Links::from_slice(&[lost]);
        let mut living: Links = Links::new();
        let mut next = 0;
        while next < dead.len() && living.len() < HEIRS_WEIGHED && (next == 0 || living.is_empty()) {
            self.graph.for_each_link(dead[next], layer, |link| {
                if !self.is_dead(link) {
                    if link != slot
                        && !kept.contains(&link)
                        && !living.contains(&link)
                        && layer <= self.graph.level(link)
                    {
                        living.push(link);
                    }
                } else if dead.len() < DEAD_WALKED && !dead.contains(&link) {
                    dead.push(link);
                }
            });
            next += 1;
        }
        let mut heirs: Vec<_> =
            living.iter().map(|&link| Candidate::new(scorer.between(slot, link), link)).collect();
        heirs.sort_unstable();
        let apart = |replacement: &Candidate| {
            kept.iter().all(|&k| scorer.between(replacement.slot(), k) >= replacement.distance())
        };
        let crowded = kept.len() > self.graph.capacity(layer) / 4 * 3;
        heirs
            .iter()
            .take(4)
            .find(|replacement| apart(replacement))
            .or(if crowded { None } else { heirs.first() })
            .map(|replacement| replacement.slot())
    }

    pub(super) fn is_dead(&self, slot: u32) -> bool {
        !matches!(self.graph.word(slot).state(), State::Live | State::Linking)
    }

    /// A dead entry point is about to be swept: the tallest living slot takes its place.
    fn replace_dead_entry(&self) {
        let _alone = self.entry_lock.lock();
        if self.entry().is_none_or(|entry| !self.is_dead(entry.slot)) {
            return;
        }
        let living = (0..self.graph.slots.end()).filter(|&slot| self.graph.slots.state(slot) == State::Live);
        let tallest = living.max_by_key(|&slot| self.graph.level(slot));
        self.set_entry(tallest.map(|slot| Entry { slot, level: self.graph.level(slot) }));
    }
}
