//! Giving what a slot holds another, lower slot, so that the end of the slots can be lowered.
//!
//! The vector stays what it is, so that no distance is computed: the new slot gets the lists of the
//! old one, and in the lists of others takes its place. The graph stays the same but for the
//! numbers of its slots.
//!
//! | step | by | what searches see |
//! |---|---|---|
//! | a free slot below the old one is reserved, and its code written | [`Index::reserve_below`], and the caller | the old slot |
//! | the new slot gets the lists of the old one; the old one leads to it; the new one is `Live`, then the old one `Dead` | [`Index::relocate`], in the caller's critical section | both, or one; every way to the old slot leads on to the new one |
//! | the neighbours lead to the new slot | [`Index::redirect`] | the new slot |
//! | all other lists do | the sweep (see [`super::remove`]) | the same |
//! | the old slot is free | the end of the round | |
//!
//! The old slot's list lock is held in the second step: a writer that offers itself to the old slot
//! does it before, and is in the lists that the new one gets, or finds it dead, and is passed on to
//! the new one.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::graph::Links;
use super::{Entry, Index};

/// Where what dead slots held has gone, until they are free.
#[derive(Default)]
pub(super) struct Relocated(Mutex<HashMap<u32, u32>>);

impl Relocated {
    pub(super) fn forget(&self, slot: u32) {
        let mut slots = self.0.lock();
        slots.remove(&slot);
        if slots.is_empty() {
            *slots = HashMap::new();
        }
    }

    fn of(&self, slot: u32) -> Option<u32> {
        self.0.lock().get(&slot).copied()
    }
}

impl Index {
    /// Takes the lowest free slot if it is below `slot`, with as many layers as that. It is visible
    /// to no other thread until what `slot` holds is relocated to it.
    pub fn reserve_below(&self, slot: u32) -> Option<u32> {
        self.graph.reserve_below(slot, self.graph.level(slot))
    }

    /// Gives a reserved slot back to which nothing was relocated.
    pub fn unreserve(&self, slot: u32) {
        self.graph.release(slot);
    }

    /// Makes a slot that was reserved below `from` live in its place, and kills `from`, which is
    /// live. Part of the caller's critical section; [`Index::redirect`] comes after it, with the
    /// same pin.
    pub fn relocate(&self, from: u32, to: u32) {
        let _list = self.graph.lock(from);
        let layers = 0..=self.graph.level(from);
        for layer in layers.clone() {
            let (mut dead, mut living): (Links, Links) =
                self.graph.links(from, layer).into_iter().partition(|&link| self.is_dead(link));
            // No other dead ones: the sweep that takes their numbers away may have passed this
            // slot.
            self.with_heirs(to, &mut living, &mut dead);
            self.graph.replace(to, layer, &living);
        }
        self.graph.slots.begin_linking(to);
        for layer in layers {
            let len = self.graph.links(from, layer).len();
            // A link that has to make room is among those of the new slot.
            let place = len.min(self.graph.capacity(layer) - 1);
            self.graph.append(from, layer, place, to);
        }
        self.relocated.0.lock().insert(from, to);
        self.graph.slots.publish(to);
        self.kill(from);
    }

    /// Lets what leads to a relocated slot lead to its new one: searches, and the lists of its
    /// neighbours. The sweep finds other lists.
    pub fn redirect(&self, from: u32, to: u32) {
        let alone = self.entry_lock.lock();
        if let Some(entry) = self.entry().filter(|entry| entry.slot == from) {
            self.set_entry(Some(Entry { slot: to, ..entry }));
        }
        drop(alone);
        for layer in 0..=self.graph.level(to) {
            for neighbour in self.graph.links(to, layer) {
                let _list = self.graph.lock(neighbour);
                let links = self.graph.links(neighbour, layer);
                if neighbour != from && !links.contains(&to) {
                    self.graph.exchange(neighbour, layer, from, to);
                }
            }
        }
    }

    /// The slot in which what a dead slot held is now, if it was relocated.
    pub(super) fn heir(&self, dead: u32) -> Option<u32> {
        let mut slot = self.relocated.of(dead)?;
        while self.is_dead(slot) {
            slot = self.relocated.of(slot)?;
        }
        Some(slot)
    }

    /// A list without dead slots, but with those to which what they held was relocated.
    pub(super) fn with_heirs(&self, slot: u32, living: &mut Links, dead: &mut Links) {
        dead.retain(|lost| {
            let Some(heir) = self.heir(*lost) else { return true };
            if heir != slot && !living.contains(&heir) {
                living.push(heir);
            }
            false
        });
    }
}
