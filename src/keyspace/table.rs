//! The entries of one shard: by hash, by position, by deadline. No locks here.

use std::sync::Arc;

use super::entry::Entry;
use super::expiry::{Deadline, Deadlines};
use super::hash::{Hash, PackedLimits};
use super::hash_index::HashIndex;
use super::slab::Slab;
use super::snapshot::{Batch, Progress, State};
use super::string::TextEdit;
use super::value::{Large, Value, ValueRef, WrongType};
use crate::vector_set::VectorSet;

/// A map from keys to values that also knows which of them end.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Positions in the slab. Their hashes are in the entries, which a lookup needs anyway.
    index: HashIndex,
    slab: Slab,
    deadlines: Deadlines,
    /// For each hash of which fields end, when the next one does.
    field_deadlines: Deadlines,
    /// How many values are vector sets; none is the common answer, and spares a walk.
    sets: usize,
    snapshot: State,
}

impl Table {
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

    pub(super) fn entry(&self, id: u32) -> &Entry {
        self.slab.get(id)
    }

    /// Where a key is, whether it has ended or not.
    pub(super) fn find(&self, hash: u64, key: &[u8]) -> Option<u32> {
        let hash = hash as u32;
        self.index.find(hash, |id| {
            let entry = self.slab.get(id);
            entry.hash() == hash && entry.key() == key
        })
    }

    /// First of three steps that ask for what a lookup of this hash reads: the place in the index, ...
    pub(super) fn prefetch_index(&self, hash: u64) {
        self.index.prefetch(hash as u32);
    }

    /// ... the entry that this leads to, ...
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

    /// The entry of a key that is still there for a reader.
    pub(super) fn find_live(&self, hash: u64, key: &[u8], now_ms: i64) -> Option<&Entry> {
        let entry = self.slab.get(self.find(hash, key)?);
        entry.is_live(now_ms).then_some(entry)
    }

    /// Adds an entry whose key is not in the table.
    pub(super) fn insert(&mut self, hash: u64, mut entry: Entry) {
        let hash = hash as u32;
        entry.set_hash(hash);
        self.sets += usize::from(is_set(entry.value()));
        let (deadline, of_fields) = (entry.deadline(), entry.next_field_deadline());
        let id = self.slab.insert(entry);
        self.snapshot.settle(id);
        self.index.insert(hash, id, |id| self.slab.get(id).hash());
        self.deadlines.add(deadline, id);
        self.field_deadlines.add(of_fields, id);
    }

    /// Gives a key another value, and returns what was large of the one it had; a set is unbound.
    pub(super) fn replace(&mut self, id: u32, value: Value) -> Option<Large> {
        let entry = self.slab.get_mut(id);
        self.sets -= usize::from(is_set(entry.value()));
        entry.value().unbind();
        let of_fields = entry.next_field_deadline();
        let old = entry.set_value(value);
        self.sets += usize::from(is_set(entry.value()));
        self.note_fields(id, of_fields);
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
        let outcome = entry.edit_hash(limits, now_ms, edit);
        self.note_fields(id, of_fields);
        outcome
    }

    /// Changes the text of a key, if it is one.
    pub(super) fn edit_string<R>(
        &mut self,
        id: u32,
        edit: impl FnOnce(&mut TextEdit<'_>) -> R,
    ) -> Result<R, WrongType> {
        self.slab.get_mut(id).edit_string(edit)
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

    /// The one door out: takes a key away, whatever the cause, and unbinds its set.
    pub(super) fn take(&mut self, hash: u64, id: u32) -> Entry {
        self.index.remove(hash as u32, id, |id| self.slab.get(id).hash());
        let entry = self.slab.remove(id);
        self.deadlines.remove(entry.deadline(), id);
        self.field_deadlines.remove(entry.next_field_deadline(), id);
        self.sets -= usize::from(is_set(entry.value()));
        entry.value().unbind();
        entry
    }

    /// Unbinds all sets: their keys are about to mean something else, or nothing.
    pub(super) fn unbind_all(&self) {
        self.vector_sets().for_each(|set| set.unbind());
    }

    /// The sets among the values.
    pub(super) fn vector_sets(&self) -> impl Iterator<Item = &Arc<VectorSet>> {
        let sets = self.slab.entries().filter_map(|entry| entry.value().as_vector_set().ok());
        sets.take(self.sets)
    }

    /// All entries, given away.
    pub(super) fn into_entries(self) -> impl Iterator<Item = Entry> {
        self.slab.into_entries()
    }

    /// Hears of a cut, before anything is changed after it, as a table of this database.
    pub(super) fn begin_snapshot(&mut self, cut: u64, db: usize) {
        self.snapshot.begin(cut, db, &self.slab);
    }

    /// Nothing is wanted any more of what was there at the cut.
    pub(super) fn end_snapshot(&mut self, cut: u64) {
        self.snapshot.end(cut);
    }

    /// Passes what is wanted of the next entries on, to be copied for the snapshot of a cut.
    pub(super) fn walk_snapshot(
        &self,
        cut: u64,
        batch: Batch,
        take: &mut impl FnMut(usize, &Entry),
    ) -> Progress {
        self.snapshot.walk(cut, &self.slab, batch, take)
    }

    /// True if the snapshot of a cut wants to have what is at this position before it is changed. Asked once.
    pub(super) fn is_wanted(&mut self, cut: u64, id: u32) -> bool {
        self.snapshot.wants(cut, id)
    }

    /// The number that its database had at the cut that it heard of last.
    pub(super) fn snapshot_db(&self) -> usize {
        self.snapshot.db()
    }

    /// Removes all entries, and gives back what was there.
    pub(super) fn clear(&mut self, cut: u64) -> Self {
        std::mem::replace(self, Self { snapshot: State::born_after(cut), ..Self::default() })
    }

    /// True if the snapshot of a cut wants some of what is there.
    pub(super) fn has_wanted(&self, cut: u64) -> bool {
        !self.snapshot.is_done(cut)
    }

    /// The next field of this key ended at `before`, until it was changed.
    fn note_fields(&mut self, id: u32, before: Deadline) {
        let now = self.slab.get(id).next_field_deadline();
        if now != before {
            self.field_deadlines.remove(before, id);
            self.field_deadlines.add(now, id);
        }
    }

    /// Unbinds the set of a key, if it means one: somebody is about to change it, whom its writers cannot see.
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
        let (hasher, mut table) = (RandomState::new(), Table::default());
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
