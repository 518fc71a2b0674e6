//! Reading several keys as they are at one moment.

use parking_lot::RwLockReadGuard;
use smallvec::SmallVec;

use super::cold::Found;
use super::entry::Entry;
use super::shard::shard_of;
use super::table::Table;
use super::value::WrongType;
use super::vector_set::SetHandle;
use super::{Accounting, View};

/// Why a key has no set that can be looked at under the locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAtHand {
    /// Its value is no set.
    WrongType,
    /// It is in a file.
    InFile,
}

/// Shared access to some keys of a database, which do not change meanwhile.
///
/// # Panics
/// As [`super::Exclusive`].
#[derive(Debug)]
pub struct Shared<'k> {
    db: View<'k>,
    /// The moment by which keys have expired or not.
    now_ms: i64,
    /// The time of use that keys get.
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

    /// `shards` must ascend: that is the lock order.
    pub(super) fn over_shards(db: View<'k>, shards: impl IntoIterator<Item = usize>) -> Self {
        let held = shards.into_iter().map(|shard| (shard, db.db.shards[shard].read())).collect();
        let used_ms = db.recent_ms();
        Self { db, now_ms: db.expiry_ms(used_ms), used_ms, held }
    }

    /// The entry of a key, unless it has expired.
    pub fn get(&self, key: &[u8], accounting: Accounting) -> Option<&Entry> {
        let hash = self.db.common.hash(key);
        let shard = shard_of(hash);
        let held = self.held.binary_search_by_key(&shard, |(shard, _)| *shard);
        let (_, table) = &self.held[held.expect("the key was named when the shards were locked")];
        let entry = self.db.find(table, (hash, key), self.now_ms, accounting);
        self.db.count_lookup(accounting, shard, entry, self.used_ms);
        entry
    }

    /// The vector set of a key, for a command that reads it.
    ///
    /// # Errors
    /// It is none, or is in a file: then it can be [opened](View::open_set) when these locks are
    /// released.
    pub fn vector_set(&self, key: &[u8], accounting: Accounting) -> Result<Option<SetHandle>, NotAtHand> {
        let now = self.db.now_of_set(self.used_ms);
        match self.get(key, accounting).map(|entry| entry.value().set_anywhere(now)).transpose() {
            Ok(None) => Ok(None),
            Ok(Some(Found::InMemory(handle))) => Ok(Some(handle)),
            Ok(Some(Found::InFile(_))) => Err(NotAtHand::InFile),
            Err(WrongType) => Err(NotAtHand::WrongType),
        }
    }

    pub(super) fn tables(&self) -> impl Iterator<Item = &Table> {
        self.held.iter().map(|(_, table)| &**table)
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.now_ms
    }
}
