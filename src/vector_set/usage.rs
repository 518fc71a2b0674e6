//! What is known of the life of an element.

use super::Present;
use super::commit::Commit;
use super::write::{Hold, Refused};
use crate::journal::Record;

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
}

impl Present<'_> {
    /// The life of an element. This is no use of it.
    pub fn usage(&self, name: &[u8]) -> Option<ElementUse> {
        self.slot(name).map(|slot| self.usage_of(slot))
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
        let pin = |name: &&[u8]| Some(self.set.uses.set_pinned(commit.slot(name)?, is_pinned));
        let changed: Vec<_> = names.iter().map(pin).collect();
        if changed.contains(&Some(true)) {
            commit.finish(record);
        }
        Ok(changed)
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
        }
    }
}
