//! The links: per slot a list on layer 0, and a tower of lists for the few slots that reach higher.
//!
//! ```text
//! layer 0      block of slot          [link+1, link+1, …, 0, 0]     2·M words: at M 16, two cache lines
//! layer l > 0  block of tower + l−1   [link+1, link+1, …, 0, 0]     M words
//! ```
//!
//! A list ends at its first 0, so a new block is an empty list. Lists are changed under the lock of
//! their slot (one of [`LOCKS`], chosen by slot) and read without: each link is one atomic word, so
//! a reader may meet a mixture of the old list and the new one, all of whose links are good. Links
//! are directed; being in your neighbour's list is its business.
//!
//! The lists of a sealed set lie in files that never change: whatever changes one calls
//! [`Words::own`] before, which copies those around it too, once.
//!
//! *Lock order:* a thread holds one list lock at a time, and takes nothing else under it but the
//! block allocator and the lists of dead and of relocated slots.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::{Mutex, MutexGuard};
use smallvec::SmallVec;

use crate::arena::{Lowest, Words};
use crate::index::slots::{Slots, Word};
use crate::kernels::prefetch_at;
use crate::memory::Category;
use crate::tier::{Part, Space, fetch};

/// Locks that all lists of a graph share. Two writers meet by chance once in so many times.
pub(super) const LOCKS: usize = 128;

/// A list of links, copied out.
pub(super) type Links = SmallVec<[u32; 64]>;

/// Slots, their states and their lists.
pub(super) struct Graph {
    pub(super) slots: Slots,
    base: Words,
    upper: Words,
    towers: Mutex<Towers>,
    locks: Box<[Mutex<()>]>,
    m: usize,
    is_in_files: bool,
}

/// Free runs of blocks in the upper layers, by their length; the lowest are taken first.
#[derive(Default)]
struct Towers {
    free: Vec<Lowest>,
    end: u32,
}

impl Towers {
    /// Takes the free runs at the end out.
    fn lower_end(&mut self) {
        let end = self.end;
        while let Some(first) = self.last_free() {
            self.end = first;
        }
        if self.end < end {
            self.free.iter_mut().for_each(|free| free.end_at(self.end));
        }
    }

    /// Takes out a free run that reaches to the end.
    fn last_free(&mut self) -> Option<u32> {
        let end = self.end;
        let mut lengths = (0..).zip(&mut self.free).skip(1);
        lengths.find_map(|(level, free)| {
            let first = end.checked_sub(level)?;
            free.contains(first).then(|| {
                free.remove(first);
                first
            })
        })
    }
}

impl Graph {
    /// `m`: links per slot on the upper layers; twice that on layer 0. `space`: where the lists of
    /// layer 0 lie, if not in memory.
    pub(super) fn new(m: usize, space: Option<Arc<Space>>) -> Self {
        let is_in_files = space.is_some();
        Self {
            slots: Slots::new(),
            base: Words::new_in(2 * m, Category::Graph, space),
            upper: Words::new(m, Category::Graph),
            towers: Mutex::default(),
            locks: (0..LOCKS).map(|_| Mutex::new(())).collect(),
            m,
            is_in_files,
        }
    }

    /// The graph of a sealed set: its lists lie in files until the first of them is changed.
    /// `levels`: of its slots, all of which are `Live`.
    pub(super) fn lent(m: usize, space: &Arc<Space>, levels: &[u8]) -> io::Result<Self> {
        let slots = Slots::lent(levels);
        let most = slots.end();
        let base = Words::over(2 * m, Category::Graph, (space, Part::Links), most)?;
        let upper = Words::over(m, Category::Graph, (space, Part::Towers), most)?;
        let end = levels.iter().map(|&level| u32::from(level)).sum();
        if base.len() != slots.end() || upper.len() != end {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let towers = Mutex::new(Towers { end, ..Towers::default() });
        Ok(Self { slots, base, upper, towers, is_in_files: true, ..Self::new(m, None) })
    }

    /// The highest link + 1 that a list may have: what is higher was damaged on the disk. Read
    /// before the list, so that a link to a slot that came meanwhile may be passed over once.
    #[inline(always)]
    fn most(&self) -> u32 {
        if self.base.lent() == 0 { u32::MAX } else { self.slots.end() }
    }

    /// Links per slot on the upper layers.
    pub(super) fn m(&self) -> usize {
        self.m
    }

    /// How many links a list of this layer holds.
    pub(super) fn capacity(&self, layer: u32) -> usize {
        if layer == 0 { 2 * self.m } else { self.m }
    }

    /// An invisible slot, with empty lists up to `level`.
    pub(super) fn reserve(&self, level: u32, grow: impl FnOnce(u32)) -> u32 {
        let slot = self.slots.take(|len| {
            self.base.grow_to(len);
            grow(len);
        });
        self.prepare(slot, level);
        slot
    }

    /// The same, if a slot below `end` is free.
    pub(super) fn reserve_below(&self, end: u32, level: u32) -> Option<u32> {
        let slot = self.slots.take_below(end)?;
        self.prepare(slot, level);
        Some(slot)
    }

    /// Empties the lists of a slot that was just taken: there may be what they held before.
    fn prepare(&self, slot: u32, level: u32) {
        self.base.own(slot);
        empty(self.base.block(slot));
        let tower = if level > 0 { self.reserve_tower(level) } else { 0 };
        self.slots.set_level(slot, level, tower);
    }

    fn reserve_tower(&self, level: u32) -> u32 {
        let mut towers = self.towers.lock();
        let free = towers.free.get_mut(level as usize).and_then(|free| free.take_below(u32::MAX));
        let tower = free.unwrap_or_else(|| {
            towers.end += level;
            self.upper.grow_to(towers.end);
            towers.end - level
        });
        for block in tower..tower + level {
            self.upper.own(block);
            empty(self.upper.block(block));
        }
        tower
    }

    /// Gives memory back as [`Slots::give_back`], and that of towers at the end, which are free.
    pub(super) fn give_back(&self, shrink: impl FnOnce(u32)) -> bool {
        let is_some = self.slots.give_back(|len| {
            // SAFETY: `Slots::give_back` says why these slots are not in use.
            unsafe { self.base.shrink_to(len) };
            shrink(len);
        });
        let mut towers = self.towers.lock();
        towers.lower_end();
        // SAFETY: a tower is free when its slot is, so that no reader is left that could use it.
        unsafe { self.upper.shrink_to(towers.end) };
        is_some
    }

    /// Gives a slot back that no list and no reader leads to: a `Dead` one, or one that was only
    /// reserved.
    pub(super) fn release(&self, slot: u32) {
        let level = self.level(slot);
        if level > 0 {
            let mut towers = self.towers.lock();
            if towers.free.len() <= level as usize {
                towers.free.resize_with(level as usize + 1, Lowest::default);
            }
            towers.free[level as usize].insert(self.slots.tower(slot));
        }
        self.slots.release(slot);
    }

    /// The highest layer of a slot.
    pub(super) fn level(&self, slot: u32) -> u32 {
        self.slots.word(slot).level()
    }

    pub(super) fn word(&self, slot: u32) -> Word {
        self.slots.word(slot)
    }

    /// Before a list is changed.
    #[inline]
    fn own(&self, slot: u32, layer: u32) {
        if layer == 0 {
            self.base.own(slot);
        } else if layer <= self.level(slot) {
            self.upper.own(self.slots.tower(slot) + layer - 1);
        }
    }

    /// Before a list is read that may lie in files.
    fn see(&self, slot: u32, layer: u32) {
        if layer == 0 {
            self.base.see(slot);
        } else if layer <= self.level(slot) {
            self.upper.see(self.slots.tower(slot) + layer - 1);
        }
    }

    /// The words of a list: links + 1, then zeros. Empty if the slot does not reach the layer.
    #[inline(always)]
    fn list(&self, slot: u32, layer: u32) -> &[AtomicU32] {
        if layer == 0 {
            self.base.block(slot)
        } else if layer <= self.level(slot) {
            self.upper.block(self.slots.tower(slot) + layer - 1)
        } else {
            &[]
        }
    }

    /// Calls `each` with every link of a list.
    #[inline(always)]
    pub(super) fn for_each_link(&self, slot: u32, layer: u32, mut each: impl FnMut(u32)) {
        if self.base.lent() > 0 {
            return self.for_each_good_link(slot, layer, each);
        }
        for word in self.list(slot, layer) {
            // Pairs with the release in `set`: a slot's code and state were written before it was
            // linked.
            match word.load(Ordering::Acquire) {
                0 => break,
                link => each(link - 1),
            }
        }
    }

    /// The same of a graph some of whose lists lie in files, which may be damaged.
    #[inline(never)]
    fn for_each_good_link(&self, slot: u32, layer: u32, mut each: impl FnMut(u32)) {
        let most = self.most();
        self.see(slot, layer);
        for word in self.list(slot, layer) {
            match word.load(Ordering::Acquire) {
                0 => break,
                link if link > most => {}
                link => each(link - 1),
            }
        }
    }

    /// True if a list has a link for which this holds.
    pub(super) fn any_link(&self, slot: u32, layer: u32, holds: impl Fn(u32) -> bool) -> bool {
        let most = self.most();
        self.see(slot, layer);
        let links = self.list(slot, layer).iter().map(|word| word.load(Ordering::Acquire));
        links.take_while(|&link| link != 0).any(|link| link <= most && holds(link - 1))
    }

    /// True if lists lie in files, or may.
    #[inline(always)]
    pub(super) fn is_in_files(&self) -> bool {
        self.is_in_files
    }

    /// Asks the disk for the lists of these slots, all at once.
    #[cold]
    pub(super) fn fetch_lists(&self, slots: impl Iterator<Item = u32>, layer: u32) {
        if layer == 0 {
            fetch(slots.map(|slot| self.base.to_read(slot)));
        }
    }

    /// Hints that a list will soon be walked.
    #[inline(always)]
    pub(super) fn prefetch(&self, slot: u32, layer: u32) {
        let list = self.list(slot, layer);
        prefetch_at(list.as_ptr().cast(), size_of_val(list));
    }

    /// A copy of a list.
    pub(super) fn links(&self, slot: u32, layer: u32) -> Links {
        let mut links = Links::new();
        self.for_each_link(slot, layer, |link| links.push(link));
        links
    }

    /// The right to change a slot's lists.
    pub(super) fn lock(&self, slot: u32) -> MutexGuard<'_, ()> {
        self.locks[slot as usize % LOCKS].lock()
    }

    /// Puts a link into the place of another, if that is there. The caller holds the slot's lock,
    /// and the list does not have the new link.
    pub(super) fn exchange(&self, slot: u32, layer: u32, old: u32, new: u32) {
        self.own(slot, layer);
        let mut list = self.list(slot, layer).iter();
        if let Some(word) = list.find(|word| word.load(Ordering::Relaxed) == old + 1) {
            word.store(new + 1, Ordering::Release);
        }
    }

    /// Writes a whole list. The caller holds the slot's lock, or is alone in knowing the slot.
    pub(super) fn replace(&self, slot: u32, layer: u32, links: &[u32]) {
        self.own(slot, layer);
        let list = self.list(slot, layer);
        for (word, link) in list.iter().zip(links) {
            word.store(link + 1, Ordering::Release);
        }
        for word in &list[links.len()..] {
            if word.load(Ordering::Relaxed) == 0 {
                break;
            }
            word.store(0, Ordering::Release);
        }
    }

    /// Adds one link behind `len` others. The caller holds the slot's lock, and knows that there is
    /// room.
    pub(super) fn append(&self, slot: u32, layer: u32, len: usize, link: u32) {
        self.own(slot, layer);
        self.list(slot, layer)[len].store(link + 1, Ordering::Release);
    }

    /// Bytes held.
    pub(super) fn heap_bytes(&self) -> usize {
        let towers: usize = self.towers.lock().free.iter().map(Lowest::heap_bytes).sum();
        self.slots.heap_bytes() + self.base.heap_bytes() + self.upper.heap_bytes() + towers
    }
}

fn empty(list: &[AtomicU32]) {
    list.iter().for_each(|word| word.store(0, Ordering::Relaxed));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_hold_what_was_written() {
        let graph = Graph::new(4, None);
        for _ in 0..3 {
            graph.reserve(0, |_| ());
        }
        let tall = graph.reserve(2, |_| ());
        assert_eq!(tall, 3);
        graph.replace(tall, 0, &[0, 1, 2]);
        graph.append(tall, 0, 3, 7);
        graph.replace(tall, 2, &[5]);
        assert_eq!(graph.links(tall, 0).as_slice(), [0, 1, 2, 7]);
        assert_eq!(graph.links(tall, 1).as_slice(), [0u32; 0]);
        assert_eq!(graph.links(tall, 2).as_slice(), [5]);
        assert_eq!(graph.links(tall, 3).as_slice(), [0u32; 0], "above its level");
        graph.replace(tall, 0, &[9]);
        assert_eq!(graph.links(tall, 0).as_slice(), [9]);
    }

    #[test]
    fn a_tower_is_used_again_and_comes_empty() {
        let graph = Graph::new(4, None);
        let first = graph.reserve(3, |_| ());
        graph.replace(first, 3, &[1, 2]);
        let tower = graph.slots.tower(first);
        graph.slots.kill(first);
        graph.release(first);
        let second = graph.reserve(3, |_| ());
        assert_eq!(graph.slots.tower(second), tower);
        assert_eq!(graph.links(second, 3).as_slice(), [0u32; 0]);
    }
}
