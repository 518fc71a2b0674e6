//! The locks of the keyspace, and the order in which they are taken.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::reservation::Reservation;
use super::table::Table;
use super::watch::Watched;

/// Shards in a database.
pub(super) const SHARDS: usize = 1 << SHARD_BITS;

/// Log of the number of shards.
pub(super) const SHARD_BITS: u32 = 6;

/// The index of a shard uses the low half of a hash (see `table.rs`). The shard is chosen by other
/// bits: otherwise the keys of a shard would crowd the same buckets of its index.
const SHARD_SHIFT: u32 = 48;

/// A part of a database under a lock of its own.
///
/// # Lock order
///
/// 1. the [`Arrangement`](super::arrangement::Arrangement) of databases, for SWAPDB and for
///    snapshots;
/// 2. shards, by (database, shard), each at most once: `Exclusive` and `Shared` sort them. A
///    transaction reserves them in the same order, and a thread that waits for it holds only lower
///    ones (see `reservation.rs`);
/// 3. the lock of a vector set, inside;
/// 4. those of reservations and watches, innermost, and for a moment only.
///
/// No thread that holds the lock of a set locks a shard, and no thread that holds a shard waits for
/// anything else: discarded values are sent to the reaper by a channel that never blocks, after the
/// shards are unlocked.
///
/// # What is atomic
///
/// A command locks every shard it needs before its first lookup, and unlocks them after its last
/// change. Its effect takes place at the moment at which it holds them all: two commands that share
/// a key, one of them a writer, have an order there, and as each spends its `Record` before it
/// unlocks, the journal has the same order.
///
/// The commands of a transaction have one moment together: their shards are reserved for it.
///
/// A command on a vector set holds the shard only to look up the set and its binding. Its moment is
/// under the set's own lock, where it compares the binding. A command that removes the key or gives
/// it another value unbinds the set under the shard's write lock, so an unchanged binding means
/// that the key still has the set at that moment.
///
/// KEYS, SCAN, RANDOMKEY and the expiry cycle lock one shard after the other, so that none stops
/// the whole keyspace: a key that a RENAME moves meanwhile may be seen twice or not at all.
///
/// Aligned so that two shards do not share a cache line (lines are fetched in pairs).
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Shard {
    table: RwLock<Table>,
    /// On the cache line of the lock, which the lookup has just written to, as are the next two.
    pub(super) lookups: Lookups,
    pub(super) reservation: Reservation,
    pub(super) watched: Watched,
}

impl Shard {
    /// Locks the shard for reading, when no transaction of another thread has it.
    pub(super) fn read(&self) -> RwLockReadGuard<'_, Table> {
        loop {
            let table = self.table.read();
            if self.reservation.admits_this_thread() {
                return table;
            }
            let blocking = self.reservation.blocking();
            drop(table);
            blocking.wait();
        }
    }

    /// The table, if no thread has it locked for writing. To be used for hints only: it may be
    /// reserved for a transaction.
    pub(super) fn peek(&self) -> Option<RwLockReadGuard<'_, Table>> {
        self.table.try_read()
    }

    /// Locks the shard to read what was there at a cut, also if a transaction has it: its changes
    /// come after the cut.
    pub(super) fn read_despite_reservation(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read()
    }

    /// Locks the shard to change its table's state of a snapshot, and nothing else, also if a
    /// transaction has it.
    pub(super) fn write_despite_reservation(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write()
    }

    /// Locks the shard for changes, when no transaction of another thread has it.
    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Table> {
        loop {
            let table = self.table.write();
            if self.reservation.admits_this_thread() {
                return table;
            }
            let blocking = self.reservation.blocking();
            drop(table);
            blocking.wait();
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
    fn the_shard_is_chosen_by_bits_that_the_index_does_not_use() {
        const { assert!(SHARD_SHIFT >= u32::BITS && SHARD_SHIFT + SHARD_BITS <= u64::BITS) };
        assert_eq!(shard_of(u64::MAX), SHARDS - 1);
        assert_eq!(shard_of(!((SHARDS as u64 - 1) << SHARD_SHIFT)), 0);
    }
}
