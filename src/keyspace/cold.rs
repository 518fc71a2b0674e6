//! Vector sets that are in a file and not in memory.
//!
//! Such a set is a value of its key like another: it is moved, copied, saved and removed without
//! being read. The first command that looks at the set itself opens it: the value becomes the set,
//! with the same elements. That is no change, so there is no event of it and no line in the log.
//! Until then single elements do not expire and are not evicted; the key goes when the last of its
//! elements has expired.

use std::fmt;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::entry::{Entry, Layout};
use super::value::{Allocated, Large, Owned, Value, ValueRef, Viewed, WrongType};
use super::vector_set::SetHandle;
use super::{Accounting, DATABASES, Keyspace, NotExchanged, View};
use crate::vector_set::{ColdFile, Now, TierDir, Urgency, VectorSet};

/// Makes the set of a file. The error says what is wrong with it.
pub type Opener = fn(&ColdFile, &Arc<TierDir>) -> Result<VectorSet, String>;

/// A set that is in a file.
pub struct ColdSet {
    file: Arc<ColdFile>,
    /// The set once it was made of the file, until it has replaced this value. Held while it is
    /// made: one thread does it, and others wait for that. No lock of the keyspace is waited for
    /// meanwhile, since a transaction that has reserved the key's shard may be one of the others.
    opened: Mutex<Weak<VectorSet>>,
}

/// Why there is no set to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoSet {
    /// The key has a value of another type.
    WrongType,
    /// It is in a file that cannot be read.
    Unreadable(Box<str>),
}

/// Why a set was not put into a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotCooled {
    /// The key has another value by now.
    Replaced,
    /// It was changed meanwhile.
    Changed,
}

/// A set, wherever it is.
pub(super) enum Found {
    InMemory(SetHandle),
    InFile(Arc<ColdSet>),
}

impl ColdSet {
    /// The set that was written to a file.
    pub fn new(file: Arc<ColdFile>) -> Self {
        Self { file, opened: Mutex::new(Weak::new()) }
    }

    /// Where it is.
    pub fn file(&self) -> &Arc<ColdFile> {
        &self.file
    }

    /// Its elements, also those that have expired.
    pub fn len(&self) -> usize {
        usize::try_from(self.file.outline().elements).unwrap_or(usize::MAX)
    }

    /// True if it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True if all of its elements have expired: its key is to be removed.
    pub(super) fn is_spent(&self, now_ms: i64) -> bool {
        self.file.outline().ends_ms < now_ms
    }
}

impl From<WrongType> for NoSet {
    fn from(_: WrongType) -> Self {
        Self::WrongType
    }
}

impl ValueRef<'_> {
    /// The set, if it is one, with its present binding if it is in memory. To be called under the
    /// lock of the key's shard.
    pub(super) fn set_anywhere(self, now: Now) -> Result<Found, WrongType> {
        match self {
            ValueRef::ColdSet(cold) => Ok(Found::InFile(Arc::clone(cold))),
            other => other.set_handle(now).map(Found::InMemory),
        }
    }

    /// The set that is in a file, if it is one.
    pub fn as_cold_set(&self) -> Option<&Arc<ColdSet>> {
        if let Self::ColdSet(cold) = self { Some(cold) } else { None }
    }
}

impl Keyspace {
    /// Sets how sets are made of their files, once, before there are any.
    ///
    /// # Panics
    /// If it was set.
    pub fn set_opener(&self, opener: Opener) {
        assert!(self.common.opener.set(opener).is_ok(), "it is set once");
    }

    /// True if there may be a set that is in a file. Costs one or two reads.
    #[inline]
    pub fn has_cold_sets(&self) -> bool {
        self.tier().is_some_and(|tier| tier.cold().any())
    }

    /// Sets in memory that have not been used for so many seconds, of at least so many bytes, in a
    /// database; with their keys. Those of keys that clients watch are left out.
    pub fn idle_sets(&self, db: usize, idle_s: u32, min_bytes: usize) -> Vec<(Box<[u8]>, Arc<VectorSet>)> {
        let now_ms = self.common.clock.now_ms();
        self.sets_that(db, |entry, set| {
            let is_idle = entry.idle_s(now_ms) >= idle_s && !set.is_empty() && set.heap_bytes() >= min_bytes;
            is_idle.then(|| (entry.key().into(), Arc::clone(set)))
        })
    }

    /// Warm sets of a database whose files are to be written anew; with their keys. Those of keys
    /// that clients watch are left out.
    pub fn sets_to_merge(&self, db: usize) -> Vec<(Box<[u8]>, Arc<VectorSet>)> {
        self.sets_that(db, |entry, set| {
            set.is_to_be_merged(Urgency::Background).then(|| (entry.key().into(), Arc::clone(set)))
        })
    }

    /// The set that is to go into files as a whole since memory is short, or whose files are to be
    /// written anew, with its database and its key: that of which most bytes were not used for the
    /// longest time. None if single elements are to go first, or if there is none that may.
    pub fn set_to_demote(
        &self,
        may_be_tried: impl Fn(&Arc<VectorSet>) -> bool,
    ) -> Option<(usize, Box<[u8]>, Arc<VectorSet>)> {
        let now_ms = self.common.clock.now_ms();
        let sets = (0..DATABASES).flat_map(|db| {
            self.sets_that(db, |entry, set| {
                let weight = (u64::from(entry.idle_s(now_ms)) + 1).saturating_mul(set.heap_bytes() as u64);
                let goes = set.is_to_be_demoted() || set.is_to_be_merged(Urgency::MemoryIsShort);
                let may_go = goes && !entry.is_blessed();
                may_go.then(|| (weight, (db, entry.key().into(), Arc::clone(set))))
            })
        });
        sets.filter(|(_, (_, _, set))| may_be_tried(set))
            .max_by_key(|(weight, _)| *weight)
            .map(|(_, set)| set)
    }

    /// Sets in files that [may come up](VectorSet::may_come_up), and were used no longer ago than
    /// this, in seconds, or had elements returned since the last call, which by some policies is no
    /// use of a key; with their databases and keys.
    pub fn sets_to_raise(&self, lately_s: u32) -> Vec<(usize, Box<[u8]>, Arc<VectorSet>)> {
        let now_ms = self.common.clock.now_ms();
        let sets = (0..DATABASES).flat_map(|db| {
            self.sets_that(db, |entry, set| {
                let is_used = set.may_come_up() && (set.is_hit_again() || entry.idle_s(now_ms) <= lately_s);
                is_used.then(|| (db, entry.key().into(), Arc::clone(set)))
            })
        });
        sets.collect()
    }

    /// Decides of all sets whether eviction takes elements that lie in files: see
    /// [`VectorSet::let_lent_go`]. `is_stuck`: as
    /// [`Balance::note_stuck`](crate::vector_set::Balance::note_stuck) says. `may_be_tried`: of a
    /// set that could be written anew.
    pub fn let_lent_elements_go(
        &self,
        dir: &TierDir,
        is_stuck: bool,
        may_be_tried: impl Fn(&Arc<VectorSet>) -> bool,
    ) {
        let room = dir.room();
        let room_of = |set: &Arc<VectorSet>| (is_stuck && may_be_tried(set)).then_some(room);
        let warm = |_: &Entry, set: &Arc<VectorSet>| set.options().is_warm.then(|| Arc::clone(set));
        let sets = (0..DATABASES).flat_map(|db| self.sets_that(db, warm));
        let letting_go = sets.filter(|set| set.let_lent_go(room_of(set))).count();
        dir.balance().note_stuck(is_stuck, letting_go > 0);
    }

    /// What `pick` takes of the sets in memory of a database; those of keys that clients watch are
    /// left out.
    fn sets_that<T>(&self, db: usize, pick: impl Fn(&Entry, &Arc<VectorSet>) -> Option<T>) -> Vec<T> {
        let mut picked = Vec::new();
        for shard in &*self.databases[db].shards {
            if shard.reservation.is_set() || shard.watched.keys() > 0 {
                continue;
            }
            let table = shard.read();
            picked.extend(table.sets(0).filter_map(|(_, entry, set)| pick(entry, set)));
        }
        picked
    }
}

impl View<'_> {
    /// Opens the set of a key, if it is in a file.
    ///
    /// # Errors
    /// The file cannot be read. The key keeps it.
    pub fn open_set(self, key: &[u8]) -> Result<(), NoSet> {
        self.cold_set(key).map_or(Ok(()), |cold| self.open(key, &cold))
    }

    /// The set of a key that is in a file.
    pub fn cold_set(self, key: &[u8]) -> Option<Arc<ColdSet>> {
        self.lookup(key, Accounting::None, |entry| entry.value().as_cold_set().map(Arc::clone)).flatten()
    }

    /// True if the set of a key is in a file.
    pub fn is_cold(self, key: &[u8]) -> bool {
        self.cold_set(key).is_some()
    }

    /// Makes the key's value the set that is in this file, if the key still has that.
    pub(super) fn open(self, key: &[u8], cold: &Arc<ColdSet>) -> Result<(), NoSet> {
        let is_it = |value: ValueRef<'_>| value.as_cold_set().is_some_and(|other| Arc::ptr_eq(other, cold));
        let mut opened = cold.opened.lock();
        if !self.lookup(key, Accounting::None, |entry| is_it(entry.value())).unwrap_or(false) {
            return Ok(());
        }
        let set = match opened.upgrade() {
            Some(set) => set,
            None => Arc::new(self.made_of(cold)?),
        };
        *opened = Arc::downgrade(&set);
        drop(opened);
        if self.exclusive(&[key]).exchange(key, Value::VectorSet(set), is_it) {
            cold.file.dir().cold().counters.opened.add(1);
        }
        Ok(())
    }

    fn made_of(self, cold: &ColdSet) -> Result<VectorSet, NoSet> {
        let dir = cold.file.dir();
        let opener = self.common.opener.get().expect("it is set before there are cold sets");
        opener(&cold.file, dir).map_err(|why| {
            dir.cold().counters.unreadable.add(1);
            NoSet::Unreadable(why.into())
        })
    }

    /// Makes the key's value the set in the file, which is that set as it was after so many
    /// changes.
    ///
    /// # Errors
    /// The key has another set by now, or the set has changed.
    pub fn cool(
        self,
        key: &[u8],
        set: &Arc<VectorSet>,
        changes: u64,
        file: Arc<ColdFile>,
    ) -> Result<(), NotCooled> {
        let value = Value::ColdSet(Arc::new(ColdSet::new(file)));
        self.exchange_if(key, set, value, || set.changes() == changes).map_err(|why| match why {
            NotExchanged::Replaced => NotCooled::Replaced,
            NotExchanged::Changed => NotCooled::Changed,
        })
    }
}

impl Owned for Arc<ColdSet> {
    fn value_ref(&self) -> ValueRef<'_> {
        ValueRef::ColdSet(self)
    }

    fn store<R>(self, put: impl FnOnce(Layout<'_>) -> R) -> R {
        put(Layout::Large(Large::ColdSet(self)))
    }
}

impl Viewed for &Arc<ColdSet> {
    const NAME: &'static str = <&Arc<VectorSet>>::NAME;
    const SIZES: &'static str = <&Arc<VectorSet>>::SIZES;
    const NUMBER: u32 = <&Arc<VectorSet>>::NUMBER;

    fn encoding(self, _key_len: usize) -> &'static str {
        "raw"
    }

    fn size(self, _now_ms: i64) -> usize {
        self.len()
    }

    /// The same file, and another set when it is opened.
    fn copied(self) -> Value {
        Value::ColdSet(Arc::new(ColdSet::new(Arc::clone(&self.file))))
    }
}

impl Allocated for Arc<ColdSet> {
    fn value_ref(&self) -> ValueRef<'_> {
        ValueRef::ColdSet(self)
    }

    fn into_value(self) -> Value {
        Value::ColdSet(self)
    }

    fn frees_slowly(&self) -> bool {
        true
    }

    fn heap_bytes(&self) -> usize {
        size_of::<ColdSet>() + size_of::<ColdFile>() + 4 * size_of::<usize>()
    }
}

impl fmt::Debug for ColdSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ColdSet of {} in {}", self.len(), self.file.path().display())
    }
}
