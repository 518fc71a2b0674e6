//! How many units there are, and where: so that each has the same chance to be drawn.

use std::time::{Duration, Instant};

use super::Unit;
use super::criteria::Criteria;
use crate::keyspace::table::Table;
use crate::keyspace::{Deadline, Keyspace, Scope};
use crate::splitmix::SplitMix64;

/// How long a count is good.
const MAX_AGE: Duration = Duration::from_millis(100);

/// A count is good for so many times the time that it took, if that is longer: counting should not
/// take more than a few percent of the time.
const MIN_AGE_FACTOR: u32 = 30;

/// The number of units in each place, as it was a moment ago. A place that has got more units since
/// is drawn too rarely until the next count, which makes no difference that matters.
#[derive(Debug, Default)]
pub(super) struct Population {
    /// Places with units, each with the number of units in it and in those before.
    sources: Vec<(u64, Source)>,
    /// When it was counted, and how long that took.
    counted: Option<(Instant, Duration)>,
}

/// Where units are drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) db: usize,
    pub(super) shard: usize,
    /// The position of the vector set whose elements are meant; none for the keys of the shard that
    /// are evicted as a whole.
    pub(super) set: Option<u32>,
}

impl Population {
    /// Counts, if the last count is too old. Locks one shard after the other, each for some reads.
    pub(super) fn update(&mut self, keyspace: &Keyspace, criteria: &Criteria) {
        let is_good = |(at, took): (Instant, Duration)| at.elapsed() < MAX_AGE.max(took * MIN_AGE_FACTOR);
        if !self.counted.is_some_and(is_good) {
            self.count(keyspace, criteria);
        }
    }

    /// Makes the next update count.
    pub(super) fn invalidate(&mut self) {
        self.counted = None;
    }

    /// True if nothing was there at the last count.
    pub(super) fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// A place, with a probability in proportion to its units.
    pub(super) fn draw(&self, random: &mut SplitMix64) -> Option<Source> {
        let (all, _) = self.sources.last()?;
        let unit = random.below(*all);
        let at = self.sources.partition_point(|(end, _)| *end <= unit);
        Some(self.sources[at].1)
    }

    fn count(&mut self, keyspace: &Keyspace, criteria: &Criteria) {
        let began = Instant::now();
        self.sources.clear();
        let mut all = 0;
        for (db, database) in keyspace.databases.iter().enumerate() {
            for (shard, locked) in database.shards.iter().enumerate() {
                count_units(&locked.read_despite_reservation(), criteria, |set, units| {
                    all += units as u64;
                    if units > 0 {
                        self.sources.push((all, Source { db, shard, set }));
                    }
                });
            }
        }
        self.counted = Some((began, began.elapsed()));
    }
}

/// Calls `count` with the units of a table: with those of each vector set that is taken apart, by
/// its position, and with all other keys.
fn count_units(table: &Table, criteria: &Criteria, mut count: impl FnMut(Option<u32>, usize)) {
    let is_volatile = criteria.policy.scope == Scope::Volatile;
    let mut keys = if is_volatile { table.deadlines().len() } else { table.len() };
    if criteria.unit == Unit::Element {
        for (position, entry, set) in table.sets(0) {
            let all_count = !is_volatile || entry.deadline() != Deadline::NEVER;
            keys -= usize::from(all_count);
            if criteria.of_elements(entry).is_some() {
                let units = if all_count { set.approximate_len() } else { set.elements_with_deadlines() };
                count(Some(position), units);
            }
        }
    }
    count(None, keys);
}
