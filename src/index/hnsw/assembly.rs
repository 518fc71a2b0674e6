//! A graph made of stored lists: no distance is computed, no neighbour
//! looked for.
//!
//! Lists lead to nodes that may be yet to come. So they are written as *labels* first, numbers of
//! the caller's, into the very words that will hold the links; when all slots are there, each list
//! is resolved in its place, by any number of threads. Nothing beside the graph is needed but the
//! caller's way from a label to a slot.
//!
//! What was kept is checked: see [`BadLink`]. Links are directed here, so it is no fault if a link
//! has no other way round.

use std::sync::Arc;

use super::graph::Links;
use super::{Entry, Index};
use crate::index::slots::MAX_LEVEL;
use crate::index::{Candidate, Scorer};
use crate::tier::Space;

/// An [`Index`] under construction, which cannot be searched yet.
pub struct Assembly(Index);

/// What is wrong with a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadLink {
    /// It leads to no node.
    Unknown,
    /// It leads to its own node.
    ToItself,
    /// An earlier link of the list leads to the same node.
    Repeated,
    /// It leads to a node that does not reach its layer.
    Layer,
}

impl Assembly {
    /// As [`Index::new_in`].
    pub fn new(m: usize, seed: u64, space: Option<Arc<Space>>) -> Self {
        Self(Index::new_in(m, seed, space))
    }

    /// Takes a slot for a node; a level beyond the highest counts as that. The first of the highest
    /// level is where searches will begin. `grow` as for [`Index::reserve`]. One caller at a time.
    pub fn reserve(&self, level: usize, grow: impl FnOnce(u32)) -> u32 {
        let level = level.min(MAX_LEVEL as usize) as u32;
        let slot = self.0.graph.reserve(level, grow);
        if self.0.entry().is_none_or(|entry| level > entry.level) {
            self.0.set_entry(Some(Entry { slot, level }));
        }
        slot
    }

    /// How many links a list of this layer holds.
    pub fn capacity(&self, layer: usize) -> usize {
        self.0.graph.capacity(layer.min(MAX_LEVEL as usize) as u32)
    }

    /// How many lists a slot has.
    pub fn layers(&self, slot: u32) -> usize {
        self.0.graph.level(slot) as usize + 1
    }

    /// Slots taken so far.
    pub fn end(&self) -> u32 {
        self.0.graph.slots.end()
    }

    /// Writes a list as labels, which are less than `u32::MAX`; no more than its capacity.
    pub fn note(&self, slot: u32, layer: usize, labels: &[u32]) {
        self.0.graph.replace(slot, layer as u32, labels);
    }

    /// Turns the lists of a slot, as they were noted, into links.
    pub fn resolve(&self, slot: u32, slot_of: &impl Fn(u32) -> Option<u32>) -> Result<(), BadLink> {
        for layer in 0..=self.0.graph.level(slot) {
            let labels = self.0.graph.links(slot, layer);
            let links = self.resolved(slot, layer, &labels, slot_of)?;
            self.0.graph.replace(slot, layer, &links);
        }
        Ok(())
    }

    /// Gives a slot a list that is longer than the layer's lists may be: the nearest of its links.
    /// The codes of all slots are written.
    pub fn resolve_nearest(
        &self,
        (slot, layer): (u32, usize),
        labels: &[u32],
        slot_of: &impl Fn(u32) -> Option<u32>,
        scorer: &impl Scorer,
    ) -> Result<(), BadLink> {
        let links = self.resolved(slot, layer as u32, labels, slot_of)?;
        let mut all: Vec<_> =
            links.iter().map(|&link| Candidate::new(scorer.between(slot, link), link)).collect();
        all.sort_unstable();
        let nearest: Links = all.iter().take(self.capacity(layer)).map(|c| c.slot()).collect();
        self.0.graph.replace(slot, layer as u32, &nearest);
        Ok(())
    }

    fn resolved(
        &self,
        slot: u32,
        layer: u32,
        labels: &[u32],
        slot_of: &impl Fn(u32) -> Option<u32>,
    ) -> Result<Links, BadLink> {
        let mut links = Links::new();
        for &label in labels {
            let link = slot_of(label).ok_or(BadLink::Unknown)?;
            if link == slot {
                return Err(BadLink::ToItself);
            }
            if layer > 0 && self.0.graph.level(link) < layer {
                return Err(BadLink::Layer);
            }
            links.push(link);
        }
        let mut sorted = links.clone();
        sorted.sort_unstable();
        if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(BadLink::Repeated);
        }
        Ok(links)
    }

    /// The index, with all its slots `Live`. `reserved`: how many slots the graph had been given
    /// out before it was kept, on which the levels of new ones depend.
    pub fn finish(self, reserved: u64) -> Index {
        let slots = &self.0.graph.slots;
        for slot in 0..slots.end() {
            slots.begin_linking(slot);
            slots.publish(slot);
        }
        self.0.with_reserved(reserved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::{State, Walk};

    /// Slots on a line.
    struct Line;

    impl Scorer for Line {
        fn distance(&self, slot: u32) -> f32 {
            slot as f32
        }

        fn between(&self, a: u32, b: u32) -> f32 {
            a.abs_diff(b) as f32
        }

        fn prefetch(&self, _: u32) {}
    }

    /// Slots of these levels, and labels that are 100 more than slots.
    fn assembly(levels: &[usize]) -> Assembly {
        let assembly = Assembly::new(4, 1, None);
        for &level in levels {
            assembly.reserve(level, |_| ());
        }
        assembly
    }

    fn slot_of(label: u32) -> Option<u32> {
        label.checked_sub(100).filter(|&slot| slot < 20)
    }

    #[test]
    fn what_was_noted_is_what_is_walked() {
        let assembly = assembly(&[0, 2, 0, 2]);
        for slot in 0..4u32 {
            let others: Vec<u32> = (100..104).filter(|label| label - 100 != slot).collect();
            assembly.note(slot, 0, &others);
        }
        assembly.note(1, 2, &[103]);
        assert!((0..4).all(|slot| assembly.resolve(slot, &slot_of).is_ok()));
        let index = assembly.finish(9);
        assert_eq!(index.links(1), [vec![0, 2, 3], vec![], vec![3]]);
        assert_eq!((index.max_level(), index.reserved(), index.slots().live()), (2, 9, 4));
        assert!((0..4).all(|slot| index.slots().state(slot) == State::Live));
        let found = index.search(&Line, Walk::new(4), |_| true).found;
        assert_eq!(found.iter().map(|c| c.slot()).collect::<Vec<_>>(), [0, 1, 2, 3]);
    }

    #[test]
    fn bad_links_are_told_apart() {
        for (layer, labels, bad) in [
            (0, &[100][..], BadLink::ToItself),
            (0, &[101, 102, 101], BadLink::Repeated),
            (0, &[7], BadLink::Unknown),
            (1, &[101], BadLink::Layer),
        ] {
            let assembly = assembly(&[1, 0, 0]);
            assembly.note(0, layer, labels);
            assert_eq!(assembly.resolve(0, &slot_of), Err(bad));
            assert_eq!(assembly.resolve_nearest((0, layer), labels, &slot_of, &Line), Err(bad));
        }
    }

    #[test]
    fn of_too_many_links_the_nearest_stay() {
        let assembly = assembly(&[0; 20]);
        let all: Vec<u32> = (101..120).rev().collect();
        assert_eq!(assembly.resolve_nearest((0, 0), &all, &slot_of, &Line), Ok(()));
        assert_eq!(assembly.finish(20).links(0), [[1, 2, 3, 4, 5, 6, 7, 8]]);
    }

    #[test]
    fn a_level_beyond_the_highest_is_the_highest() {
        let assembly = assembly(&[3, 200]);
        assert_eq!((assembly.layers(0), assembly.layers(1)), (4, MAX_LEVEL as usize + 1));
        assert_eq!(assembly.finish(2).max_level(), MAX_LEVEL);
    }
}
