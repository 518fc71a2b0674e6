//! The entries of one shard: by hash, by position, by deadline. No locks here.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::entry::Entry;
use super::expiry::{Deadline, Deadlines};
use super::hash::{Hash, PackedLimits};
use super::hash_index::HashIndex;
use super::slab::Slab;
use super::snapshot::{Batch, Progress, State};
use super::string::TextEdit;
use super::value::{Large, Value, ValueRef, WrongType};
use crate::compressed::Savings;
use crate::memory::Category;
use crate::vector_set::VectorSet;

/// A map from keys to values, with the deadlines of those that have one.
#[derive(Debug)]
pub(super) struct Table {
    /// Positions in the slab. Their hashes are in the entries, which a lookup reads anyway.
    index: HashIndex,
    slab: Slab,
    deadlines: Deadlines,
    /// For each hash with deadlines of fields, the first of them.
    field_deadlines: Deadlines,
    /// Positions of blessed keys.
    blessed: BTreeSet<u32>,
    /// The positions of vector sets: they are few, and are visited without a walk over all entries.
    sets: BTreeSet<u32>,
    /// What compression saves in strings and hashes.
    savings: Savings,
    snapshot: State,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            index: HashIndex::new(Category::Keys),
            slab: Slab::default(),
            deadlines: Deadlines::default(),
            field_deadlines: Deadlines::default(),
            blessed: BTreeSet::new(),
            sets: BTreeSet::new(),
            savings: Savings::default(),
            snapshot: State::default(),
        }
    }
}

impl Table {
    /// Bytes of the index and of the slots.
    pub(super) fn heap_bytes(&self) -> usize {
        self.index.heap_bytes() + self.slab.heap_bytes()
    }

    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    pub(super) fn slab(&self) -> &Slab {
        &self.slab
    }

    pub(super) fn deadlines(&self) -> &Deadlines {
        &self.deadlines
    }

    pub(super) fn field_deadlines(&self) -> &Deadlines {
        &self.field_deadlines
    }

    /// Positions of blessed keys.
    pub(super) fn blessed(&self) -> &BTreeSet<u32> {
        &self.blessed
    }

    /// What compression saves in strings and hashes; sets count their own.
    pub(super) fn savings(&self) -> Savings {
        self.savings
    }

    pub(super) fn entry(&self, id: u32) -> &Entry {
        self.slab.get(id)
    }

    /// Where a key is, expired or not.
    pub(super) fn find(&self, hash: u64, key: &[u8]) -> Option<u32> {
        let hash = hash as u32;
        self.index.find(hash, |id| {
            let entry = self.slab.get(id);
            entry.hash() == hash && entry.key() == key
        })
    }

    /// First of three steps that prefetch what a lookup of this hash reads: the bucket of the
    /// index, ...
    pub(super) fn prefetch_index(&self, hash: u64) {
        self.index.prefetch(hash as u32);
    }

    /// ... the entry that the bucket points to, ...
    pub(super) fn prefetch_entry(&self, hash: u64) {
        if let Some(position) = self.index.guess(hash as u32) {
            self.slab.prefetch(position);
        }
    }

    /// ... and the block of the entry.
    pub(super) fn prefetch_block(&self, hash: u64) {
        if let Some(position) = self.index.guess(hash as u32) {
            self.slab.get(position).prefetch();
        }
    }

    /// The entry of a key that has not expired.
    pub(super) fn find_live(&self, hash: u64, key: &[u8], now_ms: i64) -> Option<&Entry> {
        let entry = self.slab.get(self.find(hash, key)?);
        entry.is_live(now_ms).then_some(entry)
    }

    /// Adds an entry whose key is not in the table.
    pub(super) fn insert(&mut self, hash: u64, mut entry: Entry) {
        let hash = hash as u32;
        entry.set_hash(hash);
        let is_set = is_set(entry.value());
        self.savings += entry.savings();
        let deadline = entry.deadline();
        let of_fields = entry.next_field_deadline();
        let is_blessed = entry.is_blessed();
        let id = self.slab.insert(entry);
        self.note_set(id, is_set);
        if is_blessed {
            self.blessed.insert(id);
        }
        self.snapshot.settle(id);
        self.index.insert(hash, id, |id| self.slab.get(id).hash());
        self.deadlines.add(deadline, id);
        self.field_deadlines.add(of_fields, id);
    }

    /// Gives a key another value, and returns the large part of the old one; a set is unbound.
    pub(super) fn replace(&mut self, id: u32, value: Value) -> Option<Large> {
        let entry = self.slab.get_mut(id);
        entry.value().unbind();
        let of_fields = entry.next_field_deadline();
        self.savings -= entry.savings();
        let old = entry.set_value(value);
        self.savings += entry.savings();
        let is_set = is_set(entry.value());
        self.note_set(id, is_set);
        self.update_field_deadline(id, of_fields);
        old
    }

    /// Changes the hash of a key, if it is one.
    pub(super) fn edit_hash<R>(
        &mut self,
        id: u32,
        limits: PackedLimits,
        now_ms: i64,
        edit: impl FnOnce(&mut Hash) -> R,
    ) -> Result<R, WrongType> {
        let entry = self.slab.get_mut(id);
        let of_fields = entry.next_field_deadline();
        self.savings -= entry.savings();
        let outcome = entry.edit_hash(limits, now_ms, edit);
        self.savings += entry.savings();
        self.update_field_deadline(id, of_fields);
        outcome
    }

    /// Changes the text of a key, if it is one.
    pub(super) fn edit_string<R>(
        &mut self,
        id: u32,
        edit: impl FnOnce(&mut TextEdit<'_>) -> R,
    ) -> Result<R, WrongType> {
        let entry = self.slab.get_mut(id);
        self.savings -= entry.savings();
        let outcome = entry.edit_string(edit);
        self.savings += entry.savings();
        outcome
    }

    /// Gives a key another deadline.
    pub(super) fn set_deadline(&mut self, id: u32, deadline: Deadline) {
        let entry = self.slab.get_mut(id);
        let old = entry.deadline();
        if old == deadline {
            return;
        }
        entry.set_deadline(deadline);
        self.deadlines.remove(old, id);
        self.deadlines.add(deadline, id);
    }

    /// Blesses a key, or ends its blessing.
    pub(super) fn set_blessed(&mut self, id: u32, is_blessed: bool) {
        self.slab.get_mut(id).set_blessed(is_blessed);
        if is_blessed {
            self.blessed.insert(id);
        } else {
            self.blessed.remove(&id);
        }
    }

    /// Removes a key, and unbinds its set. All removals of single keys go through here.
    pub(super) fn take(&mut self, hash: u64, id: u32) -> Entry {
        self.index.remove(hash as u32, id, |id| self.slab.get(id).hash());
        let entry = self.slab.remove(id);
        if entry.is_blessed() {
            self.blessed.remove(&id);
        }
        self.deadlines.remove(entry.deadline(), id);
        self.field_deadlines.remove(entry.next_field_deadline(), id);
        self.sets.remove(&id);
        self.savings -= entry.savings();
        entry.value().unbind();
        entry
    }

    /// Unbinds all sets: their keys are about to be removed or to get other values.
    pub(super) fn unbind_all(&self) {
        self.vector_sets().for_each(|set| set.unbind());
    }

    /// The sets among the values.
    pub(super) fn vector_sets(&self) -> impl Iterator<Item = &Arc<VectorSet>> {
        self.sets(0).map(|(_, _, set)| set)
    }

    /// The sets at this position and behind it, with their positions and entries.
    pub(super) fn sets(&self, first: u32) -> impl Iterator<Item = (u32, &Entry, &Arc<VectorSet>)> {
        self.sets.range(first..).filter_map(|&id| {
            let entry = self.slab.get(id);
            entry.value().as_vector_set().ok().map(|set| (id, entry, set))
        })
    }

    /// All entries, by value.
    pub(super) fn into_entries(self) -> impl Iterator<Item = Entry> {
        self.slab.into_entries()
    }

    /// Called when a snapshot begins, before the first change after its cut. `db` is the database
    /// of the table.
    pub(super) fn begin_snapshot(&mut self, cut: u64, db: usize) {
        self.snapshot.begin(cut, db, &self.slab);
    }

    /// Marks the table as read to its end for the snapshot of a cut.
    pub(super) fn end_snapshot(&mut self, cut: u64) {
        self.snapshot.end(cut);
    }

    /// Calls `take` with the pending entries of the next positions, to copy them for the snapshot
    /// of a cut.
    pub(super) fn walk_snapshot(
        &self,
        cut: u64,
        batch: Batch,
        take: &mut impl FnMut(usize, &Entry),
    ) -> Progress {
        self.snapshot.walk(cut, &self.slab, batch, take)
    }

    /// True if this position is pending for the snapshot of a cut. It is settled by this call: the
    /// caller keeps its before-image.
    pub(super) fn settle_pending(&mut self, cut: u64, id: u32) -> bool {
        self.snapshot.settle_pending(cut, id)
    }

    /// The number that its database had at the cut for which it last began.
    pub(super) fn snapshot_db(&self) -> usize {
        self.snapshot.db()
    }

    /// Removes all entries, and returns them as a table.
    pub(super) fn clear(&mut self, cut: u64) -> Self {
        std::mem::replace(self, Self { snapshot: State::created_after(cut), ..Self::default() })
    }

    /// True if the table may have pending entries for the snapshot of a cut.
    pub(super) fn has_pending(&self, cut: u64) -> bool {
        !self.snapshot.is_done(cut)
    }

    /// Called when a position gets a value.
    fn note_set(&mut self, id: u32, is_set: bool) {
        if is_set {
            self.sets.insert(id);
        } else if !self.sets.is_empty() {
            self.sets.remove(&id);
        }
    }

    /// Called after a change of this key. `before` is the first deadline of its fields before the
    /// change.
    fn update_field_deadline(&mut self, id: u32, before: Deadline) {
        let now = self.slab.get(id).next_field_deadline();
        if now != before {
            self.field_deadlines.remove(before, id);
            self.field_deadlines.add(now, id);
        }
    }

    /// Unbinds the set of a key, if it has one: a transaction is about to use it, which the writers
    /// of the set do not see by its lock.
    pub(super) fn unbind(&self, hash: u64, key: &[u8]) {
        if let Some(id) = self.find(hash, key) {
            self.slab.get(id).value().unbind();
        }
    }
}

fn is_set(value: ValueRef<'_>) -> bool {
    value.as_vector_set().is_ok()
}

#[cfg(test)]
mod tests {
    use ahash::RandomState;

    use super::*;
    use crate::keyspace::StringValue;

    fn insert(table: &mut Table, hasher: &RandomState, key: &[u8], deadline: Deadline) -> u64 {
        let hash = hasher.hash_one(key);
        let value = Value::String(StringValue::new(key));
        table.insert(hash, Entry::new(key, value, deadline, 0));
        hash
    }

    #[test]
    fn entries_are_found_until_taken() {
        let hasher = RandomState::new();
        let mut table = Table::default();
        let hash = insert(&mut table, &hasher, b"k", Deadline::at(5));
        assert!(table.find_live(hash, b"k", 5).is_some());
        assert!(table.find_live(hash, b"k", 6).is_none());
        let id = table.find(hash, b"k").unwrap();
        table.set_deadline(id, Deadline::NEVER);
        assert!(table.find_live(hash, b"k", 6).is_some());
        assert_eq!(table.deadlines().len(), 0);
        assert_eq!(table.take(hash, id).key(), b"k");
        assert_eq!(table.find(hash, b"k"), None);
        assert_eq!(table.len(), 0);
    }
}
