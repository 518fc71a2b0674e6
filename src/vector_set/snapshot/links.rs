//! The links of members, read from the graph while it changes.

use super::Links;
use super::members::Members;
use super::reciprocal::Graph;
use super::running::Running;
use crate::index::{Index, State};

/// The graph of a set, and a snapshot of it. Its user is pinned.
pub(super) struct Reader<'s> {
    pub(super) index: &'s Index,
    pub(super) running: &'s Running,
}

impl Reader<'_> {
    /// Reads the lists of a claimed slot.
    pub(super) fn read(&self, slot: u32, lists: &mut Vec<Links>) {
        let layers = self.index.level(slot) + 1;
        lists.resize_with(layers as usize, Links::new);
        for (layer, links) in (0..).zip(lists) {
            links.clear();
            self.index.for_each_link(slot, layer, |link| links.push(link));
            links.retain(|&link| self.means_member(link));
            tidy(slot, links);
        }
    }

    /// False if the slot has come to hold another element than the member that it held, if it held
    /// one: then the link means the member.
    fn means_member(&self, link: u32) -> bool {
        !self.running.is_settled(link) || self.index.slots().state(link) == State::Dead
    }
}

impl Graph for Reader<'_> {
    fn capacity(&self, layer: u32) -> usize {
        self.index.capacity(layer)
    }

    fn prefetch(&self, slot: u32, layer: u32) {
        self.index.prefetch(slot, layer);
    }

    fn leads(&self, from: u32, to: u32, layer: u32) -> bool {
        self.index.leads(from, to, layer)
    }
}

/// A list that was changed while it was read may have a link twice.
pub(super) fn tidy(slot: u32, links: &mut Links) {
    links.sort_unstable();
    links.dedup();
    links.retain(|&link| link != slot);
}

/// Leaves those that lead to members which reach the layer.
pub(super) fn keep_members(lists: &mut [Links], members: &Members) {
    for (layer, links) in (0..).zip(lists) {
        links.retain(|&link| members.reaches(link, layer));
    }
}
