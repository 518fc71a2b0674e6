//! Elements that are evicted: a random one with its score, and its removal.
//!
//! Choosing among samples is the caller's part: of one set, or of everything in the server.

use super::commit::Commit;
use super::write::{Hold, Refused};
use super::{Present, VectorSet};
use crate::epoch::{Pin, pin};
use crate::eviction::{Candidate, Life, Rule, Score};
use crate::index::State;
use crate::journal::{PartChange, Record};
use crate::splitmix::SplitMix64;

/// Random slots that are looked at before a sample is drawn in another way. Most slots of a set
/// that is full are elements.
const SLOT_TRIES: usize = 16;

/// Random elements that are looked at before a sample is given up, if they may not be evicted.
const ELEMENT_TRIES: usize = 4;

/// Which elements of a set may be evicted, and which first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvictionCriteria {
    /// What is evicted first.
    pub rule: Rule,
    /// Only elements that expire may be evicted.
    pub only_expiring: bool,
    /// Finer codes of elements are put into files instead, where there is room for them.
    pub demotes: bool,
    /// Elements whose finer codes are in files are left alone.
    pub spares_warm: bool,
    /// Elements in sealed files are left alone: they take no memory that would be freed.
    pub spares_lent: bool,
    /// When the whole set expires with all its elements, in milliseconds since 1970, if it does.
    pub set_deadline_ms: Option<i64>,
}

impl EvictionCriteria {
    /// Any element, by this rule.
    pub const fn by(rule: Rule) -> Self {
        Self {
            rule,
            only_expiring: false,
            demotes: false,
            spares_warm: false,
            spares_lent: false,
            set_deadline_ms: None,
        }
    }
}

/// An element that was evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvictedElement {
    /// About how many bytes it took, with its part of the graph.
    pub bytes: usize,
    /// It would have been removed anyway.
    pub has_expired: bool,
    /// It is still there: its finer code went into a file.
    pub is_demoted: bool,
}

impl VectorSet {
    /// How many elements it has, without waiting for changes that are under way.
    pub fn approximate_len(&self) -> usize {
        self.vectors.graph().slots().live()
    }
}

impl Present<'_> {
    /// A random element that may be evicted, each with about the same probability. None if none was
    /// found, though there may be some.
    pub fn sample(&self, criteria: &EvictionCriteria, random: &mut SplitMix64) -> Option<Candidate<u32>> {
        let in_any_slot = self.sample_slots(criteria, random, &|_| true);
        if in_any_slot.is_some() {
            return in_any_slot;
        }
        // Most slots are vacant, or most elements may not be evicted.
        let pin = pin();
        let elements = self.elements.read();
        let mut ranks = [0; ELEMENT_TRIES];
        for rank in &mut ranks {
            *rank = random.next().checked_rem(elements.len() as u64)? as usize;
        }
        let slots = elements.at_ranks(&ranks).into_iter();
        slots.filter_map(|slot| self.candidate(slot, criteria, &|_| true, &pin)).next()
    }

    /// The first of some random slots with an element that may be evicted and stays otherwise:
    /// `stays` is false for what is removed anyway.
    pub(super) fn sample_slots(
        &self,
        criteria: &EvictionCriteria,
        random: &mut SplitMix64,
        stays: &impl Fn(u32) -> bool,
    ) -> Option<Candidate<u32>> {
        let pin = pin();
        let end = self.vectors.graph().slots().end();
        for _ in 0..SLOT_TRIES {
            let slot = random.next().checked_rem(u64::from(end))? as u32;
            let candidate = self.candidate(slot, criteria, stays, &pin);
            if candidate.is_some() {
                return candidate;
            }
        }
        None
    }

    /// Calls `offer` with all elements that may be evicted in `count` slots from `first` on.
    /// Returns the slot after them, or none at the end.
    pub fn candidates(
        &self,
        range: (u32, u32),
        criteria: &EvictionCriteria,
        offer: impl FnMut(Candidate<u32>),
    ) -> Option<u32> {
        self.candidates_of(range, criteria, &|_| true, offer)
    }

    /// The same of elements that stay otherwise.
    pub(super) fn candidates_of(
        &self,
        (first, count): (u32, u32),
        criteria: &EvictionCriteria,
        stays: &impl Fn(u32) -> bool,
        offer: impl FnMut(Candidate<u32>),
    ) -> Option<u32> {
        let pin = pin();
        let end = self.vectors.graph().slots().end();
        let next = first.saturating_add(count).min(end);
        (first..next).filter_map(|slot| self.candidate(slot, criteria, stays, &pin)).for_each(offer);
        (next < end).then_some(next)
    }

    /// Evicts the element in a slot if it scores at least `before`, and returns what was evicted.
    /// The record is one without a request.
    ///
    /// # Errors
    /// As for every writer: also if no element would be left.
    pub fn evict<'r>(
        &self,
        hold: Hold,
        candidate: Candidate<u32>,
        criteria: &EvictionCriteria,
        record: Record<'r>,
    ) -> Result<Option<EvictedElement>, Refused<'r>> {
        let slot = candidate.place;
        if criteria.demotes
            && self.is_still(candidate, criteria)
            && self.is_live(slot)
            && let Some(bytes) = self.demote(slot)
        {
            return Ok(Some(EvictedElement { bytes, has_expired: false, is_demoted: true }));
        }
        let Some(mut commit) = Commit::begin(*self, hold, &record) else {
            return Err(Refused::Unbound(record));
        };
        let pin = pin();
        // Under the lock: a live slot is that of an element.
        if !self.is_still(candidate, criteria) {
            return Ok(None);
        }
        if !self.may_be_emptied(hold) && commit.elements().len() == 1 {
            return Err(Refused::WouldEmpty(record));
        }
        let evicted = EvictedElement {
            bytes: self.bytes_of(slot),
            has_expired: !self.is_live(slot),
            is_demoted: false,
        };
        let cause = if evicted.has_expired { PartChange::Expired } else { PartChange::Evicted };
        commit.lose(self.names.get(slot, &pin), cause);
        drop(pin);
        let figures = &self.set.figures;
        if evicted.has_expired { &figures.expired } else { &figures.evicted_for_memory }.add(1);
        commit.unbind_if_spent();
        commit.finish_losses(record);
        self.tidy(1);
        Ok(Some(evicted))
    }

    /// True if the element of a candidate still scores at least as much.
    pub fn is_still(&self, candidate: Candidate<u32>, criteria: &EvictionCriteria) -> bool {
        self.is_still_without(candidate, criteria, &|_| true)
    }

    /// The same, while it stays otherwise.
    pub(super) fn is_still_without(
        &self,
        candidate: Candidate<u32>,
        criteria: &EvictionCriteria,
        stays: &impl Fn(u32) -> bool,
    ) -> bool {
        self.eviction_score(candidate.place, criteria, stays, &pin()) >= Some(candidate.score)
    }

    fn candidate(
        &self,
        slot: u32,
        criteria: &EvictionCriteria,
        stays: &impl Fn(u32) -> bool,
        pin: &Pin,
    ) -> Option<Candidate<u32>> {
        self.eviction_score(slot, criteria, stays, pin).map(|score| Candidate { score, place: slot })
    }

    /// The score of the element in a slot; none if there is none, or if it is not to be evicted.
    ///
    /// The slot may be any number: that of an old candidate may lie beyond the end since the set
    /// was compacted. The caller has been pinned since before the end was read here, so the memory
    /// of slots below it stays.
    fn eviction_score(
        &self,
        slot: u32,
        criteria: &EvictionCriteria,
        stays: &impl Fn(u32) -> bool,
        pin: &Pin,
    ) -> Option<Score> {
        let slots = self.vectors.graph().slots();
        let is_element = slot < slots.end() && slots.state(slot) == State::Live && stays(slot);
        let is_spared = criteria.spares_warm && self.is_warm(slot, pin)
            || criteria.spares_lent && slot < slots.lent_end() && !self.lets_lent_go();
        if !is_element || self.uses.is_pinned(slot) || is_spared {
            return None;
        }
        let life = ElementLife { set: self, slot, set_deadline_ms: criteria.set_deadline_ms, stays, pin };
        let is_in_scope = !criteria.only_expiring || life.deadline_ms().is_some();
        criteria.rule.score(&life).filter(|_| is_in_scope)
    }
}

struct ElementLife<'s, F> {
    set: &'s Present<'s>,
    slot: u32,
    set_deadline_ms: Option<i64>,
    /// What stays may stand in for it.
    stays: &'s F,
    pin: &'s Pin,
}

impl<F: Fn(u32) -> bool> Life for ElementLife<'_, F> {
    fn used_ms(&self) -> i64 {
        self.set.uses.used_ms(self.slot, self.set.now.used_ms)
    }

    fn frequency(&self) -> u8 {
        self.set.uses.frequency(self.slot, &self.set.now)
    }

    fn deadline_ms(&self) -> Option<i64> {
        let own = self.set.deadlines.get(self.slot);
        own.into_iter().chain(self.set_deadline_ms).min()
    }

    fn cost_of_a_byte(&self) -> f32 {
        let cost = self.set.set.entries.as_ref().map_or(1.0, |entries| entries.cost(self.slot));
        cost / self.set.bytes_of(self.slot) as f32
    }

    fn is_covered(&self) -> bool {
        self.set.is_covered(self.slot, self.stays, self.pin)
    }
}
