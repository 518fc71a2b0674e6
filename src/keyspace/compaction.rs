//! The compaction of vector sets that have become small: which set's turn it is.

use std::sync::{Arc, Weak};
use std::time::Instant;

use super::shard::SHARDS;
use super::{DATABASES, Keyspace};
use crate::vector_set::{Progress, Urgency, VectorSet};

/// Moves in a step of a set: together a fraction of a millisecond.
const MOVES: usize = 32;

/// How far the walk over all sets has come.
#[derive(Default)]
pub(super) struct Walk {
    /// The next shard, counted through all databases.
    next: usize,
    /// Sets of the shard before it, whose turn is to come.
    sets: Vec<Weak<VectorSet>>,
}

impl Keyspace {
    /// Compacts vector sets of which much is unused, until a moment or until nothing can be done
    /// now, and returns how many steps it did. For a thread in the background, one at a time; the
    /// next call goes on where this one ends.
    pub fn compact(&self, until: Instant) -> usize {
        self.compact_sets(until, Urgency::Background)
    }

    /// The same, also of sets of which little is unused: memory is short.
    pub fn compact_urgently(&self, until: Instant) -> usize {
        self.compact_sets(until, Urgency::MemoryIsShort)
    }

    fn compact_sets(&self, until: Instant, urgency: Urgency) -> usize {
        let Some(mut walk) = self.compaction.try_lock() else { return 0 };
        let mut steps = 0;
        let mut shards = 0;
        while Instant::now() < until {
            match walk.sets.last() {
                Some(set) => {
                    let both = |set: Arc<VectorSet>| {
                        [set.compact_step(MOVES, urgency), set.tier_step(MOVES, urgency)]
                    };
                    match set.upgrade().map(both) {
                        Some(steps_done) if steps_done.contains(&Progress::Some) => steps += 1,
                        _ => _ = walk.sets.pop(),
                    }
                }
                None if shards == DATABASES * SHARDS => break,
                None => {
                    shards += 1;
                    walk.sets = self.sets_of(walk.next);
                    walk.next = (walk.next + 1) % (DATABASES * SHARDS);
                }
            }
        }
        steps
    }

    /// The sets of a shard; none if it is locked for changes: it will be asked again.
    fn sets_of(&self, shard: usize) -> Vec<Weak<VectorSet>> {
        let shard = &self.databases[shard / SHARDS].shards[shard % SHARDS];
        shard.peek().map_or_else(Vec::new, |table| table.vector_sets().map(Arc::downgrade).collect())
    }
}

impl std::fmt::Debug for Walk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Walk at shard {}", self.next)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::journal::Record;
    use crate::keyspace::{Clock, Deadline, Value};
    use crate::vector_set::{Hold, Lifetime, Params, Put};

    /// A set in which most elements were removed.
    fn sparse() -> Arc<VectorSet> {
        let set = VectorSet::new(Params::new(512).expect("valid"), 1);
        let name = |n: usize| format!("e{n}").into_bytes();
        for n in 0..1000 {
            let vector = (0..512).map(|i| ((n * 31 + i) as f32).sin()).collect();
            let put = Put { element: &name(n), vector, attribute: None, lifetime: Lifetime::Endless };
            assert!(set.untimed().upsert(Hold::Exclusive, &[put], 4, Record::unlogged()).is_ok());
        }
        (0..900).for_each(|n| {
            assert!(set.untimed().remove(Hold::Exclusive, &[&name(n)], Record::unlogged()).is_ok())
        });
        Arc::new(set)
    }

    #[test]
    fn every_set_has_its_turn() {
        let keyspace = Keyspace::new(Clock::manual(1));
        let sets = [sparse(), sparse()];
        let before = sets.each_ref().map(|set| set.heap_bytes());
        for (db, set) in [0, 7].into_iter().zip(&sets) {
            keyspace.db(db).exclusive(&["k"]).put(b"k", Value::VectorSet(Arc::clone(set)), Deadline::NEVER);
        }
        // Other tests may be pinned, and put off the end of a grace period.
        while sets.iter().zip(before).any(|(set, before)| set.heap_bytes() * 2 > before) {
            keyspace.compact(Instant::now() + Duration::from_millis(5));
        }
        assert!(sets.iter().all(|set| set.len() == 100));
        assert_eq!(keyspace.compact(Instant::now()), 0, "there is no time");
    }
}
