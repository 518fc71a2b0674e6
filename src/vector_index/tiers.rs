//! Finer codes that are in memory or in files, each by itself: where they are, and their moves.
//!
//! There is a choice for an index with finer codes beside coarse ones
//! ([`Residence::Either`](crate::tier::Residence)), once searches walk by the coarse ones.

use std::sync::atomic::Ordering;

use super::stores::Phase;
use super::{Residence, VectorIndex};
use crate::epoch::{Pin, pin};
use crate::tier::Tier;

impl VectorIndex {
    /// True if what a search or a writer reads may have to come from a disk.
    pub fn may_wait_for_disk(&self) -> bool {
        match self.residence {
            Residence::Memory => false,
            Residence::Files(_) => true,
            Residence::Either(_) => self.tier_counts().is_some_and(|(_, warm)| warm > 0),
        }
    }

    /// Slots whose finer codes are in memory, and in files. None if there is no choice.
    pub fn tier_counts(&self) -> Option<(usize, usize)> {
        let pin = pin();
        self.stores.tiers(&pin).map(|tiers| tiers.counts())
    }

    /// Where the finer code of a slot is; none if there is no choice, or if it has none.
    pub fn tier_of(&self, slot: u32, pin: &Pin) -> Option<Tier> {
        self.stores.tiers(pin)?.tier(slot)
    }

    /// Bytes by which a slot takes less memory if its finer code is in a file; 0 if there is no
    /// choice.
    pub fn tier_bytes(&self) -> usize {
        let pin = pin();
        self.stores.tiers(&pin).map_or(0, |tiers| tiers.stride())
    }

    /// Moves the finer code of a slot to this tier. False if it is there, if there is no choice, or
    /// no room. The caller has been pinned since before it saw that the slot was in use.
    pub fn move_to(&self, slot: u32, tier: Tier, pin: &Pin) -> bool {
        let is_settled = tier == Tier::Hot || self.stores.phase() == Phase::Settled;
        is_settled && self.stores.tiers(pin).is_some_and(|tiers| tiers.move_to(slot, tier, pin))
    }

    /// Sets where finer codes are to be: with [`Tier::Warm`], those of new slots begin in files,
    /// whatever the directory's policy is.
    pub fn set_wanted(&self, tier: Tier) {
        self.wants_warm.store(tier == Tier::Warm, Ordering::Relaxed);
    }

    /// Where finer codes are to be.
    pub fn wanted(&self) -> Tier {
        if self.wants_warm.load(Ordering::Relaxed) { Tier::Warm } else { Tier::Hot }
    }

    /// Where the finer code of a new slot is to be.
    pub(super) fn tier_of_new(&self) -> Tier {
        match self.wanted() {
            _ if self.stores.phase() != Phase::Settled => Tier::Hot,
            Tier::Hot => self.residence.tier_of_new(),
            Tier::Warm => Tier::Warm,
        }
    }

    /// True if so much memory of moved codes is free that it should be packed: one in `share`.
    pub fn codes_are_loose(&self, share: usize) -> bool {
        let pin = pin();
        self.stores.tiers(&pin).is_some_and(|tiers| tiers.is_loose(share))
    }

    /// Does a step of packing, see [`crate::arena::TieredCodes::pack`]. True if it did something.
    pub fn pack_codes(&self) -> bool {
        let pin = pin();
        self.stores.tiers(&pin).is_some_and(|tiers| tiers.pack(self.end()))
    }
}
