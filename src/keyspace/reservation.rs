//! Shards reserved for one transaction: the commands of an EXEC have one common moment, though each
//! of them locks its shards by itself.
//!
//! # Protocol
//!
//! Strict two-phase locking, a level above the locks of the shards. EXEC
//!
//! 1. *reserves* the shards of all keys that its commands name, in lock order ((database, shard)):
//!    it locks a shard for writing; if the shard is reserved already, it unlocks it, waits until
//!    that transaction has ended, and tries again; else it sets the shard's [`Reservation`]. Under
//!    the same lock it unbinds the vector sets of its keys;
//! 2. *runs* its commands. They lock the shards of their keys as always: the reservation has the
//!    number of their transaction, which is also in a variable of their thread;
//! 3. *ends*: clears the reservations, then wakes the threads that wait for it.
//!
//! A transaction that may touch any key reserves the [`Arrangement`] too, before all shards: only
//! such a transaction may swap databases.
//!
//! Any other thread that locks a shard (always by [`Shard::read`] or [`Shard::write`]) checks the
//! reservation while it holds the lock. If the shard is reserved, the thread unlocks it, waits for
//! the end of the transaction, and locks it again; it keeps the lower shards that it has locked
//! already. A reservation is set under the write lock, so no other thread is still inside; and what
//! the transaction changed, it changed under the locks that the next thread takes.
//!
//! *The effect takes place at one moment*, any moment between 1 and 3: until then no other thread
//! sees these keys, and all its commands have the same time
//! ([`Access::moment_ms`](super::Access::moment_ms)).
//!
//! *No deadlock.* Locks of shards and reservations are taken in one order, that of the shards. A
//! thread that waits for a transaction holds nothing at or above the shard that it waits for, and
//! that is true for a transaction in step 1 too. A transaction in step 2 waits for no other: all
//! that it touches is reserved. So the lowest shard that any thread waits for is held by a thread
//! that runs. (A command that leaves its transaction's shards and meets a reserved one would break
//! this. It panics instead, and the reply is an error.) A transaction occupies its thread until its
//! end, so it never waits for a place in a pool either. Commands that would wait for a long
//! transaction are held back before they begin ([`long_transactions`](super::long_transactions)).
//!
//! *Vector sets* are changed without a lock on their shard: a writer compares, under the set's own
//! lock, the binding that it got when it looked the set up. The bindings of a transaction's sets
//! were revoked in step 1. So a writer that looked the set up before fails the comparison, looks
//! the key up again, and waits there. Reads of a set compare the binding after they have read:
//! either what they read was there before step 1, or they look the key up again, and wait.
//!
//! *The journal* gets the records of a transaction as one group, before its shards are free again.
//! No other record about the reserved shards can come between them. Records about other shards that
//! are written meanwhile come before the whole group, which makes no difference. A log that ends
//! within a group is truncated before it.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use smallvec::SmallVec;

use super::arrangement::Arrangement;
use super::shard::{SHARDS, Shard, shard_of};
use super::table::Table;
use super::{Common, Keyspace};

/// The number in place of a transaction's: of a shard that is not reserved, and of a thread that
/// runs no transaction.
const NO_TRANSACTION: u64 = 0;

thread_local! {
    /// The transaction that this thread runs. It belongs to the thread, and not to an
    /// [`Access`](super::Access): it is needed wherever a shard is locked, also where no command
    /// looks up a key (watches, walks, the removal of expired keys). A caller that did not pass the
    /// number on would wait for its own transaction.
    static CURRENT: Cell<u64> = const { Cell::new(NO_TRANSACTION) };
}

/// The keys that a transaction may touch.
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
    /// Held for writing by the transaction's thread until its end. A thread that waits for the end
    /// takes it for reading.
    running: RwLock<()>,
}

/// The transaction that a shard is reserved for, if there is one.
#[derive(Debug, Default)]
pub(super) struct Reservation {
    /// The number of the transaction. Set under the shard's write lock and read under the read or
    /// write lock, which order the two. Cleared without a lock: a thread that still reads the old
    /// number waits for a transaction that has ended, so its wait ends at once.
    number: AtomicU64,
    transaction: Mutex<Option<Arc<Transaction>>>,
}

impl Reservation {
    /// True if the calling thread may use the shard, whose lock it holds.
    pub(super) fn admits_this_thread(&self) -> bool {
        let number = self.number.load(Ordering::Acquire);
        if number == NO_TRANSACTION {
            debug_assert_eq!(CURRENT.get(), NO_TRANSACTION, "a transaction reserves all that it touches");
            return true;
        }
        number == CURRENT.get()
    }

    /// True if the shard was reserved a moment ago.
    pub(super) fn is_set(&self) -> bool {
        self.number.load(Ordering::Relaxed) != NO_TRANSACTION
    }

    /// True if the shard is reserved for the transaction of the calling thread.
    pub(super) fn is_of_this_thread(&self) -> bool {
        let number = self.number.load(Ordering::Acquire);
        number != NO_TRANSACTION && number == CURRENT.get()
    }

    /// The transaction that the calling thread has to wait for.
    ///
    /// # Panics
    /// If the thread runs a transaction, for which this shard should have been reserved: it might
    /// wait for itself.
    pub(super) fn blocking(&self) -> BlockingTransaction {
        assert_eq!(CURRENT.get(), NO_TRANSACTION, "a command left the shards of its transaction");
        BlockingTransaction(self.transaction.lock().clone())
    }

    fn set(&self, transaction: &Arc<Transaction>) {
        *self.transaction.lock() = Some(Arc::clone(transaction));
        self.number.store(transaction.number, Ordering::Release);
    }

    fn clear(&self) {
        self.number.store(NO_TRANSACTION, Ordering::Release);
        *self.transaction.lock() = None;
    }
}

/// The transaction that a shard was reserved for, if it has not ended yet.
pub(super) struct BlockingTransaction(Option<Arc<Transaction>>);

impl BlockingTransaction {
    /// Waits until it has ended. No lock at or above that of the shard may be held.
    pub(super) fn wait(self) {
        if let Some(transaction) = self.0 {
            drop(transaction.running.read());
        }
    }
}

/// Reservations that are set, and that are cleared on drop, also after a panic.
struct Reservations<'k>(Vec<&'k Reservation>);

impl<'k> Reservations<'k> {
    /// Sets a reservation, under the write lock that belongs to it.
    fn set(&mut self, reservation: &'k Reservation, transaction: &Arc<Transaction>) {
        reservation.set(transaction);
        self.0.push(reservation);
    }
}

impl Drop for Reservations<'_> {
    fn drop(&mut self) {
        self.0.iter().for_each(|reservation| reservation.clear());
    }
}

/// The calling thread runs a transaction until this is dropped.
struct CurrentTransaction;

impl CurrentTransaction {
    fn begin(number: u64) -> Self {
        CURRENT.set(number);
        Self
    }
}

impl Drop for CurrentTransaction {
    fn drop(&mut self) {
        CURRENT.set(NO_TRANSACTION);
    }
}

/// A key, and where it is.
struct KeyPlace<'q> {
    db: usize,
    shard: usize,
    hash: u64,
    key: &'q [u8],
}

impl Keyspace {
    /// Runs `work` as one transaction: meanwhile no other thread sees or changes the keys in
    /// `reach`. `work` must run on this thread, and must not touch other keys.
    ///
    /// # Panics
    /// If this thread runs a transaction already.
    pub fn transaction<R>(&self, reach: &Reach<'_>, work: impl FnOnce() -> R) -> R {
        assert_eq!(CURRENT.get(), NO_TRANSACTION, "a transaction has no transactions in it");
        // Before any lock and any reservation: other threads wait for their holders.
        let _passage = self.common.journal.enter();
        let transaction = Transaction::new();
        // Dropped in reverse order: the thread's number is cleared, the records are written, the
        // reservations are cleared, and waiting threads are woken.
        let _running = transaction.running.write();
        let _reservations = self.reserve(reach, &transaction);
        let _group = self.common.journal.group();
        let _current = CurrentTransaction::begin(transaction.number);
        work()
    }

    /// True if this thread runs a transaction.
    pub(super) fn runs_transaction(&self) -> bool {
        CURRENT.get() != NO_TRANSACTION
    }

    fn reserve(&self, reach: &Reach<'_>, transaction: &Arc<Transaction>) -> Reservations<'_> {
        let mut reservations = Reservations(Vec::new());
        match reach {
            Reach::Everything => {
                self.arrangement.reserve(transaction, &mut reservations);
                for shard in self.databases.iter().flat_map(|db| &*db.shards) {
                    shard.reserve(transaction, &mut reservations, |table| table.unbind_all());
                }
            }
            Reach::Keys(keys) => {
                let places = places(keys, &self.common);
                for here in places.chunk_by(|a, b| (a.db, a.shard) == (b.db, b.shard)) {
                    let shard = &self.databases[here[0].db].shards[here[0].shard];
                    shard.reserve(transaction, &mut reservations, |table| {
                        here.iter().for_each(|place| table.unbind(place.hash, place.key));
                    });
                }
            }
        }
        reservations
    }
}

/// The keys in lock order.
fn places<'q>(keys: &[(usize, &'q [u8])], common: &Common) -> SmallVec<[KeyPlace<'q>; 8]> {
    let place = |&(db, key): &(usize, &'q [u8])| {
        let hash = common.hash(key);
        KeyPlace { db, shard: shard_of(hash), hash, key }
    };
    let mut places: SmallVec<[KeyPlace; 8]> = keys.iter().map(place).collect();
    places.sort_unstable_by_key(|place| place.db * SHARDS + place.shard);
    places
}

impl Transaction {
    fn new() -> Arc<Self> {
        static LAST: AtomicU64 = AtomicU64::new(NO_TRANSACTION);
        let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        Arc::new(Self { number, running: RwLock::new(()) })
    }
}

impl Shard {
    /// Waits until the shard is free, and reserves it. `prepare` gets the table under the write
    /// lock.
    fn reserve<'k>(
        &'k self,
        transaction: &Arc<Transaction>,
        reservations: &mut Reservations<'k>,
        prepare: impl FnOnce(&Table),
    ) {
        let table = self.write();
        reservations.set(&self.reservation, transaction);
        prepare(&table);
    }
}

impl Arrangement {
    /// As [`Shard::reserve`].
    fn reserve<'k>(&'k self, transaction: &Arc<Transaction>, reservations: &mut Reservations<'k>) {
        let _places = self.write();
        reservations.set(&self.reservation, transaction);
    }
}
