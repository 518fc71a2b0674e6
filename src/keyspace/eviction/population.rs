//! How many units there are, and where: so that each has the same chance to be drawn.

use std::time::{Duration, Instant};

use super::criteria::Criteria;
use crate::keyspace::table::Table;
use crate::keyspace::{Keyspace, Scope};
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
                let units = units(&locked.read_despite_reservation(), criteria);
                if units > 0 {
                    all += units;
                    self.sources.push((all, Source { db, shard }));
                }
            }
        }
        self.counted = Some((began, began.elapsed()));
    }
}

/// Units of a table, not counting those inside of its values.
fn units(table: &Table, criteria: &Criteria) -> u64 {
    let keys = match criteria.policy.scope {
        Scope::All => table.len(),
        Scope::Volatile => table.deadlines().len(),
    };
    keys as u64
}
