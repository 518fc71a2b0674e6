//! The critical section of a set: where a change becomes visible, once and whole.

use std::sync::atomic::Ordering;

use parking_lot::RwLockWriteGuard;

use super::elements::Elements;
use super::{Hold, VectorSet};
use crate::compressed::Stored;
use crate::epoch::pin;
use crate::index::State;
use crate::journal::{Passage, Record};

/// The set's lock, held for writing, and the passage through the journal's gate that was entered
/// before.
///
/// Elements, attributes, snapshots and the counters of a set change through a `Commit` alone: the
/// methods that change them take its [`Exclusive`]. A `Commit` that is dropped without
/// [`finish`](Commit::finish) has changed nothing that the journal has to know of.
pub(super) struct Commit<'s> {
    set: &'s VectorSet,
    // Released in this order: the lock, then the gate.
    elements: RwLockWriteGuard<'s, Elements>,
    passage: Option<Passage<'s>>,
    exclusive: Exclusive,
}

/// Proof that the set's lock is held for writing.
pub(super) struct Exclusive(());

impl<'s> Commit<'s> {
    /// Locks the set. Nothing if the key no longer means it.
    ///
    /// If a snapshot has begun since the last change, the set begins its part of it here, before
    /// anything is changed.
    pub(super) fn begin<'r: 's>(set: &'s VectorSet, hold: Hold, record: &Record<'r>) -> Option<Self> {
        let passage = record.enter();
        let commit = Self { passage, ..Self::lock(set) };
        let is_bound = match hold {
            Hold::Lookup(binding) => binding == set.binding(),
            Hold::Exclusive => true,
        };
        if !is_bound {
            return None;
        }
        if let Some(passage) = &commit.passage {
            commit.notice_cut(passage.cut());
        }
        Some(commit)
    }

    /// Locks the set for something that no record is spent on.
    pub(super) fn lock(set: &'s VectorSet) -> Self {
        Self { set, elements: set.elements.write(), passage: None, exclusive: Exclusive(()) }
    }

    /// The right to change what the set's lock protects.
    pub(super) fn exclusive(&self) -> &Exclusive {
        &self.exclusive
    }

    /// The elements.
    pub(super) fn elements(&self) -> &Elements {
        &self.elements
    }

    /// The slot of an element.
    pub(super) fn slot(&self, name: &[u8]) -> Option<u32> {
        self.elements.slot(name, &self.set.names)
    }

    /// Makes a prepared slot, which bears `name`, the element of that name. `attribute`: as in
    /// [`Put`](super::Put). True if the element is new.
    pub(super) fn put(&mut self, name: &[u8], slot: u32, attribute: Option<Stored<'_>>) -> bool {
        let set = self.set;
        let old = self.elements.insert(name, slot, &set.names);
        set.snapshots.settle(slot, &self.exclusive);
        let pin = pin();
        let before = old.and_then(|old| set.attributes.get(old, &pin));
        if let Some(attribute) = attribute.or(before) {
            set.attributes.set(slot, attribute, &self.exclusive);
        }
        let Some(old) = old else {
            set.vectors.publish(slot);
            return true;
        };
        self.keep_before_image(old);
        set.updates.begin();
        set.vectors.publish(slot);
        set.vectors.kill(old);
        set.updates.end();
        set.attributes.leave(old, &self.exclusive);
        false
    }

    /// Moves an element to a slot that was prepared below its own, with all that it has by its
    /// slot. False if it is not in that slot any more. No change for the journal, nor for
    /// snapshots, of which none is running.
    pub(super) fn relocate(&mut self, from: u32, to: u32) -> bool {
        let set = self.set;
        if set.vectors.graph().slots().state(from) != State::Live {
            return false;
        }
        let pin = pin();
        self.elements.insert(set.names.get(from, &pin), to, &set.names);
        if let Some(attribute) = set.attributes.get(from, &pin) {
            set.attributes.set(to, attribute, &self.exclusive);
        }
        set.updates.begin();
        set.vectors.relocate(from, to);
        set.updates.end();
        set.attributes.leave(from, &self.exclusive);
        true
    }

    /// Lowers the end of the set's slots to below free ones, some thousands at most. True if there
    /// were any. No snapshot is running, which would use the end that it has seen.
    pub(super) fn lower_end(&mut self) -> bool {
        self.set.vectors.graph().lower_end()
    }

    /// Takes an element out. False if there is none of this name.
    pub(super) fn remove(&mut self, name: &[u8]) -> bool {
        let Some(slot) = self.elements.remove(name, &self.set.names) else { return false };
        self.keep_before_image(slot);
        self.set.attributes.leave(slot, &self.exclusive);
        self.set.vectors.kill(slot);
        true
    }

    /// Gives the element in a slot another attribute; empty removes it.
    pub(super) fn set_attribute(&mut self, slot: u32, attribute: Stored<'_>) {
        self.keep_before_image(slot);
        self.set.attributes.set(slot, attribute, &self.exclusive);
    }

    /// The key stops meaning this set: writers under way look it up again.
    pub(super) fn unbind(&mut self) {
        self.set.unbound.fetch_add(1, Ordering::Release);
    }

    /// Something was changed: counts and records it, then unlocks.
    pub(super) fn finish(self, record: Record) {
        self.set.changes.fetch_add(1, Ordering::Relaxed);
        if let Some(passage) = &self.passage {
            self.set.report_before_images(passage.journal());
        }
        record.commit();
    }

    /// The set takes part in the snapshot of this cut, if it has not begun to.
    pub(super) fn notice_cut(&self, cut: u64) {
        self.set.begin_snapshot(cut, self.elements.len(), &self.exclusive);
    }

    /// Before the element in this slot is changed or removed: copies it for snapshots that have not
    /// read it.
    fn keep_before_image(&self, slot: u32) {
        self.set.keep_before_image(slot, &self.exclusive);
    }
}
