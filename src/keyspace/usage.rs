//! When something was last used, and how often: one word of 32 bits.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use super::policy::Policy;
use crate::eviction::Rule;
use crate::frequency::{FIRST, Lfu};

/// The last use and the frequency of use of a key.
///
/// The word is `[second of the last use: 24 bits][frequency counter: 8 bits]`. Readers update it
/// under a read lock; if several do so at once, the last store prevails, and some uses are not
/// counted.
///
/// The seconds wrap after 194 days. The counter is logarithmic: see [`Lfu`].
#[derive(Debug)]
pub(super) struct Usage(AtomicU32);

/// What a file or a dump says of the use of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KnownUse {
    /// Seconds since the last use.
    pub idle_s: Option<u32>,
    /// The frequency counter.
    pub frequency: Option<u8>,
}

/// The settings of eviction that lookups need; they may change at any time.
#[derive(Debug)]
pub(super) struct SharedSettings {
    /// [`Policy::index`].
    policy: AtomicU8,
    /// [`Lfu`]: the factor in the upper half, the minutes in the lower one.
    lfu: AtomicU64,
}

const SECOND_BITS: u32 = 24;
const SECONDS_MASK: u32 = (1 << SECOND_BITS) - 1;
const FREQUENCY_BITS: u32 = 8;

/// The longest idle time that is stored, about half a year. Differences above it are those of a
/// clock that was set back since the last use, by up to twelve days.
pub(super) const MAX_IDLE_S: u32 = SECONDS_MASK - (1 << 20);

impl Usage {
    /// Of something that was made at this moment.
    pub(super) fn new(now_ms: i64) -> Self {
        Self(word(seconds(now_ms), FIRST).into())
    }

    /// Seconds since the last use.
    pub(super) fn idle_s(&self, now_ms: i64) -> u32 {
        idle_s(self.load(), seconds(now_ms))
    }

    /// The counter as it has decayed until now.
    pub(super) fn frequency(&self, now_ms: i64, lfu: Lfu) -> u8 {
        decayed(self.load(), now_ms, lfu)
    }

    /// Sets the last use to so many seconds ago, at most [`MAX_IDLE_S`].
    pub(super) fn set_idle_s(&self, idle_s: u32, now_ms: i64) {
        let used_s = seconds(now_ms).wrapping_sub(idle_s.min(MAX_IDLE_S));
        self.0.store(word(used_s, frequency(self.load())), Ordering::Relaxed);
    }

    /// Sets the counter, and the last use to now: the counter decays from now on.
    pub(super) fn set_frequency(&self, frequency: u8, now_ms: i64) {
        self.0.store(word(seconds(now_ms), frequency), Ordering::Relaxed);
    }

    /// As [`new`](Self::new).
    pub(super) fn renew(&self, now_ms: i64) {
        self.set_frequency(FIRST, now_ms);
    }

    /// The use of a key that is loaded. Each policy takes its own figure: the others are of a
    /// server that had another policy.
    pub(super) fn restore(&self, known: KnownUse, policy: Policy, now_ms: i64) {
        self.renew(now_ms);
        match (policy.rule, known) {
            (Rule::Lfu, KnownUse { frequency: Some(frequency), .. }) => self.set_frequency(frequency, now_ms),
            (Rule::Lfu, _) => {}
            (_, KnownUse { idle_s, .. }) => self.set_idle_s(idle_s.unwrap_or(0), now_ms),
        }
    }

    /// Counts a use. Uses within the same second seldom change the word, and then it is only read.
    pub(super) fn mark(&self, now_ms: i64, lfu: Lfu) {
        let old = self.load();
        let frequency = lfu.incremented(decayed(old, now_ms, lfu));
        let new = word(seconds(now_ms), frequency);
        if new != old {
            self.0.store(new, Ordering::Relaxed);
        }
    }

    fn load(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Clone for Usage {
    fn clone(&self) -> Self {
        Self(self.load().into())
    }
}

impl Default for SharedSettings {
    fn default() -> Self {
        let settings = Self { policy: AtomicU8::default(), lfu: AtomicU64::default() };
        settings.set_policy(Policy::NONE);
        settings.set_lfu(Lfu::default());
        settings
    }
}

impl SharedSettings {
    pub(super) fn policy(&self) -> Policy {
        Policy::at(usize::from(self.policy.load(Ordering::Relaxed)))
    }

    pub(super) fn set_policy(&self, policy: Policy) {
        self.policy.store(policy.index() as u8, Ordering::Relaxed);
    }

    /// False if only modifications count as uses.
    pub(super) fn reads_touch(&self) -> bool {
        self.policy().rule != Rule::Lrm
    }

    pub(super) fn lfu(&self) -> Lfu {
        let both = self.lfu.load(Ordering::Relaxed);
        Lfu { log_factor: (both >> 32) as u32, decay_minutes: both as u32 }
    }

    pub(super) fn set_lfu(&self, lfu: Lfu) {
        let both = u64::from(lfu.log_factor) << 32 | u64::from(lfu.decay_minutes);
        self.lfu.store(both, Ordering::Relaxed);
    }
}

fn word(second: u32, frequency: u8) -> u32 {
    second << FREQUENCY_BITS | u32::from(frequency)
}

fn frequency(word: u32) -> u8 {
    word as u8
}

fn idle_s(word: u32, now: u32) -> u32 {
    let idle_s = now.wrapping_sub(word >> FREQUENCY_BITS) & SECONDS_MASK;
    if idle_s > MAX_IDLE_S { 0 } else { idle_s }
}

/// The second of this time, modulo 2^24.
fn seconds(unix_ms: i64) -> u32 {
    unix_ms.div_euclid(1000) as u32 & SECONDS_MASK
}

fn decayed(word: u32, now_ms: i64, lfu: Lfu) -> u8 {
    let now_s = now_ms.div_euclid(1000);
    let used_s = now_s - i64::from(idle_s(word, seconds(now_ms)));
    lfu.decayed(frequency(word), used_s, now_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_795_356_891_000;
    const MINUTE_MS: i64 = 60_000;

    #[test]
    fn idle_time_counts_from_the_last_use_also_where_the_seconds_wrap() {
        for now_ms in [NOW_MS, 0, i64::from(SECONDS_MASK) * 1000, -5_000] {
            let usage = Usage::new(now_ms);
            assert_eq!(usage.idle_s(now_ms + 15_999), 15);
            usage.mark(now_ms + 14_000, Lfu::default());
            assert_eq!(usage.idle_s(now_ms + 15_000), 1);
            assert_eq!(usage.idle_s(now_ms), 0, "the clock was set back");
            assert_eq!(usage.idle_s(now_ms - 86_400_000), 0, "by a day");
        }
    }

    #[test]
    fn an_idle_time_is_set_up_to_the_longest() {
        let usage = Usage::new(NOW_MS);
        for (idle_s, stored) in [(0, 0), (77, 77), (MAX_IDLE_S, MAX_IDLE_S), (u32::MAX, MAX_IDLE_S)] {
            usage.set_idle_s(idle_s, NOW_MS);
            assert_eq!(usage.idle_s(NOW_MS), stored);
            assert_eq!(frequency(usage.load()), FIRST);
        }
    }

    #[test]
    fn a_counter_loses_one_per_decay_time() {
        let usage = Usage::new(NOW_MS);
        let at = |minutes: i64, decay_minutes| {
            usage.frequency(NOW_MS + minutes * MINUTE_MS, Lfu { log_factor: 10, decay_minutes })
        };
        usage.set_frequency(200, NOW_MS);
        assert_eq!([0, 1, 50, 1000].map(|minutes| at(minutes, 1)), [200, 199, 150, 0]);
        assert_eq!([1, 2, 5].map(|minutes| at(minutes, 2)), [200, 199, 198]);
        assert_eq!([0, 1000].map(|minutes| at(minutes, 0)), [200, 200]);
        let almost_ms = 59_000 - NOW_MS.rem_euclid(MINUTE_MS);
        let frequency = |after_ms| usage.frequency(NOW_MS + almost_ms + after_ms, Lfu::default());
        assert_eq!([frequency(0), frequency(1000)], [200, 199], "minutes are those of the clock");
    }

    #[test]
    fn a_counter_grows_at_once_to_six_and_ever_more_rarely_then() {
        let after = |uses: usize, log_factor| {
            let usage = Usage::new(NOW_MS);
            (0..uses).for_each(|_| usage.mark(NOW_MS, Lfu { log_factor, decay_minutes: 1 }));
            usage.frequency(NOW_MS, Lfu::default())
        };
        assert_eq!([0, 1].map(|uses| after(uses, 10)), [5, 6]);
        assert_eq!(after(300, 0), 255, "it does not wrap");
        // Expected: c uses make about sqrt(2 c / 10) + 5; the bounds are ten times as wide as the
        // scatter.
        assert!((10..=30).contains(&after(1_000, 10)), "{}", after(1_000, 10));
        assert!((100..=200).contains(&after(100_000, 10)), "{}", after(100_000, 10));
        assert_eq!(after(1_000, u32::MAX), 6);
        let usage = Usage::new(NOW_MS);
        usage.set_frequency(0, NOW_MS);
        usage.mark(NOW_MS, Lfu::default());
        assert_eq!(usage.frequency(NOW_MS, Lfu::default()), 1);
    }

    #[test]
    fn a_loaded_use_is_that_of_the_policy() {
        let usage = Usage::new(NOW_MS - 9_000);
        let restored = |known, name| {
            usage.restore(known, Policy::named(name).expect("it is one"), NOW_MS);
            (usage.idle_s(NOW_MS), usage.frequency(NOW_MS, Lfu::default()))
        };
        let idle = KnownUse { idle_s: Some(77), frequency: None };
        let frequent = KnownUse { idle_s: None, frequency: Some(200) };
        for name in ["allkeys-lru", "volatile-lrm", "noeviction", "volatile-ttl"] {
            assert_eq!(restored(idle, name).0, 77);
            assert_eq!(restored(frequent, name), (0, 5));
        }
        assert_eq!(restored(idle, "volatile-lfu"), (0, 5));
        assert_eq!(restored(frequent, "allkeys-lfu"), (0, 200));
        assert_eq!(restored(KnownUse::default(), "allkeys-lru"), (0, 5));
    }

    #[test]
    fn settings_are_kept_whole() {
        let shared = SharedSettings::default();
        assert_eq!((shared.policy(), shared.lfu()), (Policy::NONE, Lfu::default()));
        for policy in Policy::all() {
            shared.set_policy(policy);
            assert_eq!(shared.policy(), policy);
            assert_eq!(shared.reads_touch(), !policy.name().ends_with("lrm"));
        }
        let lfu = Lfu { log_factor: i32::MAX as u32, decay_minutes: 7 };
        shared.set_lfu(lfu);
        assert_eq!(shared.lfu(), lfu);
    }
}
