//! Sampling, choosing and removing, by one thread at a time.

use std::time::{Duration, Instant};

use super::Evicted;
use super::criteria::Criteria;
use super::population::{Population, Source};
use super::sweep::{Sweep, Swept};
use super::victim::{Place, Removed};
use crate::eviction::{Candidate, Pool, Score};
use crate::keyspace::table::Table;
use crate::keyspace::{Keyspace, Scope};
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
    pool: Pool<Place>,
    sweep: Sweep,
    /// Steps without a victim since the last one.
    fruitless: u32,
    exhausted: Option<Verdict>,
    /// When nothing was found that could be demoted.
    demoted_all: Option<Instant>,
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
    Evicted(Removed),
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
            demoted_all: None,
        }
    }
}

impl Engine {
    /// Evicts until `evicted.freed` is at least `bytes`, nothing is left, or it is `until`.
    pub(super) fn run(&mut self, keyspace: &Keyspace, bytes: u64, until: Instant, evicted: &mut Evicted) {
        let journal = keyspace.journal();
        while evicted.freed < bytes && Instant::now() < until && !journal.is_full() {
            match self.step(keyspace, until) {
                Step::Evicted(removed) => {
                    evicted.freed += removed.bytes;
                    evicted.keys += removed.keys;
                    evicted.elements += removed.elements;
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
        let mut criteria = keyspace.eviction_criteria();
        if self.demoted_all.is_some_and(|at| at.elapsed() < MAX_VERDICT_AGE) {
            criteria.spares_warm = false;
        }
        match self.step_by(keyspace, criteria, until) {
            Step::Exhausted if criteria.spares_warm => {
                self.demoted_all = Some(Instant::now());
                Step::Nothing
            }
            step => step,
        }
    }

    fn step_by(&mut self, keyspace: &Keyspace, criteria: Criteria, until: Instant) -> Step {
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
        for _ in 0..criteria.policy.rule.samples(keyspace.evictor.samples()) {
            if let Some(candidate) = self.sample(keyspace, &criteria) {
                self.pool.offer(candidate);
            }
        }
        if let Some(removed) = self.evict_best(keyspace, &criteria) {
            self.fruitless = 0;
            return Step::Evicted(removed);
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

    /// A random unit that may be evicted.
    fn sample(&mut self, keyspace: &Keyspace, criteria: &Criteria) -> Option<Candidate<Place>> {
        let Source { db, shard, set } = self.population.draw(&mut self.random)?;
        let db_of_shard = &keyspace.databases[db];
        let shard_of_db = &db_of_shard.shards[shard];
        // A shard that is locked or reserved cannot be evicted from now.
        let table = shard_of_db.peek().filter(|_| !shard_of_db.reservation.is_set())?;
        let place = |position, slot| Place { db, shard, position, slot };
        let Some(position) = set else {
            let (position, score) = self.sample_key(&table, criteria)?;
            return Some(Candidate { score, place: place(position, None) });
        };
        let entry = table.slab().at(position)?;
        let set = entry.value().as_vector_set().ok()?;
        let of_elements = criteria.of_elements(entry)?;
        let now = db_of_shard.direct().now_of_set(criteria.now_ms);
        let Candidate { score, place: slot } = set.at(now).sample(&of_elements, &mut self.random)?;
        Some(Candidate { score, place: place(position, Some(slot)) })
    }

    fn sample_key(&mut self, table: &Table, criteria: &Criteria) -> Option<(u32, Score)> {
        for _ in 0..TRIES_PER_SAMPLE {
            let (position, entry) = match criteria.policy.scope {
                Scope::All => table.slab().any(&mut self.random)?,
                Scope::Volatile => {
                    let position = table.deadlines().any(&mut self.random)?;
                    (position, table.entry(position))
                }
            };
            if let Some(score) = criteria.of_key(entry) {
                return Some((position, score));
            }
        }
        None
    }

    /// Evicts the best candidate that is still as good as it was.
    fn evict_best(&mut self, keyspace: &Keyspace, criteria: &Criteria) -> Option<Removed> {
        std::iter::from_fn(|| self.pool.take_best())
            .find_map(|candidate| keyspace.evict_candidate(criteria, candidate))
    }
}
