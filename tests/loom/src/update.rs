//! An element that is updated moves to another slot, while a search looks at both slots in any
//! order.
//!
//! Of a slot only its state is kept, of a search only which slots it returns.

use crate::slots::{Moment, Slots, State};
use crate::updates::{Seen, Updates};

/// The slots of one element, oldest first; the first is live.
pub struct Element {
    slots: Slots,
    updates: Updates,
}

/// When later slots can be met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Linked {
    /// From the beginning.
    Early,
    /// Only shortly before they are published, when the search may have passed their places.
    Late,
}

/// How a search meets slots.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    /// It reads all slots.
    Scan,
    /// It follows links.
    Walk,
}

/// Faults that the model must be able to find.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// None: the protocol as it is.
    None,
    /// The search reads the count of deaths before that of updates.
    DeathsFirst,
    /// The writer kills the old slot before it publishes the new one.
    KillFirst,
    /// The search returns a slot that was not an element yet when it ended.
    KeepLinking,
    /// The writer moves the count of updates only after it has changed the slots.
    CountLate,
}

impl Element {
    /// An element that will be updated until it has used this many slots.
    pub fn new(slots: usize, linked: Linked) -> Self {
        let element = Self { slots: Slots::new(), updates: Updates::new() };
        for expected in 0..slots as u32 {
            let slot = element.slots.take(|_| ());
            assert_eq!(slot, expected);
            element.slots.set_level(slot, 0, 0);
            if slot == 0 || linked == Linked::Early {
                element.slots.begin_linking(slot);
            }
        }
        element.slots.publish(0);
        element
    }

    /// `Commit::put`: the element moves from a slot to the next. The caller is the only writer.
    pub fn update(&self, old: u32, fault: Fault) {
        if self.slots.state(old + 1) == State::Free {
            self.slots.begin_linking(old + 1);
        }
        if fault != Fault::CountLate {
            self.updates.begin();
        }
        if fault == Fault::KillFirst {
            self.slots.kill(old);
        }
        self.slots.publish(old + 1);
        if fault != Fault::KillFirst {
            self.slots.kill(old);
        }
        if fault == Fault::CountLate {
            self.updates.begin();
        }
        self.updates.end();
    }

    /// `VectorSet::search_once` and `VectorIndex::search`, meeting the slots in this order: how
    /// often it returns the element.
    pub fn search(&self, order: &[u32], way: Way, fault: Fault) -> usize {
        let (seen, start) = self.begin(fault);
        let admits = |&slot: &u32| match way {
            Way::Scan => self.slots.admits(slot, start),
            // The first look stands for the link that leads to a later slot.
            Way::Walk => {
                (slot == 0 || self.slots.state(slot) != State::Free) && self.slots.admits_met(slot, start)
            }
        };
        let mut found: Vec<u32> = order.iter().copied().filter(admits).collect();
        if fault != Fault::KeepLinking {
            found.retain(|&slot| self.slots.state(slot) != State::Linking);
        }
        if self.updates.overlapped(seen) {
            // The slots have one name.
            found.truncate(1);
        }
        found.len()
    }

    fn begin(&self, fault: Fault) -> (Seen, Moment) {
        if fault == Fault::DeathsFirst {
            let start = self.slots.moment();
            return (self.updates.seen(), start);
        }
        let seen = self.updates.seen();
        (seen, self.slots.moment())
    }
}
