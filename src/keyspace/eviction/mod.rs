//! What is removed when memory is short? The unit that is used least, of all databases.
//!
//! Uses the times and counters of use that entries have; does not know how much memory there is, or
//! why it is short.
//!
//! ```text
//! mod.rs         settings, and one call: bytes to free, and a time limit
//! engine.rs      sampling, choosing and removing, by one thread at a time
//! criteria.rs    which units may be evicted, and how urgently
//! population.rs  how many units there are, and where; a random one of them
//! victim.rs      where a unit is, and its removal
//! sweep.rs       a search through everything, where samples find nothing
//! ```
//!
//! # Elements that need not go
//!
//! Where there is a folder for files, and `tier-policy` is not `off`, a victim whose finer code is
//! in memory stays, and the code goes into a file (see [`crate::vector_set::Balance`]). Such
//! elements compete with all others for memory; those whose codes are in files are left alone until
//! hardly any are in memory, since they take little of it, or until the files have no more room.
//!
//! # How a victim is chosen
//!
//! As in Redis, by samples: an exact order of all units would take memory for each of them, and a
//! lock in each lookup. A step draws `maxmemory-samples` random units, offers them to a pool that
//! keeps the best 16 of all samples so far, and takes the best candidate out of the pool. Unlike in
//! Redis, each sample is drawn from all databases together, in proportion to what they hold.
//!
//! A candidate is a place: a position in the table of a shard. What is there when the candidate is
//! taken may have been used since, or be something else; it is evicted if it may be, and if it
//! scores at least what the candidate did. So nothing has to be copied for a candidate, and changes
//! of any kind (SWAPDB, FLUSHALL, transactions) need no word to the pool.

mod criteria;
mod engine;
mod population;
mod sweep;
#[cfg(test)]
mod tests;
mod victim;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use parking_lot::Mutex;

use self::criteria::Criteria;
use self::engine::Engine;
use super::{Keyspace, Policy};
use crate::counters;
use crate::vector_set::Balance;

/// Candidates that a step draws if nothing else is configured (Redis' default for
/// `maxmemory-samples`).
const DEFAULT_SAMPLES: usize = 5;

/// Of elements whose finer codes may be in files, those that are there are evicted only when no
/// more than one in so many is in memory.
const HOT_SHARE: u64 = 64;

/// What is evicted of a vector set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// One element at a time: elements of all sets compete with each other and with other keys.
    #[default]
    Element,
    /// The key with all elements, as in Redis.
    Key,
}

impl Unit {
    /// The unit of a name, in the spelling of the option's values.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "element" => Some(Self::Element),
            "key" => Some(Self::Key),
            _ => None,
        }
    }
}

/// Why memory is to be freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvictReason {
    /// The limit of memory is reached.
    Limit,
    /// It is not reached yet, but the machine is short of memory, or the limit is near.
    Pressure,
}

/// What one call of [`Keyspace::evict`] has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evicted {
    /// An estimate of the bytes freed. Large values are freed a moment later, by the reaper.
    /// Includes what other threads have freed while this call waited for them.
    pub freed: u64,
    /// Keys removed by this call.
    pub keys: u64,
    /// Elements removed by this call.
    pub elements: u64,
    /// True if nothing is left that may be evicted.
    pub exhausted: bool,
}

counters! {
    /// What was evicted.
    pub struct Evictions {
        /// Keys, with all that was in them.
        keys,
        /// Elements of vector sets.
        elements,
        /// Keys and elements of these that were evicted under pressure, before a limit was reached.
        by_pressure,
        /// Elements of these that were evicted at the limit of their set.
        by_set_limit,
        /// Time in which memory was over its limit, but for the present such time.
        exceeded_nanos,
    }
}

impl Evictions {
    /// Counts elements that were evicted at the limit of their set.
    pub fn count_at_set_limit(&self, count: usize) {
        self.elements.add(count as u64);
        self.by_set_limit.add(count as u64);
    }

    fn count(&self, evicted: &Evicted, reason: EvictReason) {
        self.keys.add(evicted.keys);
        self.elements.add(evicted.elements);
        if reason == EvictReason::Pressure {
            self.by_pressure.add(evicted.keys + evicted.elements);
        }
    }
}

/// The engine, with its settings.
#[derive(Debug)]
pub(super) struct Evictor {
    engine: Mutex<Engine>,
    samples: AtomicUsize,
    evicts_keys_only: AtomicBool,
    /// Bytes freed by all calls.
    freed: AtomicU64,
    /// True while `exceeded_since` has a time.
    is_exceeded: AtomicBool,
    exceeded_since: Mutex<Option<Instant>>,
}

impl Default for Evictor {
    fn default() -> Self {
        Self {
            engine: Mutex::default(),
            samples: DEFAULT_SAMPLES.into(),
            evicts_keys_only: false.into(),
            freed: AtomicU64::new(0),
            is_exceeded: false.into(),
            exceeded_since: Mutex::new(None),
        }
    }
}

impl Keyspace {
    /// Evicts until about `bytes` bytes are freed, nothing is left that may be evicted, or it is
    /// `until`. No lock may be held.
    ///
    /// What is freed of a vector set element by element is used again by the set: the memory goes
    /// back to the allocator later, if at all.
    ///
    /// One thread at a time evicts. Another waits for it, until `until` at most, and then frees
    /// what is still missing of its own bytes. Nothing is evicted while the journal is full, or by
    /// a thread that is changing data or runs a transaction: it may hold what the engine waits for.
    /// The caller has to check whether data may change now: not while they are loaded, nor during
    /// `CLIENT PAUSE`.
    pub fn evict(&self, bytes: u64, until: Instant, reason: EvictReason) -> Evicted {
        let evictor = &self.evictor;
        if self.policy() == Policy::NONE {
            return Evicted { exhausted: true, ..Evicted::default() };
        }
        if self.runs_transaction() || self.journal().is_inside() {
            return Evicted::default();
        }
        let before = evictor.freed.load(Ordering::Relaxed);
        let engine = evictor.engine.try_lock_until(until);
        let freed = evictor.freed.load(Ordering::Relaxed) - before;
        let mut evicted = Evicted { freed, ..Evicted::default() };
        if let Some(mut engine) = engine {
            engine.run(self, bytes, until, &mut evicted);
            evictor.freed.fetch_add(evicted.freed - freed, Ordering::Relaxed);
        }
        self.evictions().count(&evicted, reason);
        if reason == EvictReason::Limit {
            self.note_limit(evicted.freed < bytes);
        }
        evicted
    }

    /// Sets what is evicted, from the next call on: by which policy, with how many samples for each
    /// victim, and what of vector sets.
    pub fn configure_eviction(&self, policy: Policy, samples: usize, unit: Unit) {
        self.set_policy(policy);
        self.evictor.samples.store(samples.max(1), Ordering::Relaxed);
        self.evictor.evicts_keys_only.store(unit == Unit::Key, Ordering::Relaxed);
    }

    /// What was evicted so far.
    pub fn evictions(&self) -> &Evictions {
        &self.common.evictions
    }

    /// Notes whether memory is over its limit now, for
    /// [`limit_exceeded_ms`](Self::limit_exceeded_ms). Calls of [`evict`](Self::evict) note it too.
    pub fn note_limit(&self, is_exceeded: bool) {
        let evictor = &self.evictor;
        if evictor.is_exceeded.load(Ordering::Relaxed) == is_exceeded {
            return;
        }
        let mut since = evictor.exceeded_since.lock();
        if is_exceeded {
            since.get_or_insert_with(Instant::now);
        } else if let Some(since) = since.take() {
            self.evictions().exceeded_nanos.add(nanos_since(since));
        }
        evictor.is_exceeded.store(is_exceeded, Ordering::Relaxed);
    }

    /// Milliseconds in which memory was over its limit: in all, and since this was the case last,
    /// if it is now.
    pub fn limit_exceeded_ms(&self) -> (u64, u64) {
        const NANOS_PER_MS: u64 = 1_000_000;
        let now = self.evictor.exceeded_since.lock().map_or(0, nanos_since);
        let total = self.evictions().exceeded_nanos.get() + now;
        (total / NANOS_PER_MS, now / NANOS_PER_MS)
    }

    /// By what is decided what is evicted now.
    fn eviction_criteria(&self) -> Criteria {
        let keys_only = self.evictor.evicts_keys_only.load(Ordering::Relaxed);
        let balance = self.tier().map(|tier| tier.balance()).filter(|balance| balance.demotes());
        let (hot, warm) = balance.map_or((0, 0), Balance::blocks);
        Criteria {
            demotes: hot > 0,
            spares_warm: hot > warm / HOT_SHARE,
            lets_lent_go: self.tier().is_some_and(|tier| tier.balance().lets_lent_go()),
            policy: self.policy(),
            unit: if keys_only { Unit::Key } else { Unit::Element },
            lfu: self.lfu(),
            now_ms: self.common.clock.now_ms(),
        }
    }
}

impl Evictor {
    /// The time over the limit counts from now on.
    pub(super) fn restart_clock(&self) {
        if let Some(since) = self.exceeded_since.lock().as_mut() {
            *since = Instant::now();
        }
    }

    fn samples(&self) -> usize {
        self.samples.load(Ordering::Relaxed)
    }
}

fn nanos_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
