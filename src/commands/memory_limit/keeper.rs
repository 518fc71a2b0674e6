//! The background thread: measures the memory, gives back what costs no data, and evicts ahead of
//! need.

use std::time::{Duration, Instant};

use super::Server;
use super::pressure::Watch;
use crate::keyspace::EvictReason;
use crate::memory::{self, Category, Level, Limit, percent_of};
use crate::system;

/// Time between two rounds, far below the limit.
const ROUND: Duration = Duration::from_millis(100);
/// The same, near the limit.
const ROUND_NEAR: Duration = Duration::from_millis(10);
/// How old the measurement may be by which the thread acts.
const MEASURED: Duration = Duration::from_millis(50);
/// The limit is near from this percentage on.
const NEAR_PERCENT: u64 = 85;
/// Time between two looks at what changes slowly or is costly to read, and between two purges of
/// the allocator.
const SECOND: Duration = Duration::from_secs(1);
/// How long one batch of evictions may take.
const BATCH: Duration = Duration::from_millis(2);
/// Eviction goes on until so many thousandths of the limit below the critical mark.
const BELOW_CRITICAL_PERMILLE: u64 = 5;
/// What the allocator keeps for later is given back if it is more than this.
const MIN_PURGED_BYTES: u64 = 8 << 20;
/// How long one round compacts vector sets, if they are to give memory back: with the pause between
/// rounds, a third of a core.
const TIME_FOR_COMPACTION: Duration = Duration::from_millis(5);
/// Bytes of elements that may come up from files in a round though memory is full: at most, and
/// each 64th of a small limit.
const PROMOTED_BYTES: u64 = 2 << 20;
/// Under pressure, one part in so many is evicted each second.
const PART_FOR_PRESSURE: u64 = 100;
/// How long that may take.
const TIME_FOR_PRESSURE: Duration = Duration::from_millis(50);

/// State of the thread between its rounds.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    /// When it last looked at what changes slowly.
    looked: Option<Instant>,
    purged: Option<Instant>,
    pressure: Watch,
}

fn is_due(last: Option<Instant>, now: Instant) -> bool {
    last.is_none_or(|last| now.saturating_duration_since(last) >= SECOND)
}

impl Server {
    /// Watches the memory until [`MemoryLimit::stop`](super::MemoryLimit::stop); for a thread of
    /// its own.
    pub fn keep_memory(&self) {
        let mut keeper = Keeper::default();
        while !self.memory.signal.is_stopped() {
            let pause = keeper.round(self, Instant::now());
            self.memory.signal.wait_for(pause);
        }
    }
}

impl Keeper {
    /// One round; returns the time until the next one.
    pub(super) fn round(&mut self, server: &Server, now: Instant) -> Duration {
        if is_due(self.looked, now) {
            self.looked = Some(now);
            server.follow_memory_limit();
            self.look_at_pressure(server);
            self.look_at_resident(server, now);
            if server.is_memory_short() {
                self.give_back(now);
            }
            if let Some(tier) = server.keyspace.tier() {
                tier.balance().try_again();
            }
        }
        let counted = server.counted_memory(MEASURED);
        let limit = server.memory.bytes();
        note_level(server, counted);
        note_scarcity(server, counted);
        let counted = evict_ahead(server, counted);
        let compacts = compact(server);
        allow_codes(server, counted);
        server.keyspace.note_limit(limit > 0 && counted > limit);
        let is_near = limit > 0 && counted > percent_of(limit, NEAR_PERCENT);
        if is_near || compacts { ROUND_NEAR } else { ROUND }
    }

    fn look_at_pressure(&mut self, server: &Server) {
        let Some(pressure) = system::memory_pressure() else { return };
        let mark = server.config.settings().mem_pressure_some_avg10;
        let seen = self.pressure.look(&server.memory.pressure, pressure.some_avg10, mark);
        if seen.has_changed {
            match server.memory.pressure.is_sustained() {
                true => tracing::warn!(
                    "memory is short outside of this process: tasks wait for it {} % of the time \
                     (mem-pressure-some-avg10 is {mark}); free memory is given back, and data are evicted as far as \
                     maxmemory-policy allows",
                    pressure.some_avg10
                ),
                false => tracing::info!("memory is no longer short outside of this process"),
            }
        }
        if seen.must_evict {
            evict_for_pressure(server);
        }
    }

    /// Counts what the process has in memory beyond what it uses, after a purge: what the allocator
    /// gives back at once need not be counted.
    fn look_at_resident(&mut self, server: &Server, now: Instant) {
        // Pages of the tier's files are given back as others need them; without a tier, those of
        // files are the program itself.
        let has_tier = server.keyspace.tier().is_some();
        let resident = || {
            let in_memory = system::resident().unwrap_or_default();
            in_memory.all.saturating_sub(if has_tier { in_memory.of_files } else { 0 })
        };
        let hides = Limit::hides(resident(), memory::recently_used_bytes(MEASURED));
        if hides && server.memory.bytes() > 0 && is_due(self.purged, now) {
            self.purge(now);
        }
        server.memory.limit.hide(resident(), memory::recently_used_bytes(MEASURED));
    }

    fn give_back(&mut self, now: Instant) {
        let allocator = memory::allocator();
        let kept = allocator.resident.saturating_sub(allocator.active);
        if kept > MIN_PURGED_BYTES && is_due(self.purged, now) {
            self.purge(now);
        }
    }

    fn purge(&mut self, now: Instant) {
        self.purged = Some(now);
        if !memory::purge() {
            tracing::debug!("the allocator gives no pages back");
        }
    }
}

/// Notes the level, and logs it if it has risen, or has fallen from above `warn`.
fn note_level(server: &Server, counted: u64) {
    let (before, now) = server.memory.limit.follow(counted, server.thresholds());
    let limit = server.memory.bytes();
    if now > before {
        let advice = match server.evicts() {
            true => "data are evicted at mem-threshold-critical",
            false => "writes are refused at the limit: see maxmemory and maxmemory-policy",
        };
        let percent = counted as f64 * 100.0 / limit.max(1) as f64;
        tracing::warn!("memory is {}: {percent:.1} % of the limit of {limit} bytes; {advice}", now.name());
    } else if now < before && now == Level::Normal {
        tracing::info!("memory is below mem-threshold-warn again");
    }
}

/// Evicts while the counted bytes are above the critical mark; returns how many there are then. In
/// batches, so that no lock is held for long and a stop is seen.
fn evict_ahead(server: &Server, mut counted: u64) -> u64 {
    let limit = server.memory.bytes();
    let mark = percent_of(limit, server.thresholds().critical);
    if limit == 0 || counted <= mark || !server.evicts() {
        return counted;
    }
    let target = mark - limit / 1000 * BELOW_CRITICAL_PERMILLE;
    let goes_on = || server.enforces_limit() && !server.memory.signal.is_stopped() && !server.awaits_a_set();
    while counted > target && goes_on() {
        let needed = (counted - target).saturating_sub(server.awaited_bytes());
        if needed == 0 {
            break;
        }
        let evicted = server.keyspace.evict(needed, Instant::now() + BATCH, EvictReason::Limit);
        counted = server.counted_memory(MEASURED);
        if evicted.exhausted || evicted.freed == 0 {
            break;
        }
        std::thread::yield_now();
    }
    counted
}

/// Says whether whole sets are to go into files, before elements are evicted; and how much memory
/// there is for those that may come back.
fn note_scarcity(server: &Server, counted: u64) {
    let Some(tier) = server.keyspace.tier() else { return };
    let limit = server.memory.bytes();
    let thresholds = server.thresholds();
    let is_scarce = limit > 0 && counted > percent_of(limit, thresholds.high);
    tier.balance().note_scarcity(is_scarce, room_up_to(limit, thresholds.warn, counted));
}

/// Says how much memory there is for finer codes: they come up from files, as many as there is room
/// for, and a few more that drive others down.
fn allow_codes(server: &Server, counted: u64) {
    let Some(tier) = server.keyspace.tier() else { return };
    let limit = server.memory.bytes();
    let promoted = PROMOTED_BYTES.min(limit / 64);
    let allowed = room_up_to(limit, server.thresholds().critical, counted).saturating_add(promoted);
    tier.balance().allow(allowed, limit > 0 && counted > limit);
}

/// Bytes up to so many percent of the limit.
fn room_up_to(limit: u64, percent: u64, counted: u64) -> u64 {
    if limit == 0 { u64::MAX } else { percent_of(limit, percent).saturating_sub(counted) }
}

/// Compacts vector sets if they hold much that they do not use, and memory is near its limit; true
/// if that is so.
fn compact(server: &Server) -> bool {
    let reusable = memory::held_bytes(Category::Reusable);
    let limit = server.memory.bytes();
    let is_near = memory::recently_used_bytes(MEASURED) > percent_of(limit, NEAR_PERCENT);
    let compacts = is_near && server.memory.limit.is_compaction_due(reusable);
    if compacts {
        server.keyspace.compact_urgently(Instant::now() + TIME_FOR_COMPACTION);
    }
    compacts
}

fn evict_for_pressure(server: &Server) {
    if !server.evicts() || !server.enforces_limit() {
        return;
    }
    let mut left = server.counted_memory(MEASURED) / PART_FOR_PRESSURE;
    let end = Instant::now() + TIME_FOR_PRESSURE;
    while left > 0 && Instant::now() < end && !server.memory.signal.is_stopped() {
        let evicted = server.keyspace.evict(left, Instant::now() + BATCH, EvictReason::Pressure);
        left = left.saturating_sub(evicted.freed);
        if evicted.exhausted || evicted.freed == 0 {
            break;
        }
    }
}
