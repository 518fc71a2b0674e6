//! Which elements have their finer codes in memory, of a set in which each may have it in memory or
//! in a file (see [`crate::tier`]).
//!
//! Codes move for three reasons: a search returns an element ([`Present::count_hit`]), eviction
//! would take it ([`Present::evict`]), or the whole set is to be in one tier (`VTIER`), which a
//! thread in the background does step by step. A move changes no reply but those that show where
//! codes lie, so none is logged, and snapshots go on meanwhile.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

use super::{Balance, Present, Progress, Tier, Urgency, VectorSet};
use crate::epoch::{Pin, pin};
use crate::index::State;

/// Slots looked at in one step.
const LOOKED_AT: u32 = 1024;

/// What is under way in the background.
#[derive(Default)]
pub(super) struct Moves {
    /// The next slot to look at.
    cursor: AtomicU32,
    /// All codes are to come up.
    rises: AtomicBool,
    /// Slots looked at: since codes began to come up, or since the last one went down.
    looked_at: AtomicU32,
    /// Elements that had been returned at the last look.
    hits: AtomicU64,
}

impl VectorSet {
    /// Elements whose finer codes are in memory, and in files. None if there is no choice.
    pub fn tier_counts(&self) -> Option<(usize, usize)> {
        self.vectors.tier_counts()
    }

    /// Where an element lies: its finer code, or else all of it.
    fn tier_of(&self, slot: u32, pin: &Pin) -> Tier {
        let whole = if self.vectors.residence().files().is_some() { Tier::Warm } else { Tier::Hot };
        self.vectors.tier_of(slot, pin).unwrap_or(whole)
    }

    /// True if searches have returned elements since the last call.
    pub fn is_hit_again(&self) -> bool {
        let hits = self.figures.searches.returned();
        self.moves.hits.swap(hits, Relaxed) != hits
    }

    /// The balance of the directory in which finer codes may be, if there is a choice.
    pub(super) fn balance(&self) -> Option<&Balance> {
        let space = self.space().filter(|_| self.vectors.residence().files().is_none())?;
        Some(space.dir().balance())
    }

    /// Follows the limits: where new codes are to be.
    pub(super) fn follow_tier(&self) {
        self.vectors.set_wanted(self.bounds.get().tier);
    }

    /// The same, when that was changed: other codes are to move there too.
    pub(super) fn change_tier(&self) {
        self.follow_tier();
        self.moves.looked_at.store(0, Relaxed);
        self.moves.rises.store(self.vectors.wanted() == Tier::Hot, Relaxed);
    }

    /// Does a step of what is due between the tiers: at most so many moves. For a thread in the
    /// background.
    pub fn tier_step(&self, moves: usize, urgency: Urgency) -> Progress {
        let Some((hot, warm)) = self.tier_counts() else { return Progress::Done };
        let wanted = self.bounds.get().tier;
        let is_due = match wanted {
            Tier::Hot => warm > 0 && self.moves.rises.load(Relaxed),
            Tier::Warm => hot > 0,
        };
        let moves_on = is_due && self.move_codes(wanted, moves);
        let is_loose = self.vectors.codes_are_loose(urgency.share());
        let has_packed = is_loose && self.vectors.pack_codes();
        if moves_on || has_packed {
            Progress::Some
        } else if is_loose {
            Progress::Waiting
        } else {
            Progress::Done
        }
    }

    /// Moves codes of the next slots to a tier. True if it moved some, or if there are slots left
    /// to look at; false if all were looked at, or if there is no room for more.
    fn move_codes(&self, tier: Tier, moves: usize) -> bool {
        // From before the end is read, so that what is known of slots below it stays.
        let pin = pin();
        let slots = self.vectors.graph().slots();
        let end = slots.end();
        let mut moved = 0;
        for _ in 0..LOOKED_AT.min(end) {
            let slot = self.moves.cursor.load(Relaxed) % end;
            if slots.state(slot) == State::Live && self.vectors.tier_of(slot, &pin) != Some(tier) {
                let may_rise =
                    || self.balance().is_some_and(|balance| balance.takes(self.vectors.tier_bytes()));
                if tier == Tier::Hot && !may_rise() || !self.vectors.move_to(slot, tier, &pin) {
                    return moved > 0;
                }
                moved += 1;
                if tier == Tier::Warm {
                    self.moves.looked_at.store(0, Relaxed);
                }
            }
            self.moves.cursor.store(slot + 1, Relaxed);
            if self.moves.looked_at.fetch_add(1, Relaxed) + 1 >= end {
                // What eviction has taken down since codes began to come up stays there. What is
                // still to go down belongs to slots that are not live.
                self.moves.rises.store(false, Relaxed);
                self.moves.looked_at.store(0, Relaxed);
                return moved > 0;
            }
            if moved == moves {
                break;
            }
        }
        end > 0
    }
}

impl Present<'_> {
    /// Counts that a search returned the element in a slot, as a use of it; and brings its finer
    /// code up if it is used often enough. Returns where it lay. The caller is pinned since before
    /// the search, and holds no lock: a disk may have to be waited for.
    #[inline]
    pub(super) fn count_hit(&self, slot: u32, pin: &Pin) -> Tier {
        let Some(space) = self.set.space() else {
            self.count_use(slot);
            return Tier::Hot;
        };
        self.count_hit_in_tier(slot, space.dir().balance(), pin)
    }

    fn count_hit_in_tier(&self, slot: u32, balance: &Balance, pin: &Pin) -> Tier {
        let vectors = &self.set.vectors;
        let idle_ms = self.set.uses.idle_ms(slot, self.now.used_ms);
        self.count_use(slot);
        let tier = self.set.tier_of(slot, pin);
        balance.count_hit(tier);
        let rises = tier == Tier::Warm
            && self.now.touches
            && self.set.tier_counts().is_some()
            && vectors.wanted() == Tier::Hot
            && balance.promotes(idle_ms, vectors.tier_bytes())
            && vectors.move_to(slot, Tier::Hot, pin);
        if rises {
            balance.count_promoted();
        }
        tier
    }

    /// Puts the finer code of an element into a file instead of evicting the element, and returns
    /// the bytes of memory that it took there. None if it is in a file, or must stay.
    pub(super) fn demote(&self, slot: u32) -> Option<usize> {
        let balance = self.set.balance()?;
        let pin = pin();
        let slots = self.set.vectors.graph().slots();
        let is_element = slot < slots.end() && slots.state(slot) == State::Live;
        let is_moved = is_element && self.set.vectors.move_to(slot, Tier::Warm, &pin);
        is_moved.then(|| {
            balance.count_demoted();
            balance.note_victim(self.set.uses.idle_ms(slot, self.now.used_ms));
            self.set.vectors.tier_bytes()
        })
    }

    /// True if the finer code of an element is in a file.
    pub(super) fn is_warm(&self, slot: u32, pin: &Pin) -> bool {
        self.set.vectors.tier_of(slot, pin) == Some(Tier::Warm)
    }
}
