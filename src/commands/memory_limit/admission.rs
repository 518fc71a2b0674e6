//! The check before each write: is there room?

use std::time::{Duration, Instant};

use super::Server;
use crate::commands::Client;
use crate::keyspace::{EvictReason, Evicted};
use crate::resp::Error;

/// How long a write waits for room at most. After that it is admitted if the policy evicts: the
/// limit is exceeded by at most one request of each connection.
pub(super) const MAX_WAIT: Duration = Duration::from_millis(10);
/// When a write that waits looks again.
const RETRY: Duration = Duration::from_millis(1);
/// How long a write evicts for itself for each unit of `maxmemory-eviction-tenacity` up to
/// [`USUAL_TENACITY`]. The other clients of its network thread wait meanwhile.
const TIME_PER_TENACITY: Duration = Duration::from_micros(50);
/// The default. Above it, each unit adds 15 % to the time, as in Redis.
const USUAL_TENACITY: u64 = 10;
/// How old the measurement may be by which a write is delayed or refused. What its own thread has
/// freed since is known in any case; what others have, as far as they have reported it.
const MEASURED: Duration = Duration::from_millis(5);
/// Freed beyond what is needed now, so that the next writes find room.
const AHEAD_BYTES: u64 = 64 << 10;

/// The text is that of Redis.
pub(in crate::commands) const OUT_OF_MEMORY: Error =
    Error::new("OOM command not allowed when used memory > 'maxmemory'.");

/// Whether there is room for a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) enum Room {
    /// There is.
    Found,
    /// There may be at this time.
    At(Instant),
    /// There is none, and the policy can make none.
    Missing,
}

impl Server {
    /// Whether there is room for a write of this client. Far below the limit this costs a few reads
    /// of memory.
    #[inline]
    pub(in crate::commands) fn room(&self, client: &Client) -> Room {
        if self.memory.limit.is_far() { Room::Found } else { self.make_room(client) }
    }

    #[cold]
    fn make_room(&self, client: &Client) -> Room {
        if !self.enforces_limit() {
            return Room::Found;
        }
        let counted = self.counted_memory(MEASURED);
        let excess = counted.saturating_sub(self.memory.bytes());
        if (self.memory.limit.holds_writers(counted) || excess > 0 && self.awaits_a_set())
            && let Some(until) = client.wait_for_room(Instant::now())
        {
            self.memory.signal.wake();
            return Room::At(until);
        }
        if excess == 0 {
            return Room::Found;
        }
        self.memory.signal.wake();
        let needed = excess.saturating_sub(self.awaited_bytes());
        let is_exhausted = needed > 0 && self.evict_for_write(needed).exhausted;
        let excess = self.excess();
        if excess == 0 {
            return Room::Found;
        }
        let is_awaited = excess <= self.awaited_bytes()
            || self.keyspace.reaper().pending() > 0
            || self.keyspace.tier().is_some_and(|tier| tier.balance().may_free_memory());
        if is_exhausted && !is_awaited {
            return Room::Missing;
        }
        match client.wait_for_room(Instant::now()) {
            Some(until) => Room::At(until),
            None if self.evicts() => Room::Found,
            None => Room::Missing,
        }
    }

    fn evict_for_write(&self, needed: u64) -> Evicted {
        let time = own_eviction(self.config.settings().maxmemory_eviction_tenacity);
        self.keyspace.evict(needed + AHEAD_BYTES, Instant::now() + time, EvictReason::Limit)
    }

    /// Bytes that are counted beyond the limit.
    fn excess(&self) -> u64 {
        self.counted_memory(MEASURED).saturating_sub(self.memory.limit.bytes())
    }
}

/// How long a write evicts for itself at most, by `maxmemory-eviction-tenacity`. Without a limit in
/// Redis at 100, here never more than a write may wait.
fn own_eviction(tenacity: u64) -> Duration {
    let usual = TIME_PER_TENACITY * tenacity.min(USUAL_TENACITY) as u32;
    let longer = 1.15f64.powi(tenacity.saturating_sub(USUAL_TENACITY).min(100) as i32);
    usual.mul_f64(longer).min(MAX_WAIT)
}

/// When a write that has no room at `now` is to look again; None if it has waited for long enough.
/// `deadline` is that of its first look, and is set by that.
pub(in crate::commands) fn next_look(deadline: &mut Option<Instant>, now: Instant) -> Option<Instant> {
    let deadline = *deadline.get_or_insert(now + MAX_WAIT);
    (now < deadline).then(|| deadline.min(now + RETRY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenacity_is_time_and_that_has_a_bound() {
        let micros = |tenacity| own_eviction(tenacity).as_micros();
        assert_eq!([0, 1, 10].map(micros), [0, 50, 500]);
        assert_eq!((micros(11), micros(100)), (575, MAX_WAIT.as_micros()));
    }

    #[test]
    fn a_write_looks_again_each_millisecond_until_its_time_is_over() {
        let began = Instant::now();
        let at = |micros| began + Duration::from_micros(micros);
        let mut deadline = None;
        assert_eq!(next_look(&mut deadline, began), Some(at(1_000)));
        assert_eq!(next_look(&mut deadline, at(9_500)), Some(at(10_000)));
        assert_eq!((next_look(&mut deadline, at(10_000)), deadline), (None, Some(at(10_000))));
    }
}
