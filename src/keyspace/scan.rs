//! Walking over all keys: a bounded part at a time (SCAN), all of them (KEYS), or one by chance
//! (RANDOMKEY).

use std::fmt;
use std::sync::Arc;

use super::View;
use super::entry::Entry;
use super::shard::{SHARD_BITS, SHARDS};
use super::slab::{Slab, Step};
use crate::vector_set::VectorSet;

/// Positions that one call may read for each requested key (Redis: ten empty buckets).
const POSITIONS_PER_KEY: usize = 10;

/// Positions that any call may read: enough to pass all shards of a small database at once.
const MIN_POSITIONS: usize = 2 * SHARDS;

/// Attempts to hit a key that has not expired, before RANDOMKEY takes the first one that it finds.
const RANDOM_TRIES: usize = 100;

/// How far a SCAN has come: a shard, and a position in its slab.
///
/// An entry never changes its position, and a scan passes each position once. So a key that exists
/// from the first call to the last is returned once. A key that is removed and added again may be
/// returned twice, and one that exists for a part of the time may be returned or not.
///
/// As a number it is `position × shards + shard`: small for small databases, and 0 for the start,
/// to which no call returns before the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub(super) shard: usize,
    pub(super) position: u32,
}

impl Cursor {
    /// Before the first key; also what a finished scan returns.
    pub const START: Self = Self { shard: 0, position: 0 };

    /// The cursor of a number that a client sends. Any number is valid: one that no scan returned
    /// goes on somewhere.
    pub fn from_number(number: u64) -> Self {
        let shard = number as usize & (SHARDS - 1);
        Self { shard, position: u32::try_from(number >> SHARD_BITS).unwrap_or(u32::MAX) }
    }

    /// The number in the reply.
    pub fn number(self) -> u64 {
        u64::from(self.position) << SHARD_BITS | self.shard as u64
    }

    /// True at the start, and so at the end.
    pub fn is_start(self) -> bool {
        self == Self::START
    }

    pub(super) fn next_shard(self) -> Self {
        let shard = self.shard + 1;
        if shard == SHARDS { Self::START } else { Self { shard, position: 0 } }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

/// How much a call of SCAN may still read.
struct Budget {
    keys: usize,
    positions: usize,
}

impl Budget {
    fn new(count: usize) -> Self {
        Self { keys: count, positions: count.saturating_mul(POSITIONS_PER_KEY).max(MIN_POSITIONS) }
    }

    fn is_spent(&self) -> bool {
        self.keys == 0 || self.positions == 0
    }
}

impl View<'_> {
    /// Calls `visit` with up to `count` (at least one) keys from `cursor` on, and returns where to
    /// go on; the start means that the scan is complete. `visit` runs under the read lock of the
    /// key's shard.
    pub fn scan(&self, mut cursor: Cursor, count: usize, mut visit: impl FnMut(&Entry)) -> Cursor {
        let mut budget = Budget::new(count.max(1));
        while !budget.is_spent() {
            cursor = match self.scan_shard(cursor, &mut budget, true, &mut visit) {
                Some(position) => Cursor { position, ..cursor },
                None => cursor.next_shard(),
            };
            if cursor.is_start() {
                break;
            }
        }
        cursor
    }

    /// Calls `visit` with all keys, a shard at a time.
    pub fn for_each(&self, mut visit: impl FnMut(&Entry)) {
        let mut everything = Budget { keys: usize::MAX, positions: usize::MAX };
        for shard in 0..SHARDS {
            self.scan_shard(Cursor { shard, position: 0 }, &mut everything, false, &mut visit);
        }
    }

    /// Calls `visit` with the key of each vector set, and the set, a shard at a time. `visit` runs
    /// under the read lock of the shard, so it should be short.
    pub fn for_each_vector_set(&self, mut visit: impl FnMut(&[u8], &Arc<VectorSet>)) {
        for shard in &*self.shards {
            let table = shard.read();
            let now_ms = self.expiry_ms(self.now_ms());
            let alive = table.sets(0).filter(|(_, entry, _)| entry.is_live(now_ms));
            alive.for_each(|(_, entry, set)| visit(entry.key(), set));
        }
    }

    /// A random key, each with the same probability; none if there is none.
    pub fn random_key(&self) -> Option<Vec<u8>> {
        let alive = (0..RANDOM_TRIES).find_map(|_| self.random_try());
        alive.or_else(|| self.first_key())
    }

    /// Where to go on in the shard, or none at its end. Expired keys are noted for removal if
    /// `is_noted` is true.
    fn scan_shard(
        &self,
        from: Cursor,
        budget: &mut Budget,
        is_noted: bool,
        visit: &mut impl FnMut(&Entry),
    ) -> Option<u32> {
        let table = self.shards[from.shard].read();
        let now_ms = self.expiry_ms(self.now_ms());
        walk(table.slab(), from.position, budget, &mut |entry| {
            let alive = entry.is_live(now_ms);
            if alive {
                visit(entry);
            } else if is_noted {
                self.note_expired(entry.key());
            }
            alive
        })
    }

    fn random_try(&self) -> Option<Vec<u8>> {
        let sizes: Vec<usize> = self.shards.iter().map(|shard| shard.read().len()).collect();
        let mut chosen = self.common.random_below(sizes.iter().sum())?;
        let shard = sizes.iter().position(|size| {
            let here = chosen < *size;
            chosen -= if here { 0 } else { *size };
            here
        })?;
        let table = self.shards[shard].read();
        let entry = table.slab().nth(chosen)?;
        let now_ms = self.expiry_ms(self.now_ms());
        let alive = entry.is_live(now_ms);
        alive.then(|| entry.key().to_vec())
    }

    fn first_key(&self) -> Option<Vec<u8>> {
        let mut key = None;
        let mut cursor = Cursor::START;
        loop {
            cursor = self.scan(cursor, 1, |entry| key = Some(entry.key().to_vec()));
            if key.is_some() || cursor.is_start() {
                return key;
            }
        }
    }
}

/// Passes positions from `position` on while the budget lasts. `visit` returns whether the entry
/// counts as a key.
fn walk(
    slab: &Slab,
    mut position: u32,
    budget: &mut Budget,
    visit: &mut impl FnMut(&Entry) -> bool,
) -> Option<u32> {
    while !budget.is_spent() {
        budget.positions -= 1;
        position = match slab.step(position) {
            Step::Entry(entry, next) => {
                budget.keys -= usize::from(visit(entry));
                next
            }
            Step::Nothing(next) => next,
            Step::End => return None,
        };
    }
    Some(position)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_the_same_after_a_client_sent_them_back() {
        for cursor in
            [Cursor::START, Cursor { shard: SHARDS - 1, position: 7 }, Cursor { shard: 3, position: 1 << 30 }]
        {
            assert_eq!(Cursor::from_number(cursor.number()), cursor);
            assert_eq!(cursor.to_string().parse(), Ok(cursor.number()));
        }
        assert_eq!(Cursor::from_number(u64::MAX).position, u32::MAX);
    }

    #[test]
    fn the_last_shard_leads_to_the_start() {
        let last = Cursor { shard: SHARDS - 1, position: 9 };
        assert!(last.next_shard().is_start());
        assert!(!Cursor::START.next_shard().is_start());
    }
}
