//! From the ids of a file to slots. An id is any number of 64 bits; a list of the graph has room
//! for 32.
//!
//! So each id gets a *label*: within 2³⁰ of the first id, the distance from it; any other, a number
//! that is dealt out when it is first met. Ids are given one after the other, so nearly always the
//! first rule serves, and nothing is looked up while elements are read.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use ahash::RandomState;

/// Labels below this are distances.
const NEAR: u32 = 1 << 31;
/// So many labels there are: one less would do without the number that a list keeps for "no link".
const END: u32 = u32::MAX - 1;
/// A table by label may be so many times as long as there are elements; where ids lie farther
/// apart, a map is smaller.
const SPARSE: usize = 4;
/// No slot.
const NONE: u32 = u32::MAX;

/// The labels given so far.
#[derive(Default)]
pub(super) struct Labels {
    first: Option<u64>,
    far: HashMap<u64, u32, RandomState>,
}

impl Labels {
    /// The label of an id; none if there are no more.
    pub(super) fn of(&mut self, id: u64) -> Option<u32> {
        let first = *self.first.get_or_insert(id);
        let distance = id.wrapping_sub(first).wrapping_add(u64::from(NEAR / 2));
        if distance < u64::from(NEAR) {
            return Some(distance as u32);
        }
        let next = u32::try_from(self.far.len()).ok().and_then(|len| NEAR.checked_add(len));
        match self.far.entry(id) {
            Entry::Occupied(entry) => Some(*entry.get()),
            Entry::Vacant(entry) => Some(*entry.insert(next.filter(|&label| label < END)?)),
        }
    }
}

/// The way from labels to slots.
pub(super) enum Slots {
    /// By label, from the least on.
    Table(u32, Vec<u32>),
    Map(HashMap<u32, u32, RandomState>),
}

impl Slots {
    /// `labels`: of slot 0, 1, …. If two slots have the same one, it fails with the second.
    pub(super) fn new(labels: &[u32]) -> Result<Self, u32> {
        let (least, most) =
            labels.iter().fold((u32::MAX, 0), |(least, most), &l| (least.min(l), most.max(l)));
        let range = most.saturating_sub(least) as usize + 1;
        if range > SPARSE * labels.len() + 1024 {
            return Self::map(labels);
        }
        let mut table = vec![NONE; range];
        for (slot, label) in (0u32..).zip(labels) {
            if std::mem::replace(&mut table[(label - least) as usize], slot) != NONE {
                return Err(slot);
            }
        }
        Ok(Self::Table(least, table))
    }

    fn map(labels: &[u32]) -> Result<Self, u32> {
        let mut map = HashMap::with_capacity_and_hasher(labels.len(), RandomState::new());
        for (slot, &label) in (0u32..).zip(labels) {
            if map.insert(label, slot).is_some() {
                return Err(slot);
            }
        }
        Ok(Self::Map(map))
    }

    pub(super) fn get(&self, label: u32) -> Option<u32> {
        match self {
            Self::Table(least, table) => {
                let slot = table.get(label.checked_sub(*least)? as usize)?;
                (*slot != NONE).then_some(*slot)
            }
            Self::Map(map) => map.get(&label).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ids() -> impl Strategy<Value = Vec<u64>> {
        let id =
            prop_oneof![1u64..3000, any::<u64>(), (1u64 << 40)..(1 << 40) + 100_000, Just(0), Just(u64::MAX)];
        prop::collection::hash_set(id, 1..300).prop_map(|ids| ids.into_iter().collect())
    }

    proptest! {
        #[test]
        fn every_id_leads_to_its_slot_and_no_other(ids in ids(), others in ids()) {
            let mut labels = Labels::default();
            let own: Vec<u32> = ids.iter().map(|&id| labels.of(id).expect("few ids")).collect();
            let slots = Slots::new(&own).expect("ids differ");
            for id in others.iter().chain(&ids) {
                let expected = ids.iter().position(|other| other == id).map(|slot| slot as u32);
                prop_assert_eq!(slots.get(labels.of(*id).expect("few ids")), expected);
            }
        }
    }

    #[test]
    fn an_id_given_twice_is_found() {
        for ids in [[1u64, 2, 1], [1, u64::MAX / 2, u64::MAX / 2]] {
            let mut labels = Labels::default();
            let own = ids.map(|id| labels.of(id).expect("few ids"));
            assert_eq!(Slots::new(&own).err(), Some(2));
        }
        let own: Vec<u32> = (0..5000).map(|n| n / 2 * 1_000_000).collect();
        assert_eq!(Slots::new(&own).err(), Some(1), "also where ids lie far apart");
    }

    #[test]
    fn dense_ids_need_no_map() {
        let mut labels = Labels::default();
        let own: Vec<u32> = (1..=10_000u64).rev().map(|id| labels.of(id).expect("near ids")).collect();
        assert!(
            labels.far.is_empty()
                && matches!(Slots::new(&own), Ok(Slots::Table(_, table)) if table.len() == 10_000)
        );
    }
}
