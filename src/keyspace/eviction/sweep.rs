//! A search through everything, for when samples find nothing to evict: nearly all keys are
//! blessed, or have no deadline.

use std::time::Instant;

use super::criteria::Criteria;
use super::victim::Place;
use crate::eviction::{Candidate, Pool};
use crate::keyspace::shard::SHARDS;
use crate::keyspace::slab::Step;
use crate::keyspace::{DATABASES, Keyspace};

const TABLES: usize = DATABASES * SHARDS;

/// Positions or slots that are looked at under one hold of a lock.
const BATCH: u32 = 1024;

/// How far the search has come. The next one goes on there.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    table: usize,
    position: u32,
    /// The next slot, if there is a vector set at the position.
    slot: u32,
    /// The search that ran out of time, if the last one did.
    pending: Option<Pending>,
}

/// A search that is not complete.
#[derive(Clone, Copy, Debug)]
struct Pending {
    /// Tables that are left, the last of which is the one in which it began.
    tables: usize,
    /// False if a table was reserved for a transaction: its keys could not be evicted now.
    is_complete: bool,
}

/// How a search has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Swept {
    /// The pool has a candidate.
    Found,
    /// There is nothing that may be evicted.
    Nothing,
    /// There was no time to look at everything, or something could not be looked at.
    Unknown,
}

impl Sweep {
    /// Looks for candidates until the pool has one, everything was looked at, or it is `until`.
    pub(super) fn run(
        &mut self,
        keyspace: &Keyspace,
        criteria: &Criteria,
        pool: &mut Pool<Place>,
        until: Instant,
    ) -> Swept {
        let begin = Pending { tables: TABLES + 1, is_complete: true };
        let mut pending = self.pending.take().unwrap_or(begin);
        while pending.tables > 0 {
            if Instant::now() >= until {
                self.pending = Some(pending);
                return Swept::Unknown;
            }
            let shard = &keyspace.databases[self.table / SHARDS].shards[self.table % SHARDS];
            let is_reserved = shard.reservation.is_set();
            pending.is_complete &= !is_reserved;
            if is_reserved || self.batch(keyspace, criteria, pool) {
                self.table = (self.table + 1) % TABLES;
                (self.position, self.slot) = (0, 0);
                pending.tables -= 1;
            }
            if !pool.is_empty() {
                return Swept::Found;
            }
        }
        if pending.is_complete { Swept::Nothing } else { Swept::Unknown }
    }

    /// Looks at the next positions of the present table. True at its end.
    fn batch(&mut self, keyspace: &Keyspace, criteria: &Criteria, pool: &mut Pool<Place>) -> bool {
        let (db, shard) = (self.table / SHARDS, self.table % SHARDS);
        let table = keyspace.databases[db].shards[shard].read_despite_reservation();
        let now = keyspace.databases[db].direct().now_of_set(criteria.now_ms);
        let mut left = BATCH;
        while left > 0 {
            let position = self.position;
            let place = |slot| Place { db, shard, position, slot };
            left -= 1;
            self.position = match table.slab().step(position) {
                Step::Entry(entry, next) => {
                    if let Some(score) = criteria.of_key(entry) {
                        pool.offer(Candidate { score, place: place(None) });
                    }
                    let set = entry.value().as_vector_set();
                    if let (Some(of_elements), Ok(set)) = (criteria.of_elements(entry), set) {
                        let offer = |Candidate { score, place: slot }| {
                            pool.offer(Candidate { score, place: place(Some(slot)) });
                        };
                        let more = set.at(now).candidates((self.slot, BATCH), &of_elements, offer);
                        self.slot = more.unwrap_or(0);
                        if more.is_some() {
                            return false;
                        }
                        left = 0;
                    }
                    next
                }
                Step::Nothing(next) => next,
                Step::End => return true,
            };
        }
        false
    }
}
