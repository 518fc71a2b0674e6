//! Lists of links that are reciprocal, made while the set is written slot by slot.
//!
//! The graph's own links are directed, and change while they are read; Redis asks that whoever is linked to links back.
//! So the links of a file are *decided* as the snapshot comes by: when it writes a slot, it decides on the links between
//! that slot and all later ones, and each that it makes is a *promise*: the later slot will have it too. What a slot is
//! written with is what it was promised, and what it decides.
//!
//! *Which?* Links that the graph has in both directions come first; such a pair takes a place in both lists of the graph,
//! so all of them fit. Where there is room left, links in one direction become links in both.
//! An element that was handed over cannot wait until its turn: earlier slots may forget it meanwhile. So it *proposes*
//! itself to those that it had links to, and they decide.
//!
//! *In one piece.* The components that links make of the slots on a layer are kept (union-find), with how many slots of
//! each are still to be written. A slot that is the last of its component is linked to the next member, whatever lies
//! between them: so each component reaches beyond the slots written so far, and after the last member there is one.
//! For this a slot is promised two links less than it can have: one place is for such a link from the member before it,
//! one for that to the next.

mod components;
mod notes;

use std::io;

use self::components::Components;
use self::notes::{Notes, PROPOSAL};
use super::Links;
use super::members::Members;
use super::spill::Spill;

/// Places in a list that are kept free for what joins components.
const SPARE: usize = 2;

/// What the graph says of links: how many fit, and which there are.
pub(super) trait Graph {
    /// How many links a list of this layer holds.
    fn capacity(&self, layer: u32) -> usize;

    /// True if the graph has a link from one slot to another.
    fn leads(&self, from: u32, to: u32, layer: u32) -> bool;
}

/// The decisions so far.
pub(super) struct Reciprocal {
    notes: Notes,
    /// Of each node, how many links it was promised.
    promised: Vec<u16>,
    components: Components,
    /// The first node of each slot above layer 0, by slot: the nodes of layer 0 are the slots.
    towers: Vec<(u32, u32)>,
}

impl Reciprocal {
    /// None yet, between slots `0 .. end`.
    pub(super) fn new(end: u32) -> Self {
        let (promised, towers) = (Vec::new(), Vec::new());
        Self { notes: Notes::new(end), promised, components: Components::new(0), towers }
    }

    /// It is known who is a member: decisions can begin.
    pub(super) fn begin(&mut self, members: &Members) {
        let mut nodes = members.end();
        for (slot, level) in members.tall() {
            self.towers.push((slot, nodes));
            nodes += level;
        }
        self.promised = vec![0; nodes as usize];
        self.components = Components::new(nodes);
    }

    /// The number of a slot on a layer that it reaches.
    fn node(&self, slot: u32, layer: u32) -> u32 {
        if layer == 0 {
            return slot;
        }
        let place = self.towers.partition_point(|&(tall, _)| tall < slot);
        self.towers[place].1 + layer - 1
    }

    /// An element that was handed over proposes itself to the slots from `cursor` on that it has links to.
    pub(super) fn propose(
        &mut self,
        slot: u32,
        links: &[Links],
        cursor: u32,
        spill: &mut dyn Spill,
    ) -> io::Result<()> {
        for (layer, links) in links.iter().enumerate() {
            for &to in links.iter().filter(|to| (cursor..slot).contains(to)) {
                self.notes.leave(to, layer as u32, slot | PROPOSAL, spill)?;
            }
        }
        Ok(())
    }

    /// The snapshot comes to this slot.
    pub(super) fn turn_to(&mut self, slot: u32, spill: &mut dyn Spill) -> io::Result<()> {
        self.notes.turn_to(slot, spill)
    }

    /// Makes of a member's own links those that it is written with, on one layer.
    pub(super) fn decide(
        &mut self,
        slot: u32,
        layer: u32,
        links: &mut Links,
        (members, graph): (&Members, &impl Graph),
        spill: &mut dyn Spill,
    ) -> io::Result<()> {
        let node = self.node(slot, layer);
        self.components.write(node);
        let (proposed, promised): (Links, Links) =
            self.notes.take(slot, layer).into_iter().partition(|from| from & PROPOSAL != 0);
        let proposed: Links = proposed.into_iter().map(|from| from & !PROPOSAL).collect();
        let own = std::mem::replace(links, promised);
        for to in candidates(slot, layer, &own, &proposed, (members, graph)) {
            if links.len() == graph.capacity(layer) {
                break;
            }
            if (self.promised[self.node(to, layer) as usize] as usize) < graph.capacity(layer) - SPARE {
                self.promise((slot, to), layer, links, spill)?;
            }
        }
        if self.components.is_closed(node)
            && let Some(next) = members.next(slot, layer)
        {
            self.promise((slot, next), layer, links, spill)?;
        }
        links.sort_unstable();
        Ok(())
    }

    fn promise(
        &mut self,
        (slot, to): (u32, u32),
        layer: u32,
        links: &mut Links,
        spill: &mut dyn Spill,
    ) -> io::Result<()> {
        let (from, node) = (self.node(slot, layer), self.node(to, layer));
        self.components.join(from, node);
        self.promised[node as usize] += 1;
        links.push(to);
        self.notes.leave(to, layer, slot, spill)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.notes.heap_bytes()
            + self.promised.capacity() * size_of::<u16>()
            + self.components.heap_bytes()
            + self.towers.capacity() * size_of::<(u32, u32)>()
    }
}

/// The later members that a slot may be linked to, the best first.
fn candidates(
    slot: u32,
    layer: u32,
    own: &[u32],
    proposed: &[u32],
    (members, graph): (&Members, &impl Graph),
) -> Links {
    let later = |to: &u32| *to > slot && members.reaches(*to, layer);
    let both = |to: &u32| graph.leads(*to, slot, layer) || proposed.contains(to);
    let (mut best, rest): (Links, Links) = own.iter().copied().filter(later).partition(both);
    best.extend(rest);
    for &to in proposed {
        if !best.contains(&to) {
            best.push(to);
        }
    }
    best
}

#[cfg(test)]
mod tests;
