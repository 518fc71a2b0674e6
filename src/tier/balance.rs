//! Which elements have their finer codes in memory? Those that are used most, as far as the memory
//! goes.
//!
//! *Down*: when memory is short, eviction takes the coldest unit as ever; if that is an element
//! whose finer code is in memory, the code goes into a file instead of the element going away
//! ([`TierPolicy::Demote`]). What it has in files already is not taken while that goes on.
//!
//! Names, attributes, links and coarse codes stay in memory then, and sets without finer codes have
//! nothing that could go. So when memory is scarce and most finer codes are in files, a set goes
//! there as a whole, as a warm one: see [`Balance::demotes_sets`]. That takes as long as the disk
//! takes the set, so it begins well before anything would be evicted.
//!
//! What comes into such a set lies in memory, until its files are written anew. While that is
//! possible, eviction takes what is in memory alone, since what is in files would free none. When
//! it is not (the files have no room for it, or nothing is beside them), but would be without the
//! coldest elements of the files, it takes any element, the coldest first, until that is so (see
//! `VectorSet::let_lent_go`): else what came last would make room for itself, and what has been in
//! files for long would stay for ever.
//!
//! *Up*: a code that is read for an answer comes back into memory if its element's use before this
//! one is more recent than what eviction takes at present: then the element is used often enough to
//! stay. So a scan over cold elements brings nothing up, and no list of candidates has to be kept.
//! How much may come up in a while is bounded by an allowance, since each that comes up drives
//! another down.
//!
//! A set that went into files as a whole comes back as a whole, while it is used, when memory has
//! room for it up to `mem-threshold-warn`, which is well below the mark at which it went: with its
//! finer codes if these fit too, else without, and then its elements come up one by one.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering::Relaxed};

use super::Tier;
use crate::counters::{Counter, Sharded};

/// What is done to save elements from eviction.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[repr(u8)]
pub enum TierPolicy {
    /// Nothing: elements are evicted as if there were no files.
    #[default]
    Off = 0,
    /// The coldest elements' finer codes go into files when memory is short.
    Demote = 1,
    /// As `Demote`, and new elements begin in files: what is never read takes no memory for it.
    Lazy = 2,
}

impl TierPolicy {
    /// The policy of a name, in the spelling of the option's values.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "off" => Some(Self::Off),
            "demote" => Some(Self::Demote),
            "lazy" => Some(Self::Lazy),
            _ => None,
        }
    }
}

/// One in so many victims moves the mean of how cold they are.
const SMOOTHING: i64 = 64;

/// Elements returned that lay in memory, and in files: their finer codes, or all of them.
#[derive(Debug)]
struct Hits(Sharded<[Counter; 2]>);

impl Default for Hits {
    fn default() -> Self {
        Self(Sharded::new(Default::default))
    }
}

/// The policy, and what it has done.
#[derive(Debug, Default)]
pub struct Balance {
    policy: AtomicU8,
    /// Blocks in memory, and in files, of sets whose elements are in either.
    blocks: [AtomicI64; 2],
    demoted: AtomicU64,
    promoted: AtomicU64,
    hits: Hits,
    faults: AtomicU64,
    has_no_room: AtomicBool,
    is_memory_short: AtomicBool,
    is_memory_scarce: AtomicBool,
    is_set_moving: AtomicBool,
    is_stuck: AtomicBool,
    lets_lent_go: AtomicBool,
    /// Bytes that may come up until the next allowance.
    allowance: AtomicI64,
    /// Bytes of memory that whole sets may come up into.
    room_for_sets: AtomicU64,
    /// Mean of how long victims had not been used, in milliseconds; 0 before the first.
    idle_ms: AtomicI64,
}

impl Balance {
    /// Sets what is done from now on.
    pub fn set_policy(&self, policy: TierPolicy) {
        self.policy.store(policy as u8, Relaxed);
    }

    /// What is done.
    pub fn policy(&self) -> TierPolicy {
        match self.policy.load(Relaxed) {
            0 => TierPolicy::Off,
            1 => TierPolicy::Demote,
            _ => TierPolicy::Lazy,
        }
    }

    /// True if eviction is to move finer codes into files: there was room for the last one, or it
    /// is time to [try again](Self::try_again).
    pub fn demotes(&self) -> bool {
        self.policy() != TierPolicy::Off && !self.has_no_room.load(Relaxed)
    }

    /// Where the code of a new element is to be.
    pub fn tier_of_new(&self) -> Tier {
        let begins_in_files = match self.policy() {
            TierPolicy::Off => false,
            TierPolicy::Demote => self.is_memory_short.load(Relaxed),
            TierPolicy::Lazy => true,
        };
        if begins_in_files { Tier::Warm } else { Tier::Hot }
    }

    /// Notes whether memory is beyond its limit, and how many bytes may come up until the next
    /// call. For a thread in the background.
    pub fn allow(&self, bytes: u64, is_memory_short: bool) {
        self.is_memory_short.store(is_memory_short, Relaxed);
        self.allowance.store(i64::try_from(bytes).unwrap_or(i64::MAX), Relaxed);
    }

    /// Notes whether so much of the memory is used that whole sets are to go into files, and how
    /// many bytes of it those that did may come back into. For a thread in the background.
    pub fn note_scarcity(&self, is_memory_scarce: bool, room_for_sets: u64) {
        self.is_memory_scarce.store(is_memory_scarce, Relaxed);
        self.room_for_sets.store(room_for_sets, Relaxed);
    }

    /// Bytes of memory that whole sets may come up into.
    pub fn room_for_sets(&self) -> u64 {
        if self.policy() == TierPolicy::Off { 0 } else { self.room_for_sets.load(Relaxed) }
    }

    /// True if whole sets are to go into files, if there is room.
    pub fn demotes_sets(&self) -> bool {
        self.policy() != TierPolicy::Off && self.is_memory_scarce.load(Relaxed)
    }

    /// Notes whether no set can go into files now, nor be written anew, though memory is scarce:
    /// none has enough beside its files, or the disk has no room; and whether eviction takes
    /// elements of the files of a set for that.
    pub fn note_stuck(&self, is_stuck: bool, lets_lent_go: bool) {
        self.is_stuck.store(is_stuck, Relaxed);
        self.lets_lent_go.store(lets_lent_go, Relaxed);
    }

    /// True if no set can go into files now, though memory is scarce.
    pub fn is_stuck(&self) -> bool {
        self.is_stuck.load(Relaxed)
    }

    /// True if eviction takes elements of the files of a set.
    pub fn lets_lent_go(&self) -> bool {
        self.lets_lent_go.load(Relaxed)
    }

    /// Notes whether a set is on its way into files as a whole, since memory is scarce.
    pub fn note_moving(&self, is_set_moving: bool) {
        self.is_set_moving.store(is_set_moving, Relaxed);
    }

    /// True if there will be much more memory soon: writers wait a little rather than drop
    /// elements.
    pub fn is_set_moving(&self) -> bool {
        self.is_set_moving.load(Relaxed)
    }

    /// True if a set is on its way, or if none has been looked for since memory became scarce.
    pub fn awaits_a_set(&self) -> bool {
        self.is_set_moving() || self.demotes_sets() && !self.is_stuck()
    }

    /// True if a set is on its way, or is about to be.
    pub fn may_free_memory(&self) -> bool {
        self.is_set_moving() || self.demotes() && !self.is_stuck()
    }

    /// True if the code of an element, of so many bytes, that is in a file and is read now should
    /// come up. `idle_ms`: how long it had not been used before.
    pub fn promotes(&self, idle_ms: u64, bytes: usize) -> bool {
        if self.policy() == TierPolicy::Off {
            return false;
        }
        let victims = self.idle_ms.load(Relaxed);
        let is_warmer = victims == 0 || idle_ms < victims as u64;
        is_warmer && self.takes(bytes)
    }

    /// True if so many bytes may come up; then they are taken from the allowance.
    pub fn takes(&self, bytes: usize) -> bool {
        self.allowance.load(Relaxed) > 0 && self.allowance.fetch_sub(bytes as i64, Relaxed) > 0
    }

    /// Notes that eviction took an element, or its code, that had not been used for so long.
    pub fn note_victim(&self, idle_ms: u64) {
        let idle = i64::try_from(idle_ms).unwrap_or(i64::MAX).clamp(1, i64::MAX / 2);
        let before = self.idle_ms.load(Relaxed);
        let after = if before == 0 { idle } else { before + (idle - before) / SMOOTHING };
        self.idle_ms.store(after.max(1), Relaxed);
    }

    /// Counts a code that went into a file because memory was short.
    pub fn count_demoted(&self) {
        self.demoted.fetch_add(1, Relaxed);
    }

    /// Counts a code that came up.
    pub fn count_promoted(&self) {
        self.promoted.fetch_add(1, Relaxed);
    }

    /// Counts an element that was returned.
    #[inline]
    pub fn count_hit(&self, tier: Tier) {
        self.hits.0.mine()[tier as usize].add(1);
    }

    /// Counts pages of files that a search waited for.
    pub fn count_faults(&self, faults: u64) {
        self.faults.fetch_add(faults, Relaxed);
    }

    /// Pages of files that searches waited for.
    pub fn faults(&self) -> u64 {
        self.faults.load(Relaxed)
    }

    /// Elements whose finer codes are in memory, and in files.
    pub fn blocks(&self) -> (u64, u64) {
        let [hot, warm] = self.blocks.each_ref().map(|blocks| blocks.load(Relaxed).max(0) as u64);
        (hot, warm)
    }

    /// How many elements were returned that lay in memory, and in files.
    pub fn hits(&self) -> (u64, u64) {
        let sum = |tier: Tier| self.hits.0.iter().map(|hits| hits[tier as usize].get()).sum();
        (sum(Tier::Hot), sum(Tier::Warm))
    }

    /// How many codes have gone into files because memory was short, and have come up.
    pub fn moved(&self) -> (u64, u64) {
        (self.demoted.load(Relaxed), self.promoted.load(Relaxed))
    }

    /// Sets the counters of what has happened to 0.
    pub fn reset(&self) {
        self.hits.0.iter().flatten().for_each(Counter::reset);
        [&self.demoted, &self.promoted, &self.faults].iter().for_each(|counter| counter.store(0, Relaxed));
    }

    pub(super) fn count(&self, tier: Tier, change: i64) {
        self.blocks[tier as usize].fetch_add(change, Relaxed);
    }

    pub(super) fn note_refusal(&self) {
        self.has_no_room.store(true, Relaxed);
    }

    /// Eviction is to try files again, after they had no room: there may be some. Blocks of files
    /// become free as elements go or come up, and of the disk as other files go. For a thread in
    /// the background, now and then.
    pub fn try_again(&self) {
        self.has_no_room.store(false, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_warmer_than_the_victims_comes_up_within_the_allowance() {
        let balance = Balance::default();
        balance.allow(100, false);
        assert!(!balance.promotes(0, 10), "nothing does while the policy is off");
        balance.set_policy(TierPolicy::Demote);
        assert!(balance.promotes(u64::MAX, 10), "there were no victims: there is room");
        for _ in 0..1000 {
            balance.note_victim(5_000);
        }
        assert!(balance.promotes(4_000, 10) && !balance.promotes(6_000, 10));
        assert!(balance.promotes(0, 1_000), "the last one may exceed what is allowed");
        assert!(!balance.promotes(0, 1));
        balance.allow(1, false);
        assert!(balance.promotes(0, 1) && !balance.promotes(0, 1));
    }

    #[test]
    fn how_cold_victims_are_follows_them() {
        let balance = Balance::default();
        balance.set_policy(TierPolicy::Demote);
        balance.allow(u64::MAX, false);
        (0..10).for_each(|_| balance.note_victim(1_000_000));
        (0..1_000).for_each(|_| balance.note_victim(1_000));
        assert!(!balance.promotes(2_000, 1));
        balance.note_victim(0);
        balance.note_victim(u64::MAX);
        assert!(balance.promotes(1_000, 1));
    }

    #[test]
    fn new_elements_begin_where_the_policy_says() {
        let balance = Balance::default();
        for (policy, quiet, short) in [
            (TierPolicy::Off, Tier::Hot, Tier::Hot),
            (TierPolicy::Demote, Tier::Hot, Tier::Warm),
            (TierPolicy::Lazy, Tier::Warm, Tier::Warm),
        ] {
            balance.set_policy(policy);
            for (is_short, tier) in [(false, quiet), (true, short)] {
                balance.allow(0, is_short);
                assert_eq!((balance.policy(), balance.tier_of_new()), (policy, tier));
            }
        }
    }
}
