//! How often something is used, in 8 bits: a counter that grows ever more rarely, and shrinks while
//! there is no use (as in Morris, *Counting large numbers of events in small registers*, 1978).

use std::cell::Cell;

use crate::splitmix::{STEP, scramble};

/// What a counter is at first, so that a new thing is not evicted before it could be used.
pub(crate) const FIRST: u8 = 5;

const SECONDS_PER_MINUTE: i64 = 60;

/// How counters grow and shrink: `lfu-log-factor` and `lfu-decay-time`.
///
/// A use increments a counter of `c` with the probability `1 / ((c - 5) * log_factor + 1)`, and
/// always up to 6. It loses 1 for each `decay_minutes` that pass without a use; never if they are
/// 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lfu {
    /// How rarely high counters grow.
    pub log_factor: u32,
    /// Minutes without a use in which a counter loses 1.
    pub decay_minutes: u32,
}

/// The defaults of Redis.
impl Default for Lfu {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Lfu {
    /// The defaults of Redis.
    pub const DEFAULT: Self = Self { log_factor: 10, decay_minutes: 1 };

    /// A counter whose last use was at `used_s`, as it is at `now_s`, both in Unix seconds.
    pub(crate) fn decayed(self, counter: u8, used_s: i64, now_s: i64) -> u8 {
        // Minutes of the clock and not of the difference: otherwise a key that is used every 59
        // seconds would never lose anything.
        let minutes = now_s.div_euclid(SECONDS_PER_MINUTE) - used_s.div_euclid(SECONDS_PER_MINUTE);
        if minutes == 0 {
            return counter;
        }
        let lost = minutes.checked_div(i64::from(self.decay_minutes)).unwrap_or(0);
        counter.saturating_sub(u8::try_from(lost.max(0)).unwrap_or(u8::MAX))
    }

    /// A counter after one more use.
    pub(crate) fn incremented(self, counter: u8) -> u8 {
        let above = u64::from(counter.saturating_sub(FIRST));
        let rarity = (above * u64::from(self.log_factor) + 1).min(u64::from(u32::MAX));
        let grows = rarity == 1 || u64::from(random()) * rarity <= u64::from(u32::MAX);
        if grows { counter.saturating_add(1) } else { counter }
    }
}

/// A number from a sequence of this thread.
fn random() -> u32 {
    thread_local! {
        static STATE: Cell<u64> = const { Cell::new(0) };
    }
    STATE.with(|state| {
        let next = state.get().wrapping_add(STEP);
        state.set(next);
        // The address differs from thread to thread.
        scramble(next ^ std::ptr::from_ref(state) as u64) as u32
    })
}
