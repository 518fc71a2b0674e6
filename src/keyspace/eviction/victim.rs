//! Where a unit is, and its removal.

use std::sync::Arc;

use super::criteria::Criteria;
use crate::eviction::Candidate;
use crate::journal::Record;
use crate::keyspace::exclusive::Exclusive;
use crate::keyspace::{Database, Entry, Keyspace, SetHandle};
use crate::vector_set::{EvictionCriteria, Hold, Refused};

/// Where a unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) db: usize,
    pub(super) shard: usize,
    /// The position of the key in the table of the shard.
    pub(super) position: u32,
    /// The slot of an element of the vector set there; none for the key as a whole.
    pub(super) slot: Option<u32>,
}

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Removed {
    /// An estimate.
    pub(super) bytes: u64,
    /// Keys that were evicted.
    pub(super) keys: u64,
    /// Elements that were evicted.
    pub(super) elements: u64,
}

impl Keyspace {
    /// Evicts what is at the candidate's place, if it scores at least what the candidate does.
    pub(super) fn evict_candidate(
        &self,
        criteria: &Criteria,
        candidate: Candidate<Place>,
    ) -> Option<Removed> {
        let Candidate { score, place: Place { db, shard, position, slot } } = candidate;
        let db = &self.databases[db];
        // A shard that a transaction has is left alone, so that this thread does not wait.
        if db.shards[shard].reservation.is_set() {
            return None;
        }
        match slot {
            None => db.evict_key((shard, position), |entry| criteria.of_key(entry) >= Some(score)),
            Some(place) => db.evict_element((shard, position), criteria, Candidate { score, place }),
        }
    }
}

impl Database {
    fn evict_key(
        &self,
        (shard, position): (usize, u32),
        is_victim: impl FnOnce(&Entry) -> bool,
    ) -> Option<Removed> {
        let removed = Exclusive::over_shards(self.direct(), [shard]).evict(0, position, is_victim)?;
        Some(Removed { bytes: removed.bytes, keys: u64::from(!removed.has_expired), elements: 0 })
    }

    fn evict_element(
        &self,
        at: (usize, u32),
        criteria: &Criteria,
        element: Candidate<u32>,
    ) -> Option<Removed> {
        let (key, handle, of_elements) = self.set_at(at, criteria)?;
        let subject = self.direct().set_key(&key);
        let record = Record::without_request(&self.common.journal, self.number).about(Some(&subject));
        match handle.present().evict(Hold::Lookup(handle.binding), element, &of_elements, record) {
            Ok(evicted) => evicted.map(|evicted| {
                if evicted.is_demoted {
                    return Removed { bytes: evicted.bytes as u64, ..Removed::default() };
                }
                self.common.expiry.elements.add(u64::from(evicted.has_expired));
                Removed { bytes: evicted.bytes as u64, keys: 0, elements: u64::from(!evicted.has_expired) }
            }),
            Err(Refused::WouldEmpty(_)) => {
                let removed = self.evict_key(at, |entry| criteria.has_only(entry, &handle, element))?;
                Some(Removed { elements: removed.keys, ..removed })
            }
            // A transaction has begun, or the key has another value: this thread does not wait.
            Err(Refused::Unbound(_)) => None,
        }
    }

    /// The vector set at a position, if its elements may be evicted, with its key.
    fn set_at(
        &self,
        (shard, position): (usize, u32),
        criteria: &Criteria,
    ) -> Option<(Box<[u8]>, SetHandle, EvictionCriteria)> {
        let table = self.shards[shard].peek()?;
        // Under the lock: the handle of a set that a transaction reserves later is stale then.
        if self.shards[shard].reservation.is_set() {
            return None;
        }
        let entry = table.slab().at(position)?;
        let of_elements = criteria.of_elements(entry)?;
        let handle = entry.value().set_handle(self.direct().now_of_set(criteria.now_ms)).ok()?;
        Some((entry.key().into(), handle, of_elements))
    }
}

impl Criteria {
    /// True if the key still has the set of the handle, with this element alone, and if that scores
    /// at least as much.
    fn has_only(&self, entry: &Entry, handle: &SetHandle, element: Candidate<u32>) -> bool {
        let is_same = |set: &Arc<_>| Arc::ptr_eq(set, &handle.set) && set.len() == 1;
        let is_still = |of_elements| handle.present().is_still(element, &of_elements);
        entry.value().as_vector_set().is_ok_and(is_same) && self.of_elements(entry).is_some_and(is_still)
    }
}
