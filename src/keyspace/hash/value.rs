//! Hashes as values of keys.

use super::{Hash, HashForm, HashRef, StoredTable};
use crate::compressed::Savings;
use crate::keyspace::entry::{Kind, Layout};
use crate::keyspace::value::{Allocated, Large, Owned, Value, ValueRef, Viewed};

/// A moment at which nothing has expired.
const EARLIEST_MS: i64 = i64::MIN;

impl Hash {
    /// Calls `put` with the layout of the hash in an entry.
    pub(in crate::keyspace) fn store<R>(self, put: impl FnOnce(Layout<'_>) -> R) -> R {
        match self.form {
            HashForm::Packed(packed) => put(Layout::Bytes(Kind::PackedHash, packed.as_bytes())),
            HashForm::Table(table) => put(Layout::Large(Large::Hash(StoredTable::new(table)))),
        }
    }
}

impl Owned for Box<Hash> {
    fn value_ref(&self) -> ValueRef<'_> {
        ValueRef::Hash(self.by_ref())
    }

    fn store<R>(self, put: impl FnOnce(Layout<'_>) -> R) -> R {
        (*self).store(put)
    }
}

impl Viewed for HashRef<'_> {
    const NAME: &'static str = "hash";
    const SIZES: &'static str = "hashes_items";
    const NUMBER: u32 = 4;

    fn encoding(self, _key_len: usize) -> &'static str {
        self.view(EARLIEST_MS).encoding()
    }

    fn size(self, now_ms: i64) -> usize {
        self.view(now_ms).len()
    }

    fn copied(self) -> Value {
        Value::Hash(Box::new(self.to_hash()))
    }
}

impl Allocated for StoredTable {
    fn value_ref(&self) -> ValueRef<'_> {
        ValueRef::Hash(self.by_ref())
    }

    fn into_value(self) -> Value {
        Value::Hash(Box::new(self.into_hash()))
    }

    fn heap_bytes(&self) -> usize {
        StoredTable::heap_bytes(self)
    }

    fn savings(&self) -> Savings {
        StoredTable::savings(self)
    }

    fn is_counted_elsewhere(&self) -> bool {
        self.is_frozen_for_snapshots()
    }
}
