//! One of the numbered databases: the keys that a client sees.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::entry::Entry;
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
use crate::vector_set::VectorSet;

/// Keys and fields removed by the expiry cycle under one hold of a lock.
const EXPIRY_BATCH: usize = 64;

/// A map from keys to values.
#[derive(Debug)]
pub struct Database {
    pub(super) number: usize,
    pub(super) shards: Arc<[Shard]>,
    pub(super) common: Arc<Common>,
    /// Where the next expiry cycle begins, so that one that runs out of budget does not starve the last shards.
    next_expiry: AtomicUsize,
}

/// How much a lookup is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attention {
    /// Not at all: the lookups of writers and of tools.
    None,
    /// Counted as a hit or a miss, as commands that ask about a key are.
    Counted,
    /// Counted, and the key is no longer idle.
    Used,
}

/// How many keys a database has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// All keys.
    pub keys: usize,
    /// Those that end.
    pub expires: usize,
    /// Milliseconds that those have left, on average.
    pub mean_ttl_ms: i64,
    /// Hashes of which fields end.
    pub subexpiry: usize,
    /// Keys that have ended and were not removed yet.
    pub ended: usize,
}

impl Database {
    pub(super) fn new(number: usize, common: Arc<Common>) -> Self {
        let shards = (0..SHARDS).map(|_| Shard::default()).collect();
        Self { number, shards, common, next_expiry: AtomicUsize::new(0) }
    }

    /// As the server itself accesses it.
    pub fn direct(&self) -> View<'_> {
        View { db: self, access: Access::DIRECT }
    }

    /// How many keys there are now: see [`View::census`].
    pub fn census(&self) -> Census {
        self.direct().census()
    }

    /// Removes up to `budget` keys and fields of hashes that have ended, and returns how many it did. A small hash loses
    /// all such fields at once, whatever the budget.
    pub fn expire_cycle(&self, budget: usize) -> usize {
        let began = Instant::now();
        let removed = self.expire_shards(budget);
        let took = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.common.expiry.cycle_nanos.add(took);
        removed
    }

    fn expire_shards(&self, budget: usize) -> usize {
        let first = self.next_expiry.load(Ordering::Relaxed);
        let mut removed = 0;
        for shard in (first..first + SHARDS).map(|shard| shard % SHARDS) {
            removed += self.expire_shard(shard, budget - removed);
            if removed >= budget {
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

    /// A shard that a transaction has is left for another time: this thread has more to do than to wait.
    fn has_due(&self, shard: usize) -> bool {
        if self.shards[shard].mark.is_set() {
            return false;
        }
        let now_ms = self.common.expiry_ms(self.common.clock.now_ms());
        let table = self.shards[shard].read();
        [table.deadlines(), table.field_deadlines()].iter().any(|kind| kind.first_due(now_ms).is_some())
    }
}

impl<'k> View<'k> {
    /// Locks the shards of these keys for changes. One guard at a time for each thread: a second one may never come.
    pub fn exclusive<K: AsRef<[u8]>>(self, keys: &[K]) -> Exclusive<'k> {
        Exclusive::over_keys(self, keys)
    }

    /// Locks the shards of these keys for a look at one moment. One guard at a time, as above.
    pub fn shared<K: AsRef<[u8]>>(self, keys: &[K]) -> Shared<'k> {
        Shared::over_keys(self, keys)
    }

    /// What `look` says of a key's entry; it runs under the shard's read lock, so it should be short.
    pub fn lookup<R>(self, key: &[u8], attention: Attention, look: impl FnOnce(&Entry) -> R) -> Option<R> {
        let hash = self.common.hash(key);
        let shard = shard_of(hash);
        let table = self.shards[shard].read();
        let now_ms = self.recent_ms();
        let entry = self.find(&table, (hash, key), self.expiry_ms(now_ms), attention);
        self.pay(attention, shard, entry, now_ms);
        entry.map(look)
    }

    /// The string of a key, for a command that reads it.
    pub fn string(self, key: &[u8]) -> Result<Option<StringValue>, WrongType> {
        self.read_string(key, |string| string.to_value())
    }

    /// What `look` says of the string of a key, for a command that reads it. Runs under the shard's read lock.
    pub fn read_string<R>(
        self,
        key: &[u8],
        look: impl FnOnce(StringRef<'_>) -> R,
    ) -> Result<Option<R>, WrongType> {
        self.lookup(key, Attention::Used, |entry| entry.value().as_string().map(look)).transpose()
    }

    /// What `look` says of the hash of a key, for a command that reads it. Runs under the shard's read lock.
    pub fn hash<R>(self, key: &[u8], look: impl FnOnce(HashView<'_>) -> R) -> Result<Option<R>, WrongType> {
        let now_ms = self.expiry_ms(self.recent_ms());
        let looked = |entry: &Entry| {
            let hash = entry.value().as_hash()?.view(now_ms);
            Ok(self.look_at_hash((entry, hash), now_ms, look))
        };
        self.lookup(key, Attention::Used, looked).transpose()
    }

    /// The vector set of a key, for a command that writes to it.
    pub fn vector_set(self, key: &[u8]) -> Result<Option<SetHandle>, WrongType> {
        self.find_vector_set(key, Attention::None)
    }

    /// The vector set of a key, for a command that reads it: counted as a hit or a miss.
    pub fn read_vector_set(self, key: &[u8]) -> Result<Option<SetHandle>, WrongType> {
        self.find_vector_set(key, Attention::Used)
    }

    fn find_vector_set(self, key: &[u8], attention: Attention) -> Result<Option<SetHandle>, WrongType> {
        self.lookup(key, attention, |entry| entry.value().set_handle()).transpose()
    }

    /// Installs a set that was made outside of any lock, and spends the record. If the key meanwhile exists, with
    /// whatever value, both come back.
    pub fn create_vector_set<'r>(
        self,
        key: &[u8],
        set: Arc<VectorSet>,
        record: Record<'r>,
    ) -> Result<(), (Arc<VectorSet>, Record<'r>)> {
        let mut keys = self.exclusive(&[key]);
        if keys.contains(key) {
            return Err((set, record));
        }
        keys.put_new(key, Value::VectorSet(set), Deadline::NEVER);
        // Observers were called by the line before.
        keys.commit(record.about(None));
        Ok(())
    }

    /// Runs `change` on the set under the shard's write lock, and removes the key if the set is empty then and not
    /// one that is kept. `change` spends its record itself, if it changes something.
    pub fn with_set_exclusively<R>(
        self,
        key: &[u8],
        change: impl FnOnce(&VectorSet) -> R,
    ) -> Result<Option<R>, WrongType> {
        let mut keys = self.exclusive(&[key]);
        let Some(handle) = keys.get(key).map(|entry| entry.value().set_handle()).transpose()? else {
            return Ok(None);
        };
        let outcome = change(&handle.set);
        if handle.set.unbind_if_spent() {
            keys.remove(key);
        }
        Ok(Some(outcome))
    }

    /// True if there is such a key.
    pub fn contains(self, key: &[u8]) -> bool {
        self.lookup(key, Attention::None, |_| ()).is_some()
    }

    /// How many keys there are at one moment, without those that have ended.
    pub fn census(self) -> Census {
        let all = Shared::over_shards(self, 0..SHARDS);
        let now_ms = all.now_ms();
        let (mut keys, mut due, mut deadlines, mut sum_ms, mut subexpiry) = (0, 0, 0, 0, 0);
        for table in all.tables() {
            keys += table.len();
            due += table.deadlines().count_due(now_ms);
            deadlines += table.deadlines().len();
            sum_ms += table.deadlines().sum_ms();
            subexpiry += table.field_deadlines().len();
        }
        let mean_ttl_ms = mean_ttl_ms(sum_ms, deadlines, now_ms);
        Census { keys: keys - due, expires: deadlines - due, mean_ttl_ms, subexpiry, ended: due }
    }

    /// Removes all keys, and spends the record whether there were any or not. The values are freed by the reaper.
    pub fn flush(self, record: Record<'_>) {
        let mut all = Exclusive::over_all(self);
        all.clear();
        all.commit(record);
    }

    /// Accounts for a lookup.
    pub(super) fn pay(self, attention: Attention, shard: usize, entry: Option<&Entry>, now_ms: i64) {
        if attention != Attention::None {
            self.shards[shard].lookups.count(entry.is_some());
        }
        if let (Attention::Used, true, Some(entry)) = (attention, self.access.touches, entry) {
            entry.mark_used(now_ms);
        }
    }
}

/// Ended keys that are not removed yet are in it: they are few, and weigh little.
fn mean_ttl_ms(sum_ms: i128, deadlines: usize, now_ms: i64) -> i64 {
    let Some(mean) = sum_ms.checked_div(deadlines as i128) else { return 0 };
    i64::try_from((mean - i128::from(now_ms)).max(0)).unwrap_or(i64::MAX)
}
