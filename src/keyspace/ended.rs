//! Keys and fields that a reading command found to have ended: they are removed behind it.
//!
//! A reader holds a read lock, so it cannot remove what it meets. The key is noted for its thread,
//! and removed when the command is over and its locks are released. Without this, a key stays until
//! the expiry cycle comes to it, which is off for tests, and `INFO` does not count what was met.

use std::cell::{Cell, RefCell};

use super::entry::Entry;
use super::shard::shard_of;
use super::table::Table;
use super::{Attention, Keyspace};

/// Keys noted for one command at most; more of them are left to the expiry cycle.
const MOST: usize = 1024;

thread_local! {
    static MET: RefCell<Vec<(usize, Box<[u8]>)>> = const { RefCell::new(Vec::new()) };
    /// True if a look at a hash met a field that has ended.
    static MET_FIELD: Cell<bool> = const { Cell::new(false) };
}

/// The entry of a key that is there for a reader at `now_ms`. One that has ended is noted.
pub(super) fn find<'t>(
    table: &'t Table,
    db: usize,
    (hash, key): (u64, &[u8]),
    now_ms: i64,
    attention: Attention,
) -> Option<&'t Entry> {
    let entry = table.entry(table.find(hash, key)?);
    let is_live = entry.is_live(now_ms);
    if !is_live && attention != Attention::None {
        note(db, key);
    }
    is_live.then_some(entry)
}

/// A key of this database has ended, or a field of its hash has.
#[cold]
pub(super) fn note(db: usize, key: &[u8]) {
    MET.with_borrow_mut(|met| {
        if met.len() < MOST {
            met.push((db, key.into()));
        }
    });
}

/// What `look` says of a hash. If it meets a field that has ended, the key is noted.
pub(super) fn noting_fields<R>(db: usize, entry: &Entry, now_ms: i64, look: impl FnOnce() -> R) -> R {
    if !entry.next_field_deadline().is_past(now_ms) {
        return look();
    }
    MET_FIELD.set(false);
    let outcome = look();
    if MET_FIELD.take() {
        note(db, entry.key());
    }
    outcome
}

/// A field that is looked for has ended.
#[cold]
pub(super) fn meet_field() {
    MET_FIELD.set(true);
}

impl Keyspace {
    /// True if the calling thread has met keys that have ended, or fields.
    pub fn has_met_ended(&self) -> bool {
        MET.with_borrow(|met| !met.is_empty())
    }

    /// Removes what the calling thread has met, or forgets it if `may_remove` is false. No lock may
    /// be held. What is reserved for a transaction is left to the expiry cycle: this thread does
    /// not wait for that.
    pub fn settle_ended(&self, may_remove: bool) {
        let met = MET.take();
        for (db, key) in met.into_iter().filter(|_| may_remove) {
            let db = self.db(db);
            if !db.shards[shard_of(self.common.hash(&key))].mark.is_set() {
                // The look removes it.
                db.exclusive(&[&key]).contains(&key);
            }
        }
    }
}
