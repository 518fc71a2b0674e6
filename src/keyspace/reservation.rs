//! Shards kept for one transaction: what makes the commands of an EXEC one, though each locks its shards by itself.
//!
//! # Protocol
//!
//! Strict two-phase locking, a level above the locks of the shards. EXEC
//!
//! 1. *reserves* the shards of all keys that its commands name, in lock order ((database, shard)): it locks a shard for
//!    writing; if the shard is reserved already, it unlocks it, waits until that transaction is over, and tries again;
//!    else it sets the shard's [`Mark`]. Under the same lock it unbinds the vector sets of its keys;
//! 2. *runs* its commands. They lock the shards of their keys as always: the mark carries the number of their
//!    transaction, which is also the number of their thread;
//! 3. *ends*: clears the marks, then wakes who waits.
//!
//! A transaction that may reach every key reserves the [`Arrangement`] too, before all shards: only
//! such a one swaps databases.
//!
//! Whoever else locks a shard (all go through [`Shard::read`] and [`Shard::write`]) looks at its mark while it holds the
//! lock. If the shard is reserved, it unlocks it, waits for the end, and locks it again; lower shards that it has locked
//! already it keeps. A mark is set under the write lock, so nobody who came before is still inside; what the transaction
//! changed was changed under locks that the next one takes.
//!
//! *The effect takes place at one moment*, any moment between 1 and 3: until then nobody else sees these keys, and
//! its commands are given one moment as the time ([`Access::moment_ms`](super::Access::moment_ms)).
//!
//! *Nobody waits for ever.* Locks of shards and reservations are taken in one order, that of the
//! shards: who waits for a transaction holds nothing at or above the shard that it waits for, and a
//! transaction that reserves waits as any other. One that runs waits for no other: all that it
//! touches is reserved, so the lowest shard that anybody waits for is held by somebody who goes on.
//! (A command that strays from its transaction's shards onto a reserved one would break this. It
//! panics instead, and is answered with an error.) A transaction occupies its thread until its end,
//! so it never waits for a place in a pool either. What would wait for a long one is held back
//! before it begins ([`long_transactions`](super::long_transactions)).
//!
//! *Vector sets* are changed without a lock on their shard: a writer compares, under the set's own lock, the binding
//! with which it looked the set up. As the bindings of a transaction's sets were revoked in 1, a writer that is under
//! way is refused, looks the key up again, and waits. Reads of a set compare the binding when they have looked, so
//! what they saw was there before 1, or they look again, and wait.
//!
//! *The journal* gets the records of a transaction as one group, before its shards are free again. No other record that
//! concerns the reserved shards can come between them, so it does not matter that those of other shards, written
//! meanwhile, come before all of them. A log that ends within a group is cut before it.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use smallvec::SmallVec;

use super::arrangement::Arrangement;
use super::shard::{SHARDS, Shard, shard_of};
use super::table::Table;
use super::{Common, Keyspace};

/// The mark of a shard that nobody has reserved, and the number of a thread that runs no transaction.
const NOBODY: u64 = 0;

thread_local! {
    /// The transaction that this thread runs. Of the thread, and not of an
    /// [`Access`](super::Access): whoever locks a shard has to be known, also where no command looks
    /// up a key (watches, walks, the removal of what has expired). A caller that forgot to hand the
    /// number on would wait for its own transaction.
    static MINE: Cell<u64> = const { Cell::new(NOBODY) };
}

/// What a transaction will touch.
#[derive(Clone, Debug)]
pub enum Reach<'q> {
    /// These keys: number of the database, key.
    Keys(Vec<(usize, &'q [u8])>),
    /// Any key of any database.
    Everything,
}

/// A running transaction.
#[derive(Debug)]
struct Transaction {
    number: u64,
    /// Held for writing by the transaction's thread until its end; who waits for the end takes it for reading.
    running: RwLock<()>,
}

/// Says for whom a shard is reserved.
#[derive(Debug, Default)]
pub(super) struct Mark {
    /// The number of the transaction. Set under the shard's write lock and read under either, which order it. Cleared
    /// without: the waiting that a late look costs ends at once.
    number: AtomicU64,
    transaction: Mutex<Option<Arc<Transaction>>>,
}

impl Mark {
    /// True if the calling thread may use the shard, whose lock it holds.
    pub(super) fn admits_me(&self) -> bool {
        let number = self.number.load(Ordering::Acquire);
        if number == NOBODY {
            debug_assert_eq!(MINE.get(), NOBODY, "a transaction reserves all that it touches");
            return true;
        }
        number == MINE.get()
    }

    /// True if the shard was reserved a moment ago.
    pub(super) fn is_set(&self) -> bool {
        self.number.load(Ordering::Relaxed) != NOBODY
    }

    /// What the calling thread has to wait for.
    ///
    /// # Panics
    /// If it runs a transaction, for which this shard should have been reserved: it might wait for itself.
    pub(super) fn obstacle(&self) -> Obstacle {
        assert_eq!(MINE.get(), NOBODY, "a command left the shards of its transaction");
        Obstacle(self.transaction.lock().clone())
    }

    fn set(&self, transaction: &Arc<Transaction>) {
        *self.transaction.lock() = Some(Arc::clone(transaction));
        self.number.store(transaction.number, Ordering::Release);
    }

    fn clear(&self) {
        self.number.store(NOBODY, Ordering::Release);
        *self.transaction.lock() = None;
    }
}

/// The transaction that a shard was reserved for, if it is not over yet.
pub(super) struct Obstacle(Option<Arc<Transaction>>);

impl Obstacle {
    /// Waits until it is over. No lock at or above that of the shard may be held.
    pub(super) fn wait(self) {
        if let Some(transaction) = self.0 {
            drop(transaction.running.read());
        }
    }
}

/// Marks that are set, and that are cleared in the end, however it comes.
struct Marked<'k>(Vec<&'k Mark>);

impl<'k> Marked<'k> {
    /// Sets a mark, under the write lock that belongs to it.
    fn set(&mut self, mark: &'k Mark, transaction: &Arc<Transaction>) {
        mark.set(transaction);
        self.0.push(mark);
    }
}

impl Drop for Marked<'_> {
    fn drop(&mut self) {
        self.0.iter().for_each(|mark| mark.clear());
    }
}

/// The time in which a thread is a transaction.
struct Being;

impl Being {
    fn begin(number: u64) -> Self {
        MINE.set(number);
        Self
    }
}

impl Drop for Being {
    fn drop(&mut self) {
        MINE.set(NOBODY);
    }
}

/// A key by its place.
struct Spot<'q> {
    db: usize,
    shard: usize,
    hash: u64,
    key: &'q [u8],
}

impl Keyspace {
    /// Runs `work` as one transaction: while nobody else sees or changes what it reaches. `work` must run on this thread, and must not touch keys outside of its reach.
    ///
    /// # Panics
    /// If this thread runs a transaction already.
    pub fn transaction<R>(&self, reach: &Reach<'_>, work: impl FnOnce() -> R) -> R {
        assert_eq!(MINE.get(), NOBODY, "a transaction has no transactions in it");
        // Before any lock and any mark, for whose holders others wait.
        let _passage = self.common.journal.enter();
        let transaction = Transaction::new();
        // Dropped in reverse: the thread is itself again, the records are written down, the marks are
        // cleared, who waits is woken.
        let _running = transaction.running.write();
        let _marked = self.reserve(reach, &transaction);
        let _group = self.common.journal.group();
        let _being = Being::begin(transaction.number);
        work()
    }

    fn reserve(&self, reach: &Reach<'_>, transaction: &Arc<Transaction>) -> Marked<'_> {
        let mut marked = Marked(Vec::new());
        match reach {
            Reach::Everything => {
                self.arrangement.reserve(transaction, &mut marked);
                for shard in self.databases.iter().flat_map(|db| &*db.shards) {
                    shard.reserve(transaction, &mut marked, |table| table.unbind_all());
                }
            }
            Reach::Keys(keys) => {
                let spots = spots(keys, &self.common);
                for here in spots.chunk_by(|a, b| (a.db, a.shard) == (b.db, b.shard)) {
                    let shard = &self.databases[here[0].db].shards[here[0].shard];
                    shard.reserve(transaction, &mut marked, |table| {
                        here.iter().for_each(|spot| table.unbind(spot.hash, spot.key));
                    });
                }
            }
        }
        marked
    }
}

/// The keys in lock order.
fn spots<'q>(keys: &[(usize, &'q [u8])], common: &Common) -> SmallVec<[Spot<'q>; 8]> {
    let spot = |&(db, key): &(usize, &'q [u8])| {
        let hash = common.hash(key);
        Spot { db, shard: shard_of(hash), hash, key }
    };
    let mut spots: SmallVec<[Spot; 8]> = keys.iter().map(spot).collect();
    spots.sort_unstable_by_key(|spot| spot.db * SHARDS + spot.shard);
    spots
}

impl Transaction {
    fn new() -> Arc<Self> {
        static LAST: AtomicU64 = AtomicU64::new(NOBODY);
        let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        Arc::new(Self { number, running: RwLock::new(()) })
    }
}

impl Shard {
    /// Waits until the shard is free, and marks it. `prepare` sees the table under the write lock.
    fn reserve<'k>(
        &'k self,
        transaction: &Arc<Transaction>,
        marked: &mut Marked<'k>,
        prepare: impl FnOnce(&Table),
    ) {
        let table = self.write();
        marked.set(&self.mark, transaction);
        prepare(&table);
    }
}

impl Arrangement {
    /// As a shard is reserved.
    fn reserve<'k>(&'k self, transaction: &Arc<Transaction>, marked: &mut Marked<'k>) {
        let _places = self.write();
        marked.set(&self.mark, transaction);
    }
}
