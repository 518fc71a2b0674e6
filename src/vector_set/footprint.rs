//! What a set takes, by purpose, and what an element will take, before there is one.

use super::sealed::WARM_FIRST;
use super::{Tier, VectorSet};
use crate::epoch::pin;
use crate::memory::allocated_bytes;
use crate::vector_index::{Params, VectorIndex};

/// Bytes of an empty set, which is shared.
pub(super) fn empty_set_bytes() -> usize {
    allocated_bytes(2 * size_of::<usize>() + size_of::<VectorSet>()) + VectorIndex::fixed_bytes()
}

/// Bytes of a set by purpose, as the allocator gives them; of mapped memory, what is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetMemory {
    /// Codes, and what they are made with.
    pub vectors: usize,
    /// Links, the states of slots, and the set itself.
    pub graph: usize,
    /// Names, and the maps from names to slots.
    pub names: usize,
    /// Attributes.
    pub attributes: usize,
    /// Of a cache: payloads, and what is known of entries.
    pub payloads: usize,
    /// Indexes of their fields.
    pub fields: usize,
    /// Deadlines, and when elements were used.
    pub expiry: usize,
    /// What a snapshot that is running has noted.
    pub snapshot: usize,
}

impl SetMemory {
    /// Of all purposes.
    pub fn total(&self) -> usize {
        self.vectors
            + self.graph
            + self.names
            + self.attributes
            + self.payloads
            + self.fields
            + self.expiry
            + self.snapshot
    }
}

/// Where a name or an attribute lies.
const POINTER: usize = 8;
/// What the allocator gives for a name of 8 bytes with its length; names of another length take as
/// much more or less.
const NAME: usize = 16;
/// The length of a name or an attribute, beside its bytes.
const LENGTH: usize = 4;
/// When it expires, in a set with deadlines.
const DEADLINE: usize = 8;
/// When it was used.
const USE: usize = 8;
/// Of the two maps from names to slots, between two of their growths.
const MAPS: usize = 8 + 5;

/// Bytes of a slot beside those of the index.
pub(super) const BESIDE: usize = 2 * POINTER + USE;

/// Bytes that an element takes in a set with these parameters, with a name of 8 bytes and without
/// an attribute: about what [`VectorSet::heap_bytes`](super::VectorSet::heap_bytes) grows by.
pub fn bytes_per_element(params: &Params) -> usize {
    params.bytes_per_slot() + BESIDE + NAME + MAPS
}

impl VectorSet {
    /// Bytes of memory that the element in a slot takes, its name and its attribute as they are,
    /// with the mean of the links.
    pub(super) fn bytes_of(&self, slot: u32) -> usize {
        let pin = pin();
        let attribute = self.attributes.get(slot, &pin).map_or(0, |stored| text_bytes(stored.parts().0));
        let entry = self.entries.as_ref().map_or(0, |entries| entries.text_bytes_of(slot, &pin));
        let code =
            if self.vectors.tier_of(slot, &pin) == Some(Tier::Hot) { self.vectors.tier_bytes() } else { 0 };
        self.bytes_beside_texts() + code + text_bytes(self.names.get(slot, &pin)) + attribute + entry
    }

    /// About how many bytes of memory it takes when it comes out of its files, with what it has
    /// there already. If its finer codes are to begin in files, with a part of them, so many that
    /// the set [would not go](Self::is_to_be_demoted) as a whole at once when they have come up.
    pub fn bytes_to_come_up(&self, finer: Tier) -> u64 {
        let stay = match finer {
            Tier::Hot => 0,
            Tier::Warm => self.params().finer_bytes_per_slot() * WARM_FIRST / (WARM_FIRST + 1),
        };
        let in_files = self.space().map_or(0, |space| space.bytes());
        let beside = (self.len() * (NAME + MAPS)) as u64 + self.heap_bytes() as u64;
        (in_files + beside).saturating_sub((self.len() * stay) as u64)
    }

    /// The same without name and attribute.
    pub(super) fn bytes_beside_texts(&self) -> usize {
        let deadline = if self.has_had_deadlines() { DEADLINE } else { 0 };
        let entry = if self.is_cache() { super::entries::BESIDE } else { 0 };
        self.vectors.memory_per_slot() + BESIDE + deadline + entry + MAPS
    }
}

/// What the allocator gives for a name or an attribute with its length.
pub(super) fn text_bytes(text: &[u8]) -> usize {
    allocated_bytes(LENGTH + text.len())
}

#[cfg(test)]
mod tests {
    use super::super::{Bits, Hold, Kind, Lifetime, Metric, Put, VectorSet};
    use super::*;
    use crate::journal::Record;

    /// So many that the arenas' segments are full.
    const ELEMENTS: u32 = 16 * ((1 << 8) - 1);

    fn vector(n: u32, dim: usize) -> Vec<f32> {
        (0..dim).map(|i| ((n as usize * 31 + i * 17) as f32 * 0.731).sin()).collect()
    }

    /// Bytes that an element of a real set takes.
    fn seen(params: Params) -> usize {
        let dim = params.dim();
        let set = VectorSet::new(params, 1);
        for n in 0..ELEMENTS {
            let name = format!("name{n:04}").into_bytes();
            let put =
                Put { element: &name, vector: vector(n, dim), attribute: None, lifetime: Lifetime::Endless };
            assert!(set.untimed().upsert(Hold::Exclusive, &[put], 10, Record::unlogged()).is_ok());
        }
        set.heap_bytes() / ELEMENTS as usize
    }

    #[test]
    fn real_sets_take_what_is_expected() {
        let params = |dim, kind| Params::new(dim).and_then(|params| params.with_format(kind, Metric::Cosine));
        let coarse = params(100, Kind::RaBitQ(Bits::One)).expect("valid");
        for params in [
            params(64, Kind::Int8).expect("valid"),
            params(16, Kind::Float32).and_then(|params| params.with_m(8)).expect("valid"),
            coarse.clone(),
            coarse.with_rerank(Kind::Float16).expect("valid"),
        ] {
            let expected = bytes_per_element(&params);
            let seen = seen(params.clone());
            assert!(seen.abs_diff(expected) * 20 <= expected, "{params:?}: {seen}, expected {expected}");
        }
    }
}
