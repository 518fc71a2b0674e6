//! The locks of the keyspace, and the order in which they are taken.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::reservation::Mark;
use super::table::Table;
use super::watch::Watched;

/// Shards in a database.
pub(super) const SHARDS: usize = 1 << SHARD_BITS;

/// Log of the number of shards.
pub(super) const SHARD_BITS: u32 = 6;

/// The index of a shard uses the low half of a hash (see `table.rs`). The shard is told by other bits, or the keys of
/// a shard would crowd the same slots of its index.
const SHARD_SHIFT: u32 = 48;

/// A part of a database under a lock of its own.
///
/// # Lock order
///
/// 1. the [`Arrangement`](super::arrangement::Arrangement) of databases, for SWAPDB and for
///    snapshots;
/// 2. shards, by (database, shard), each at most once: `Exclusive` and `Shared` sort them. A transaction reserves them in
///    the same order, and a thread that waits for it holds lower ones at most (see `reservation.rs`);
/// 3. the lock of a vector set, inside;
/// 4. those of marks and watchers, innermost, and for a moment only.
///
/// Nothing that holds the lock of a set asks for a shard, and nothing that holds a shard waits for anything else:
/// freed values go to the reaper by a channel that never blocks, after the shards are unlocked.
///
/// # What is atomic
///
/// A command takes every shard it needs before its first look, and keeps them until its last change. Its effect takes
/// place at the moment at which it holds them all: two commands that share a key, one of them a writer, have an
/// order there, and as each spends its `Record` before it unlocks, the journal has the same order.
///
/// The commands of a transaction have one moment together: their shards are reserved for it.
///
/// A command on a vector set holds the shard only to look up the set and its binding. Its moment is under the set's
/// own lock, where it compares the binding. Whoever makes the key mean something else unbinds the set under the
/// shard's write lock, so an unchanged binding says that the key still means the set at that moment.
///
/// KEYS, SCAN, RANDOMKEY and the expiry cycle look at one shard after the other, so that none stops the whole
/// keyspace: a key that a RENAME moves meanwhile may be seen twice or not at all.
///
/// Aligned so that two shards do not share a cache line (lines are fetched in pairs).
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Shard {
    table: RwLock<Table>,
    /// Beside the lock that the lookup has just written to, as are the next two.
    pub(super) lookups: Lookups,
    pub(super) mark: Mark,
    pub(super) watched: Watched,
}

impl Shard {
    /// Locks the shard for a look, when no transaction of another thread has it.
    pub(super) fn read(&self) -> RwLockReadGuard<'_, Table> {
        loop {
            let table = self.table.read();
            if self.mark.admits_me() {
                return table;
            }
            let obstacle = self.mark.obstacle();
            drop(table);
            obstacle.wait();
        }
    }

    /// The table, if nobody changes it now. To be used for hints only: it may be reserved for a transaction.
    pub(super) fn peek(&self) -> Option<RwLockReadGuard<'_, Table>> {
        self.table.try_read()
    }

    /// Locks the shard for a look at what was there at a cut, also if a transaction has it: that is behind the cut.
    pub(super) fn read_past_marks(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read()
    }

    /// Locks the shard to change what its table knows of a snapshot, and nothing else, also if a transaction has it.
    pub(super) fn write_past_marks(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write()
    }

    /// Locks the shard for changes, when no transaction of another thread has it.
    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Table> {
        loop {
            let table = self.table.write();
            if self.mark.admits_me() {
                return table;
            }
            let obstacle = self.mark.obstacle();
            drop(table);
            obstacle.wait();
        }
    }
}

/// How many lookups by reading commands found their key.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Lookups {
    pub(super) fn count(&self, found: bool) {
        let counter = if found { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    pub(super) fn misses(&self) -> u64 {
        self.misses.load(Ordering::Relaxed)
    }

    pub(super) fn reset(&self) {
        self.hits.store(0, Ordering::Relaxed);
        self.misses.store(0, Ordering::Relaxed);
    }
}

/// The shard of the keys with this hash.
pub(super) fn shard_of(hash: u64) -> usize {
    (hash >> SHARD_SHIFT) as usize & (SHARDS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shard_is_told_by_bits_that_the_index_does_not_use() {
        const { assert!(SHARD_SHIFT >= u32::BITS && SHARD_SHIFT + SHARD_BITS <= u64::BITS) };
        assert_eq!(shard_of(u64::MAX), SHARDS - 1);
        assert_eq!(shard_of(!((SHARDS as u64 - 1) << SHARD_SHIFT)), 0);
    }
}
