//! The table of a hash as it is in an entry: one pointer.

use std::sync::Arc;

use super::frozen::FrozenFields;
use super::table::FieldTable;
use super::{Fields, Hash, HashForm, HashRef, Packed, PackedLimits};
use crate::arena::Visited;
use crate::compressed::Savings;
use crate::journal::Journal;

/// Smaller tables are copied for a snapshot: that is faster than the protocol of two threads.
const MIN_FROZEN_BYTES: usize = if cfg!(test) { 600 } else { 16 * 1024 };

/// The table; none during an edit.
#[derive(Clone, Debug)]
pub(in crate::keyspace) struct StoredTable(Option<Visited<FieldTable>>);

impl StoredTable {
    pub(in crate::keyspace) fn new(table: Visited<FieldTable>) -> Self {
        Self(Some(table))
    }

    pub(in crate::keyspace) fn by_ref(&self) -> HashRef<'_> {
        HashRef(Fields::Table(self.table()))
    }

    /// Runs `edit` on the table as the hash that it is at this moment.
    pub(in crate::keyspace) fn edit<R>(
        &mut self,
        limits: PackedLimits,
        now_ms: i64,
        edit: impl FnOnce(&mut Hash) -> R,
    ) -> R {
        let form = HashForm::Table(self.0.take().expect(PRESENT));
        let mut guard = EditGuard { hash: Hash { form, limits, now_ms, replaced: Vec::new() }, place: self };
        edit(&mut guard.hash)
    }

    pub(in crate::keyspace) fn into_hash(self) -> Hash {
        Hash { form: HashForm::Table(self.0.expect(PRESENT)), ..Hash::new() }
    }

    pub(in crate::keyspace) fn heap_bytes(&self) -> usize {
        self.table().heap_bytes()
    }

    /// What compression of the values saves.
    pub(in crate::keyspace) fn savings(&self) -> Savings {
        self.table().savings()
    }

    /// True if a snapshot [`freeze`](Self::freeze)s its fields instead of copying it.
    pub(in crate::keyspace) fn is_frozen_for_snapshots(&self) -> bool {
        self.heap_bytes() >= MIN_FROZEN_BYTES
    }

    /// The fields as they are now, for a snapshot.
    pub(in crate::keyspace) fn freeze(&self, journal: &Arc<Journal>) -> FrozenFields {
        FrozenFields::of(self.0.as_ref().expect(PRESENT).visitor(), journal)
    }

    fn table(&self) -> &FieldTable {
        self.0.as_ref().expect(PRESENT)
    }
}

const PRESENT: &str = "the table is put back at the end of an edit";

/// The table during an edit. It is put back on drop, also if the edit panics.
struct EditGuard<'s> {
    hash: Hash,
    place: &'s mut StoredTable,
}

impl Drop for EditGuard<'_> {
    fn drop(&mut self) {
        let form = std::mem::replace(&mut self.hash.form, HashForm::Packed(Packed::new()));
        if let HashForm::Table(table) = form {
            self.place.0 = Some(table);
        }
    }
}
