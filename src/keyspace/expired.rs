//! Keys and fields that a reading command found expired: they are removed after it.
//!
//! A reader holds a read lock, so it cannot remove what it finds. The key is noted, and removed
//! when the command has ended and its locks are released. Without this, a key stays until the
//! expiry cycle reaches it, which is off in tests, and `INFO` does not count it.

use std::cell::Cell;

use parking_lot::Mutex;

use super::entry::Entry;
use super::hash::HashView;
use super::shard::shard_of;
use super::table::Table;
use super::{Accounting, Keyspace, View};

/// The most keys that are noted for one command; more of them are left to the expiry cycle.
const MAX_NOTED: usize = 1024;

/// Keys that a command found expired, with the numbers of their databases. The lock is never
/// contended: it is there so that a [`View`] can be shared.
#[derive(Debug, Default)]
pub struct ExpiredKeys(Mutex<Vec<(usize, Box<[u8]>)>>);

impl ExpiredKeys {
    /// True if there are none.
    pub fn is_empty(&mut self) -> bool {
        self.0.get_mut().is_empty()
    }

    #[cold]
    fn note(&self, db: usize, key: &[u8]) {
        let mut keys = self.0.lock();
        if keys.len() < MAX_NOTED {
            keys.push((db, key.into()));
        }
    }
}

impl View<'_> {
    /// The entry of a key, unless it has expired at `now_ms`; then it is noted.
    pub(super) fn find<'t>(
        &self,
        table: &'t Table,
        (hash, key): (u64, &[u8]),
        now_ms: i64,
        accounting: Accounting,
    ) -> Option<&'t Entry> {
        let entry = table.entry(table.find(hash, key)?);
        let is_live = entry.is_live(now_ms);
        if !is_live && accounting.is_counted() {
            self.note_expired(key);
        }
        is_live.then_some(entry)
    }

    /// A key has expired, or a field of its hash has.
    pub(super) fn note_expired(&self, key: &[u8]) {
        if let Some(expired) = self.access.expired {
            expired.note(self.number, key);
        }
    }

    /// The result of `look` for a hash. If it looks for a field that has expired, the key is noted.
    pub(super) fn look_at_hash<R>(
        &self,
        (entry, hash): (&Entry, HashView<'_>),
        now_ms: i64,
        look: impl FnOnce(HashView<'_>) -> R,
    ) -> R {
        if !entry.next_field_deadline().is_past(now_ms) {
            return look(hash);
        }
        let met_expired = Cell::new(false);
        let outcome = look(hash.noting(&met_expired));
        if met_expired.get() {
            self.note_expired(entry.key());
        }
        outcome
    }
}

impl Keyspace {
    /// Removes the keys that a command found expired, or only clears the list if `may_remove` is
    /// false. No lock may be held. Keys in shards that are reserved for a transaction are left to
    /// the expiry cycle, so that this thread does not wait.
    pub fn remove_expired(&self, expired: &mut ExpiredKeys, may_remove: bool) {
        let keys = std::mem::take(expired.0.get_mut());
        for (db, key) in keys.into_iter().filter(|_| may_remove) {
            let db = self.db(db);
            if !db.shards[shard_of(self.common.hash(&key))].reservation.is_set() {
                // The lookup removes it.
                db.exclusive(&[&key]).contains(&key);
            }
        }
    }
}
