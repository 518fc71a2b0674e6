//! The limit of memory, how near it is, and the check before each write.
//!
//! ```text
//! used         live allocations and mappings                         `used_bytes`
//! - reusable   of these, slots of vector sets that new elements take, at most 8 % of the limit
//! - exempt     what writing data out takes for a while: the buffer of the log
//! + hidden     what the process has in memory beyond that            `Limit::hide`
//! = counted    what is compared with the limit and the thresholds
//! ```
//!
//! A writer compares the [estimate](super::estimated_bytes) with a *line*: the limit moved by what
//! is exempt and what is hidden. That is a few reads of memory. Above the line it measures, if the
//! last measurement is too old. What is exempt and hidden is measured in the background. While much
//! memory is about to be freed, the line lies lower, and writers wait above it.
//!
//! Memory is *hidden* by the allocator: pages that it keeps for later, and holes between live
//! allocations; and there are the pages of the program itself. It is counted so that the process
//! keeps below 1.1 times the limit; but only what is more than [`ALLOWED_PERCENT`] of the counted
//! bytes, and at most a quarter of the limit: eviction makes more holes at first, and would
//! otherwise go on until nothing is left. Of a limit below [`SMALL_LIMIT`] the program alone would
//! be a large part; there only what is used counts, as in Redis.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use super::Category;
use super::estimate::estimated_bytes;
use super::tracked::held_roughly;

/// The part of the limit up to which reusable bytes are not counted, in percent. Only the set that
/// has them can use them, until it is compacted; so the rest counts, and is waited for.
const MAX_REUSABLE_PERCENT: u64 = 8;
/// How much of the counted bytes may be hidden without being counted.
const ALLOWED_PERCENT: u64 = 7;
/// Below this limit nothing is hidden.
const SMALL_LIMIT: u64 = 64 << 20;
/// At most this part of the limit is counted as hidden.
const MAX_HIDDEN_PART: u64 = 4;
/// Of [`Limit::hold_writers`], in percent of the limit: they do not wait below it.
const NOT_HELD: u64 = 100;
/// A level is left when the counted bytes are so many percent of the limit below its threshold.
const HYSTERESIS_PERCENT: f64 = 2.0;

/// How near the limit is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Below all thresholds.
    #[default]
    Normal,
    /// Above `mem-threshold-warn`.
    Warn,
    /// Above `mem-threshold-high`.
    High,
    /// Above `mem-threshold-critical`.
    Critical,
}

impl Level {
    /// All, in ascending order.
    pub const ALL: [Self; 4] = [Self::Normal, Self::Warn, Self::High, Self::Critical];

    /// Its name in `INFO`.
    pub fn name(self) -> &'static str {
        ["normal", "warn", "high", "critical"][self as usize]
    }
}

/// From which part of the limit on each level is reached, in percent, ascending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// A warning.
    pub warn: u64,
    /// Memory is given back where that costs no data.
    pub high: u64,
    /// Eviction begins.
    pub critical: u64,
}

impl Thresholds {
    fn of(self, level: Level) -> u64 {
        match level {
            Level::Normal => 0,
            Level::Warn => self.warn,
            Level::High => self.high,
            Level::Critical => self.critical,
        }
    }

    /// The level at `counted` bytes of `limit`, if the level before was `before`.
    fn level(self, counted: u64, limit: u64, before: Level) -> Level {
        let percent = counted as f64 * 100.0 / limit as f64;
        let holds = |level: &Level| {
            let slack = if *level <= before { HYSTERESIS_PERCENT } else { 0.0 };
            *level == Level::Normal || percent > self.of(*level) as f64 - slack
        };
        Level::ALL.into_iter().rev().find(holds).unwrap_or_default()
    }
}

/// The limit in force.
#[derive(Debug)]
pub struct Limit {
    /// 0 is none.
    bytes: AtomicU64,
    /// Estimates above this are above the limit, perhaps; `u64::MAX` if there is no limit.
    line: AtomicU64,
    exempt: AtomicU64,
    hidden: AtomicU64,
    /// In percent of the limit: above this writers wait for what is about to be freed.
    held_from: AtomicU64,
    level: AtomicU8,
}

impl Default for Limit {
    /// None.
    fn default() -> Self {
        Self {
            bytes: AtomicU64::new(0),
            line: AtomicU64::new(u64::MAX),
            exempt: AtomicU64::new(0),
            hidden: AtomicU64::new(0),
            held_from: AtomicU64::new(NOT_HELD),
            level: AtomicU8::new(0),
        }
    }
}

impl Limit {
    /// Bytes; 0 if there is no limit.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Sets it; 0 is none.
    pub fn set(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
        self.draw_line();
    }

    /// True if a write may be admitted without a measurement. May be wrong for as long as the
    /// background thread sleeps, as far as threads grow that run no commands.
    #[inline]
    pub fn is_far(&self) -> bool {
        let reusable = held_roughly(Category::Reusable).max(0) as u64;
        estimated_bytes().saturating_sub(self.spared(reusable)) <= self.line.load(Ordering::Relaxed)
    }

    /// The bytes that count, of `used` bytes of which so many are reusable or exempt.
    pub fn count(&self, used: u64, reusable: u64, exempt: u64) -> u64 {
        if self.exempt.swap(exempt, Ordering::Relaxed) != exempt {
            self.draw_line();
        }
        used.saturating_sub(self.spared(reusable)).saturating_sub(exempt) + self.hidden()
    }

    /// Of so many reusable bytes, those that are not counted.
    fn spared(&self, reusable: u64) -> u64 {
        reusable.min(self.bytes() / 100 * MAX_REUSABLE_PERCENT)
    }

    /// Of so many reusable bytes, those that are counted: compaction is to give them back.
    pub fn to_be_compacted(&self, reusable: u64) -> u64 {
        reusable - self.spared(reusable)
    }

    /// True if so many reusable bytes are to be given back sooner than in the background: they come
    /// near to what may be spared.
    pub fn is_compaction_due(&self, reusable: u64) -> bool {
        self.bytes() > 0 && reusable > self.bytes() / 100 * (MAX_REUSABLE_PERCENT / 2)
    }

    /// Bytes that are counted although no structure uses them.
    pub fn hidden(&self) -> u64 {
        let limit = self.bytes();
        let most = if limit < SMALL_LIMIT { 0 } else { limit / MAX_HIDDEN_PART };
        self.hidden.load(Ordering::Relaxed).min(most)
    }

    /// True if [`hide`](Self::hide) would count something.
    pub fn hides(resident: u64, used: u64) -> bool {
        beyond(resident, used) > 0
    }

    /// Counts what the process has in memory, `resident` bytes, beyond what it uses.
    pub fn hide(&self, resident: u64, used: u64) {
        self.hidden.store(beyond(resident, used), Ordering::Relaxed);
        self.draw_line();
    }

    /// The level at which the process was last seen.
    pub fn level(&self) -> Level {
        Level::ALL[usize::from(self.level.load(Ordering::Relaxed)) % Level::ALL.len()]
    }

    /// Notes the level of so many counted bytes; returns the one before and the new one.
    pub fn follow(&self, counted: u64, thresholds: Thresholds) -> (Level, Level) {
        let before = self.level();
        let now = match self.bytes() {
            0 => Level::Normal,
            limit => thresholds.level(counted, limit, before),
        };
        self.level.store(now as u8, Ordering::Relaxed);
        (before, now)
    }

    /// From so many percent of the limit on, writers are to wait, since memory is about to be
    /// freed. None: from the limit on only, as otherwise.
    pub fn hold_writers(&self, from_percent: Option<u64>) {
        self.held_from
            .store(from_percent.map_or(NOT_HELD, |percent| percent.min(NOT_HELD)), Ordering::Relaxed);
        self.draw_line();
    }

    /// True if writers are to wait, at so many counted bytes.
    pub fn holds_writers(&self, counted: u64) -> bool {
        let percent = self.held_from.load(Ordering::Relaxed);
        percent < NOT_HELD && counted > percent_of(self.bytes(), percent)
    }

    fn draw_line(&self) {
        let line = match self.bytes() {
            0 => u64::MAX,
            bytes => percent_of(bytes, self.held_from.load(Ordering::Relaxed))
                .saturating_add(self.exempt.load(Ordering::Relaxed))
                .saturating_sub(self.hidden()),
        };
        self.line.store(line, Ordering::Relaxed);
    }
}

/// Without overflow, for limits of any size.
pub fn percent_of(bytes: u64, percent: u64) -> u64 {
    (u128::from(bytes) * u128::from(percent) / 100) as u64
}

/// What of the resident bytes is neither used nor allowed. If `hidden` bytes are counted besides
/// those used, the resident ones are at most `100 + ALLOWED_PERCENT` percent of what is counted.
fn beyond(resident: u64, used: u64) -> u64 {
    let counted = u128::from(resident) * 100 / u128::from(100 + ALLOWED_PERCENT);
    (counted as u64).saturating_sub(used)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;
    const THRESHOLDS: Thresholds = Thresholds { warn: 75, high: 90, critical: 95 };

    #[test]
    fn levels_are_reached_at_their_thresholds_and_left_below_them() {
        let limit = Limit::default();
        limit.set(1000);
        let levels = [
            (750, Level::Normal),
            (751, Level::Warn),
            (740, Level::Warn),
            (730, Level::Normal),
            (740, Level::Normal),
            (951, Level::Critical),
            (935, Level::Critical),
            (930, Level::High),
            (905, Level::High),
            (735, Level::Warn),
            (5000, Level::Critical),
            (0, Level::Normal),
        ];
        let mut before = Level::Normal;
        for (counted, level) in levels {
            assert_eq!(limit.follow(counted, THRESHOLDS), (before, level), "{counted}");
            before = level;
        }
        limit.follow(960, THRESHOLDS);
        limit.set(0);
        assert_eq!(limit.follow(960, THRESHOLDS), (Level::Critical, Level::Normal));
    }

    #[test]
    fn without_a_limit_everything_is_far_from_it() {
        let limit = Limit::default();
        limit.hide(u64::MAX, 0);
        assert!(limit.is_far() && limit.bytes() == 0 && limit.hidden() == 0);
    }

    #[test]
    fn the_line_is_the_limit_moved_by_what_is_exempt_and_hidden() {
        let limit = Limit::default();
        limit.set(1000 * MB);
        assert_eq!((limit.spared(70), limit.to_be_compacted(70)), (70, 0));
        assert_eq!(limit.count(700 * MB, 100 * MB, 0), 620 * MB + limit.to_be_compacted(80));
        let line = || limit.line.load(Ordering::Relaxed) / MB;
        assert_eq!(line(), 1000);
        assert_eq!(limit.count(700 * MB, 80 * MB, 100 * MB), 520 * MB);
        assert_eq!(line(), 1100);
        limit.hide(535 * MB, 400 * MB);
        assert_eq!((limit.hidden() / MB, line()), (100, 1000));
        assert_eq!(limit.count(600 * MB, 0, 100 * MB), 600 * MB);
        limit.hide(5000 * MB, 400 * MB);
        assert_eq!((limit.hidden() / MB, line()), (250, 850), "no more than a quarter");
    }

    #[test]
    fn writers_are_held_below_the_limit_while_memory_is_about_to_be_freed() {
        let limit = Limit::default();
        let line = || limit.line.load(Ordering::Relaxed);
        limit.hold_writers(Some(95));
        assert_eq!(line(), u64::MAX, "there is no limit");
        limit.set(1000);
        assert_eq!((line(), limit.holds_writers(950), limit.holds_writers(951)), (950, false, true));
        limit.set(2000);
        assert_eq!((line(), limit.holds_writers(951), limit.holds_writers(1901)), (1900, false, true));
        limit.hold_writers(None);
        assert_eq!((line(), limit.holds_writers(u64::MAX)), (2000, false));
    }

    #[test]
    fn what_is_resident_is_at_most_a_tenth_more_than_what_counts() {
        for (resident, used) in [(1 << 30, 1 << 29), (1 << 40, 0), (8 * MB, 0), (0, MB), (u64::MAX, MB)] {
            let counted = used + beyond(resident, used);
            let allowed = u128::from(counted) * 107 / 100 + 2;
            assert!(u128::from(resident) <= allowed, "{resident} {used}");
        }
        assert_eq!(beyond(107 * MB, 100 * MB), 0);
        let limit = Limit::default();
        limit.set(SMALL_LIMIT - 1);
        limit.hide(100 * MB, MB);
        assert_eq!(limit.hidden(), 0);
    }
}
