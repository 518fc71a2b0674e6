//! Sampling, choosing and removing, by one thread at a time.

use std::time::{Duration, Instant};

use super::Evicted;
use super::criteria::Criteria;
use super::pool::{Candidate, Place, Pool};
use super::population::{Population, Source};
use super::sweep::{Sweep, Swept};
use crate::keyspace::exclusive::{EvictedKey, Exclusive};
use crate::keyspace::{Keyspace, Rule, Scope};
use crate::splitmix::SplitMix64;

/// Entries that a sample looks at before it is given up, if they may not be evicted.
const TRIES_PER_SAMPLE: usize = 4;

/// Steps without a victim before everything is searched.
const FRUITLESS_STEPS: u32 = 16;

/// How long it is taken for granted that nothing can be evicted while nothing changes.
const MAX_VERDICT_AGE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Engine {
    random: SplitMix64,
    /// Those by which the candidates were found.
    criteria: Option<Criteria>,
    population: Population,
    pool: Pool,
    sweep: Sweep,
    /// Steps without a victim since the last one.
    fruitless: u32,
    exhausted: Option<Verdict>,
}

/// When everything was searched and nothing found that may be evicted, and how many changes of data
/// there had been before.
#[derive(Clone, Copy, Debug)]
struct Verdict {
    at: Instant,
    changes: u64,
}

/// What a step has done.
enum Step {
    Evicted(EvictedKey),
    Nothing,
    Exhausted,
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            random: SplitMix64::new(0),
            criteria: None,
            population: Population::default(),
            pool: Pool::default(),
            sweep: Sweep::default(),
            fruitless: 0,
            exhausted: None,
        }
    }
}

impl Engine {
    /// Evicts until `evicted.freed` is at least `bytes`, nothing is left, or it is `until`.
    pub(super) fn run(&mut self, keyspace: &Keyspace, bytes: u64, until: Instant, evicted: &mut Evicted) {
        let journal = keyspace.journal();
        while evicted.freed < bytes && Instant::now() < until && !journal.is_full() {
            match self.step(keyspace, until) {
                Step::Evicted(key) => {
                    evicted.freed += key.bytes;
                    evicted.keys += u64::from(!key.has_expired);
                }
                Step::Nothing => {}
                Step::Exhausted => {
                    evicted.exhausted = true;
                    return;
                }
            }
        }
    }

    /// Draws samples, and evicts the best candidate.
    fn step(&mut self, keyspace: &Keyspace, until: Instant) -> Step {
        let criteria = keyspace.eviction_criteria();
        if !self.criteria.is_some_and(|before| before.is_like(&criteria)) {
            self.follow(criteria);
        }
        if self.is_known_to_be_exhausted(keyspace) {
            return Step::Exhausted;
        }
        self.population.update(keyspace, &criteria);
        if self.population.is_empty() {
            self.population.invalidate();
            self.population.update(keyspace, &criteria);
            if self.population.is_empty() {
                return self.end(keyspace);
            }
        }
        // Any sample is as good as another if all score the same.
        let samples = if criteria.policy.rule == Rule::Random { 1 } else { keyspace.evictor.samples() };
        for _ in 0..samples {
            self.sample(keyspace, &criteria);
        }
        if let Some(key) = self.evict_best(keyspace, &criteria) {
            self.fruitless = 0;
            return Step::Evicted(key);
        }
        self.fruitless += 1;
        if self.fruitless < FRUITLESS_STEPS {
            return Step::Nothing;
        }
        self.search(keyspace, &criteria, until)
    }

    /// Searches everything for candidates.
    fn search(&mut self, keyspace: &Keyspace, criteria: &Criteria, until: Instant) -> Step {
        self.population.invalidate();
        match self.sweep.run(keyspace, criteria, &mut self.pool, until) {
            Swept::Found => self.evict_best(keyspace, criteria).map_or(Step::Nothing, Step::Evicted),
            Swept::Nothing => self.end(keyspace),
            Swept::Unknown => Step::Nothing,
        }
    }

    fn follow(&mut self, criteria: Criteria) {
        self.pool.clear();
        self.population.invalidate();
        self.sweep = Sweep::default();
        self.fruitless = 0;
        self.exhausted = None;
        self.criteria = Some(criteria);
    }

    /// Nothing may be evicted, and nothing has to be searched again until data change.
    fn end(&mut self, keyspace: &Keyspace) -> Step {
        let changes = keyspace.journal().changes();
        self.exhausted = Some(Verdict { at: Instant::now(), changes });
        Step::Exhausted
    }

    fn is_known_to_be_exhausted(&self, keyspace: &Keyspace) -> bool {
        self.exhausted.is_some_and(|verdict| {
            verdict.changes == keyspace.journal().changes() && verdict.at.elapsed() < MAX_VERDICT_AGE
        })
    }

    /// Offers a random unit to the pool, if it may be evicted.
    fn sample(&mut self, keyspace: &Keyspace, criteria: &Criteria) {
        let Some(Source { db, shard }) = self.population.draw(&mut self.random) else { return };
        // A shard that is locked or reserved cannot be evicted from now.
        let shard_of_db = &keyspace.databases[db].shards[shard];
        let Some(table) = shard_of_db.peek().filter(|_| !shard_of_db.reservation.is_set()) else { return };
        for _ in 0..TRIES_PER_SAMPLE {
            let drawn = match criteria.policy.scope {
                Scope::All => table.slab().any(&mut self.random),
                Scope::Volatile => {
                    table.deadlines().any(&mut self.random).map(|position| (position, table.entry(position)))
                }
            };
            let Some((position, entry)) = drawn else { return };
            if let Some(score) = criteria.of_key(entry) {
                return self.pool.offer(Candidate { score, place: Place { db, shard, position } });
            }
        }
    }

    /// Evicts the best candidate that is still as good as it was.
    fn evict_best(&mut self, keyspace: &Keyspace, criteria: &Criteria) -> Option<EvictedKey> {
        std::iter::from_fn(|| self.pool.take_best())
            .find_map(|candidate| evict_key(keyspace, criteria, candidate))
    }
}

/// Evicts what is at the candidate's place, if it scores as much.
fn evict_key(keyspace: &Keyspace, criteria: &Criteria, candidate: Candidate) -> Option<EvictedKey> {
    let Candidate { score: before, place: Place { db, shard, position } } = candidate;
    let db = &keyspace.databases[db];
    // A shard that a transaction has is left alone, so that this thread does not wait.
    if db.shards[shard].reservation.is_set() {
        return None;
    }
    let is_victim = |score: super::criteria::Score| score.is_at_least(before);
    Exclusive::over_shards(db.direct(), [shard])
        .evict(0, position, |entry| criteria.of_key(entry).is_some_and(is_victim))
}
