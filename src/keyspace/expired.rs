//! Keys and fields that a reading command found expired: they are removed after it.
//!
//! A reader holds a read lock, so it cannot remove what it finds. The key is noted, and removed
//! when the command has ended and its locks are released. Without this, a key stays until the
//! expiry cycle reaches it, which is off in tests, and `INFO` does not count it.
//!
//! Lookups that find no key are noted in the same list, if there are events for them: these are
//! published behind those of the keys that were found expired before.

use std::cell::Cell;

use parking_lot::Mutex;

use super::entry::Entry;
use super::events::event;
use super::hash::HashView;
use super::shard::shard_of;
use super::table::Table;
use super::{Accounting, Keyspace, View};

/// The most keys that are noted for one command. More of them are left to the expiry cycle, and
/// events of lookups that find nothing are published at once.
const MAX_NOTED: usize = 1024;

/// Keys that a command found expired, and those that it did not find, if there are events for that.
/// The lock is never contended: it is there so that a [`View`] can be shared.
#[derive(Debug, Default)]
pub struct ExpiredKeys(Mutex<Vec<Noted>>);

/// A key, and what a lookup has found.
#[derive(Debug)]
struct Noted {
    db: usize,
    key: Box<[u8]>,
    has_expired: bool,
    /// An event is to say that there is no such key.
    is_missed: bool,
}

impl ExpiredKeys {
    /// True if there are none.
    pub fn is_empty(&mut self) -> bool {
        self.0.get_mut().is_empty()
    }

    /// False if there is no room.
    #[cold]
    fn note(&self, db: usize, key: &[u8], has_expired: bool, is_missed: bool) -> bool {
        let mut keys = self.0.lock();
        let has_room = keys.len() < MAX_NOTED;
        if has_room {
            keys.push(Noted { db, key: key.into(), has_expired, is_missed });
        }
        has_room
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
        let entry = table.find(hash, key).map(|id| table.entry(id));
        let live = entry.filter(|entry| entry.is_live(now_ms));
        if live.is_none() && accounting != Accounting::None {
            // A hash or set whose parts have expired was there.
            let is_missed = entry.is_none_or(|entry| entry.deadline().is_past(now_ms))
                && accounting.is_counted()
                && accounting != Accounting::CountedSilently;
            self.note_missing(key, entry.is_some(), is_missed);
        }
        live
    }

    /// A key has expired, or a field of its hash has.
    pub(super) fn note_expired(&self, key: &[u8]) {
        if let Some(expired) = self.access.expired {
            expired.note(self.number, key, true, false);
        }
    }

    /// A lookup of a command has found no key.
    fn note_missing(&self, key: &[u8], has_expired: bool, is_missed: bool) {
        let Some(expired) = self.access.expired else { return };
        let is_missed = is_missed && self.wants(event::KEYMISS);
        if !has_expired && !is_missed {
            return;
        }
        let is_noted = expired.note(self.number, key, has_expired, is_missed);
        if is_missed && !is_noted {
            self.notify_miss(key);
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
    /// Removes the keys that a command found expired, unless `may_remove` is false, publishes which
    /// ones it did not find, and clears the list. No lock may be held. Keys in shards that are
    /// reserved for a transaction of another thread are left to the expiry cycle, so that this
    /// thread does not wait.
    pub fn remove_expired(&self, expired: &mut ExpiredKeys, may_remove: bool) {
        for Noted { db, key, has_expired, is_missed } in std::mem::take(expired.0.get_mut()) {
            let db = self.db(db);
            let reservation = &db.shards[shard_of(self.common.hash(&key))].reservation;
            let is_reserved = reservation.is_set() && !reservation.is_of_this_thread();
            if has_expired && may_remove && !is_reserved {
                // The lookup removes it.
                db.exclusive(&[&key]).contains(&key);
            }
            if is_missed {
                db.notify_miss(&key);
            }
        }
    }
}
