//! One of the numbered databases: the keys that a client sees.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::cold::{Found, NoSet};
use super::entry::Entry;
use super::events::event;
use super::exclusive::Exclusive;
use super::expiry::Deadline;
use super::hash::HashView;
use super::shard::{SHARDS, Shard, shard_of};
use super::shared::Shared;
use super::string::{StringRef, StringValue};
use super::value::{Value, WrongType};
use super::vector_set::SetHandle;
use super::{Access, Common, View};
use crate::journal::Record;
use crate::vector_set::{Hold, Present, Refused, VectorSet};

/// Keys and fields removed by the expiry cycle under one hold of a lock.
const EXPIRY_BATCH: usize = 64;

/// Vector sets of one shard that an expiry cycle looks at: one read of memory each.
const SETS_PER_CYCLE: usize = 256;

/// Time that an expiry cycle spends on the elements of vector sets, before it leaves the rest to
/// the next one: to take an element out of the graph is a hundred times the work of removing a key.
const TIME_FOR_ELEMENTS: Duration = Duration::from_millis(20);

/// A map from keys to values.
#[derive(Debug)]
pub struct Database {
    pub(super) number: usize,
    pub(super) shards: Arc<[Shard]>,
    pub(super) common: Arc<Common>,
    /// The shard at which the next expiry cycle begins, so that cycles that run out of budget do
    /// not starve the last shards.
    next_expiry: AtomicUsize,
    /// In each shard, the position from which the next expiry cycle looks at vector sets.
    next_sets: [AtomicU32; SHARDS],
}

/// How a lookup is counted: in hits and misses, and in the last use of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accounting {
    /// Not at all: the lookups of writers and of tools.
    None,
    /// Counted as a hit or a miss: commands that read about a key.
    Counted,
    /// The same, and no event says that there is no such key.
    CountedSilently,
    /// Counted, and the key is no longer idle.
    Used,
    /// Not counted, and the key is no longer idle: a command changes the key, without its lock.
    Changed,
}

impl Accounting {
    /// True if the lookup is counted as a hit or a miss.
    pub(super) fn is_counted(self) -> bool {
        matches!(self, Self::Counted | Self::CountedSilently | Self::Used)
    }
}

/// How many keys a database has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// All keys.
    pub keys: usize,
    /// Those that have a deadline.
    pub expires: usize,
    /// Milliseconds until their deadlines, on average.
    pub mean_ttl_ms: i64,
    /// Hashes that have fields with deadlines.
    pub subexpiry: usize,
    /// Keys that have expired and were not removed yet.
    pub expired: usize,
    /// Keys that are never evicted, of all keys that are still in memory.
    pub blessed: usize,
    /// Bytes of the tables that find keys.
    pub table_bytes: usize,
    /// Bytes of the order of deadlines.
    pub deadline_bytes: usize,
}

impl Database {
    pub(super) fn new(number: usize, common: Arc<Common>) -> Self {
        let shards = (0..SHARDS).map(|_| Shard::default()).collect();
        Self {
            number,
            shards,
            common,
            next_expiry: AtomicUsize::new(0),
            next_sets: [const { AtomicU32::new(0) }; SHARDS],
        }
    }

    /// As the server itself accesses it.
    pub fn direct(&self) -> View<'_> {
        View { db: self, access: Access::DIRECT }
    }

    /// How many keys there are now: see [`View::census`].
    pub fn census(&self) -> Census {
        self.direct().census()
    }

    /// Removes up to `budget` expired keys, fields of hashes and elements of vector sets, and
    /// returns how many were removed. A small hash loses all its expired fields at once, whatever
    /// the budget. Elements have a limit of time besides; within it, sets that exceed their own
    /// limits are brought nearer to them.
    pub fn expire_cycle(&self, budget: usize) -> usize {
        let began = Instant::now();
        let removed = self.expire_shards(budget);
        let took = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.common.expiry.cycle_nanos.add(took);
        removed
    }

    fn expire_shards(&self, budget: usize) -> usize {
        let first = self.next_expiry.load(Ordering::Relaxed);
        let until = Instant::now() + TIME_FOR_ELEMENTS;
        let mut removed = 0;
        for shard in (first..first + SHARDS).map(|shard| shard % SHARDS) {
            removed += self.expire_shard(shard, budget - removed);
            removed += self.expire_elements(shard, budget.saturating_sub(removed), until);
            if removed >= budget || Instant::now() >= until {
                self.next_expiry.store((shard + 1) % SHARDS, Ordering::Relaxed);
                self.common.expiry.cycles_cut_short.add(1);
                break;
            }
        }
        removed
    }

    fn expire_shard(&self, shard: usize, budget: usize) -> usize {
        let mut removed = 0;
        while removed < budget && self.has_due(shard) {
            let batch = EXPIRY_BATCH.min(budget - removed);
            removed += Exclusive::over_shards(self.direct(), [shard]).remove_due(0, batch);
        }
        removed
    }

    /// Removes expired elements of the vector sets of a shard.
    fn expire_elements(&self, shard: usize, budget: usize, until: Instant) -> usize {
        let mut removed = 0;
        for (key, handle) in self.sets_with_due_elements(shard) {
            while removed < budget && Instant::now() < until {
                let batch = EXPIRY_BATCH.min(budget - removed);
                match self.expire_some(&key, &handle, batch) {
                    0 => break,
                    some => removed += some,
                }
            }
            while Instant::now() < until && self.shrink(&key, &handle) {}
        }
        self.common.expiry.elements_actively.add(removed as u64);
        removed
    }

    /// Evicts some elements of a set that exceeds its own limits; false if there was nothing to do.
    fn shrink(&self, key: &[u8], handle: &SetHandle) -> bool {
        if !handle.set.exceeds_limits() || self.common.journal.is_full() {
            return false;
        }
        let subject = self.direct().set_key(key);
        let record = Record::without_request(&self.common.journal, self.number).about(Some(&subject));
        let shrunk = handle.present().shrink(Hold::Lookup(handle.binding), record);
        let evicted = shrunk.unwrap_or(0);
        self.common.evictions.count_at_set_limit(evicted);
        evicted > 0
    }

    /// Removes up to `limit` expired elements of a set, or the key if no other element is left.
    fn expire_some(&self, key: &[u8], handle: &SetHandle, limit: usize) -> usize {
        let subject = self.direct().set_key(key);
        let record = Record::without_request(&self.common.journal, self.number).about(Some(&subject));
        match handle.present().expire(Hold::Lookup(handle.binding), limit, record) {
            Ok(removed) => {
                self.common.expiry.elements.add(removed as u64);
                removed
            }
            // The lookup removes the key, and counts it and its elements.
            Err(Refused::WouldEmpty(_)) if !self.direct().exclusive(&[key]).contains(key) => {
                self.common.expiry.keys_actively.add(1);
                handle.set.len()
            }
            Err(Refused::WouldEmpty(_) | Refused::Unbound(_)) => 0,
        }
    }

    fn sets_with_due_elements(&self, shard: usize) -> Vec<(Box<[u8]>, SetHandle)> {
        if self.shards[shard].reservation.is_set() {
            return Vec::new();
        }
        let db = self.direct();
        let now = db.now_of_set(db.now_ms());
        let table = self.shards[shard].read();
        let first = self.next_sets[shard].load(Ordering::Relaxed);
        let mut next = 0;
        let mut due = Vec::new();
        for (looked, (position, entry, set)) in table.sets(first).enumerate() {
            if looked == SETS_PER_CYCLE {
                next = position;
                break;
            }
            let has_due = set.next_deadline_ms().is_some_and(|at_ms| at_ms < now.expiry_ms);
            if has_due || set.exceeds_limits() {
                let handle = entry.value().set_handle(now).expect("it is a set");
                due.push((entry.key().into(), handle));
            }
        }
        self.next_sets[shard].store(next, Ordering::Relaxed);
        due
    }

    /// A shard that a transaction has is left for the next cycle, so that this thread does not
    /// wait.
    fn has_due(&self, shard: usize) -> bool {
        if self.shards[shard].reservation.is_set() {
            return false;
        }
        let now_ms = self.common.expiry_ms(self.common.clock.now_ms());
        let table = self.shards[shard].read();
        [table.deadlines(), table.field_deadlines()].iter().any(|kind| kind.first_due(now_ms).is_some())
    }
}

impl<'k> View<'k> {
    /// Locks the shards of these keys for changes. A thread may hold one guard at a time: a second
    /// one could deadlock.
    pub fn exclusive<K: AsRef<[u8]>>(self, keys: &[K]) -> Exclusive<'k> {
        Exclusive::over_keys(self, keys)
    }

    /// Locks the shards of these keys for reading at one moment. One guard at a time, as above.
    pub fn shared<K: AsRef<[u8]>>(self, keys: &[K]) -> Shared<'k> {
        Shared::over_keys(self, keys)
    }

    /// The result of `look` for a key's entry. It runs under the shard's read lock, so it should be
    /// short.
    pub fn lookup<R>(self, key: &[u8], accounting: Accounting, look: impl FnOnce(&Entry) -> R) -> Option<R> {
        let hash = self.common.hash(key);
        let shard = shard_of(hash);
        let table = self.shards[shard].read();
        let now_ms = self.recent_ms();
        let entry = self.find(&table, (hash, key), self.expiry_ms(now_ms), accounting);
        self.count_lookup(accounting, shard, entry, now_ms);
        entry.map(look)
    }

    /// The string of a key, for a command that reads it.
    pub fn string(self, key: &[u8]) -> Result<Option<StringValue>, WrongType> {
        self.read_string(key, |string| string.to_value())
    }

    /// The result of `look` for the string of a key, for a command that reads it. Runs under the
    /// shard's read lock.
    pub fn read_string<R>(
        self,
        key: &[u8],
        look: impl FnOnce(StringRef<'_>) -> R,
    ) -> Result<Option<R>, WrongType> {
        self.lookup(key, Accounting::Used, |entry| entry.value().as_string().map(look)).transpose()
    }

    /// The result of `look` for the hash of a key, for a command that reads it. Runs under the
    /// shard's read lock.
    pub fn hash<R>(self, key: &[u8], look: impl FnOnce(HashView<'_>) -> R) -> Result<Option<R>, WrongType> {
        let now_ms = self.expiry_ms(self.recent_ms());
        let looked = |entry: &Entry| {
            let hash = entry.value().as_hash()?.view(now_ms);
            Ok(self.look_at_hash((entry, hash), now_ms, look))
        };
        self.lookup(key, Accounting::Used, looked).transpose()
    }

    /// The vector set of a key. Does not count as a use.
    pub fn vector_set(self, key: &[u8]) -> Result<Option<SetHandle>, NoSet> {
        self.find_vector_set(key, Accounting::None)
    }

    /// The vector set of a key, for a command that changes it.
    pub fn vector_set_to_change(self, key: &[u8]) -> Result<Option<SetHandle>, NoSet> {
        self.find_vector_set(key, Accounting::Changed)
    }

    /// The vector set of a key, for a command that reads it: counted as a hit or a miss.
    pub fn read_vector_set(self, key: &[u8]) -> Result<Option<SetHandle>, NoSet> {
        self.find_vector_set(key, Accounting::Used)
    }

    /// The vector set of a key, unless it is in a file: for reports, which open none.
    pub fn vector_set_in_memory(self, key: &[u8]) -> Option<SetHandle> {
        let now = self.now_of_set(self.now_ms());
        self.lookup(key, Accounting::None, |entry| entry.value().set_handle(now).ok()).flatten()
    }

    /// Opens it if it is in a file.
    fn find_vector_set(self, key: &[u8], accounting: Accounting) -> Result<Option<SetHandle>, NoSet> {
        let now = self.now_of_set(if accounting.is_counted() { self.recent_ms() } else { self.now_ms() });
        let mut accounting = accounting;
        loop {
            match self.lookup(key, accounting, |entry| entry.value().set_anywhere(now)).transpose()? {
                None => return Ok(None),
                Some(Found::InMemory(handle)) => return Ok(Some(handle)),
                Some(Found::InFile(cold)) => self.open(key, &cold)?,
            }
            accounting = Accounting::None;
        }
    }

    /// Stores a set that was made outside of any lock, and spends the record. If the key exists by
    /// now, with whatever value, both are returned.
    pub fn create_vector_set<'r>(
        self,
        key: &[u8],
        set: Arc<VectorSet>,
        record: Record<'r>,
    ) -> Result<(), (Arc<VectorSet>, Record<'r>)> {
        self.create_vector_set_of(key, set, [], record)
    }

    /// The same; `elements` are the ones in the set, for the event of the change.
    pub fn create_vector_set_of<'r, 'e>(
        self,
        key: &[u8],
        set: Arc<VectorSet>,
        elements: impl IntoIterator<Item = &'e [u8]>,
        record: Record<'r>,
    ) -> Result<(), (Arc<VectorSet>, Record<'r>)> {
        let mut keys = self.exclusive(&[key]);
        if keys.contains(key) {
            return Err((set, record));
        }
        keys.put_new(key, Value::VectorSet(set), Deadline::NEVER);
        let mut elements = elements.into_iter().peekable();
        if elements.peek().is_some() {
            keys.notify_parts(event::VADD, key, elements);
        }
        // Observers were called by the statement before the last.
        keys.commit(record.about(None));
        Ok(())
    }

    /// Runs `change` on the set under the shard's write lock, and removes the key if the set is
    /// empty afterwards and is not to be kept when empty. `change` spends its record itself, if it
    /// changes something.
    pub fn with_set_exclusively<R>(
        self,
        key: &[u8],
        change: impl FnOnce(Present<'_>) -> R,
    ) -> Result<Option<R>, NoSet> {
        let (mut keys, handle) = loop {
            let mut keys = self.exclusive(&[key]);
            let now = self.now_of_set(keys.used_ms());
            let found = keys.get(key).map(|entry| entry.value().set_anywhere(now)).transpose()?;
            match found {
                None => return Ok(None),
                Some(Found::InMemory(handle)) => break (keys, handle),
                Some(Found::InFile(cold)) => {
                    drop(keys);
                    self.open(key, &cold)?;
                }
            }
        };
        let outcome = change(handle.present());
        if handle.set.unbind_if_spent() {
            keys.remove(key);
            keys.notify(event::EMPTIED, key);
        }
        Ok(Some(outcome))
    }

    /// True if there is such a key.
    pub fn contains(self, key: &[u8]) -> bool {
        self.lookup(key, Accounting::None, |_| ()).is_some()
    }

    /// How many keys there are at one moment, expired ones not included.
    pub fn census(self) -> Census {
        let all = Shared::over_shards(self, 0..SHARDS);
        let now_ms = all.now_ms();
        let mut counts = Census::default();
        let mut sum_ms = 0;
        for table in all.tables() {
            counts.keys += table.len();
            counts.expires += table.deadlines().len();
            counts.expired += table.deadlines().count_due(now_ms);
            counts.subexpiry += table.field_deadlines().len();
            counts.blessed += table.blessed().len();
            counts.table_bytes += table.heap_bytes();
            counts.deadline_bytes += table.deadlines().heap_bytes() + table.field_deadlines().heap_bytes();
            sum_ms += table.deadlines().sum_ms();
        }
        counts.mean_ttl_ms = mean_ttl_ms(sum_ms, counts.expires, now_ms);
        counts.keys -= counts.expired;
        counts.expires -= counts.expired;
        counts
    }

    /// Removes all keys, and spends the record, also if there were none. The values are freed by
    /// the reaper.
    pub fn flush(self, record: Record<'_>) {
        let mut all = Exclusive::over_all(self);
        all.clear();
        self.common.observers.track(|tracker| tracker.flushed());
        all.commit(record);
    }

    /// Counts a lookup.
    pub(super) fn count_lookup(
        self,
        accounting: Accounting,
        shard: usize,
        entry: Option<&Entry>,
        now_ms: i64,
    ) {
        let is_use = match accounting {
            Accounting::None => return,
            Accounting::Counted | Accounting::CountedSilently => false,
            Accounting::Used => self.access.touches,
            Accounting::Changed => self.changes_touch(),
        };
        if accounting.is_counted() {
            self.shards[shard].lookups.count(entry.is_some());
        }
        if let Some(entry) = entry.filter(|_| is_use) {
            entry.mark_used(now_ms, self.common.settings.lfu());
        }
    }

    /// True if changes count as uses of their keys: always where only they do.
    pub(super) fn changes_touch(self) -> bool {
        self.access.touches || !self.common.settings.reads_touch()
    }
}

/// Expired keys that are not removed yet are included: they are few, and change the mean little.
fn mean_ttl_ms(sum_ms: i128, deadlines: usize, now_ms: i64) -> i64 {
    let Some(mean) = sum_ms.checked_div(deadlines as i128) else { return 0 };
    i64::try_from((mean - i128::from(now_ms)).max(0)).unwrap_or(i64::MAX)
}
