//! A set that is brought up to date with the one that it was made of.

use crate::compressed::{Ready, Stored};
use crate::epoch::{Pin, pin};
use crate::index::State;
use crate::journal::Record;
use crate::vector_index::Prepared;
use crate::vector_set::commit::Commit;
use crate::vector_set::entries::Saved;
use crate::vector_set::snapshot::Ranks;
use crate::vector_set::{Changed, Lifetime, VectorSet};

/// What an element has beside its vector.
struct About<'p> {
    slot: u32,
    attribute: Vec<u8>,
    deadline_ms: Option<i64>,
    is_pinned: bool,
    entry: Option<Saved<'p>>,
}

impl VectorSet {
    /// Makes the elements of these names what they are in `leader`, of which this set is an earlier
    /// state: added, changed or removed. No key means this set yet, and it has the leader's codes.
    /// `changed`: where they were noted. `goes_on` is asked before each. False if that said no.
    pub fn follow(
        &self,
        leader: &Self,
        changed: &Changed,
        names: &[Box<[u8]>],
        goes_on: &dyn Fn() -> bool,
    ) -> bool {
        names.iter().all(|name| {
            let goes_on = goes_on();
            if goes_on {
                let _turn = changed.turn_of(name);
                self.follow_in(leader, name);
            }
            goes_on
        })
    }

    fn follow_in(&self, leader: &Self, name: &[u8]) {
        // From before the leader's slot is found, so that its code stays.
        let pin = pin();
        let Some(about) = leader.about(name, &pin) else {
            let mut commit = Commit::lock(self);
            if commit.remove_alone(name) {
                commit.finish(Record::unlogged());
                self.tidy(1);
            }
            return;
        };
        let ef = self.params().ef_construction();
        let old = self.untimed().slot_in(&self.elements.read(), name);
        let (from, describe) = ((&leader.vectors, about.slot), |slot| self.names.set(slot, name));
        let prepared = self.vectors.prepare_copy(from, old, ef, |len| self.grow_to(len), describe);
        let attribute = Ready::new(&about.attribute);
        let mut commit = Commit::lock(self);
        let lifetime = about.deadline_ms.map_or(Lifetime::Endless, Lifetime::Until);
        let slot = match prepared {
            Prepared::New(slot) => {
                commit.put(name, slot, Some(attribute.stored()), lifetime);
                slot
            }
            Prepared::Same(slot) => {
                let before = self.attributes.get(slot, &pin).map(Stored::text).unwrap_or_default();
                if *before != about.attribute {
                    commit.set_attribute(slot, attribute.stored());
                }
                commit.set_lifetime(slot, lifetime);
                slot
            }
        };
        commit.set_pinned(slot, about.is_pinned);
        if let (Some(entries), Some(entry)) = (&self.entries, &about.entry) {
            entries.follow(slot, entry, commit.exclusive());
        }
        self.uses.copy_from(slot, &leader.uses, about.slot);
        commit.finish(Record::unlogged());
        self.tidy(1);
    }

    /// What the element of a name has, at one moment.
    fn about<'p>(&'p self, name: &[u8], pin: &'p Pin) -> Option<About<'p>> {
        let elements = self.elements.read();
        let slot = elements.slot(name, &self.names)?;
        Some(About {
            slot,
            attribute: self.attributes.get(slot, pin).map(Stored::text).unwrap_or_default().into_owned(),
            deadline_ms: self.deadlines.get(slot),
            is_pinned: self.uses.is_pinned(slot),
            entry: self.entries.as_ref().map(|entries| entries.saved(slot, pin)),
        })
    }

    /// True if what is fixed of both sets, or set for the whole of one, is the same: then they
    /// differ in elements only.
    pub fn is_like(&self, other: &Self) -> bool {
        self.params() == other.params()
            && self.limits() == other.limits()
            && self.field_specs() == other.field_specs()
            && self.options().may_be_empty == other.options().may_be_empty
    }

    /// Keeps the files that snapshots have named of `leader`, whose place this set takes: a server
    /// that is started from one of them maps those.
    pub fn hold_files_of(&self, leader: &Self) {
        // A set in memory is not sealed again, which would give them up.
        if self.options.is_warm {
            self.copies.hold(&leader.copies);
        }
    }

    /// Takes over when and how often elements were used and served, and what was counted of
    /// searches, from the set that was sealed. `ranks`: the slot that each had, of those that are
    /// members; without, the set has not changed since.
    pub fn use_as(&self, leader: &Self, ranks: Option<&Ranks>) {
        let slots = leader.vectors.graph().slots();
        let _pin = pin();
        let is_member = |slot: &u32| match ranks {
            Some(ranks) => ranks.has(*slot),
            None => slots.state(*slot) == State::Live,
        };
        let len = self.vectors.graph().slots().end();
        let members = (0..slots.end()).filter(is_member);
        for (to, from) in (0..len).zip(members) {
            self.uses.copy_from(to, &leader.uses, from);
            if let (Some(entries), Some(others)) = (&self.entries, &leader.entries) {
                entries.count_from(to, others, from);
            }
        }
        self.figures.add(&leader.figures);
    }
}
