//! Bitmaps whose memory is known, and the fast ways to make one.

use roaring::RoaringBitmap;

use crate::memory::allocated_bytes;

/// A bitmap, with its length and the memory that it takes.
#[derive(Clone, Debug, Default)]
pub(super) struct CountedBitmap {
    bits: RoaringBitmap,
    len: u32,
    /// At the last time that it was computed.
    bytes: usize,
    /// Changes until it is computed again.
    until_computed: u32,
}

impl CountedBitmap {
    pub(super) fn of(bits: RoaringBitmap) -> Self {
        let mut counted = Self { len: bits.len() as u32, bits, bytes: 0, until_computed: 0 };
        counted.compute_bytes();
        counted
    }

    pub(super) fn bits(&self) -> &RoaringBitmap {
        &self.bits
    }

    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    /// True if the slot is new.
    pub(super) fn insert(&mut self, slot: u32) -> bool {
        let is_new = self.bits.insert(slot);
        self.len += u32::from(is_new);
        self.has_changed();
        is_new
    }

    /// True if the slot was there.
    pub(super) fn remove(&mut self, slot: u32) -> bool {
        let was_there = self.len > 0 && self.bits.remove(slot);
        self.len -= u32::from(was_there);
        if self.len == 0 {
            *self = Self::default();
        }
        self.has_changed();
        was_there
    }

    /// To compute the bytes takes some nanoseconds for each container, so they are computed once in
    /// as many changes as there are containers.
    fn has_changed(&mut self) {
        match self.until_computed.checked_sub(1) {
            Some(left) => self.until_computed = left,
            None => self.compute_bytes(),
        }
    }

    fn compute_bytes(&mut self) {
        let statistics = self.bits.statistics();
        self.until_computed = 4 + statistics.n_containers;
        self.bytes = bytes_of(&statistics);
    }

    /// Bytes that it takes: exact but for the last few changes and what the allocator rounds up.
    pub(super) fn heap_bytes(&self) -> usize {
        self.bytes
    }
}

fn bytes_of(statistics: &roaring::bitmap::Statistics) -> usize {
    /// Of one container in the list of containers.
    const CONTAINER_BYTES: usize = 32;
    let containers = statistics.n_containers as usize;
    let list = if containers == 0 { 0 } else { containers.next_power_of_two().max(4) * CONTAINER_BYTES };
    // For arrays of 16-bit numbers this crate reports four bytes each.
    let arrays = statistics.n_bytes_array_containers / 2;
    let runs = statistics.n_bytes_run_containers;
    let bitsets = u64::from(statistics.n_bitset_containers) * (1 << 13);
    allocated_bytes(list) + (arrays + runs + bitsets) as usize
}

/// Slots that come in any order, and become a bitmap: a plain set of bits, or a list of slots where
/// so few are expected that the bits would cost more to clear and to convert than the list to sort.
pub(super) enum Collected {
    List(Vec<u32>),
    Bits(Vec<u8>),
}

/// One slot in so many, or fewer, are collected in a list.
const SPARSE: usize = 1024;

impl Collected {
    /// For about `expected` slots below `end`.
    pub(super) fn new(expected: usize, end: u32) -> Self {
        if expected < end as usize / SPARSE || expected < 32 {
            Self::List(Vec::with_capacity(expected))
        } else {
            Self::Bits(vec![0; (end as usize).div_ceil(64) * 8])
        }
    }

    #[inline]
    pub(super) fn extend(&mut self, slots: impl Iterator<Item = u32>) {
        match self {
            Self::List(list) => list.extend(slots),
            Self::Bits(bits) => slots.for_each(|slot| bits[slot as usize / 8] |= 1 << (slot % 8)),
        }
    }

    pub(super) fn into_bitmap(self) -> RoaringBitmap {
        match self {
            Self::Bits(bits) => RoaringBitmap::from_lsb0_bytes(0, &bits),
            Self::List(mut list) => {
                list.sort_unstable();
                list.into_iter().collect()
            }
        }
    }
}
