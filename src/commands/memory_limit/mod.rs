//! The limit of memory: which one is in force, which writes have to wait for room or are refused,
//! and what the background thread does near the limit.
//!
//! ```text
//! mod.rs         the state; the limit in force, by the options and the memory that there is
//! admission.rs   the check before each write
//! keeper.rs      the background thread: measures, gives back, evicts ahead of need
//! pressure.rs    pressure stall information that stays high
//! ```
//!
//! From low to high, as parts of the limit (`mem-threshold-*`):
//!
//! - *warn*: one line of the log.
//! - *high*: what the allocator keeps for later is given back to the system, at most once a second.
//!   If the policy is `noeviction`, no new vector sets are made: those that are there can grow
//!   until the limit. With another policy they are made, since a full cache is above this mark all
//!   the time.
//! - *critical*: the background thread evicts, down to half a percent below the mark. So a full
//!   cache stays at it, and there is room for what writers take until the thread runs again. While
//!   a vector set goes into files as a whole, it evicts nothing, and writers wait from here on.
//! - above the *limit*: a write evicts for itself, for a part of a millisecond. If that was not
//!   enough, it waits, for [`MAX_WAIT`](admission::MAX_WAIT) at most, until the thread has made
//!   room. If the policy may take nothing more, it is refused, as in Redis.

mod admission;
mod keeper;
mod pressure;
#[cfg(test)]
mod tests;

use std::time::Duration;

use parking_lot::Mutex;

use super::Server;
use crate::config::{MaxMemory, Settings};
use crate::keyspace::Policy;
use crate::memory::{self, Category, Level, Limit, Thresholds};
use crate::system::{self, Bound, Total};
use crate::thread_signal::ThreadSignal;
use crate::vector_set::Balance;

pub(super) use self::admission::{OUT_OF_MEMORY, Room, next_look};
pub(super) use self::pressure::PressureFigures;

/// The limit of memory and what is known about it.
#[derive(Debug, Default)]
pub struct MemoryLimit {
    limit: Limit,
    in_force: Mutex<InForce>,
    pressure: PressureFigures,
    signal: ThreadSignal,
}

/// A limit, and why it is what it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct InForce {
    /// 0 is none.
    bytes: u64,
    source: String,
}

impl InForce {
    /// The limit by the options, where there is so much memory.
    fn of(settings: &Settings, total: Option<Total>) -> Self {
        let (form, share) = match settings.maxmemory {
            MaxMemory::Bytes(0) => return Self { bytes: 0, source: "none".into() },
            MaxMemory::Bytes(bytes) => return Self { bytes, source: "bytes".into() },
            MaxMemory::Percent(percent) => ("percent", percent as f64 / 100.0),
            MaxMemory::Auto => ("auto", settings.maxmemory_ratio),
        };
        let Some(Total { bytes, bound }) = total else {
            let source = format!("{form}: none, since the system does not say how much memory there is");
            return Self { bytes: 0, source };
        };
        let what = match bound {
            Bound::Machine => "the machine's memory",
            Bound::ControlGroup => "the control group's limit",
        };
        let source = format!("{form}: {}% of {what} {bytes}", (share * 10_000.0).round() / 100.0);
        // 0 would be no limit at all.
        Self { bytes: ((bytes as f64 * share) as u64).max(1), source }
    }
}

impl MemoryLimit {
    /// The limit in force, in bytes; 0 if there is none.
    pub fn bytes(&self) -> u64 {
        self.limit.bytes()
    }

    /// Why the limit is what it is.
    pub(super) fn source(&self) -> String {
        self.in_force.lock().source.clone()
    }

    /// How near the limit is.
    pub fn level(&self) -> Level {
        self.limit.level()
    }

    /// Bytes that count although no structure uses them.
    pub(super) fn hidden_bytes(&self) -> u64 {
        self.limit.hidden()
    }

    /// The pressure on the machine's memory.
    pub(super) fn pressure(&self) -> &PressureFigures {
        &self.pressure
    }

    /// Lets [`Server::keep_memory`] end.
    pub fn stop(&self) {
        self.signal.stop();
    }
}

impl Server {
    /// Puts the limit into force that follows from the options and the memory that there is now. To
    /// be called when options change, and once a second, since the limits of control groups change
    /// while processes run in them.
    pub(super) fn follow_memory_limit(&self) {
        let new = InForce::of(&self.config.settings(), system::total_memory());
        let mut in_force = self.memory.in_force.lock();
        if new == *in_force {
            return;
        }
        let has_changed = new.bytes != in_force.bytes;
        *in_force = new.clone();
        self.memory.limit.set(new.bytes);
        drop(in_force);
        if has_changed {
            self.log_limit(&new);
            self.memory.signal.wake();
        }
    }

    fn log_limit(&self, InForce { bytes, source }: &InForce) {
        tracing::info!("maxmemory is {bytes} bytes ({source})");
        let counted = self.counted_memory(Duration::ZERO);
        if *bytes > 0 && counted > *bytes {
            tracing::warn!(
                "maxmemory is below the {counted} bytes that are in use: as far as maxmemory-policy allows, data \
                 are evicted; else writes are refused with -OOM"
            );
        }
    }

    /// Notes whether a set is on its way into files as a whole. Meanwhile writers wait from the
    /// critical mark on, so that what is left of the limit lasts until it is there.
    pub(super) fn note_set_moving(&self, balance: &Balance, is_moving: bool) {
        balance.note_moving(is_moving);
        self.memory.limit.hold_writers(is_moving.then(|| self.thresholds().critical));
    }

    /// True while a set goes into files as a whole, or is looked for: elements are evicted only for
    /// what is beyond the limit, and writers wait before.
    fn awaits_a_set(&self) -> bool {
        self.keyspace.tier().is_some_and(|tier| tier.balance().awaits_a_set())
    }

    /// True if so many bytes more are within the limit.
    pub(in crate::commands) fn has_memory_for(&self, bytes: u64) -> bool {
        let limit = self.memory.bytes();
        limit == 0 || self.counted_memory(Duration::ZERO).saturating_add(bytes) <= limit
    }

    /// The bytes that count against the limit, by a measurement that is no older than `age` and
    /// what threads have taken and freed since.
    fn counted_memory(&self, age: Duration) -> u64 {
        let exempt = self.keyspace.journal().buffered_bytes() as u64;
        let used = memory::recently_used_bytes(age);
        self.memory.limit.count(used, memory::held_bytes(Category::Reusable), exempt)
    }

    /// Bytes that are being freed, in part by other threads or by compaction: no more needs to be
    /// evicted for them.
    fn awaited_bytes(&self) -> u64 {
        let reusable = memory::held_bytes(Category::Reusable);
        self.keyspace.reaper().pending_bytes()
            + memory::held_bytes(Category::Retired)
            + self.memory.limit.to_be_compacted(reusable)
    }

    fn thresholds(&self) -> Thresholds {
        let settings = self.config.settings();
        Thresholds {
            warn: settings.mem_threshold_warn,
            high: settings.mem_threshold_high,
            critical: settings.mem_threshold_critical,
        }
    }

    /// False while nothing may be evicted and nothing is refused for its memory: while data are
    /// loaded, during a `CLIENT PAUSE`, and while the log has no room for what eviction changes.
    fn enforces_limit(&self) -> bool {
        self.may_remove_expired()
    }

    /// True if the policy allows eviction.
    pub(super) fn evicts(&self) -> bool {
        self.keyspace.policy() != Policy::NONE
    }

    /// True if memory is so short that what only costs time is done for it: above `high`, or under
    /// pressure.
    fn is_memory_short(&self) -> bool {
        self.memory.level() >= Level::High || self.memory.pressure.is_sustained()
    }

    /// Whether a command of a client may make a vector set now.
    pub(super) fn may_create_sets(&self) -> bool {
        self.evicts() || !self.is_memory_short() || self.loading.is_on() || self.memory.bytes() == 0
    }
}
