//! A hierarchical navigable small world graph (Malkov and Yashunin, 2016) that is searched while it
//! is written.

mod assembly;
mod bridges;
mod graph;
mod insert;
mod pool;
mod relocate;
mod remove;
mod results;
mod search;
mod visited;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

pub use self::assembly::{Assembly, BadLink};
use self::graph::Graph;
use self::relocate::Relocated;
use self::remove::Sweeper;
pub use self::search::{Effort, End, Walk, Walked, is_overdue};
use super::Slots;
use super::slots::MAX_LEVEL;
use crate::splitmix::SplitMix64;
use crate::tier::Space;

/// The graph over a set's slots.
///
/// *Lock order:* `entry_lock` → a list's lock; the sweeper's round → `entry_lock` → a list's lock.
/// Searches take none.
pub struct Index {
    graph: Graph,
    /// Where searches begin: `1 + slot | level << 40`, or 0 for nowhere.
    entry: AtomicU64,
    entry_lock: Mutex<()>,
    sweeper: Sweeper,
    relocated: Relocated,
    seed: u64,
    reserved: AtomicU64,
}

/// Where searches begin.
#[derive(Clone, Copy, Debug)]
struct Entry {
    slot: u32,
    level: u32,
}

impl Index {
    /// `m`: links per slot on the upper layers, at least 2; twice that on layer 0. `seed` decides
    /// the slots' levels: the same seed and the same order of insertions give the same graph.
    pub fn new(m: usize, seed: u64) -> Self {
        Self::new_in(m, seed, None)
    }

    /// The same, with the links of layer 0 in a space.
    pub fn new_in(m: usize, seed: u64, space: Option<Arc<Space>>) -> Self {
        assert!(m >= 2);
        Self {
            graph: Graph::new(m, space),
            entry: AtomicU64::new(0),
            entry_lock: Mutex::new(()),
            sweeper: Sweeper::new(),
            relocated: Relocated::default(),
            seed,
            reserved: AtomicU64::new(0),
        }
    }

    /// The graph of a sealed set, with all slots live; `levels` are theirs, and `reserved` slots
    /// had been reserved before.
    ///
    /// # Errors
    /// The files do not have the lists of such a graph.
    pub fn lent(m: usize, seed: u64, space: &Arc<Space>, levels: &[u8], reserved: u64) -> io::Result<Self> {
        let index = Self { graph: Graph::lent(m, space, levels)?, ..Self::new(m, seed) };
        // The first of the highest level, as where a set is read from a snapshot.
        let highest = levels.iter().max();
        let slot = highest.and_then(|highest| levels.iter().position(|level| level == highest));
        index.set_entry(slot.map(|slot| {
            let level = index.graph.level(slot as u32);
            Entry { slot: slot as u32, level }
        }));
        Ok(index.with_reserved(reserved))
    }

    /// Takes an unused slot, which is visible to no other thread until it is linked. `grow(len)`
    /// must make slots `0 .. len` exist in the caller's arenas.
    pub fn reserve(&self, grow: impl FnOnce(u32)) -> u32 {
        let number = self.reserved.fetch_add(1, Ordering::Relaxed);
        self.graph.reserve(self.level_of(number), grow)
    }

    /// How many slots were reserved so far, used-again ones counted each time.
    pub fn reserved(&self) -> u64 {
        self.reserved.load(Ordering::Relaxed)
    }

    /// What decides the slots' levels.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    fn with_reserved(self, reserved: u64) -> Self {
        Self { reserved: AtomicU64::new(reserved), ..self }
    }

    /// The level of the `number`th insertion: geometric, each layer holding 1/M of the one below
    /// (the paper's `mL`).
    fn level_of(&self, number: u64) -> u32 {
        let mix = |number| SplitMix64::new(number).next();
        let uniform = (mix(self.seed.wrapping_add(mix(number))) >> 11) as f64 / (1u64 << 53) as f64;
        let level = -(1.0 - uniform).ln() / (self.graph.m() as f64).ln();
        (level as u32).min(MAX_LEVEL)
    }

    /// The states of the slots.
    pub fn slots(&self) -> &Slots {
        &self.graph.slots
    }

    /// The links of a slot, layer by layer from 0 up to its level.
    pub fn links(&self, slot: u32) -> Vec<Vec<u32>> {
        (0..=self.graph.level(slot)).map(|layer| self.graph.links(slot, layer).to_vec()).collect()
    }

    /// The highest layer of a slot.
    pub fn level(&self, slot: u32) -> u32 {
        self.graph.level(slot)
    }

    /// How many links a list of this layer holds.
    pub fn capacity(&self, layer: u32) -> usize {
        self.graph.capacity(layer)
    }

    /// Calls `each` with every link of a slot on one layer. While the list is changed, this may be
    /// some of the old and some of the new ones, and one of them twice.
    pub fn for_each_link(&self, slot: u32, layer: u32, each: impl FnMut(u32)) {
        self.graph.for_each_link(slot, layer, each);
    }

    /// Hints that the links of a slot will soon be asked for.
    pub fn prefetch(&self, slot: u32, layer: u32) {
        self.graph.prefetch(slot, layer);
    }

    /// Asks the disk for the lists of these slots on layer 0, all at once.
    pub fn fetch_lists(&self, slots: impl Iterator<Item = u32>) {
        self.graph.fetch_lists(slots, 0);
    }

    /// True if there is a link from one slot to another.
    pub fn leads(&self, from: u32, to: u32, layer: u32) -> bool {
        self.graph.any_link(from, layer, |link| link == to)
    }

    /// The highest layer that is in use.
    pub fn max_level(&self) -> u32 {
        self.entry().map_or(0, |entry| entry.level)
    }

    /// Bytes that an index without slots takes beside itself: the locks of its lists.
    pub const FIXED_BYTES: usize = graph::LOCKS;

    /// Bytes held, those of slots.
    pub fn heap_bytes(&self) -> usize {
        self.graph.heap_bytes() + self.dead() * size_of::<u32>()
    }

    fn entry(&self) -> Option<Entry> {
        match self.entry.load(Ordering::Acquire) {
            0 => None,
            word => Some(Entry { slot: (word as u32).wrapping_sub(1), level: (word >> 40) as u32 }),
        }
    }

    /// The caller holds `entry_lock`.
    fn set_entry(&self, entry: Option<Entry>) {
        let word = entry.map_or(0, |entry| (entry.slot as u64 + 1) | (entry.level as u64) << 40);
        self.entry.store(word, Ordering::Release);
    }
}
