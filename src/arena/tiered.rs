//! Blocks of plain bytes, each in memory or in a file: the finer codes of elements, which only
//! searches that come near them read.
//!
//! A slot has a *place*: a position in memory, or one in a file. To read a block costs one load
//! more than in [`Codes`]; what it gives is that a block moves without its slot. So a snapshot,
//! which knows elements by their slots, links, and everything else that does, see nothing of it,
//! and a block may move while all of them are at work.
//!
//! *A block moves* by a copy, and then one store of its place. The thread that moves it has been
//! pinned since before it saw that the slot was in use, so the slot cannot be given to another
//! meanwhile, and its bytes stay the same wherever they are. The place is changed under a lock:
//! there the thread finds out where the block is by then, since another may have moved it. What
//! readers may still look at is used again a grace period later.
//!
//! *Memory of moved blocks* is used for new ones, the lowest positions first. When much of it is
//! free, [`TieredCodes::pack`] moves the last blocks in memory into free positions below, and the
//! end goes back to the system. Files keep their free positions.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::{Codes, Lowest, Words};
use crate::epoch::{Limbo, Pin};
use crate::memory::{Category, Held};
use crate::tier::{Space, Tier};

/// Slots looked at in one step of packing.
const LOOKED_AT: u32 = 4096;
/// Blocks moved in one step of packing.
const PACKED: usize = 64;
/// Memory is packed if more than so many bytes of it are free.
const FREE_BYTES: usize = 256 << 10;

/// An optional block of `stride` bytes for each slot, in memory or in a file.
pub struct TieredCodes {
    /// For each slot, 0, or the word of a [`Place`].
    places: Words,
    memory: Codes,
    files: Codes,
    space: Arc<Space>,
    /// Also held while a place is changed that readers can see.
    hot: Mutex<Positions>,
    warm: Mutex<Positions>,
    in_memory: AtomicUsize,
    in_files: AtomicUsize,
}

/// Positions that can be taken, of one of the tiers.
struct Positions {
    free: Lowest,
    /// Moved from, and perhaps still read.
    limbo: Limbo<u32>,
    /// Positions in use are below this.
    end: u32,
    /// The next slot for packing.
    cursor: u32,
    /// Slots looked at for packing since a block was packed.
    fruitless: u32,
    /// Counts what is free or in the limbo, if it is memory.
    reusable: Held,
}

impl Positions {
    fn from(first: u32) -> Self {
        Self {
            free: Lowest::default(),
            limbo: Limbo::new(),
            end: first,
            cursor: 0,
            fruitless: 0,
            reusable: Held::nothing(Category::Reusable),
        }
    }

    /// The lowest that is free.
    fn take(&mut self) -> Option<u32> {
        while let Some(position) = self.limbo.pop() {
            self.free.insert(position);
        }
        self.free.take_below(u32::MAX)
    }

    /// Free positions, and those that will be.
    fn unused(&self) -> usize {
        self.free.len() + self.limbo.len()
    }
}

/// Where a block is.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    tier: Tier,
    position: u32,
}

impl Place {
    /// Never 0, and positions are below 2^30.
    fn word(self) -> u32 {
        (self.position << 1 | u32::from(self.tier == Tier::Warm)) + 1
    }

    #[inline(always)]
    fn of(word: u32) -> Option<Self> {
        let word = word.checked_sub(1)?;
        let tier = if word & 1 == 0 { Tier::Hot } else { Tier::Warm };
        Some(Self { tier, position: word >> 1 })
    }
}

/// More slots than this no set can have, by the bits of a place.
const MOST: u32 = 1 << 30;

impl TieredCodes {
    /// Without slots.
    pub fn new(stride: usize, category: Category, space: Arc<Space>) -> Self {
        let files = Codes::in_space(stride, category, Arc::clone(&space));
        Self {
            places: Words::new(1, category),
            memory: Codes::new(stride, category),
            hot: Mutex::new(Positions::from(0)),
            warm: Mutex::new(Positions::from(files.first_in_space())),
            files,
            space,
            in_memory: AtomicUsize::new(0),
            in_files: AtomicUsize::new(0),
        }
    }

    /// Acquire: the block was written before its place.
    #[inline(always)]
    fn place(&self, slot: u32) -> Option<Place> {
        Place::of(self.places.block(slot)[0].load(Ordering::Acquire))
    }

    /// The bytes of a slot that the reader has met while pinned. Panics if it has none.
    #[inline(always)]
    pub fn get(&self, slot: u32) -> &[u8] {
        let place = self.place(slot).expect("a slot that can be met has a block");
        self.codes(place.tier).get(place.position)
    }

    /// Where the bytes of a slot are; none if it has none.
    #[inline(always)]
    pub fn tier(&self, slot: u32) -> Option<Tier> {
        self.place(slot).map(|place| place.tier)
    }

    /// Blocks in memory, and blocks in files.
    pub fn counts(&self) -> (usize, usize) {
        (self.in_memory.load(Ordering::Relaxed), self.in_files.load(Ordering::Relaxed))
    }

    /// Bytes of a block.
    pub fn stride(&self) -> usize {
        self.memory.stride()
    }

    /// Gives a slot a block, in this tier; in memory if the files have no room.
    ///
    /// # Safety
    /// No other thread looks at the slot: it was just reserved, or all are in the hands of the
    /// caller. It has no block.
    pub unsafe fn write(&self, slot: u32, tier: Tier, fill: impl FnOnce(&mut [u8])) {
        debug_assert!(self.place(slot).is_none());
        let in_files = (tier == Tier::Warm).then(|| self.take_in_files()).flatten();
        let place = match in_files {
            Some(position) => Place { tier: Tier::Warm, position },
            None => Place { tier: Tier::Hot, position: self.take_in_memory(&mut self.hot.lock()) },
        };
        // SAFETY: the position was just taken, so no place leads to it, and none did for a grace
        // period.
        unsafe { self.codes(place.tier).write(place.position, fill) };
        self.count(place.tier).fetch_add(1, Ordering::Relaxed);
        self.note(place.tier, 1);
        self.places.block(slot)[0].store(place.word(), Ordering::Release);
    }

    /// Takes a slot's block away, if it has one.
    ///
    /// # Safety
    /// No thread has looked at the slot for a grace period.
    pub unsafe fn release(&self, slot: u32) {
        let mut hot = self.hot.lock();
        let word = &self.places.block(slot)[0];
        let Some(place) = Place::of(word.load(Ordering::Relaxed)) else { return };
        word.store(0, Ordering::Relaxed);
        match place.tier {
            Tier::Hot => {
                hot.free.insert(place.position);
                self.weigh(&mut hot);
            }
            Tier::Warm => {
                drop(hot);
                self.warm.lock().free.insert(place.position);
            }
        }
        self.count(place.tier).fetch_sub(1, Ordering::Relaxed);
        self.note(place.tier, -1);
    }

    /// Moves the block of a slot into this tier. False if it is there, if it has none, or if there
    /// is no room in the files.
    ///
    /// The caller has been pinned since before it saw that the slot was in use.
    pub fn move_to(&self, slot: u32, tier: Tier, pin: &Pin) -> bool {
        self.copy_to(slot, tier, pin).is_some_and(|copy| self.lead_to(slot, copy, pin))
    }

    /// The first half of a move: the block's bytes at a new place.
    fn copy_to(&self, slot: u32, tier: Tier, _: &Pin) -> Option<Place> {
        let from = self.place(slot).filter(|place| place.tier != tier)?;
        let position = match tier {
            Tier::Hot => self.take_in_memory(&mut self.hot.lock()),
            Tier::Warm => self.take_in_files()?,
        };
        // A disk may have to be waited for here: without a lock.
        let copy = |bytes: &mut [u8]| bytes.copy_from_slice(self.codes(from.tier).get(from.position));
        // SAFETY: as in `write`; what is read stays since this thread is pinned.
        unsafe { self.codes(tier).write(position, copy) };
        Some(Place { tier, position })
    }

    /// The second half: the slot leads to the copy, and the place that it led to is free. False if
    /// the block is in this tier by now; then the place of the copy is free.
    fn lead_to(&self, slot: u32, to: Place, _: &Pin) -> bool {
        let mut hot = self.hot.lock();
        // Packing may have moved it within memory since it was copied.
        let from = self.place(slot).filter(|place| place.tier != to.tier);
        if from.is_some() {
            self.lead(slot, to);
        }
        let (is_moved, left) = (from.is_some(), from.unwrap_or(to));
        match left.tier {
            Tier::Hot if is_moved => hot.limbo.push(left.position),
            // No place has ever led there.
            Tier::Hot => hot.free.insert(left.position),
            Tier::Warm => {}
        }
        self.weigh(&mut hot);
        drop(hot);
        if left.tier == Tier::Warm {
            let mut warm = self.warm.lock();
            if is_moved { warm.limbo.push(left.position) } else { warm.free.insert(left.position) }
        }
        if let Some(from) = from {
            for (tier, change) in [(from.tier, -1), (to.tier, 1)] {
                self.count(tier).fetch_add(change as usize, Ordering::Relaxed);
                self.note(tier, change);
            }
        }
        is_moved
    }

    /// Lets a slot lead to another place of the same bytes. Under the lock.
    fn lead(&self, slot: u32, to: Place) {
        // Release: the block was written before.
        self.places.block(slot)[0].store(to.word(), Ordering::Release);
    }

    /// True if so much memory is free that it is worth while to pack it: one block in `share`.
    pub fn is_loose(&self, share: usize) -> bool {
        let hot = self.hot.lock();
        let unused = hot.unused();
        unused * self.stride() > FREE_BYTES && unused * share > hot.end as usize
    }

    /// Does a step of packing, of slots below `end`: moves some of the last blocks in memory into
    /// free positions below, and gives memory back behind the last one. Takes some tens of
    /// microseconds. True if it did something, or if slots are left to be looked at.
    pub fn pack(&self, end: u32) -> bool {
        let mut hot = self.hot.lock();
        while let Some(position) = hot.limbo.pop() {
            hot.free.insert(position);
        }
        // What would be the end if no position were free.
        let dense = hot.end - hot.unused() as u32;
        let mut packed = 0;
        let has_room = hot.free.lowest().is_some_and(|position| position < dense);
        let looked_at = if has_room { LOOKED_AT.min(end) } else { 0 };
        for _ in 0..looked_at {
            let slot = hot.cursor % end;
            hot.cursor = slot + 1;
            hot.fruitless += 1;
            let Some(from) = self.place(slot) else { continue };
            if from.tier == Tier::Warm || from.position < dense {
                continue;
            }
            let Some(position) = hot.free.take_below(dense) else { break };
            let to = Place { tier: Tier::Hot, position };
            let copy = |bytes: &mut [u8]| bytes.copy_from_slice(self.memory.get(from.position));
            // SAFETY: as in `write`. The block that is read is that of a slot, which is not taken
            // away under the lock.
            unsafe { self.memory.write(position, copy) };
            self.lead(slot, to);
            hot.limbo.push(from.position);
            packed += 1;
            hot.fruitless = 0;
            if packed == PACKED {
                break;
            }
        }
        // Blocks that are being written or moved have places that no slot leads to yet.
        let is_through = hot.fruitless >= end;
        if is_through {
            hot.fruitless = 0;
        }
        let before = hot.end;
        hot.end = hot.free.remove_tail(before, usize::MAX);
        let end = hot.end;
        if end < before {
            // SAFETY: the positions were free: no place leads there, nor did while a thread that is
            // still pinned looked. The lock keeps them from being taken.
            unsafe { self.memory.shrink_to(end) };
        }
        self.weigh(&mut hot);
        looked_at > 0 && !is_through || end < before
    }

    /// Makes slots `0 .. len` available.
    pub fn grow_to(&self, len: u32) {
        assert!(len < MOST, "a set in tiers holds less than 2^30 elements");
        self.places.grow_to(len);
    }

    /// Takes the slots from `len` on back, none of which has a block.
    ///
    /// # Safety
    /// As [`Codes::shrink_to`].
    pub unsafe fn shrink_to(&self, len: u32) {
        // SAFETY: the caller guarantees it.
        unsafe { self.places.shrink_to(len) };
    }

    /// Bytes of memory held.
    pub fn heap_bytes(&self) -> usize {
        self.places.heap_bytes() + self.memory.heap_bytes()
    }

    fn codes(&self, tier: Tier) -> &Codes {
        match tier {
            Tier::Hot => &self.memory,
            Tier::Warm => &self.files,
        }
    }

    fn count(&self, tier: Tier) -> &AtomicUsize {
        match tier {
            Tier::Hot => &self.in_memory,
            Tier::Warm => &self.in_files,
        }
    }

    /// Counts blocks for the whole directory.
    fn note(&self, tier: Tier, change: i64) {
        self.space.dir().count_blocks(tier, change);
    }

    fn take_in_memory(&self, hot: &mut Positions) -> u32 {
        let position = hot.take().unwrap_or_else(|| {
            hot.end += 1;
            self.memory.grow_to(hot.end);
            hot.end - 1
        });
        self.weigh(hot);
        position
    }

    fn take_in_files(&self) -> Option<u32> {
        let mut warm = self.warm.lock();
        warm.take().or_else(|| {
            let position = warm.end;
            self.files.grow_in_space(position + 1).then(|| {
                warm.end += 1;
                position
            })
        })
    }

    fn weigh(&self, hot: &mut Positions) {
        let unused = hot.unused() * self.stride();
        hot.reusable.set(unused);
    }
}

impl Drop for TieredCodes {
    fn drop(&mut self) {
        for tier in [Tier::Hot, Tier::Warm] {
            self.note(tier, -(self.count(tier).load(Ordering::Relaxed) as i64));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::epoch::pin;
    use crate::persistence::files::testing::Folder;
    use crate::splitmix::SplitMix64;
    use crate::tier::TierDir;

    const STRIDE: usize = 1000;

    fn block(seed: u32) -> Vec<u8> {
        (0..STRIDE).map(|i| (seed as usize * 31 + i * 7) as u8).collect()
    }

    fn codes(dir: &Arc<TierDir>, slots: u32) -> TieredCodes {
        let codes = TieredCodes::new(STRIDE, Category::Vectors, dir.space());
        codes.grow_to(slots);
        codes
    }

    fn write(codes: &TieredCodes, slot: u32, tier: Tier) {
        // SAFETY: no other thread has this slot.
        unsafe { codes.write(slot, tier, |bytes| bytes.copy_from_slice(&block(slot))) };
    }

    #[test]
    fn blocks_are_what_was_written_wherever_they_are() {
        let folder = Folder::new();
        let dir = TierDir::open(folder.path()).expect("it can be used");
        let codes = codes(&dir, 400);
        let mut random = SplitMix64::new(1);
        let mut model: HashMap<u32, Tier> = HashMap::new();
        for _ in 0..20_000 {
            let slot = random.next() as u32 % 400;
            let tier = if random.next().is_multiple_of(2) { Tier::Hot } else { Tier::Warm };
            match (model.get(&slot).copied(), random.next() % 8) {
                (None, _) => {
                    write(&codes, slot, tier);
                    model.insert(slot, tier);
                }
                (Some(_), 0) => {
                    // SAFETY: no other thread has the slot.
                    unsafe { codes.release(slot) };
                    model.remove(&slot);
                }
                (Some(_), 1) => _ = codes.pack(400),
                (Some(before), _) => {
                    assert_eq!(codes.move_to(slot, tier, &pin()), before != tier);
                    model.insert(slot, tier);
                }
            }
            assert_eq!(codes.tier(slot), model.get(&slot).copied());
        }
        assert!(
            model
                .iter()
                .all(|(&slot, &tier)| codes.get(slot) == block(slot) && codes.tier(slot) == Some(tier))
        );
        let hot = model.values().filter(|&&tier| tier == Tier::Hot).count();
        assert_eq!(codes.counts(), (hot, model.len() - hot));
        assert_eq!(dir.balance().blocks(), (hot as u64, (model.len() - hot) as u64));
        drop(codes);
        assert_eq!((dir.balance().blocks(), dir.bytes()), ((0, 0), 0));
    }

    #[test]
    fn memory_of_blocks_that_went_to_files_is_given_back() {
        let folder = Folder::new();
        let dir = TierDir::open(folder.path()).expect("it can be used");
        let codes = codes(&dir, 20_000);
        (0..20_000).for_each(|slot| write(&codes, slot, Tier::Hot));
        let full = codes.heap_bytes();
        (0..20_000)
            .filter(|slot| slot % 10 != 0)
            .for_each(|slot| assert!(codes.move_to(slot, Tier::Warm, &pin())));
        assert!(codes.is_loose(8));
        // Other tests may be pinned, and put off the end of a grace period.
        while codes.is_loose(8) {
            codes.pack(20_000);
        }
        assert!(codes.heap_bytes() * 4 < full, "{} of {full}", codes.heap_bytes());
        assert!((0..20_000).all(|slot| codes.get(slot) == block(slot)));
    }

    /// Makes all positions that were moved from free. Other tests may be pinned, and put off the
    /// end of a grace period.
    fn end_limbo(codes: &TieredCodes) {
        let mut hot = codes.hot.lock();
        while !hot.limbo.is_empty() {
            if let Some(position) = hot.limbo.pop() {
                hot.free.insert(position);
            }
        }
    }

    #[test]
    fn packing_goes_on_behind_slots_that_have_no_block_to_pack() {
        let folder = Folder::new();
        let dir = TierDir::open(folder.path()).expect("it can be used");
        let codes = codes(&dir, 20_000);
        (0..20_000).for_each(|slot| write(&codes, slot, Tier::Hot));
        (0..19_000).for_each(|slot| assert!(codes.move_to(slot, Tier::Warm, &pin())));
        end_limbo(&codes);
        while codes.pack(20_000) {}
        let positions = (19_000..20_000).map(|slot| codes.place(slot).map(|place| place.position));
        assert_eq!(positions.max(), Some(Some(999)));
    }

    #[test]
    fn a_block_that_was_packed_or_moved_since_it_was_copied_is_where_it_should_be() {
        let folder = Folder::new();
        let dir = TierDir::open(folder.path()).expect("it can be used");
        let codes = codes(&dir, 1_000);
        (0..1_000).for_each(|slot| write(&codes, slot, Tier::Hot));
        (0..500).for_each(|slot| assert!(codes.move_to(slot, Tier::Warm, &pin())));
        end_limbo(&codes);
        let (slot, pin) = (999, pin());
        let before = codes.place(slot).expect("it has a block");
        let copies = [(); 2].map(|()| codes.copy_to(slot, Tier::Warm, &pin).expect("there is room"));
        while codes.pack(1_000) {}
        assert!(codes.place(slot).is_some_and(|now| now.tier == Tier::Hot && now != before));
        assert_eq!(copies.map(|copy| codes.lead_to(slot, copy, &pin)), [true, false]);
        assert_eq!((codes.tier(slot), codes.counts()), (Some(Tier::Warm), (499, 501)));
        assert_eq!((codes.get(slot), codes.warm.lock().free.len()), (&block(slot)[..], 1));
    }

    #[test]
    fn without_room_in_files_blocks_stay_in_memory() {
        let folder = Folder::new();
        let dir = TierDir::open(folder.path()).expect("it can be used");
        dir.set_max_bytes(1 << 20);
        dir.balance().set_policy(crate::tier::TierPolicy::Demote);
        let codes = codes(&dir, 4_000);
        (0..4_000).for_each(|slot| write(&codes, slot, Tier::Hot));
        let moved = (0..4_000).filter(|&slot| codes.move_to(slot, Tier::Warm, &pin())).count();
        assert!((900..=1_049).contains(&moved), "{moved}");
        assert!(!dir.balance().demotes() && dir.refused_bytes() == 0 && dir.bytes() <= 1 << 20);
        assert!((0..4_000).all(|slot| codes.get(slot) == block(slot)));
        assert!(codes.move_to(0, Tier::Hot, &pin()));
        while !codes.move_to(3_999, Tier::Warm, &pin()) {}
        dir.set_max_bytes(0);
        assert!(dir.balance().demotes() && codes.move_to(3_998, Tier::Warm, &pin()));
    }

    /// Readers find what was written while blocks move under them.
    #[test]
    fn readers_see_no_move() {
        let folder = Folder::new();
        let dir = TierDir::open(folder.path()).expect("it can be used");
        let codes = codes(&dir, 64);
        (0..64).for_each(|slot| write(&codes, slot, Tier::Hot));
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut random = SplitMix64::new(7);
                    while !is_over.load(Ordering::Relaxed) {
                        let _pin = pin();
                        let slot = random.next() as u32 % 64;
                        assert_eq!(codes.get(slot), block(slot));
                    }
                });
            }
            let movers: Vec<_> = (0..2)
                .map(|seed| {
                    let codes = &codes;
                    scope.spawn(move || {
                        let mut random = SplitMix64::new(seed);
                        for _ in 0..20_000 {
                            let tier = if random.next().is_multiple_of(2) { Tier::Hot } else { Tier::Warm };
                            codes.move_to(random.next() as u32 % 64, tier, &pin());
                            codes.pack(64);
                        }
                    })
                })
                .collect();
            movers.into_iter().for_each(|mover| mover.join().expect("no panic"));
            is_over.store(true, Ordering::Relaxed);
        });
        assert_eq!(codes.counts().0 + codes.counts().1, 64);
    }
}
