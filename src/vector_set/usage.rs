//! What is known of the life of an element.

use super::commit::Commit;
use super::write::{Hold, Refused};
use super::{Bound, Present, VectorSet};
use crate::epoch::pin;
use crate::journal::Record;

/// Elements that a step of a scan over the pinned ones looks at, at most.
pub const LOOKED_AT: usize = 16 * BLOCK;
/// Those of them that it looks at without letting writers in.
const BLOCK: usize = if cfg!(test) { 16 } else { 1024 };

/// The life of an element so far, and what is left of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ElementUse {
    /// Milliseconds since its vector was set, to a minute.
    pub age_ms: u64,
    /// Milliseconds since it was last used, to 32.
    pub idle_ms: u64,
    /// How often it is used: the counter of [`Lfu`](super::Lfu).
    pub frequency: u8,
    /// When it expires, in milliseconds since 1970, if it does.
    pub deadline_ms: Option<i64>,
    /// It is not to be evicted.
    pub is_pinned: bool,
    /// Bytes that it takes: its slot, and about its name, its attribute and its places in tables.
    pub bytes: usize,
}

impl Present<'_> {
    /// The life of an element. This is no use of it.
    pub fn usage(&self, name: &[u8]) -> Option<ElementUse> {
        let elements = self.elements.read();
        self.slot_in(&elements, name).map(|slot| self.usage_of(slot))
    }

    /// Pins elements, so that they are not evicted, or takes their pins away: as one change. True
    /// for each that was changed, none for a name that is no element.
    pub fn pin<'r>(
        &self,
        hold: Hold,
        names: &[&[u8]],
        is_pinned: bool,
        record: Record<'r>,
    ) -> Result<Vec<Option<bool>>, Refused<'r>> {
        let Some(commit) = Commit::begin(*self, hold, &record) else {
            return Err(Refused::Unbound(record));
        };
        let change = |name: &&[u8]| Some(commit.set_pinned(commit.slot(name)?, is_pinned));
        let changed: Vec<_> = names.iter().map(change).collect();
        if changed.contains(&Some(true)) {
            commit.finish(record);
        }
        Ok(changed)
    }

    /// True for each element that is pinned, all at one moment. None for a name that is no element.
    pub fn are_pinned(&self, names: &[&[u8]]) -> Vec<Option<bool>> {
        let elements = self.elements.read();
        let is_pinned =
            |name: &&[u8]| self.slot_in(&elements, name).map(|slot| self.set.uses.is_pinned(slot));
        names.iter().map(is_pinned).collect()
    }

    /// The next pinned elements behind the name `after`, in byte order: at most `count`, and as few
    /// as are among the next [`LOOKED_AT`]. With the name to go on from; none at the end.
    pub fn pinned(&self, after: Option<&[u8]>, count: usize) -> (Vec<Vec<u8>>, Option<Vec<u8>>) {
        if !self.set.uses.has_had_pins() {
            return (Vec::new(), None);
        }
        let pin = pin();
        let mut found = Vec::new();
        let mut from: Option<Vec<u8>> = after.map(<[u8]>::to_vec);
        for _ in 0..LOOKED_AT / BLOCK {
            let start = from.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
            let elements = self.elements.read();
            let slots = elements.range(start, Bound::Unbounded, BLOCK, &self.names);
            let is_pinned = |slot: u32| self.is_live(slot) && self.set.uses.is_pinned(slot);
            let seen: Vec<(u32, bool)> = slots.into_iter().map(|slot| (slot, is_pinned(slot))).collect();
            drop(elements);
            for &(slot, is_pinned) in &seen {
                let name = self.names.get(slot, &pin);
                if is_pinned {
                    found.push(name.to_vec());
                }
                if found.len() == count {
                    return (found, Some(name.to_vec()));
                }
            }
            match seen.last() {
                Some(&(slot, _)) if seen.len() == BLOCK => from = Some(self.names.get(slot, &pin).to_vec()),
                _ => return (found, None),
            }
        }
        (found, from)
    }

    /// The same of the element in a slot.
    pub(super) fn usage_of(&self, slot: u32) -> ElementUse {
        let uses = &self.set.uses;
        ElementUse {
            age_ms: uses.age_ms(slot, self.now.used_ms),
            idle_ms: uses.idle_ms(slot, self.now.used_ms),
            frequency: uses.frequency(slot, &self.now),
            deadline_ms: self.set.deadlines.get(slot),
            is_pinned: uses.is_pinned(slot),
            bytes: self.set.bytes_of(slot),
        }
    }
}

impl VectorSet {
    /// True if an element is, or ever was, pinned.
    pub fn has_had_pins(&self) -> bool {
        self.uses.has_had_pins()
    }
}
