//! Code that is called with each key that changes: the base for indexes over keys and for
//! notifications.
//!
//! An [`Observer`] is called by the thread that changes a key, under the lock under which the
//! change is made: that of the key's shard, or that of a vector set whose elements change. So for
//! each key it is called in the order of the changes.
//!
//! | change | call |
//! |---|---|
//! | a key gets a value, or its value changes in place | [`Change::Written`] |
//! | a key gets another deadline, or none; it is blessed, or no longer | [`Change::Rescheduled`] |
//! | expired fields of a hash are removed, and others are left | [`Change::FieldsExpired`] |
//! | a key is removed, also by RENAME and MOVE, and with its last element | [`Change::Removed`] |
//! | a key is removed as it, or the last field of its hash, has expired | [`Change::Expired`] |
//! | a key is evicted to free memory | [`Change::Evicted`] |
//! | FLUSHDB, FLUSHALL | [`Observer::flushed`] for each database |
//! | SWAPDB | [`Observer::swapped`] |
//!
//! A call may report a change that makes no difference (a field that gets the value that it had);
//! no change is left out. A key whose deadline has passed is not reported until it is removed.
//!
//! Without an observer, a change costs the read of one word, and of another one for the
//! [`Tracker`].

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::RwLock;

use super::events::{EventKind, event};
use super::{Keyspace, View};
use crate::journal::{Effects, PartChange, Subject};

/// What has happened to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It has a value that is new, or was changed.
    Written,
    /// It has the same value and another deadline, or another blessing.
    Rescheduled,
    /// Fields of its hash were removed as they had expired.
    FieldsExpired,
    /// It was removed.
    Removed,
    /// It was removed as it had expired.
    Expired,
    /// It was removed to free memory.
    Evicted,
}

/// What is called with each key that changes.
///
/// Calls come from many threads, under locks: they should be short, and must not look at keys.
pub trait Observer: fmt::Debug + Send + Sync {
    /// A key of this database has changed.
    fn changed(&self, db: usize, key: &[u8], change: Change);

    /// All keys of a database were removed.
    fn flushed(&self, db: usize);

    /// Two databases have exchanged all their keys.
    fn swapped(&self, one: usize, other: usize);
}

/// What is called with each key that changes, by name only, as long as it is switched on: an
/// observer that comes and goes without a division of the journal.
pub trait Tracker: fmt::Debug + Send + Sync {
    /// A key of some database has changed.
    fn changed(&self, key: &[u8], change: Change);

    /// Any number of keys have changed: those of a database were all removed, or two databases have
    /// exchanged theirs.
    fn flushed(&self);
}

/// The observers of a keyspace.
#[derive(Debug, Default)]
pub(super) struct Observers {
    /// True while the tracker is to be called.
    tracks: Arc<AtomicBool>,
    tracker: OnceLock<Arc<dyn Tracker>>,
    /// True if there are any. Set while no data changes, so writers need no ordering.
    any: AtomicBool,
    list: RwLock<Vec<Arc<dyn Observer>>>,
}

impl Observers {
    pub(super) fn call(&self, call: impl Fn(&dyn Observer)) {
        if self.any.load(Ordering::Relaxed) {
            self.call_all(call);
        }
    }

    /// Reports a change of a key.
    pub(super) fn changed(&self, db: usize, key: &[u8], change: Change) {
        self.call(|observer| observer.changed(db, key, change));
        self.track(|tracker| tracker.changed(key, change));
    }

    /// Calls the tracker, if it is switched on. A client that has switched it on sees the state
    /// before a change only if that takes its lock later, and so finds the switch set.
    pub(super) fn track(&self, call: impl Fn(&dyn Tracker)) {
        if self.tracks.load(Ordering::Relaxed) {
            self.tracker.get().into_iter().for_each(|tracker| call(&**tracker));
        }
    }

    #[cold]
    fn call_all(&self, call: impl Fn(&dyn Observer)) {
        self.list.read().iter().for_each(|observer| call(&**observer));
    }

    fn edit(&self, edit: impl FnOnce(&mut Vec<Arc<dyn Observer>>)) {
        let mut list = self.list.write();
        edit(&mut list);
        self.any.store(!list.is_empty(), Ordering::Relaxed);
    }
}

/// An observer that is called until the drop.
#[derive(Debug)]
#[must_use = "the observer is called until this is dropped"]
pub struct Observation<'k> {
    keyspace: &'k Keyspace,
    observer: Arc<dyn Observer>,
}

impl Keyspace {
    /// Sets the tracker, once.
    ///
    /// # Panics
    /// If there is one.
    pub fn set_tracker(&self, tracker: Arc<dyn Tracker>) {
        assert!(self.common.observers.tracker.set(tracker).is_ok(), "there is none");
    }

    /// True in it while the tracker is to be called.
    pub fn tracking_switch(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.common.observers.tracks)
    }

    /// Calls `observer` with all changes that begin from now on.
    ///
    /// `at` runs at the moment at which it begins, between changes. While a log is replayed, vector
    /// sets may be changed in that moment; otherwise nothing is.
    ///
    /// # Panics
    /// If the calling thread is changing data.
    pub fn observe<R>(&self, observer: Arc<dyn Observer>, at: impl FnOnce() -> R) -> (Observation<'_>, R) {
        let outcome = self.journal().divide(|| {
            self.common.observers.edit(|list| list.push(Arc::clone(&observer)));
            at()
        });
        (Observation { keyspace: self, observer }, outcome)
    }
}

impl Drop for Observation<'_> {
    fn drop(&mut self) {
        let is_other = |other: &Arc<dyn Observer>| !Arc::ptr_eq(other, &self.observer);
        self.keyspace.common.observers.edit(|list| list.retain(is_other));
    }
}

/// A key whose vector set is about to be changed under the set's own lock.
#[derive(Debug)]
pub struct SetKey<'k> {
    db: View<'k>,
    key: &'k [u8],
}

impl<'k> View<'k> {
    /// What the record of a change to the vector set of this key is about.
    pub fn set_key(self, key: &'k [u8]) -> SetKey<'k> {
        SetKey { db: self, key }
    }
}

/// The event of a change of elements.
fn kind_of(change: PartChange) -> EventKind {
    match change {
        PartChange::Put => event::VADD,
        PartChange::Removed => event::VREM,
        PartChange::Described => event::VSETATTR,
        PartChange::Rescheduled => event::VEXPIRE,
        PartChange::Persisted => event::VPERSIST,
        PartChange::Expired => event::VEXPIRED,
        PartChange::Evicted => event::VEVICTED,
    }
}

impl Subject for SetKey<'_> {
    fn changed(&self) {
        let Self { db, key } = self;
        db.common.observers.changed(db.number, key, Change::Written);
    }

    fn wants(&self, change: PartChange) -> bool {
        self.db.wants(kind_of(change))
    }

    fn report(&self, change: PartChange, parts: &[&[u8]]) {
        self.db.db.notify(kind_of(change), self.key, parts.iter().copied());
    }

    /// Each by a command of its own: Redis' `VREM` takes one element.
    fn lost(&self, part: &[u8], effects: &mut Effects<'_>) {
        effects.command(&[b"VREM", self.key, part]);
    }
}
