//! What a slot takes, before there is one and when it is free again.

use std::sync::atomic::Ordering;

use super::store::{bytes_per_slot, stride};
use super::{Params, VectorIndex};

/// A link, and any other number of a slot.
const WORD: usize = 4;
/// A slot's state and the place of its upper lists; the bit beside them is lost in rounding.
const STATE: usize = 2 * WORD;

impl VectorIndex {
    /// Counts free slots as memory that will be used again: as many bytes for each as it takes now,
    /// here and `beside` in arenas of the user.
    pub fn weigh_slots(&self, beside: usize) {
        self.beside.store(beside, Ordering::Relaxed);
        self.weigh();
    }

    /// To be called when stores have come or gone.
    pub(super) fn weigh(&self) {
        let beside = self.beside.load(Ordering::Relaxed);
        self.graph.slots().weigh(self.memory_per_slot() + beside);
    }

    /// Bytes of memory that a slot takes now, of the stores that there are: without what lies in
    /// files, or may (see [`tier_bytes`](Self::tier_bytes)).
    pub fn memory_per_slot(&self) -> usize {
        let in_files = self.residence.files().is_some();
        let links = if in_files { self.params.upper_link_bytes() } else { self.params.link_bytes() };
        self.stores.memory_per_slot(&self.residence) + links + STATE
    }
}

impl Params {
    /// Bytes that a slot takes: about what
    /// [`VectorIndex::heap_bytes`](super::VectorIndex::heap_bytes) grows by for each. Of a kind
    /// that learns, once it has learnt.
    pub fn bytes_per_slot(&self) -> usize {
        self.code_bytes() + self.link_bytes() + STATE
    }

    /// Of these, what the finer code takes, where there is one beside a coarse one.
    pub fn finer_bytes_per_slot(&self) -> usize {
        if self.rerank().is_some() { stride(self.plain_format().body_bytes()) } else { 0 }
    }

    fn code_bytes(&self) -> usize {
        let coarse = self.coarse_format();
        let plain = (coarse.is_none() || self.rerank().is_some()).then(|| self.plain_format());
        [coarse, plain].iter().flatten().map(bytes_per_slot).sum()
    }

    fn upper_link_bytes(&self) -> usize {
        self.m() * WORD / (self.m() - 1)
    }

    /// Of the lists: `2M` links on layer 0, and `M` on each layer above, to which one in `M` of the
    /// layer below reaches.
    fn link_bytes(&self) -> usize {
        2 * self.m() * WORD + self.upper_link_bytes()
    }
}
