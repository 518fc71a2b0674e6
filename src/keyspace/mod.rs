//! Which value has this key? Sixteen databases of sharded maps, with keys that expire.
//!
//! Uses values, but not the contents of vector sets; no command, no reply and no configuration.
//!
//! ```text
//! mod.rs         the databases, and operations on several of them
//! database.rs    lookups, and the whole of one database
//! blessing.rs    keys that are never evicted
//! bulk.rs        many new keys at once
//! exclusive.rs   changing keys under the write locks of their shards
//! shared.rs      reading several keys at one moment
//! reservation.rs shards reserved for the commands of one transaction
//! long_transactions.rs  long transactions, and the commands that wait for them
//! watch.rs       keys that clients watch for changes
//! observers.rs   code that is called with each key that changes
//! events.rs      events of keys, which are published
//! prefetch.rs    prefetching for several lookups
//! scan.rs        SCAN, KEYS, RANDOMKEY
//! shard.rs       the locks and their order
//! arrangement.rs where the tables of each database are, after SWAPDB
//! usage.rs       when a key was last used, and how often
//! policy.rs      which keys are evicted first
//! eviction/      what is removed when memory is short
//! table.rs       one shard's entries: index, slab, deadlines
//! hash_index.rs  positions by hash
//! slab.rs        positions that do not move
//! expired.rs     keys that readers found expired
//! entry.rs       one key with its value, in one block
//! hash/          packed bytes, or a table
//! value.rs       the types of values: one line each
//! string.rs  vector_set.rs  expiry.rs  clock.rs
//! cold.rs        vector sets that are in files
//! exchange.rs    a vector set in the place of another that has the same elements
//! snapshot/      all keys as they were at one moment, read while they change
//! access.rs      how a command accesses keys: its time, and the effects of its lookups
//! compaction.rs  which vector set's turn it is to be compacted
//! reaper.rs      the thread that frees large values
//! ```

mod access;
mod arrangement;
mod blessing;
mod bulk;
mod clock;
mod cold;
mod compaction;
mod database;
mod element_figures;
mod entry;
mod events;
mod eviction;
mod exchange;
mod exclusive;
mod expired;
mod expiry;
mod hash;
mod hash_index;
mod long_transactions;
mod observers;
mod policy;
mod prefetch;
mod reaper;
mod reservation;
mod scan;
mod shard;
mod shared;
mod slab;
mod snapshot;
mod string;
mod table;
#[cfg(test)]
mod tests;
mod usage;
mod value;
mod vector_set;
mod watch;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use ahash::RandomState;

pub use self::access::{Access, View};
pub use self::blessing::Taken;
pub use self::bulk::{Arrival, Duplicate};
pub use self::clock::Clock;
pub use self::cold::{ColdSet, NoSet, NotCooled, Opener};
pub use self::database::{Accounting, Census, Database};
pub use self::element_figures::ElementFigures;
pub use self::entry::Entry;
pub use self::events::{Event, EventFlags, EventKind, EventSink, event};
pub use self::eviction::{EvictReason, Evicted, Evictions, Unit};
pub use self::exchange::NotExchanged;
pub use self::exclusive::Exclusive;
pub use self::expired::ExpiredKeys;
pub use self::expiry::Deadline;
use self::hash::SharedLimits;
pub use self::hash::{FieldAtCut, FrozenFields, Hash, HashRef, HashView, PackedLimits};
pub use self::long_transactions::LongTransaction;
pub use self::observers::{Change, Observation, Observer, SetKey, Tracker};
pub use self::policy::{Policy, Scope};
pub use self::reaper::Reaper;
pub use self::reservation::Reach;
pub use self::scan::Cursor;
pub use self::shared::{NotAtHand, Shared};
pub use self::snapshot::{KeyAtCut, Snapshot};
pub use self::string::{ReplyText, StringRef, StringValue, TextEdit, canonical_integer};
pub use self::usage::KnownUse;
pub(crate) use self::value::by_type;
pub use self::value::{Value, ValueRef, WrongType};
pub use self::vector_set::SetHandle;
pub use self::watch::Watch;
use crate::counters;
pub use crate::eviction::Rule;
pub use crate::frequency::Lfu;
use crate::journal::{Journal, Record};
pub use crate::vector_set::TierDir;

/// How many databases there are (Redis' default for `databases`).
pub const DATABASES: usize = 16;

/// All databases.
#[derive(Debug)]
pub struct Keyspace {
    databases: Box<[Database]>,
    arrangement: arrangement::Arrangement,
    common: Arc<Common>,
    long_transactions: long_transactions::LongTransactions,
    evictor: eviction::Evictor,
    element_figures: ElementFigures,
    compaction: parking_lot::Mutex<compaction::Walk>,
}

/// State that all databases share.
#[derive(Debug)]
struct Common {
    clock: Clock,
    journal: Arc<Journal>,
    observers: observers::Observers,
    events: events::Events,
    /// For the snapshot that is being taken.
    before_images: snapshot::Queue,
    /// With random keys, so that no client can choose keys that collide; one for all databases, so
    /// that whole tables can change places.
    hasher: RandomState,
    reaper: Reaper,
    expiry: Expiry,
    evictions: Evictions,
    /// True while expired keys and fields are treated as present: for tests.
    shows_expired: AtomicBool,
    hash_limits: SharedLimits,
    /// For the files of warm vector sets.
    tier: OnceLock<Arc<TierDir>>,
    /// Makes sets of their files.
    opener: OnceLock<Opener>,
    settings: usage::SharedSettings,
    /// Each number drawn is the hash of the next count.
    draws: AtomicU64,
}

counters! {
    /// What was removed because it had expired, and the work of the expiry cycle.
    pub struct Expiry {
        /// Keys.
        keys,
        /// Those of them that the expiry cycle removed.
        keys_actively,
        /// Fields of hashes.
        fields,
        /// Those of them that the expiry cycle removed.
        fields_actively,
        /// Elements of vector sets.
        elements,
        /// Those of them that the expiry cycle removed.
        elements_actively,
        /// Cycles that stopped at their limit of removals.
        cycles_cut_short,
        /// Time that cycles took.
        cycle_nanos,
    }
}

impl Keyspace {
    /// Empty databases that get the time from `clock`.
    pub fn new(clock: Clock) -> Self {
        Self::with_hasher(clock, RandomState::new())
    }

    /// The same with a given hasher, which decides the shard and the bucket of each key.
    fn with_hasher(clock: Clock, hasher: RandomState) -> Self {
        let common = Arc::new(Common {
            clock,
            journal: Arc::default(),
            observers: observers::Observers::default(),
            events: events::Events::default(),
            before_images: snapshot::Queue::default(),
            hasher,
            reaper: Reaper::start(),
            expiry: Expiry::default(),
            evictions: Evictions::default(),
            shows_expired: AtomicBool::new(false),
            hash_limits: SharedLimits::default(),
            tier: OnceLock::new(),
            opener: OnceLock::new(),
            settings: usage::SharedSettings::default(),
            draws: AtomicU64::new(0),
        });
        let databases = (0..DATABASES).map(|number| Database::new(number, Arc::clone(&common))).collect();
        Self {
            databases,
            arrangement: arrangement::Arrangement::default(),
            common,
            long_transactions: long_transactions::LongTransactions::default(),
            evictor: eviction::Evictor::default(),
            element_figures: ElementFigures::default(),
            compaction: parking_lot::Mutex::default(),
        }
    }

    /// A database by its number.
    ///
    /// # Panics
    /// If the number is not below [`DATABASES`]: SELECT checks the numbers of clients.
    pub fn db(&self, number: usize) -> View<'_> {
        self.view(number, Access::DIRECT)
    }

    /// The same, as a command accesses it.
    pub fn view<'k>(&'k self, number: usize, access: Access<'k>) -> View<'k> {
        View { db: &self.databases[number], access }
    }

    /// All databases, by number.
    pub fn databases(&self) -> &[Database] {
        &self.databases
    }

    /// The clock by which keys expire.
    pub fn clock(&self) -> &Clock {
        &self.common.clock
    }

    /// The journal of all changes.
    pub fn journal(&self) -> &Arc<Journal> {
        &self.common.journal
    }

    /// The thread that frees large values.
    pub fn reaper(&self) -> &Reaper {
        &self.common.reaper
    }

    /// Removes all keys of all databases, and spends the record.
    pub fn flush_all(&self, record: Record<'_>) {
        let views = self.databases.iter().map(Database::direct);
        let mut all: Vec<Exclusive<'_>> = views.map(Exclusive::over_all).collect();
        all.iter_mut().for_each(Exclusive::clear);
        self.common.observers.track(|tracker| tracker.flushed());
        record.commit();
    }

    /// Exchanges the keys of two databases, and spends the record, also if both are the same
    /// database.
    pub fn swap(&self, one: usize, other: usize, record: Record<'_>) {
        if one == other {
            return record.commit();
        }
        // Before any lock, as always: a thread that waits at the gate must not hold a lock that a
        // thread inside may need.
        let _passage = self.common.journal.enter();
        let mut places = self.arrangement.write();
        let mut low = Exclusive::over_all(self.db(one.min(other)));
        let mut high = Exclusive::over_all(self.db(one.max(other)));
        low.swap(&mut high);
        places.swap(one, other);
        self.common.observers.call(|observer| observer.swapped(one, other));
        self.common.observers.track(|tracker| tracker.flushed());
        record.commit();
    }

    /// Locks a key in each of two different databases, in lock order; the guards come in the order
    /// of the arguments.
    ///
    /// # Panics
    /// If the databases are the same: [`View::exclusive`] locks both keys then.
    pub fn exclusive_pair<'k>(
        &'k self,
        access: Access<'k>,
        one: (usize, &[u8]),
        other: (usize, &[u8]),
    ) -> (Exclusive<'k>, Exclusive<'k>) {
        assert_ne!(one.0, other.0, "two guards over one database would wait for each other");
        if one.0 > other.0 {
            let (other, one) = self.exclusive_pair(access, other, one);
            return (one, other);
        }
        let first = self.view(one.0, access).exclusive(&[one.1]);
        (first, self.view(other.0, access).exclusive(&[other.1]))
    }

    /// The counters of what was removed because it had expired.
    pub fn expiry(&self) -> &Expiry {
        &self.common.expiry
    }

    /// Counts elements of vector sets that were given a deadline in the past as expired.
    pub fn count_expired_elements(&self, count: usize) {
        self.common.expiry.elements.add(count as u64);
    }

    /// Sets whether expired keys and fields are treated as present, from now on.
    pub fn show_expired(&self, shows: bool) {
        self.common.shows_expired.store(shows, Ordering::Relaxed);
    }

    /// Keys that clients watch, each counted once.
    pub fn watched_keys(&self) -> usize {
        self.databases.iter().flat_map(|db| &*db.shards).map(|shard| shard.watched.keys()).sum()
    }

    /// The limits up to which hashes are packed.
    pub fn packed_limits(&self) -> PackedLimits {
        self.common.hash_limits.get()
    }

    /// Sets the limits up to which hashes are packed. Existing hashes change with their next field.
    pub fn set_packed_limits(&self, limits: PackedLimits) {
        self.common.hash_limits.set(limits);
    }

    /// The directory for the files of warm vector sets, if there is one.
    pub fn tier(&self) -> Option<&Arc<TierDir>> {
        self.common.tier.get()
    }

    /// Gives it such a directory, once, before it has sets.
    ///
    /// # Panics
    /// If it has one.
    pub fn set_tier(&self, tier: Arc<TierDir>) {
        assert!(self.common.tier.set(tier).is_ok(), "it has none");
    }

    /// The eviction policy.
    pub fn policy(&self) -> Policy {
        self.common.settings.policy()
    }

    /// Sets the eviction policy. Last uses and frequencies are kept, whatever the policy is.
    pub fn set_policy(&self, policy: Policy) {
        self.common.settings.set_policy(policy);
    }

    /// False if the eviction policy lets only modifications count as uses.
    pub fn reads_touch(&self) -> bool {
        self.common.settings.reads_touch()
    }

    /// How the counters of uses grow and shrink.
    pub fn lfu(&self) -> Lfu {
        self.common.settings.lfu()
    }

    /// Sets how the counters of uses grow and shrink, from now on.
    pub fn set_lfu(&self, lfu: Lfu) {
        self.common.settings.set_lfu(lfu);
    }

    /// Lookups by reading commands that found their key, and that did not.
    pub fn hits_and_misses(&self) -> (u64, u64) {
        let lookups = self.databases.iter().flat_map(|db| &*db.shards).map(|shard| &shard.lookups);
        lookups.fold((0, 0), |(hits, misses), lookups| (hits + lookups.hits(), misses + lookups.misses()))
    }

    /// What was looked for in vector sets, and found.
    pub fn element_figures(&self) -> &ElementFigures {
        &self.element_figures
    }

    /// Sets the counters to zero (CONFIG RESETSTAT).
    pub fn reset_statistics(&self) {
        self.common.expiry.reset();
        self.element_figures.reset();
        self.evictor.restart_clock();
        self.common.evictions.reset();
        self.tier().iter().for_each(|tier| {
            tier.balance().reset();
            tier.cold().counters.reset();
            tier.sealed().counters.reset();
        });
        self.common.reaper.reset_freed();
        self.databases.iter().flat_map(|db| &*db.shards).for_each(|shard| shard.lookups.reset());
    }
}

impl Common {
    /// The moment by which it is decided what has expired, if the time is `now_ms`.
    fn expiry_ms(&self, now_ms: i64) -> i64 {
        if self.shows_expired.load(Ordering::Relaxed) { clock::BEFORE_ALL_DEADLINES_MS } else { now_ms }
    }

    fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash_one(key)
    }

    /// A number below `bound`, each with the same probability (but for a bias far below what a
    /// caller could measure); none if `bound` is 0.
    fn random_below(&self, bound: usize) -> Option<usize> {
        let draw = self.hasher.hash_one(self.draws.fetch_add(1, Ordering::Relaxed));
        (draw as usize).checked_rem(bound)
    }
}
