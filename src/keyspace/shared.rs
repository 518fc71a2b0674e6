//! Reading several keys as they are at one moment.

use parking_lot::RwLockReadGuard;
use smallvec::SmallVec;

use super::entry::Entry;
use super::shard::shard_of;
use super::table::Table;
use super::value::WrongType;
use super::vector_set::SetHandle;
use super::{Attention, View};

/// The right to look at some keys of a database while nobody changes them.
///
/// # Panics
/// As [`super::Exclusive`].
#[derive(Debug)]
pub struct Shared<'k> {
    db: View<'k>,
    /// By which keys have ended.
    now_ms: i64,
    /// At which they are used.
    used_ms: i64,
    /// By shard number.
    held: SmallVec<[(usize, RwLockReadGuard<'k, Table>); 1]>,
}

impl<'k> Shared<'k> {
    pub(super) fn over_keys<K: AsRef<[u8]>>(db: View<'k>, keys: &[K]) -> Self {
        if keys.len() > 1 {
            db.prefetch(keys);
        }
        let mut shards: SmallVec<[usize; 4]> =
            keys.iter().map(|key| shard_of(db.common.hash(key.as_ref()))).collect();
        shards.sort_unstable();
        shards.dedup();
        Self::over_shards(db, shards)
    }

    /// `shards` ascend: this is where the lock order is kept.
    pub(super) fn over_shards(db: View<'k>, shards: impl IntoIterator<Item = usize>) -> Self {
        let held = shards.into_iter().map(|shard| (shard, db.db.shards[shard].read())).collect();
        let used_ms = db.recent_ms();
        Self { db, now_ms: db.expiry_ms(used_ms), used_ms, held }
    }

    /// The entry of a key that has not ended.
    pub fn get(&self, key: &[u8], attention: Attention) -> Option<&Entry> {
        let hash = self.db.common.hash(key);
        let shard = shard_of(hash);
        let held = self.held.binary_search_by_key(&shard, |(shard, _)| *shard);
        let (_, table) = &self.held[held.expect("the key was named when the shards were locked")];
        let entry = self.db.find(table, (hash, key), self.now_ms, attention);
        self.db.pay(attention, shard, entry, self.used_ms);
        entry
    }

    /// The vector set of a key, for a command that reads it.
    pub fn vector_set(&self, key: &[u8], attention: Attention) -> Result<Option<SetHandle>, WrongType> {
        self.get(key, attention).map(|entry| entry.value().set_handle()).transpose()
    }

    pub(super) fn tables(&self) -> impl Iterator<Item = &Table> {
        self.held.iter().map(|(_, table)| &**table)
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.now_ms
    }
}
