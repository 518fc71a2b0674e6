//! The slots that have one key: small where they are few, a bitmap where they are many.

use std::ops::BitOrAssign;

use roaring::RoaringBitmap;

use super::bitmap::CountedBitmap;
use crate::memory::allocated_bytes;

/// So many slots need no allocation.
const INLINE: usize = 3;
/// More slots than this are a bitmap: in a set of a million slots that have this key at random,
/// both forms take the same memory here.
const MOST_LISTED: usize = 128;
/// A bitmap with no more than this becomes a list again.
const FEWEST_IN_BITMAP: usize = MOST_LISTED / 2;

/// Slots in order, each once; 16 bytes and what is behind.
#[derive(Clone, Debug)]
pub struct Postings(Form);

#[derive(Clone, Debug)]
enum Form {
    Few {
        len: u8,
        slots: [u32; INLINE],
    },
    // Boxed, so that the most frequent form is the largest.
    #[expect(clippy::box_collection, reason = "a pointer of 8 bytes, not a header of 24")]
    List(Box<Vec<u32>>),
    Bitmap(Box<CountedBitmap>),
}

impl Postings {
    /// No slots.
    pub(super) const fn none() -> Self {
        Self(Form::Few { len: 0, slots: [0; INLINE] })
    }

    /// How many slots.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Bitmap(bitmap) => bitmap.len(),
            _ => self.listed().len(),
        }
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The slots in order, unless they are a bitmap.
    #[inline]
    fn listed(&self) -> &[u32] {
        match &self.0 {
            Form::Few { len, slots } => &slots[..usize::from(*len)],
            Form::List(list) => list,
            Form::Bitmap(_) => &[],
        }
    }

    /// The bitmap, if the slots are many.
    pub fn as_bitmap(&self) -> Option<&RoaringBitmap> {
        match &self.0 {
            Form::Bitmap(bitmap) => Some(bitmap.bits()),
            _ => None,
        }
    }

    /// Whether a slot is one of them.
    pub fn contains(&self, slot: u32) -> bool {
        match self.as_bitmap() {
            Some(bits) => bits.contains(slot),
            None => self.listed().binary_search(&slot).is_ok(),
        }
    }

    /// The slots in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let bits = self.as_bitmap().into_iter().flatten();
        self.listed().iter().copied().chain(bits)
    }

    /// The slots as a bitmap: a copy.
    pub fn to_bitmap(&self) -> RoaringBitmap {
        self.as_bitmap().cloned().unwrap_or_else(|| self.listed().iter().copied().collect())
    }

    /// Adds the slots to a bitmap.
    pub fn union_into(&self, bitmap: &mut RoaringBitmap) {
        match self.as_bitmap() {
            Some(bits) => bitmap.bitor_assign(bits),
            None => bitmap.extend(self.listed()),
        }
    }

    /// Leaves in a bitmap what is here too.
    pub fn intersect_into(&self, bitmap: &mut RoaringBitmap) {
        match self.as_bitmap() {
            Some(bits) => *bitmap &= bits,
            None => *bitmap = self.listed().iter().copied().filter(|&slot| bitmap.contains(slot)).collect(),
        }
    }

    /// How many of the slots are in a bitmap.
    pub fn intersection_len(&self, bitmap: &RoaringBitmap) -> u64 {
        match self.as_bitmap() {
            Some(bits) => bits.intersection_len(bitmap),
            None => self.listed().iter().filter(|&&slot| bitmap.contains(slot)).count() as u64,
        }
    }

    /// The slots, if they are at most three.
    pub(super) fn short(&self) -> &[u32] {
        match &self.0 {
            Form::Few { .. } => self.listed(),
            _ => &[],
        }
    }

    /// True if the slot is new.
    pub(super) fn insert(&mut self, slot: u32) -> bool {
        match &mut self.0 {
            Form::Few { len, slots } => {
                let used = usize::from(*len);
                let Err(place) = slots[..used].binary_search(&slot) else { return false };
                if used < INLINE {
                    slots.copy_within(place..used, place + 1);
                    slots[place] = slot;
                    *len += 1;
                } else {
                    let mut list = Vec::with_capacity(2 * INLINE + 2);
                    list.extend_from_slice(slots);
                    list.insert(place, slot);
                    self.0 = Form::List(Box::new(list));
                }
            }
            Form::List(list) => {
                let Err(place) = list.binary_search(&slot) else { return false };
                if list.len() == list.capacity() {
                    list.reserve_exact(list.len() / 2);
                }
                list.insert(place, slot);
                if list.len() > MOST_LISTED {
                    let bits = list.iter().copied().collect();
                    self.0 = Form::Bitmap(Box::new(CountedBitmap::of(bits)));
                }
            }
            Form::Bitmap(bitmap) => return bitmap.insert(slot),
        }
        true
    }

    /// True if the slot was there.
    pub(super) fn remove(&mut self, slot: u32) -> bool {
        match &mut self.0 {
            Form::Few { len, slots } => {
                let used = usize::from(*len);
                let Ok(place) = slots[..used].binary_search(&slot) else { return false };
                slots.copy_within(place + 1..used, place);
                *len -= 1;
            }
            Form::List(list) => {
                let Ok(place) = list.binary_search(&slot) else { return false };
                list.remove(place);
                if let Ok(slots) = <[u32; INLINE]>::try_from(list.as_slice()) {
                    self.0 = Form::Few { len: INLINE as u8, slots };
                } else if list.len() * 4 < list.capacity() {
                    list.shrink_to(list.len() * 2);
                }
            }
            Form::Bitmap(bitmap) => {
                if !bitmap.remove(slot) {
                    return false;
                }
                if bitmap.len() <= FEWEST_IN_BITMAP {
                    self.0 = Form::List(Box::new(bitmap.bits().iter().collect()));
                }
            }
        }
        true
    }

    /// Bytes behind the 16.
    pub(super) fn heap_bytes(&self) -> usize {
        match &self.0 {
            Form::Few { .. } => 0,
            Form::List(list) => {
                allocated_bytes(size_of::<Vec<u32>>()) + allocated_bytes(list.capacity() * size_of::<u32>())
            }
            Form::Bitmap(bitmap) => allocated_bytes(size_of::<CountedBitmap>()) + bitmap.heap_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn postings_are_small() {
        assert_eq!(size_of::<Postings>(), 16);
    }

    fn agrees(
        postings: &Postings,
        model: &BTreeSet<u32>,
        other: &BTreeSet<u32>,
    ) -> Result<(), TestCaseError> {
        prop_assert!(postings.iter().eq(model.iter().copied()));
        prop_assert_eq!((postings.len(), postings.is_empty()), (model.len(), model.is_empty()));
        let bits: RoaringBitmap = other.iter().copied().collect();
        let (mut union, mut both) = (bits.clone(), bits.clone());
        postings.union_into(&mut union);
        postings.intersect_into(&mut both);
        prop_assert!(union.iter().eq(model.union(other).copied()));
        prop_assert!(both.iter().eq(model.intersection(other).copied()));
        prop_assert_eq!(postings.intersection_len(&bits), both.len());
        prop_assert!(postings.to_bitmap().iter().eq(model.iter().copied()));
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn postings_agree_with_a_set(
            runs in prop::collection::vec((any::<bool>(), prop::collection::vec(0..400_u32, 0..150)), 1..8),
            other in prop::collection::btree_set(0..400_u32, 0..200),
        ) {
            let (mut postings, mut model) = (Postings::none(), BTreeSet::new());
            for (inserts, slots) in runs {
                for slot in slots {
                    // Far apart, so that there are several containers.
                    let slot = slot * 1000;
                    if inserts {
                        prop_assert_eq!(postings.insert(slot), model.insert(slot));
                    } else {
                        prop_assert_eq!(postings.remove(slot), model.remove(&slot));
                    }
                    prop_assert_eq!(postings.contains(slot), inserts);
                }
                agrees(&postings, &model, &other)?;
            }
            for slot in model {
                postings.remove(slot);
            }
            prop_assert_eq!((postings.len(), postings.heap_bytes()), (0, 0));
        }
    }
}
