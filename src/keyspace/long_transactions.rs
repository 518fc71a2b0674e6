//! Long transactions, which do not run on network threads, and the commands that wait for them.
//!
//! A command that meets a reserved shard waits there, and blocks its thread. While a transaction
//! takes long, no network thread should be blocked like that, as it serves other clients, and no
//! compute thread, as there may be only one. So a long transaction is *announced*, with all shards
//! that it may reserve, before it reserves the first one. A command that would touch one of them is
//! not begun: its connection holds it back, which needs no thread, until an announced transaction
//! has ended; then the command is checked again.
//!
//! A command is checked when its request is read, and once more when a compute thread takes it from
//! the queue. A command that was checked just before the announcement may still block its thread,
//! as may one that began a walk over all shards before. That concerns only commands that were
//! running at that moment, and none that come later.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::reservation::Reach;
use super::shard::{SHARDS, shard_of};
use super::{Common, DATABASES, Keyspace};
use crate::wake::{Waiter, WakeList};

/// The long transactions that are announced now.
///
/// On a cache line of its own: every command reads `count`.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct LongTransactions {
    count: AtomicUsize,
    announced: Mutex<Vec<Arc<ShardSet>>>,
    over: Arc<WakeList>,
}

/// Shards of all databases, a bit for each.
#[derive(Debug)]
struct ShardSet([u64; DATABASES]);

const _: () = assert!(SHARDS == u64::BITS as usize);

impl ShardSet {
    fn of(reach: &Reach<'_>, common: &Common) -> Self {
        let Reach::Keys(keys) = reach else { return Self([u64::MAX; DATABASES]) };
        let mut shards = [0; DATABASES];
        for (db, key) in keys {
            shards[*db] |= 1 << shard_of(common.hash(key));
        }
        Self(shards)
    }

    fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(one, other)| one & other != 0)
    }
}

/// The announcement of a long transaction, until the drop.
#[derive(Debug)]
pub struct LongTransaction<'k> {
    all: &'k LongTransactions,
    shards: Arc<ShardSet>,
}

impl Keyspace {
    /// Announces a long transaction that will touch no more than `reach`: to be called before it
    /// begins, and dropped when it has ended.
    pub fn announce_long_transaction(&self, reach: &Reach<'_>) -> LongTransaction<'_> {
        let all = &self.long_transactions;
        let shards = Arc::new(ShardSet::of(reach, &self.common));
        let mut announced = all.announced.lock();
        announced.push(Arc::clone(&shards));
        all.count.store(announced.len(), Ordering::SeqCst);
        LongTransaction { all, shards }
    }

    /// True while one is announced.
    pub fn has_long_transaction(&self) -> bool {
        self.long_transactions.count.load(Ordering::Relaxed) > 0
    }

    /// If a long transaction may touch some of `reach`: what a command that touches it has to await
    /// before it begins. It is woken when a long transaction has ended.
    pub fn wait_for_long_transaction(&self, reach: &Reach<'_>) -> Option<Waiter> {
        let all = &self.long_transactions;
        let shards = ShardSet::of(reach, &self.common);
        if !all.meet(&shards) {
            return None;
        }
        let waiter = all.over.register();
        all.meet(&shards).then_some(waiter)
    }
}

impl LongTransactions {
    fn meet(&self, shards: &ShardSet) -> bool {
        self.announced.lock().iter().any(|other| other.meets(shards))
    }
}

impl Drop for LongTransaction<'_> {
    fn drop(&mut self) {
        let mut announced = self.all.announced.lock();
        announced.retain(|other| !Arc::ptr_eq(other, &self.shards));
        self.all.count.store(announced.len(), Ordering::SeqCst);
        drop(announced);
        self.all.over.wake_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::Clock;

    #[test]
    fn only_what_a_long_transaction_may_touch_waits_for_it() {
        let keyspace = Keyspace::new(Clock::manual(0));
        let one = |key: &'static [u8]| Reach::Keys(vec![(3, key)]);
        assert!(keyspace.wait_for_long_transaction(&Reach::Everything).is_none());
        let long = keyspace.announce_long_transaction(&one(b"k"));
        let other = (0..).map(|number| number.to_string()).find(|key| {
            shard_of(keyspace.common.hash(key.as_bytes())) != shard_of(keyspace.common.hash(b"k"))
        });
        let other = other.expect("keys have many shards");
        let waits = |reach| keyspace.wait_for_long_transaction(&reach).is_some();
        assert!(waits(one(b"k")) && waits(Reach::Everything));
        assert!(!waits(Reach::Keys(vec![(4, b"k"), (3, other.as_bytes())])));
        assert!(!waits(Reach::Keys(Vec::new())));
        let waiter = keyspace.wait_for_long_transaction(&one(b"k")).expect("it is announced");
        drop(keyspace.announce_long_transaction(&Reach::Keys(vec![(3, other.as_bytes())])));
        assert!(waiter.is_woken() && waits(one(b"k")), "another one has ended");
        drop(long);
        assert!(!keyspace.has_long_transaction() && !waits(one(b"k")));
    }
}
