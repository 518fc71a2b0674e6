//! Slots in the order of numbers that they have: blocks of some hundred slots, in a list of blocks.
//!
//! The blocks hold slots only; the numbers stand in the column of the index. So one slot takes four
//! bytes and what blocks have to spare, and a range is read as slots one after the other. Slots
//! with the same number are in the order of slots, so that each has one place.

use std::ops::RangeInclusive;

use crate::memory::{self, Blocks, Category};

/// A block of more slots is cut in two.
const MAX_BLOCK: usize = 512;
/// Neighbouring blocks of together fewer slots are joined.
const MIN_PAIR: usize = 128;
/// So many slots are put into each block when all are put in at once.
const FILL: usize = MAX_BLOCK / 8 * 7;

/// Slots by numbers. The caller says which number a slot has: the same for as long as it is here.
#[derive(Clone, Debug)]
pub(super) struct SortedSlots {
    /// None is empty.
    blocks: Blocks<u32>,
    len: usize,
    /// How many different numbers the slots have.
    distinct: usize,
}

/// A block and a place in it.
type Place = (usize, usize);

impl SortedSlots {
    pub(super) const fn new() -> Self {
        Self { blocks: Blocks::none(Category::AttributeIndexes), len: 0, distinct: 0 }
    }

    /// Of slots with their numbers, in any order.
    pub(super) fn of(mut pairs: Vec<(u64, u32)>) -> Self {
        pairs.sort_unstable();
        let distinct = pairs.chunk_by(|(one, _), (next, _)| one == next).count();
        let block = |pairs: &[(u64, u32)]| pairs.iter().map(|&(_, slot)| slot).collect();
        let blocks = pairs.chunks(FILL).map(block).collect();
        let mut slots = Self { len: pairs.len(), distinct, ..Self::new() };
        slots.blocks.change(0..0, |none| *none = blocks);
        slots
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn distinct(&self) -> usize {
        self.distinct
    }

    /// The first place that is not before this number and slot; behind the last block if none is.
    fn seek(&self, number: u64, slot: u32, number_of: &impl Fn(u32) -> u64) -> Place {
        let is_before = |&other: &u32| (number_of(other), other) < (number, slot);
        // The block before the first one that begins behind it.
        let block = self.blocks.partition_point(|block| is_before(&block[0])).saturating_sub(1);
        match self.blocks.get(block).map(|slots| (slots.partition_point(is_before), slots.len())) {
            Some((place, len)) if place == len => (block + 1, 0),
            Some((place, _)) => (block, place),
            None => (0, 0),
        }
    }

    fn at(&self, (block, place): Place) -> Option<u32> {
        self.blocks.get(block)?.get(place).copied()
    }

    /// Whether a slot beside this place has the number.
    fn has_beside(&self, (block, place): Place, next: Place, number: u64, of: &impl Fn(u32) -> u64) -> bool {
        let before = match place.checked_sub(1) {
            Some(before) => self.at((block, before)),
            None => block.checked_sub(1).and_then(|block| self.blocks[block].last().copied()),
        };
        let after = self.at(next).or_else(|| self.at((next.0 + 1, 0)).filter(|_| next.1 > 0));
        [before, after].into_iter().flatten().any(|slot| of(slot) == number)
    }

    /// Adds a slot that is not here.
    pub(super) fn insert(&mut self, slot: u32, number_of: impl Fn(u32) -> u64) {
        let number = number_of(slot);
        let place = self.seek(number, slot, &number_of);
        self.distinct += usize::from(!self.has_beside(place, place, number, &number_of));
        self.len += 1;
        // Behind a block rather than before the next one.
        let place = match place {
            (block, 0) if block > 0 => (block - 1, self.blocks[block - 1].len()),
            place => place,
        };
        self.blocks.change(place.0..place.0 + 1, |blocks| put(blocks, place, slot));
    }

    /// Removes a slot that is here.
    pub(super) fn remove(&mut self, slot: u32, number_of: impl Fn(u32) -> u64) {
        let number = number_of(slot);
        let place @ (block, at) = self.seek(number, slot, &number_of);
        debug_assert_eq!(self.at(place), Some(slot));
        if self.at(place) != Some(slot) {
            return;
        }
        self.distinct -= usize::from(!self.has_beside(place, (block, at + 1), number, &number_of));
        self.len -= 1;
        self.blocks.change(block..block + 2, |blocks| {
            memory::take_out(&mut blocks[block], at);
            memory::join(blocks, block, MIN_PAIR);
        });
    }

    /// The slots with numbers in a range, by blocks.
    pub(super) fn range(
        &self,
        numbers: RangeInclusive<u64>,
        number_of: impl Fn(u32) -> u64,
    ) -> impl Iterator<Item = &[u32]> {
        let first = self.seek(*numbers.start(), 0, &number_of);
        // No slot is `u32::MAX`.
        let end = self.seek(*numbers.end(), u32::MAX, &number_of).max(first);
        let part = move |block: usize| {
            let slots = self.blocks.get(block).map_or(&[][..], Vec::as_slice);
            let from = if block == first.0 { first.1 } else { 0 };
            &slots[from..if block == end.0 { end.1 } else { slots.len() }]
        };
        (first.0..=end.0).map(part).filter(|slots| !slots.is_empty())
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.blocks.heap_bytes()
    }
}

fn put(blocks: &mut Vec<Vec<u32>>, (block, place): Place, slot: u32) {
    match blocks.get_mut(block) {
        None => blocks.push(vec![slot]),
        Some(slots) => {
            if slots.len() == slots.capacity() {
                slots.reserve_exact((slots.len() / 4).clamp(4, MAX_BLOCK / 8));
            }
            slots.insert(place, slot);
            if slots.len() > MAX_BLOCK {
                let is_last = place + 1 == slots.len();
                // Slots that come in order leave full blocks behind.
                let lower = if is_last { MAX_BLOCK / 8 * 7 } else { MAX_BLOCK / 2 };
                let upper = slots.split_off(lower);
                slots.shrink_to_fit();
                blocks.insert(block + 1, upper);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn numbers(slot: u32) -> u64 {
        u64::from(slot.wrapping_mul(2_654_435_761) % 700)
    }

    fn agrees(
        slots: &SortedSlots,
        model: &BTreeSet<(u64, u32)>,
        low: u64,
        high: u64,
    ) -> Result<(), TestCaseError> {
        let expected =
            model.iter().filter(|(number, _)| (low..=high).contains(number)).map(|&(_, slot)| slot);
        prop_assert!(slots.range(low..=high, numbers).flatten().copied().eq(expected));
        let distinct: BTreeSet<u64> = model.iter().map(|&(number, _)| number).collect();
        prop_assert_eq!((slots.len(), slots.distinct()), (model.len(), distinct.len()));
        prop_assert_eq!(slots.heap_bytes(), slots.blocks.computed_bytes());
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn sorted_slots_agree_with_a_set(
            runs in prop::collection::vec((any::<bool>(), 0..2000_u32, 1..900_u32, 1..3_u32), 1..10),
            (low, width) in (0..700_u64, 0..400_u64),
        ) {
            let (mut slots, mut model) = (SortedSlots::new(), BTreeSet::new());
            for (inserts, start, count, step) in runs {
                for slot in (start..).step_by(step as usize).take(count as usize) {
                    if inserts && model.insert((numbers(slot), slot)) {
                        slots.insert(slot, numbers);
                    } else if !inserts && model.remove(&(numbers(slot), slot)) {
                        slots.remove(slot, numbers);
                    }
                }
                agrees(&slots, &model, low, low + width)?;
                agrees(&SortedSlots::of(model.iter().rev().copied().collect()), &model, low, u64::MAX)?;
            }
            for (_, slot) in std::mem::take(&mut model) {
                slots.remove(slot, numbers);
            }
            agrees(&slots, &model, 0, u64::MAX)?;
            prop_assert_eq!(slots.heap_bytes(), 0);
        }
    }
}
