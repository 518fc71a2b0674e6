//! Keys that clients watch for changes: WATCH.
//!
//! A client's watches share one flag. Each [`Watch`] registers it for its key in the key's shard,
//! where every change of the key under the shard's write lock raises it: [`super::Exclusive`] calls
//! it where it calls [observers](super::observers). So the flag is raised before another thread
//! sees the change. Two changes happen elsewhere, and are found by comparison: a key expires, and a
//! vector set is changed under its own lock. The removal of a key that had expired before it was
//! watched is no change.
//!
//! Watches are not observers: their flags are in the shards, so that writers of different shards
//! share no memory while there are watches.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use smallvec::SmallVec;

use super::Keyspace;
use super::entry::Entry;
use super::expiry::Deadline;
use super::observers::Change;
use super::shard::{Shard, shard_of};
use super::table::Table;
use super::value::ValueRef;
use crate::vector_set::VectorSet;

/// The flags that are registered for keys of one shard.
///
/// It has a lock of its own, innermost of all and held for a moment only, so that the end of a
/// watch does not wait for the shard.
#[derive(Debug, Default)]
pub(super) struct Watched {
    /// How many watches there are. While it is 0, a change reads nothing else. Raised under the
    /// shard's lock, which orders it with changes.
    count: AtomicUsize,
    keys: Mutex<BTreeMap<Box<[u8]>, Watchers>>,
}

type Watchers = SmallVec<[Watcher; 1]>;

/// One client's flag at one key.
#[derive(Debug)]
struct Watcher {
    flag: Arc<AtomicBool>,
    /// True if the key existed when the watch began, and had not expired. Until the flag is raised,
    /// such a key still exists or has expired since; and a key that did not exist still does not.
    saw_key: bool,
}

impl Watched {
    /// Raises the flags of a key that changes. The removal of an expired key is no change for a
    /// watch that began when the key had expired already.
    pub(super) fn note(&self, key: &[u8], change: Change) {
        if self.has_any() {
            self.raise(key, |watcher| watcher.saw_key || change != Change::Expired);
        }
    }

    /// Raises the flags of all keys when all are removed; keys for which `will_exist` is true exist
    /// afterwards.
    pub(super) fn touch_all(&self, will_exist: impl Fn(&[u8]) -> bool) {
        if !self.has_any() {
            return;
        }
        for (key, watchers) in &*self.keys.lock() {
            let will_exist = will_exist(key);
            watchers.iter().filter(|watcher| watcher.saw_key || will_exist).for_each(Watcher::raise);
        }
    }

    /// How many keys are watched.
    pub(super) fn keys(&self) -> usize {
        if self.has_any() { self.keys.lock().len() } else { 0 }
    }

    fn has_any(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    fn raise(&self, key: &[u8], concerns: impl Fn(&Watcher) -> bool) {
        let keys = self.keys.lock();
        let watchers = keys.get(key).into_iter().flatten();
        watchers.filter(|watcher| concerns(watcher)).for_each(Watcher::raise);
    }

    /// False if this flag is registered for the key already.
    fn add(&self, key: &[u8], watcher: Watcher) -> bool {
        let mut keys = self.keys.lock();
        if !keys.contains_key(key) {
            keys.insert(key.into(), Watchers::new());
        }
        let Some(watchers) = keys.get_mut(key) else { return false };
        let is_new = !watchers.iter().any(|other| Arc::ptr_eq(&other.flag, &watcher.flag));
        if is_new {
            watchers.push(watcher);
            self.count.fetch_add(1, Ordering::Relaxed);
        }
        is_new
    }

    fn remove(&self, key: &[u8], flag: &Arc<AtomicBool>) {
        let mut keys = self.keys.lock();
        let Some(watchers) = keys.get_mut(key) else { return };
        watchers.retain(|watcher| !Arc::ptr_eq(&watcher.flag, flag));
        if watchers.is_empty() {
            keys.remove(key);
        }
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Watcher {
    fn raise(&self) {
        self.flag.store(true, Ordering::Release);
    }
}

/// A key that is watched until the drop, and its state when the watch began.
#[derive(Debug)]
pub struct Watch {
    shards: Arc<[Shard]>,
    shard: usize,
    db: usize,
    key: Box<[u8]>,
    flag: Arc<AtomicBool>,
    /// `NEVER` also for a key that did not exist.
    deadline: Deadline,
    /// The set, if the key had one, and the number of its changes.
    set: Option<(Weak<VectorSet>, u64)>,
}

impl Keyspace {
    /// Watches a key: from now on, a change of the key raises `flag`. None if this flag watches it
    /// already.
    pub fn watch(&self, db: usize, key: &[u8], flag: &Arc<AtomicBool>) -> Option<Watch> {
        let hash = self.common.hash(key);
        let shards = &self.databases[db].shards;
        let shard = &shards[shard_of(hash)];
        // Held while the watch begins: no change falls between the lookup and the watch.
        let table = shard.read();
        let found = find(&table, hash, key, self.common.clock.now_ms());
        let watcher = Watcher { flag: Arc::clone(flag), saw_key: found.is_some() };
        if !shard.watched.add(key, watcher) {
            return None;
        }
        Some(Watch {
            shards: Arc::clone(shards),
            shard: shard_of(hash),
            db,
            key: key.into(),
            flag: Arc::clone(flag),
            deadline: found.map_or(Deadline::NEVER, Entry::deadline),
            set: found.and_then(|entry| set_of(entry.value())),
        })
    }
}

fn find<'t>(table: &'t Table, hash: u64, key: &[u8], now_ms: i64) -> Option<&'t Entry> {
    table.find_live(hash, key, now_ms)
}

fn set_of(value: ValueRef<'_>) -> Option<(Weak<VectorSet>, u64)> {
    value.as_vector_set().ok().map(|set| (Arc::downgrade(set), set.changes()))
}

impl Watch {
    /// The number of the key's database.
    pub fn db(&self) -> usize {
        self.db
    }

    /// The key.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// True if the key has changed in a way that does not raise the flag: it has expired, or its
    /// set has been changed.
    pub fn has_changed(&self, now_ms: i64) -> bool {
        // A set that no longer exists was removed from its key, which has raised the flag.
        let set_changed = |(set, changes): &(Weak<VectorSet>, u64)| {
            set.upgrade().is_none_or(|set| set.changes() != *changes)
        };
        self.deadline.is_past(now_ms) || self.set.as_ref().is_some_and(set_changed)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shards[self.shard].watched.remove(&self.key, &self.flag);
    }
}
