//! A set of ids in few bytes: in order, each as the distance from the one before, seven bits in a
//! byte.

use crate::memory::allocated_bytes;

/// Ids in order, each once.
#[derive(Clone, Debug, Default)]
pub(super) struct IdList(Box<[u8]>);

const MORE: u8 = 0x80;

impl IdList {
    /// Of ids in order, each once.
    pub(super) fn new(sorted: &[u32]) -> Self {
        let mut bytes = Vec::with_capacity(2 * sorted.len());
        let mut last = 0;
        for &id in sorted {
            let mut distance = id - last;
            while distance >= u32::from(MORE) {
                bytes.push(distance as u8 | MORE);
                distance >>= 7;
            }
            bytes.push(distance as u8);
            last = id;
        }
        Self(bytes.into())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let mut bytes = self.0.iter();
        let mut last = 0;
        std::iter::from_fn(move || {
            let (mut distance, mut shift) = (0, 0);
            for &byte in bytes.by_ref() {
                distance |= u32::from(byte & !MORE) << shift;
                shift += 7;
                if byte & MORE == 0 {
                    last += distance;
                    return Some(last);
                }
            }
            None
        })
    }

    pub(super) fn heap_bytes(&self) -> usize {
        allocated_bytes(self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_listed_is_read(ids in prop::collection::btree_set(any::<u32>(), 0..50), small in 0..300_u32) {
            let ids: Vec<u32> = ids.into_iter().chain((0..small).filter(|_| small > 200)).collect();
            let mut ids = ids;
            ids.sort_unstable();
            ids.dedup();
            prop_assert!(IdList::new(&ids).iter().eq(ids.iter().copied()));
        }
    }
}
