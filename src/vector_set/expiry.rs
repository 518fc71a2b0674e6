//! Elements that expire: their deadlines, and their removal.

use super::commit::Commit;
use super::write::{Hold, Lifetime, Refused};
use super::{Present, VectorSet};
use crate::epoch::pin;
use crate::index::State;
use crate::journal::{Effects, PartChange, Record};

/// What becomes of the deadline of an element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reschedule {
    /// Nothing.
    Leave,
    /// It is replaced.
    To(Lifetime),
    /// The element is removed at once: its new deadline has passed.
    Remove,
}

impl VectorSet {
    /// A time before which no element expires, in milliseconds since 1970; none if no element has a
    /// deadline.
    pub fn next_deadline_ms(&self) -> Option<i64> {
        self.deadlines.next_ms()
    }

    /// True if an element has, or ever had, a deadline.
    pub fn has_had_deadlines(&self) -> bool {
        self.deadlines.have_existed()
    }

    /// When the last of its elements expires, in milliseconds since 1970, and with it its key; none
    /// if that does not happen by itself. Looks at each element.
    pub fn ends_ms(&self) -> Option<i64> {
        let elements = self.elements.read();
        if self.options.may_be_empty || elements.len() == 0 || self.deadlines.len() < elements.len() {
            return None;
        }
        let slots = self.vectors.graph().slots();
        let mut live = (0..slots.end()).filter(|&slot| slots.state(slot) == State::Live);
        live.try_fold(i64::MIN, |last, slot| Some(last.max(self.deadlines.get(slot)?)))
    }

    /// How many elements have a deadline.
    pub fn elements_with_deadlines(&self) -> usize {
        self.deadlines.len()
    }
}

impl Present<'_> {
    /// The deadlines of elements, all at one moment, in milliseconds since 1970. None for a name
    /// that is no element; none inside for an element without a deadline.
    pub fn deadlines(&self, names: &[&[u8]]) -> Vec<Option<Option<i64>>> {
        let elements = self.elements.read();
        let deadline = |name: &&[u8]| self.slot_in(&elements, name).map(|slot| self.set.deadlines.get(slot));
        names.iter().map(deadline).collect()
    }

    /// Changes the deadlines of elements, in order, as one change. `decide` is given the deadline
    /// that an element has. The result is what was done, none for a name that is no element. `log`
    /// writes down what was done; if nothing was, nothing is written.
    pub fn reschedule<'r>(
        &self,
        hold: Hold,
        names: &[&[u8]],
        decide: impl Fn(Option<i64>) -> Reschedule,
        record: Record<'r>,
        log: impl FnOnce(&[Option<Reschedule>], &mut Effects<'_>),
    ) -> Result<Vec<Option<Reschedule>>, Refused<'r>> {
        let Some(mut commit) = Commit::begin(*self, hold, &record) else {
            return Err(Refused::Unbound(record));
        };
        let decide = |slot: u32| decide(self.set.deadlines.get(slot));
        let removes =
            |name: &&&[u8]| commit.slot(name).is_some_and(|slot| decide(slot) == Reschedule::Remove);
        let removed: Vec<&[u8]> = names.iter().filter(removes).copied().collect();
        if !self.may_be_emptied(hold) && !removed.is_empty() && commit.would_empty(&removed) {
            return Err(Refused::WouldEmpty(record));
        }
        let mut reschedule = |name: &&[u8]| {
            let slot = commit.slot(name)?;
            let decision = decide(slot);
            match decision {
                Reschedule::Leave => {}
                Reschedule::To(lifetime) => commit.set_lifetime(slot, lifetime),
                Reschedule::Remove => {
                    commit.remove(name);
                    self.set.figures.expired.add(1);
                }
            }
            Some(decision)
        };
        let done: Vec<_> = names.iter().map(&mut reschedule).collect();
        if done.iter().flatten().any(|decision| *decision != Reschedule::Leave) {
            commit.unbind_if_spent();
            let with = |is_it: fn(Reschedule) -> bool| -> Vec<&[u8]> {
                let done = names.iter().zip(&done).filter(|(_, done)| done.is_some_and(is_it));
                done.map(|(name, _)| *name).collect()
            };
            let until = with(|done| matches!(done, Reschedule::To(Lifetime::Until(_))));
            let endless = with(|done| done == Reschedule::To(Lifetime::Endless));
            let gone = with(|done| done == Reschedule::Remove);
            let parts = [
                (PartChange::Rescheduled, &*until),
                (PartChange::Persisted, &*endless),
                (PartChange::Removed, &*gone),
            ];
            commit.finish_parts(record.instead(|effects| log(&done, effects)), parts);
        } else {
            drop(commit);
        }
        self.tidy(removed.len());
        Ok(done)
    }

    /// Removes up to `limit` elements that have expired, and returns how many. The record is one
    /// without a request.
    ///
    /// # Errors
    /// As for every writer: also if no element would be left.
    pub fn expire<'r>(&self, hold: Hold, limit: usize, record: Record<'r>) -> Result<usize, Refused<'r>> {
        if !self.set.deadlines.may_be_due(self.now.expiry_ms) {
            return Ok(0);
        }
        let Some(mut commit) = Commit::begin(*self, hold, &record) else {
            return Err(Refused::Unbound(record));
        };
        if !self.may_be_emptied(hold) && self.count_due() == commit.elements().len() {
            return Err(Refused::WouldEmpty(record));
        }
        let removed = self.lose_due(limit, &mut commit);
        if removed > 0 {
            commit.unbind_if_spent();
            commit.finish_losses(record);
        } else {
            drop(commit);
        }
        self.tidy(removed);
        Ok(removed)
    }

    /// Takes out up to `limit` elements that have expired, and returns how many.
    pub(super) fn lose_due(&self, limit: usize, commit: &mut Commit<'_>) -> usize {
        let pin = pin();
        let mut lost = 0;
        while lost < limit
            && let Some(slot) = commit.first_due()
        {
            commit.lose(self.names.get(slot, &pin), PartChange::Expired);
            lost += 1;
        }
        self.set.figures.expired.add(lost as u64);
        lost
    }
}
