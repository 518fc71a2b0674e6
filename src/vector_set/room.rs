//! Room in a set that has limits: elements that are evicted for those of a change.
//!
//! The victims of a change are chosen before anything is changed, by samples and a pool of the best
//! candidates, as for the whole server (see [`crate::eviction`]); they are removed in the critical
//! section of the change, so that no observer sees the set above its limit. Elements that have
//! expired count as removed, and are removed first. What the change itself names is never evicted
//! for it. If not enough may be evicted, the change is refused, and nothing is done.
//!
//! A limit that was lowered is reached in steps: each change evicts some more than it adds, and so
//! does [`Present::shrink`], in the background.

use std::collections::HashSet;

use super::commit::Commit;
use super::eviction::EvictionCriteria;
use super::footprint::text_bytes;
use super::limits::{Full, Limits, LimitsChange};
use super::write::{Hold, Put, Refused};
use super::{Present, VectorSet};
use crate::compressed::{Ready, Stored};
use crate::epoch::pin;
use crate::eviction::{Candidate, Pool, Rule};
use crate::journal::{PartChange, Record};
use crate::splitmix::SplitMix64;

/// Elements that a change evicts at most beyond those whose place it takes.
const STEP: usize = 128;

/// Candidates that are drawn for a victim (Redis' default for the whole server).
const SAMPLES: usize = 5;
/// Of a set of at most so many slots all are looked at, so that the very best goes: of few elements
/// a few samples often miss it.
const LOOKED_AT: u32 = 64;

/// What is kept from one choice to the next.
pub(super) struct Chooser {
    random: SplitMix64,
    /// That the candidates were scored by.
    rule: Rule,
    pool: Pool<u32>,
}

impl Default for Chooser {
    fn default() -> Self {
        Self { random: SplitMix64::new(0), rule: Rule::None, pool: Pool::default() }
    }
}

/// What a change adds to a set.
#[derive(Default)]
struct Demand {
    elements: usize,
    bytes: usize,
    /// What all that it names will take.
    own_elements: usize,
    own_bytes: usize,
    /// Slots of the elements that it replaces, and of victims: not to be evicted (again).
    spared: HashSet<u32>,
}

/// How much is to be evicted.
struct Goal {
    /// Without this the change is refused.
    elements: usize,
    bytes: usize,
    /// With this it ends.
    wanted_elements: usize,
    wanted_bytes: usize,
}

impl VectorSet {
    /// What bounds it.
    pub fn limits(&self) -> Limits {
        self.bounds.get()
    }

    /// What its elements take, by an estimate that costs a few reads: what an element takes in a
    /// set of such parameters, and what names and attributes take on average. Reserves of arenas,
    /// free slots and what waits to be freed are not counted.
    pub fn element_bytes_in_all(&self) -> usize {
        self.estimate(self.approximate_len())
    }

    /// True if it is above a limit, though elements may be evicted: there is something for
    /// [`Present::shrink`]. Costs a few reads.
    pub fn exceeds_limits(&self) -> bool {
        let limits = self.limits();
        let len = self.approximate_len();
        limits.policy.rule() != Rule::None
            && (limits.max_elements.is_some_and(|most| len as u64 > most)
                || limits.max_bytes.is_some_and(|most| len > 1 && self.estimate(len) as u64 > most))
    }

    /// How many times the elements that it has now its limits let it have, at least 1; 1 without a
    /// limit.
    pub(super) fn fill(&self) -> f64 {
        let limits = self.limits();
        let len = self.approximate_len();
        let times = |most: Option<u64>, now: usize| most.map(|most| most as f64 / now.max(1) as f64);
        let least = [times(limits.max_elements, len), times(limits.max_bytes, self.estimate(len))];
        least.into_iter().flatten().reduce(f64::min).map_or(1.0, |times| times.max(1.0))
    }

    fn estimate(&self, len: usize) -> usize {
        let slots = self.vectors.graph().slots();
        let named = (slots.end() as usize).saturating_sub(slots.free().0).max(1);
        let entries = self.entries.as_ref().map_or(0, |entries| entries.text_bytes());
        let texts = self.names.text_bytes() + self.attributes.text_bytes() + entries;
        len * self.bytes_beside_texts() + (texts as f64 / named as f64 * len as f64) as usize
    }
}

impl Present<'_> {
    /// Changes what bounds the set, and evicts a part of what exceeds it if `evicts`. Returns how
    /// many were evicted.
    pub fn configure<'r>(
        &self,
        hold: Hold,
        change: &LimitsChange,
        evicts: bool,
        record: Record<'r>,
    ) -> Result<usize, Refused<'r>> {
        let Some(mut commit) = Commit::begin(*self, hold, &record) else {
            return Err(Refused::Unbound(record));
        };
        self.bounds.set(self.limits().changed(change));
        if let (Some(entries), Some(share)) = (&self.set.entries, change.max_error) {
            entries.set_max_error(share, commit.exclusive());
        }
        if change.tier.is_some() {
            self.change_tier();
        }
        let evicted = if evicts { self.shrink_in(&mut commit) } else { 0 };
        commit.finish(record);
        self.tidy(evicted);
        Ok(evicted)
    }

    /// Evicts some of the elements that exceed the set's limits, never the last one, and returns
    /// how many. The record is one without a request.
    pub fn shrink<'r>(&self, hold: Hold, record: Record<'r>) -> Result<usize, Refused<'r>> {
        let Some(mut commit) = Commit::begin(*self, hold, &record) else {
            return Err(Refused::Unbound(record));
        };
        let evicted = self.shrink_in(&mut commit);
        if evicted > 0 {
            commit.finish_losses(record);
        } else {
            drop(commit);
        }
        self.tidy(evicted);
        Ok(evicted)
    }

    fn shrink_in(&self, commit: &mut Commit<'_>) -> usize {
        let limits = self.limits();
        let live = commit.elements().len() - self.count_due();
        let mut demand = Demand::default();
        let Some(goal) = self.goal(&limits, live, &demand) else { return 0 };
        let mut victims = self.victims(&limits, &goal, &mut demand);
        // By then a set without elements would have lost its key.
        victims.truncate(live.saturating_sub(1));
        self.evict_all(&victims, commit);
        victims.len()
    }

    /// Makes room for elements, with attributes as they will be stored, and for some more bytes of
    /// them. Returns how many were evicted.
    pub(super) fn make_room(
        &self,
        commit: &mut Commit<'_>,
        puts: &[Put],
        attributes: &[Option<Ready<'_>>],
        more_bytes: usize,
    ) -> Result<usize, Full> {
        let limits = self.limits();
        if limits.is_boundless() {
            return Ok(0);
        }
        let mut demand = self.demand(commit, puts, attributes);
        demand.bytes += more_bytes;
        demand.own_bytes += more_bytes;
        if limits.max_elements.is_some_and(|most| demand.own_elements as u64 > most) {
            return Err(Full::Elements);
        }
        if limits.max_bytes.is_some_and(|most| demand.own_bytes as u64 > most) {
            return Err(Full::Bytes);
        }
        let len = commit.elements().len();
        let due = self.count_due();
        let goal = self.goal(&limits, len - due, &demand);
        let victims = goal.as_ref().map_or_else(Vec::new, |goal| self.victims(&limits, goal, &mut demand));
        if let Some(goal) = &goal {
            let bytes: usize = victims.iter().map(|&slot| self.bytes_of(slot)).sum();
            if victims.len() < goal.elements {
                return Err(Full::Elements);
            }
            if bytes < goal.bytes {
                return Err(Full::Bytes);
            }
        }
        if due > 0 && self.goal(&limits, len, &demand).is_some() {
            self.lose_due(demand.elements + STEP, commit);
        }
        self.evict_all(&victims, commit);
        Ok(victims.len())
    }

    fn demand(&self, commit: &Commit<'_>, puts: &[Put], attributes: &[Option<Ready<'_>>]) -> Demand {
        let mut demand = Demand::default();
        let mut seen = HashSet::new();
        let pin = pin();
        for (put, attribute) in puts.iter().zip(attributes) {
            let attribute = attribute.as_ref().map_or(0, |ready| attribute_bytes(ready.stored()));
            let is_first = seen.insert(put.element);
            match commit.slot(put.element) {
                Some(slot) => {
                    let before = self.attributes.get(slot, &pin).map_or(0, attribute_bytes);
                    demand.spared.insert(slot);
                    demand.bytes += attribute.saturating_sub(before);
                    if is_first {
                        demand.own_bytes += self.bytes_of(slot);
                    }
                }
                None if is_first => {
                    let bytes = self.bytes_beside_texts() + text_bytes(put.element) + attribute;
                    demand.elements += 1;
                    demand.bytes += bytes;
                    demand.own_bytes += bytes;
                }
                None => demand.bytes += attribute,
            }
        }
        demand.own_elements = seen.len();
        demand
    }

    /// What is to be evicted of `len` elements for a change; none if there is room.
    fn goal(&self, limits: &Limits, len: usize, demand: &Demand) -> Option<Goal> {
        let over = |most: Option<u64>, needed: usize| {
            most.map_or(0, |most| (needed as u64).saturating_sub(most) as usize)
        };
        let elements = over(limits.max_elements, len + demand.elements);
        let bytes = match limits.max_bytes {
            Some(_) => over(limits.max_bytes, self.estimate(len) + demand.bytes),
            None => 0,
        };
        let step_bytes = STEP * self.estimate(len) / len.max(1);
        (elements + bytes > 0).then(|| Goal {
            elements: elements.min(demand.elements),
            bytes: bytes.min(demand.bytes),
            wanted_elements: elements.min(demand.elements + STEP),
            wanted_bytes: bytes.min(demand.bytes + step_bytes),
        })
    }

    /// Slots of elements that may be evicted, until the goal is reached or there are no more.
    fn victims(&self, limits: &Limits, goal: &Goal, demand: &mut Demand) -> Vec<u32> {
        let rule = limits.policy.rule();
        let (mut victims, mut bytes) = (Vec::new(), 0);
        if rule == Rule::None {
            return victims;
        }
        let mut chooser = self.bounds.chooser.lock();
        while victims.len() < goal.wanted_elements || bytes < goal.wanted_bytes {
            let Some(slot) = chooser.choose(*self, rule, &demand.spared) else { break };
            demand.spared.insert(slot);
            bytes += self.bytes_of(slot);
            victims.push(slot);
        }
        victims
    }

    fn evict_all(&self, victims: &[u32], commit: &mut Commit<'_>) {
        let pin = pin();
        victims.iter().for_each(|&slot| commit.lose(self.names.get(slot, &pin), PartChange::Evicted));
        self.figures.evicted_for_limit.add(victims.len() as u64);
    }
}

fn attribute_bytes(attribute: Stored<'_>) -> usize {
    let (bytes, _) = attribute.parts();
    if bytes.is_empty() { 0 } else { text_bytes(bytes) }
}

impl Chooser {
    /// The best of some samples and earlier candidates that is not spared; none if no element may
    /// be evicted. Under the set's lock: a live slot is that of an element.
    fn choose(&mut self, set: Present<'_>, rule: Rule, spared: &HashSet<u32>) -> Option<u32> {
        if self.rule != rule {
            self.pool.clear();
            self.rule = rule;
        }
        let criteria = EvictionCriteria::by(rule);
        let may_go = |slot: u32| !spared.contains(&slot) && set.is_live(slot);
        let is_small = set.vectors.graph().slots().end() <= LOOKED_AT && rule != Rule::Random;
        if !is_small {
            for _ in 0..rule.samples(SAMPLES) {
                if let Some(sample) = set.sample_slots(&criteria, &mut self.random, &may_go) {
                    self.pool.offer(sample);
                }
            }
            if let Some(slot) = self.take_best(set, &criteria, may_go) {
                return Some(slot);
            }
        }
        // Or most slots are vacant, or most elements may not be evicted.
        let offer = |found: Candidate<u32>| self.pool.offer(found);
        set.candidates_of((0, u32::MAX), &criteria, &may_go, offer);
        self.take_best(set, &criteria, may_go)
    }

    /// The best candidate that is still as good as it was.
    fn take_best(
        &mut self,
        set: Present<'_>,
        criteria: &EvictionCriteria,
        may_go: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        let is_as_good = |best: &Candidate<u32>| set.is_still_without(*best, criteria, &may_go);
        std::iter::from_fn(|| self.pool.take_best()).find(is_as_good).map(|best| best.place)
    }
}
