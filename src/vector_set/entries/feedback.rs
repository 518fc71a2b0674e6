//! What is said of answers, and what is counted of entries.

use super::state::Saved;
use super::{Cache, entry_number};
use crate::certainty::Observation;
use crate::epoch::pin;
use crate::index::State;
use crate::journal::{Effects, Record};
use crate::vector_set::commit::Commit;
use crate::vector_set::{Hold, Refused};

/// Whose answer it was.
#[derive(Clone, Copy, Debug)]
pub enum About<'a> {
    /// That of the element of this name.
    Element(&'a [u8]),
    /// That of the element that was in this slot when it was found, and had this number.
    Place(u32, u32),
}

/// What is counted of one entry.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub struct EntryFigures {
    /// How often it was served.
    pub hits: u64,
    /// Right answers that were reported.
    pub right: u64,
    /// Wrong ones.
    pub wrong: u64,
    /// What making it cost.
    pub cost: f32,
    /// Milliseconds since its vector was set, to a minute.
    pub age_ms: u64,
}

impl Cache<'_> {
    /// Adds an observation. False if there is no such element any more. `log` writes it down, with
    /// the element's name. `is_of_hit`: the answer was decided to be a hit.
    ///
    /// Where this completes enough observations, they are fitted again, some milliseconds, after
    /// the set's lock was released.
    pub fn observe<'r>(
        &self,
        hold: Hold,
        about: About<'_>,
        observation: Observation,
        is_of_hit: bool,
        record: Record<'r>,
        log: impl FnOnce(&[u8], &mut Effects<'_>),
    ) -> Result<bool, Refused<'r>> {
        let pin = pin();
        let Some(commit) = Commit::begin(self.set, hold, &record) else {
            return Err(Refused::Unbound(record));
        };
        let slot = match about {
            // What is said of an alias is said of its entry.
            About::Element(name) => commit.slot(name).and_then(|slot| {
                self.entries.entry_of(slot, name).map_or(Some(slot), |entry| commit.slot(entry))
            }),
            About::Place(slot, number) => {
                let places = [Some(slot), self.entries.since_moved(slot)];
                places.into_iter().flatten().find(|&slot| self.is_there(slot, number))
            }
        };
        let Some(slot) = slot else { return Ok(false) };
        let name = self.set.set.names.get(slot, &pin);
        commit.begin_change(slot);
        let is_due = self.entries.observe(slot, entry_number(name), observation, &pin, commit.exclusive());
        self.entries.common.figures.note_feedback(observation.is_right(), is_of_hit);
        let learner = is_due.then(|| self.with_learner(Clone::clone));
        commit.finish(record.instead(|effects| log(name, effects)));
        self.entries.reclaim();
        if let Some(fit) = learner.and_then(|learner| learner.fit()) {
            let mut last = self.entries.common.fit.write();
            if last.is_none_or(|last| last.number < fit.number) {
                *last = Some(fit);
            }
        }
        Ok(true)
    }

    /// True if the element of this number is in this slot. Under the set's lock.
    fn is_there(&self, slot: u32, number: u32) -> bool {
        let set = self.set.set;
        let slots = set.vectors.graph().slots();
        let pin = pin();
        slot < slots.end()
            && slots.state(slot) == State::Live
            && self.set.is_live(slot)
            && entry_number(set.names.get(slot, &pin)) == number
    }

    /// Calls `visit` with the attribute and the figures of all entries, in no order.
    pub fn for_each(&self, mut visit: impl FnMut(&[u8], EntryFigures)) {
        let set = self.set.set;
        let slots = set.vectors.graph().slots();
        let all = slots.end();
        for first in (0..all).step_by(BLOCK as usize) {
            let pin = pin();
            for slot in first..all.min(first + BLOCK).min(slots.end()) {
                if slots.state(slot) != State::Live || !self.set.is_live(slot) {
                    continue;
                }
                let Saved { state, tally, .. } = self.entries.saved(slot, &pin);
                if state.is_alias() {
                    continue;
                }
                let attribute = set.attributes.get(slot, &pin).map(|stored| stored.text());
                let (hits, right, wrong) = (tally.hits(), tally.right(), tally.wrong());
                let age_ms = set.uses.age_ms(slot, self.set.now.used_ms);
                let figures = EntryFigures { hits, right, wrong, cost: state.cost(), age_ms };
                visit(attribute.as_deref().unwrap_or_default(), figures);
            }
        }
    }
}

/// Slots looked at while pinned.
const BLOCK: u32 = 1024;
