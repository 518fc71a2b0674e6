//! The critical section of a set: where a change becomes visible, once and whole.

use std::sync::atomic::Ordering;

use parking_lot::RwLockWriteGuard;

use super::elements::Elements;
use super::entries::alias_names;
use super::{Hold, Lifetime, Now, Present, VectorSet};
use crate::compressed::Stored;
use crate::epoch::pin;
use crate::index::State;
use crate::journal::{PartChange, Passage, Record};

/// The set's lock, held for writing, and the passage through the journal's gate that was entered
/// before.
///
/// Elements, attributes, snapshots and the counters of a set change through a `Commit` alone: the
/// methods that change them take its [`Exclusive`]. A `Commit` that is dropped without
/// [`finish`](Commit::finish) has changed nothing that belongs in the journal.
pub(super) struct Commit<'s> {
    set: Present<'s>,
    // Released in this order: the lock, then the gate.
    elements: RwLockWriteGuard<'s, Elements>,
    passage: Option<Passage<'s>>,
    exclusive: Exclusive,
    /// Elements that were removed though the change does not name them, or names them to be added:
    /// they had expired, or were evicted.
    lost: Vec<Lost>,
}

struct Lost {
    name: Box<[u8]>,
    cause: PartChange,
}

impl AsRef<[u8]> for Lost {
    fn as_ref(&self) -> &[u8] {
        &self.name
    }
}

/// Proof that the set's lock is held for writing.
pub(super) struct Exclusive(());

impl VectorSet {
    /// True if a writer of this right may remove the last element: it holds the key, or the key
    /// stays.
    pub(super) fn may_be_emptied(&self, hold: Hold) -> bool {
        matches!(hold, Hold::Exclusive) || self.options.may_be_empty
    }
}

impl<'s> Commit<'s> {
    /// Locks the set. Nothing if the key no longer means it.
    ///
    /// If a snapshot has begun since the last change, the set begins its part of it here, before
    /// anything is changed.
    pub(super) fn begin<'r: 's>(set: Present<'s>, hold: Hold, record: &Record<'r>) -> Option<Self> {
        let passage = record.enter();
        let commit = Self { passage, ..Self::lock_at(set) };
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
        Self::lock_at(set.at(Now::UNTIMED))
    }

    fn lock_at(set: Present<'s>) -> Self {
        let elements = set.set.elements.write();
        Self { set, elements, passage: None, exclusive: Exclusive(()), lost: Vec::new() }
    }

    /// The right to change what the set's lock protects.
    pub(super) fn exclusive(&self) -> &Exclusive {
        &self.exclusive
    }

    /// The elements.
    pub(super) fn elements(&self) -> &Elements {
        &self.elements
    }

    /// The slot of an element that has not expired.
    pub(super) fn slot(&self, name: &[u8]) -> Option<u32> {
        self.set.slot_in(&self.elements, name)
    }

    /// Makes a prepared slot, which bears `name`, the element of that name. `attribute` and
    /// `lifetime`: as in [`Put`](super::Put). True if the element is new.
    pub(super) fn put(
        &mut self,
        name: &[u8],
        slot: u32,
        attribute: Option<Stored<'_>>,
        lifetime: Lifetime,
    ) -> bool {
        let set = self.set;
        set.notes.note(name, &self.exclusive);
        let replaced = self.elements.insert(name, slot, &set.names);
        let old = replaced.filter(|&old| set.is_live(old));
        set.snapshots.settle(slot, &self.exclusive);
        let pin = pin();
        let before = old.and_then(|old| set.attributes.get(old, &pin));
        if let Some(attribute) = attribute.or(before) {
            set.attributes.set(slot, attribute, &self.exclusive);
        }
        if let (Some(entries), Some(old)) = (&set.set.entries, old) {
            entries.carry(old, slot, &pin, &self.exclusive);
        }
        let deadline = lifetime.deadline(old.and_then(|old| set.deadlines.get(old)));
        self.set_deadline(slot, deadline);
        set.uses.begin(slot, old, &set.now);
        let Some(replaced) = replaced else {
            self.index_fields(slot);
            set.vectors.publish(slot);
            return true;
        };
        self.keep_before_image(replaced);
        self.exchange(replaced, slot, || {
            set.vectors.publish(slot);
            set.vectors.kill(replaced);
        });
        self.leave(replaced);
        if old.is_none() {
            self.remove_aliases(name, replaced);
            set.figures.expired.add(1);
            self.lost.push(Lost { name: name.into(), cause: PartChange::Expired });
        } else if attribute.is_some() {
            self.describe_aliases(name, slot);
        }
        old.is_none()
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
        if let Some(entries) = &set.set.entries {
            entries.relocate(from, to, &pin, &self.exclusive);
        }
        self.set_deadline(to, set.deadlines.get(from));
        set.uses.relocate(from, to);
        self.exchange(from, to, || set.vectors.relocate(from, to));
        self.leave(from);
        true
    }

    /// Lowers the end of the set's slots to below free ones, some thousands at most. True if there
    /// were any. No snapshot is running, which would use the end that it has seen.
    pub(super) fn lower_end(&mut self) -> bool {
        self.set.vectors.graph().lower_end()
    }

    /// Takes an element out. False if there is none of this name, or if it has expired.
    pub(super) fn remove(&mut self, name: &[u8]) -> bool {
        self.slot(name).is_some() && self.remove_any(name)
    }

    /// Takes out an element that no request names, as it has expired or is evicted.
    pub(super) fn lose(&mut self, name: &[u8], cause: PartChange) {
        if self.take_out(name, cause == PartChange::Evicted) {
            self.lost.push(Lost { name: name.into(), cause });
        }
    }

    fn remove_any(&mut self, name: &[u8]) -> bool {
        self.take_out(name, false)
    }

    /// Takes out an element, and not its aliases, of a set that follows another: what has gone with
    /// the element there is noted there too, and may be back by now.
    pub(super) fn remove_alone(&mut self, name: &[u8]) -> bool {
        let slot = self.elements.remove(name, &self.set.names);
        slot.inspect(|&slot| self.vacate(name, slot)).is_some()
    }

    fn take_out(&mut self, name: &[u8], is_evicted: bool) -> bool {
        let Some(slot) = self.elements.remove(name, &self.set.names) else { return false };
        if let Some(entries) = &self.set.set.entries {
            entries.foresee_loss(&self.set, slot, name, is_evicted, &pin());
        }
        self.vacate(name, slot);
        self.remove_aliases(name, slot);
        true
    }

    /// The element of this name is in no slot any more.
    fn vacate(&self, name: &[u8], slot: u32) {
        self.set.notes.note(name, &self.exclusive);
        self.keep_before_image(slot);
        self.set.vectors.kill(slot);
        self.leave(slot);
    }

    /// The entry of this name has left its slot: its aliases go with it. No record names them: the
    /// entry is removed wherever that is read, too.
    fn remove_aliases(&mut self, name: &[u8], slot: u32) {
        let count = self.set.set.entries.as_ref().map_or(0, |entries| entries.aliases(slot));
        for alias in alias_names(name, count) {
            self.remove_any(&alias);
        }
    }

    /// What a dead slot had is freed, as far as no reader that met it before needs it: such a
    /// reader goes on reading the attribute, or finds none.
    fn leave(&self, slot: u32) {
        self.set.attributes.leave(slot, &self.exclusive);
        if let Some(entries) = &self.set.set.entries {
            entries.leave(slot, &self.exclusive);
        }
        self.set.fields.leave(slot, &self.exclusive);
        self.set.deadlines.remove(slot, &self.exclusive);
    }

    /// A slot whose element has expired, if there is one.
    pub(super) fn first_due(&self) -> Option<u32> {
        self.set.deadlines.first_due(self.set.now.expiry_ms, &self.exclusive)
    }

    /// Gives the element in a slot another lifetime.
    pub(super) fn set_lifetime(&mut self, slot: u32, lifetime: Lifetime) {
        let before = self.set.deadlines.get(slot);
        let deadline = lifetime.deadline(before);
        if deadline != before {
            self.begin_change(slot);
            self.set_deadline(slot, deadline);
        }
    }

    fn set_deadline(&self, slot: u32, at_ms: Option<i64>) {
        let end = self.set.vectors.graph().slots().end();
        self.set.deadlines.set(slot, at_ms, end, &self.exclusive);
    }

    /// Pins the element in a slot, or takes the pin away. True if that is a change.
    pub(super) fn set_pinned(&self, slot: u32, is_pinned: bool) -> bool {
        let is_change = self.set.uses.is_pinned(slot) != is_pinned;
        if is_change {
            self.begin_change(slot);
            self.set.uses.set_pinned(slot, is_pinned);
        }
        is_change
    }

    /// The element in a slot was written to.
    pub(super) fn mark_used(&self, slot: u32) {
        self.set.uses.mark(slot, &self.set.now);
    }

    /// Gives the element in a slot another attribute; empty removes it.
    pub(super) fn set_attribute(&mut self, slot: u32, attribute: Stored<'_>) {
        self.begin_change(slot);
        self.set.attributes.set(slot, attribute, &self.exclusive);
        self.index_fields(slot);
        self.describe_aliases(self.set.names.get(slot, &pin()), slot);
    }

    /// What is found by an alias is its entry, with a filter too: the aliases of the entry in a
    /// slot get its attribute.
    fn describe_aliases(&self, name: &[u8], slot: u32) {
        let count = self.set.set.entries.as_ref().map_or(0, |entries| entries.aliases(slot));
        let pin = pin();
        for alias in alias_names(name, count).filter_map(|alias| self.slot(&alias)) {
            let attribute = self.set.attributes.get(slot, &pin).unwrap_or(Stored::Plain(&[]));
            self.begin_change(alias);
            self.set.attributes.set(alias, attribute, &self.exclusive);
            self.index_fields(alias);
        }
    }

    /// Brings the indexes of fields up to the attribute that a slot has: before a search can see
    /// the slot, or together with the attribute.
    fn index_fields(&self, slot: u32) {
        if self.set.fields.exist() {
            let pin = pin();
            let attribute = self.set.attributes.get(slot, &pin).map(Stored::text);
            self.set.fields.update(slot, attribute.as_deref().unwrap_or_default(), &self.exclusive);
        }
    }

    /// Makes another slot that of an element, by `publish`. Lookups in indexes of fields are before
    /// it or after it, so that none has both slots, or neither.
    fn exchange(&self, old: u32, new: u32, publish: impl FnOnce()) {
        let set = self.set;
        let publish = || {
            set.updates.begin();
            publish();
            set.updates.end();
        };
        if !set.fields.exist() {
            return publish();
        }
        let pin = pin();
        let attribute = set.attributes.get(new, &pin).map(Stored::text);
        set.fields.exchange(old, new, attribute.as_deref().unwrap_or_default(), publish, &self.exclusive);
    }

    /// True if all elements have expired, and the set is not one that may be empty: its key is to
    /// be removed, with all that it has.
    pub(super) fn is_spent(&self) -> bool {
        let due = self.set.count_due();
        due > 0 && due == self.elements.len() && !self.set.options.may_be_empty
    }

    /// True if the set would have no element without these.
    pub(super) fn would_empty(&self, names: &[&[u8]]) -> bool {
        let len = self.elements.len();
        if names.len() < len {
            return false;
        }
        let mut slots: Vec<_> = names.iter().filter_map(|name| self.slot(name)).collect();
        slots.sort_unstable();
        slots.dedup();
        slots.len() == len
    }

    /// If no element is left, and it is not a set that may be empty: the key goes with this change.
    /// What comes next, here and where the record is read, is another set.
    pub(super) fn unbind_if_spent(&mut self) -> bool {
        let is_spent = self.elements.len() == 0 && !self.set.options.may_be_empty;
        if is_spent {
            self.unbind();
        }
        is_spent
    }

    /// The key stops meaning this set: writers under way look it up again.
    pub(super) fn unbind(&mut self) {
        self.set.unbound.fetch_add(1, Ordering::Release);
    }

    /// Something was changed: counts and records it, then unlocks.
    ///
    /// Lost elements that the change has added again are recorded before it, the others behind it:
    /// where the records are read, a set that is empty in between would lose its key, and with that
    /// its deadline and limits.
    pub(super) fn finish(self, record: Record) {
        self.finish_parts(record, []);
    }

    /// The same; what was done to which elements is reported, behind the elements that were lost.
    pub(super) fn finish_parts<const N: usize>(mut self, record: Record, parts: [(PartChange, &[&[u8]]); N]) {
        self.count();
        self.report_lost(&record);
        for (change, names) in parts {
            record.report(change, names.iter().copied());
        }
        let (elements, names) = (&self.elements, &self.set.names);
        let is_back = |lost: &mut Lost| elements.slot(&lost.name, names).is_some();
        let back: Vec<_> = self.lost.extract_if(.., is_back).collect();
        record.note_lost(&back);
        record.commit_and_lose(&self.lost);
    }

    /// Nothing was changed but that elements were lost: records that, then unlocks.
    pub(super) fn finish_losses(self, record: Record) {
        self.count();
        self.report_lost(&record);
        record.note_lost(&self.lost);
        record.commit_losses();
    }

    fn report_lost(&self, record: &Record) {
        for cause in [PartChange::Expired, PartChange::Evicted] {
            let names = self.lost.iter().filter(|lost| lost.cause == cause).map(|lost| &*lost.name);
            record.report(cause, names);
        }
    }

    fn count(&self) {
        self.set.changes.fetch_add(1, Ordering::Relaxed);
        if let Some(passage) = &self.passage {
            self.set.report_before_images(passage.journal());
        }
    }

    /// The set takes part in the snapshot of this cut, if it has not begun to.
    pub(super) fn notice_cut(&self, cut: u64) {
        self.set.begin_snapshot(cut, self.elements.len(), &self.exclusive);
    }

    /// Before the element in this slot is changed, and stays.
    pub(super) fn begin_change(&self, slot: u32) {
        self.keep_before_image(slot);
        if self.set.notes.any() {
            self.set.notes.note(self.set.names.get(slot, &pin()), &self.exclusive);
        }
    }

    /// Before the element in this slot is changed or removed: copies it for snapshots that have not
    /// read it.
    pub(super) fn keep_before_image(&self, slot: u32) {
        self.set.keep_before_image(slot, &self.exclusive);
    }
}

/// For tests of parts that change under the lock of a set, without a set.
#[cfg(test)]
pub(super) fn exclusive_for_tests() -> Exclusive {
    Exclusive(())
}
