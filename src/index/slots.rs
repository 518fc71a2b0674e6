//! The states of slots: when is one visible, and when may a removed one be used again.
//!
//! | state | a search | the next state, and what sets it |
//! |---|---|---|
//! | `Free`, also while its writer fills it | never meets it | `Linking`, when its code and name are written |
//! | `Linking` | walks through it; returns it only if it is `Live` by the end | `Live`, by [`Slots::publish`], or `Dead`, if its writer gives up |
//! | `Live` | returns it | `Dead`, by `Slots::kill` |
//! | `Dead` | walks through it; returns it only if it died after the search began | `Free`, by the sweeper, two grace periods later |
//!
//! A search that overlaps an update of an element thus finds it exactly once: it takes the old slot
//! or the new one, whichever state it meets them in, and its caller drops the second of two slots
//! with one name. This needs the moment of death, which is a running number kept beside the
//! state.
//!
//! `tests/loom` checks this file for searches that overlap updates.

#[cfg(loom)]
use loom::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::arena::{Lowest, Words};
use crate::memory::{Category, Held};

/// The state of a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum State {
    /// Unused.
    Free = 0,
    /// Being connected by a writer, not yet an element.
    Linking = 1,
    /// An element.
    Live = 2,
    /// No longer an element, perhaps still linked.
    Dead = 3,
}

/// A point in the order of deaths. A search notes it when it begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment(u32);

/// Slots are below this: a [`super::Candidate`] has 31 bits for one.
const MAX_SLOTS: u32 = (1 << 31) - 1;

/// Memory given back at once: it takes a fraction of a millisecond, during which no slot is taken.
const GIVEN_BACK_BYTES: usize = 4 << 20;

/// The highest layer of any slot.
pub(super) const MAX_LEVEL: u32 = 15;

// One word per slot: `moment of death (26 bits) | level (4) | state (2)`.
const STATE_BITS: u32 = 2;
const LEVEL_BITS: u32 = 4;
const MOMENT_SHIFT: u32 = STATE_BITS + LEVEL_BITS;
const MOMENT_BITS: u32 = 32 - MOMENT_SHIFT;

/// The word of a slot, taken apart.
#[derive(Clone, Copy)]
pub(super) struct Word(u32);

impl Word {
    pub(super) fn state(self) -> State {
        match self.0 & 3 {
            0 => State::Free,
            1 => State::Linking,
            2 => State::Live,
            _ => State::Dead,
        }
    }

    pub(super) fn level(self) -> u32 {
        self.0 >> STATE_BITS & MAX_LEVEL
    }

    /// True if a search that began at `start` may return the slot, as far as can be said when it
    /// meets it.
    pub(super) fn admits(self, start: Moment) -> bool {
        match self.state() {
            State::Live | State::Linking => true,
            State::Dead => self.died_after(start),
            State::Free => false,
        }
    }

    /// Moments wrap; a dead slot is swept long before half the range has passed (see
    /// `hnsw::remove`).
    fn died_after(self, start: Moment) -> bool {
        let ahead = (self.0 >> MOMENT_SHIFT).wrapping_sub(start.0) << MOMENT_SHIFT;
        ahead != 0 && ahead < 1 << 31
    }
}

/// The states of all slots, and the slots that are free.
pub struct Slots {
    /// The word described above, and the slot's first block in the upper layers.
    words: Words,
    /// A bit for each slot, set while it is `Dead`: 32 slots a word. Walks read this first, as it
    /// stays in the nearest caches, where a word for each slot does not.
    graves: Words,
    deaths: AtomicU32,
    /// Slots in use are below this.
    end: AtomicU32,
    live: AtomicUsize,
    /// Slots below this lie in files that never change: they are not used again.
    lent: u32,
    free: Mutex<Free>,
}

/// Slots that can be taken, the lowest first: so those that are in use move together at the
/// beginning.
struct Free {
    slots: Lowest,
    /// Slots that are dead: they will be free.
    dead: usize,
    /// Slots that the arenas hold: `end`, or more after it was lowered.
    held_end: u32,
    /// Bytes that each slot takes in all arenas of the user.
    bytes_each: usize,
    held: Held,
}

impl Free {
    fn count(&mut self) {
        self.held.set((self.slots.len() + self.dead) * self.bytes_each);
    }

    /// One is about to be dead: counted first, since the sweeper may release it at once.
    fn count_dead(&mut self) {
        self.dead += 1;
        self.count();
    }

    /// The lowest, if it is below this.
    fn take_below(&mut self, end: u32) -> Option<u32> {
        let slot = self.slots.take_below(end)?;
        self.count();
        Some(slot)
    }
}

impl Slots {
    /// No slots yet.
    pub fn new() -> Self {
        Self {
            words: Words::new(2, Category::Graph),
            graves: Words::new(1, Category::Graph),
            deaths: AtomicU32::new(0),
            end: AtomicU32::new(0),
            live: AtomicUsize::new(0),
            lent: 0,
            free: Mutex::new(Free {
                slots: Lowest::default(),
                dead: 0,
                held_end: 0,
                bytes_each: 0,
                held: Held::nothing(Category::Reusable),
            }),
        }
    }

    /// Slots `0 .. levels.len()`, all `Live`, of these levels, whose towers follow each other. They
    /// are not used again when they are free.
    pub(super) fn lent(levels: &[u8]) -> Self {
        let mut slots = Self::new();
        let end = u32::try_from(levels.len()).unwrap_or(MAX_SLOTS).min(MAX_SLOTS);
        slots.words.grow_to(end);
        slots.graves.grow_to(end.div_ceil(u32::BITS));
        let mut tower = 0u32;
        for (slot, &level) in (0..end).zip(levels) {
            let level = u32::from(level).min(MAX_LEVEL);
            slots.set_level(slot, level, tower);
            slots.words.block(slot)[0].store(level << STATE_BITS | State::Live as u32, Ordering::Relaxed);
            tower += level;
        }
        slots.end = AtomicU32::new(end);
        slots.live = AtomicUsize::new(end as usize);
        slots.lent = end;
        slots.free.lock().held_end = end;
        slots
    }

    /// Slots below this lie in files that never change.
    #[inline]
    pub fn lent_end(&self) -> u32 {
        self.lent
    }

    #[inline(always)]
    pub(super) fn word(&self, slot: u32) -> Word {
        Word(self.words.block(slot)[0].load(Ordering::Acquire))
    }

    /// First block of the slot in the upper layers; meaningful if its level is not 0.
    pub(super) fn tower(&self, slot: u32) -> u32 {
        self.words.block(slot)[1].load(Ordering::Relaxed)
    }

    /// Takes an invisible slot, the lowest that is free; it stays `Free`. `grow(len)` is called,
    /// one caller at a time, when slots `0 .. len` must exist in the caller's arenas.
    pub(super) fn take(&self, grow: impl FnOnce(u32)) -> u32 {
        let mut free = self.free.lock();
        free.take_below(MAX_SLOTS).unwrap_or_else(|| {
            let slot = self.end.load(Ordering::Relaxed);
            assert!(slot < MAX_SLOTS, "a set holds at most 2^31 - 1 elements");
            self.words.grow_to(slot + 1);
            self.graves.grow_to(slot / 32 + 1);
            grow(slot + 1);
            free.held_end = free.held_end.max(slot + 1);
            self.end.store(slot + 1, Ordering::Release);
            slot
        })
    }

    /// The same, if the lowest free slot is below `end`.
    pub(super) fn take_below(&self, end: u32) -> Option<u32> {
        self.free.lock().take_below(end)
    }

    /// True if the last slot is free.
    pub fn has_free_tail(&self) -> bool {
        let free = self.free.lock();
        let last = self.end.load(Ordering::Relaxed).checked_sub(1);
        last.is_some_and(|last| free.slots.contains(last))
    }

    /// Lowers the end to below free slots that lie there, at most so many. True if there were any.
    pub(super) fn lower_end(&self, most: usize) -> bool {
        let mut free = self.free.lock();
        let end = self.end.load(Ordering::Relaxed);
        let lowered = free.slots.remove_tail(end, most);
        free.count();
        self.end.store(lowered, Ordering::Release);
        lowered < end
    }

    /// Gives memory of slots back that lie at the end or beyond, a few megabytes of them, the last
    /// ones first. `shrink(len)` leaves the caller's arenas slots `0 .. len`. True if there was
    /// any.
    ///
    /// A grace period is over since the end was lowered. So no reader is left that has seen an end
    /// beyond the present one, and those slots, which had been free before, are in no list and no
    /// table. The lock keeps them from being handed out meanwhile.
    pub(super) fn give_back(&self, shrink: impl FnOnce(u32)) -> bool {
        let mut free = self.free.lock();
        let end = self.end.load(Ordering::Relaxed);
        if free.held_end <= end {
            return false;
        }
        let most = (GIVEN_BACK_BYTES / free.bytes_each.max(1)).max(1) as u32;
        let len = end.max(free.held_end.saturating_sub(most));
        // SAFETY: see above.
        unsafe {
            self.words.shrink_to(len);
            self.graves.shrink_to(len.div_ceil(u32::BITS));
        }
        shrink(len);
        free.held_end = len;
        true
    }

    /// Counts each slot that is free or dead as so many bytes that will be used again
    /// ([`Category::Reusable`]): what it takes in all arenas that are indexed by these slots.
    pub fn weigh(&self, bytes_each: usize) {
        let mut free = self.free.lock();
        free.bytes_each = bytes_each;
        free.count();
    }

    /// How many slots are free, and the bytes that each takes.
    pub fn free(&self) -> (usize, usize) {
        let free = self.free.lock();
        (free.slots.len(), free.bytes_each)
    }

    /// Lets `look` see [`Slots::end`] while no slot is added to it. What `look` makes visible,
    /// every thread that adds a slot sees.
    pub fn with_end<R>(&self, look: impl FnOnce(u32) -> R) -> R {
        let _no_growth = self.free.lock();
        look(self.end.load(Ordering::Relaxed))
    }

    /// Notes the height of a slot just taken, whose lists are empty. It stays `Free`.
    pub(super) fn set_level(&self, slot: u32, level: u32, tower: u32) {
        debug_assert!(level <= MAX_LEVEL);
        let [word, first] = self.words.block(slot) else { unreachable!("two words per slot") };
        first.store(tower, Ordering::Relaxed);
        word.store(level << STATE_BITS | State::Free as u32, Ordering::Release);
    }

    /// `Free` → `Linking`: the caller has written the slot's code and name, and a scan of all
    /// slots may read them.
    pub(super) fn begin_linking(&self, slot: u32) {
        let level = self.word(slot).level();
        self.words.block(slot)[0].store(level << STATE_BITS | State::Linking as u32, Ordering::Release);
    }

    /// `Linking` → `Live`. The caller's critical section makes this one step with its own tables.
    pub fn publish(&self, slot: u32) {
        let before = self.word(slot);
        debug_assert_eq!(before.state(), State::Linking);
        self.words.block(slot)[0].store(before.level() << STATE_BITS | State::Live as u32, Ordering::Release);
        self.live.fetch_add(1, Ordering::Relaxed);
    }

    /// `Live` or `Linking` → `Dead`, in the caller's critical section; one caller at a time.
    pub(super) fn kill(&self, slot: u32) {
        let before = self.word(slot);
        if before.state() == State::Live {
            self.live.fetch_sub(1, Ordering::Relaxed);
        }
        if slot >= self.lent {
            self.free.lock().count_dead();
        }
        let moment = self.deaths.load(Ordering::Relaxed).wrapping_add(1);
        self.words.block(slot)[0].store(
            moment << MOMENT_SHIFT | before.level() << STATE_BITS | State::Dead as u32,
            Ordering::Release,
        );
        self.grave(slot).fetch_or(grave_bit(slot), Ordering::Relaxed);
        // Partner of the load in `moment`: a search that begins later sees the word and the bit.
        self.deaths.store(moment, Ordering::Release);
    }

    fn grave(&self, slot: u32) -> &AtomicU32 {
        &self.graves.block(slot / 32)[0]
    }

    /// `Dead` → `Free`, when no list leads to the slot and no reader can still see it: only for the
    /// sweeper. Also for a slot that was taken and is still `Free`.
    pub(super) fn release(&self, slot: u32) {
        let was_dead = self.state(slot) == State::Dead;
        self.words.block(slot)[0].store(State::Free as u32, Ordering::Release);
        self.grave(slot).fetch_and(!grave_bit(slot), Ordering::Relaxed);
        if slot < self.lent {
            return;
        }
        let mut free = self.free.lock();
        free.slots.insert(slot);
        free.dead -= usize::from(was_dead);
        free.count();
    }

    /// The present moment in the order of deaths.
    pub fn moment(&self) -> Moment {
        Moment(self.deaths.load(Ordering::Acquire) & ((1 << MOMENT_BITS) - 1))
    }

    /// The state of a slot.
    pub fn state(&self, slot: u32) -> State {
        self.word(slot).state()
    }

    /// True if a search that began at `start` may return the slot, as far as can be said now.
    #[inline]
    pub fn admits(&self, slot: u32, start: Moment) -> bool {
        self.word(slot).admits(start)
    }

    /// True if the slot is `Dead`: asked of every link that a sweep passes.
    #[inline]
    pub(super) fn is_dead(&self, slot: u32) -> bool {
        self.grave(slot).load(Ordering::Relaxed) & grave_bit(slot) != 0
    }

    /// The same of a slot that the search met in the graph, or that its caller knows not to be
    /// `Free`.
    #[inline]
    pub fn admits_met(&self, slot: u32, start: Moment) -> bool {
        self.grave(slot).load(Ordering::Relaxed) & grave_bit(slot) == 0 || self.admits(slot, start)
    }

    /// Slots in use are below this. It may be lowered: a reader that uses an earlier value is
    /// pinned since it read it.
    pub fn end(&self) -> u32 {
        self.end.load(Ordering::Acquire)
    }

    /// How many are `Live`.
    pub fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// Bytes held.
    pub fn heap_bytes(&self) -> usize {
        self.words.heap_bytes() + self.graves.heap_bytes() + self.free.lock().slots.heap_bytes()
    }
}

fn grave_bit(slot: u32) -> u32 {
    1 << (slot % 32)
}

impl Default for Slots {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_slot_lives_as_the_table_says() {
        let slots = Slots::new();
        let mut grown = 0;
        let slot = slots.take(|len| grown = len);
        slots.set_level(slot, 3, 0);
        assert_eq!(slots.state(slot), State::Free);
        slots.begin_linking(slot);
        assert_eq!((slot, grown, slots.end()), (0, 1, 1));
        assert_eq!((slots.state(slot), slots.word(slot).level()), (State::Linking, 3));
        let before = slots.moment();
        slots.publish(slot);
        assert!(slots.admits(slot, before));
        slots.kill(slot);
        for admits in [Slots::admits, Slots::admits_met] {
            assert!(admits(&slots, slot, before), "it died after that search began");
            assert!(!admits(&slots, slot, slots.moment()), "it is gone for new searches");
        }
        assert_eq!((slots.state(slot), slots.word(slot).level(), slots.live()), (State::Dead, 3, 0));
        slots.release(slot);
        assert_eq!(slots.take(|_| panic!("a free slot is used first")), slot);
    }

    #[test]
    fn the_lowest_free_slot_is_taken_and_free_ones_are_counted() {
        let slots = Slots::new();
        slots.weigh(100);
        (0..10).for_each(|_| _ = slots.take(|_| ()));
        for slot in [7, 2, 9] {
            slots.begin_linking(slot);
            slots.kill(slot);
            slots.release(slot);
        }
        assert_eq!(slots.free(), (3, 100));
        assert_eq!([(); 4].map(|()| slots.take(|_| ())), [2, 7, 9, 10]);
        assert_eq!(slots.free(), (0, 100));
    }

    #[test]
    fn a_slot_that_was_only_taken_is_given_back_beside_dead_ones() {
        let slots = Slots::new();
        slots.weigh(100);
        (0..3).for_each(|_| _ = slots.take(|_| ()));
        slots.begin_linking(0);
        slots.kill(0);
        let counted = || slots.free.lock().held.bytes();
        assert_eq!(counted(), 100);
        slots.release(1);
        assert_eq!(counted(), 200, "one is free, and one will be");
        slots.release(0);
        assert_eq!(counted(), 200);
    }

    #[test]
    fn moments_wrap() {
        let slots = Slots::new();
        let slot = slots.take(|_| ());
        slots.set_level(slot, 0, 0);
        slots.deaths.store((1 << MOMENT_BITS) - 1, Ordering::Relaxed);
        let before = slots.moment();
        slots.kill(slot);
        assert!(slots.admits(slot, before));
        assert!(!slots.admits(slot, slots.moment()));
    }
}
