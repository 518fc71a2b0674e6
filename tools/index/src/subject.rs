//! The set that is measured: filled by several threads, changed, and asked by one.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use nearhit::journal::Record;
use nearhit::splitmix::SplitMix64;
use nearhit::vector_set::{CODECS, Hold, Kind, Lifetime, Metric, Params, Put, Search, VectorSet};

use crate::Failure;
use crate::dataset::Dataset;
use crate::flags::Flags;
use crate::rows::COUNT;

/// Decides the levels of the graph, and the order of replacing.
const SEED: u64 = 1;

/// What is done to every element.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Work {
    /// It is added, in order of rows.
    Add,
    /// It is given another's vector, in no order. The set then holds the same vectors under other
    /// names.
    Replace,
}

/// What a search found, and how fast.
pub(crate) struct Found {
    /// Queries a second, in the best pass.
    pub(crate) qps: f64,
    /// The rows found for each query.
    pub(crate) rows: Vec<Vec<u32>>,
}

/// A set and the vectors that it is made of and asked for.
pub(crate) struct Subject {
    set: VectorSet,
    dataset: Dataset,
    threads: usize,
    /// Element `i` has the vector of row `i + shift`, counted round.
    shift: usize,
}

/// What the flags `kind` (`Q8`, or `RQ4+F16` for a finer copy beside it), `m` and `ef-construction`
/// say.
pub(crate) fn params(dim: usize, flags: &mut Flags) -> Result<Params, Failure> {
    let words: String = flags.take("kind")?;
    let (coarse, fine) = words.split_once('+').map_or((&*words, None), |(coarse, fine)| (coarse, Some(fine)));
    let (kind, fine) = (kind(coarse)?, fine.map(kind).transpose()?);
    let (m, ef) = (flags.take("m")?, flags.take("ef-construction")?);
    Params::new(dim)
        .and_then(|params| params.with_format(kind, Metric::Cosine)?.with_m(m)?.with_ef(ef))
        .and_then(|params| match fine {
            Some(fine) => params.with_rerank(fine),
            None => Ok(params),
        })
        .map_err(|invalid| format!("such a set cannot be: {invalid:?}").into())
}

/// True if a set of this kind may have a finer copy.
pub(crate) fn is_coarse(kind: Kind) -> bool {
    let params = Params::new(1).and_then(|params| params.with_format(kind, Metric::Cosine));
    params.and_then(|params| params.with_rerank(Kind::Int8)).is_ok()
}

fn kind(word: &str) -> Result<Kind, Failure> {
    let codec = CODECS.iter().find(|codec| codec.keyword.eq_ignore_ascii_case(word));
    codec.map(|codec| codec.kind).ok_or_else(|| format!("there is no kind '{word}'").into())
}

impl Subject {
    /// An empty set.
    pub(crate) fn new(params: Params, dataset: Dataset, threads: usize) -> Self {
        Self { set: VectorSet::new(params, SEED), dataset, threads, shift: 0 }
    }

    /// Row numbers of each query's nearest.
    pub(crate) fn nearest(&self) -> &[[u32; COUNT]] {
        &self.dataset.nearest
    }

    /// What the set says that it holds.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.set.heap_bytes()
    }

    /// Works on every element, by all threads; how long it took.
    pub(crate) fn fill(&mut self, work: Work) -> Duration {
        let n = self.dataset.base.len();
        let order = match work {
            Work::Add => (0..n).collect(),
            Work::Replace => {
                self.shift = (self.shift + n / 3 + 1) % n;
                shuffled(n, SEED + self.shift as u64)
            }
        };
        let began = Instant::now();
        thread::scope(|scope| {
            for first in 0..self.threads {
                let (order, this) = (&order, &*self);
                scope
                    .spawn(move || order.iter().skip(first).step_by(this.threads).for_each(|&i| this.put(i)));
            }
        });
        began.elapsed()
    }

    fn put(&self, element: usize) {
        let row = (element + self.shift) % self.dataset.base.len();
        let name = (element as u64).to_le_bytes();
        let put = Put {
            element: &name,
            vector: self.dataset.base.get(row).to_vec(),
            attribute: None,
            lifetime: Lifetime::Endless,
        };
        let ef = self.set.params().ef_construction();
        let done = self.set.untimed().upsert(Hold::Exclusive, &[put], ef, Record::unlogged());
        assert!(done.is_ok(), "nobody else changes what this set is");
    }

    /// Asks all queries, again and again for so long, once at least.
    pub(crate) fn search(&self, ef: usize, lasting: Duration) -> Found {
        let (mut best, began) = (Duration::MAX, Instant::now());
        loop {
            let pass = Instant::now();
            let elements: Vec<_> =
                self.dataset.queries.iter().map(|query| self.nearest_to(query, ef)).collect();
            best = best.min(pass.elapsed());
            if began.elapsed() >= lasting {
                let rows =
                    elements.iter().map(|found| found.iter().map(|&e| self.row_of(e)).collect()).collect();
                return Found { qps: self.dataset.queries.len() as f64 / best.as_secs_f64(), rows };
            }
            black_box(elements);
        }
    }

    fn nearest_to(&self, query: &[f32], ef: usize) -> Vec<u64> {
        let code = self.set.query(query).expect("queries have the base's dimension");
        let search = Search {
            count: COUNT,
            ef,
            filter: None,
            filter_ef: None,
            truth: false,
            plan: None,
            deadline: None,
        };
        let name = |element: &[u8]| u64::from_le_bytes(element.try_into().expect("names have eight bytes"));
        self.set.untimed().search(&code, &search).iter().map(|hit| name(hit.element)).collect()
    }

    fn row_of(&self, element: u64) -> u32 {
        ((element as usize + self.shift) % self.dataset.base.len()) as u32
    }
}

/// The numbers below `n` in an order that the seed decides (Fisher-Yates).
fn shuffled(n: usize, seed: u64) -> Vec<usize> {
    let mut random = SplitMix64::new(seed);
    let mut order: Vec<usize> = (0..n).collect();
    for last in (1..n).rev() {
        order.swap(last, random.below(last as u64 + 1) as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_kinds() {
        let params = |kind: &str| {
            let line = format!("--kind {kind} --m 16 --ef-construction 200");
            params(8, &mut Flags::read(line.split(' ').map(str::to_owned)).unwrap())
        };
        assert_eq!(params("q8").unwrap().kind(), Kind::Int8);
        assert!(params("Q8+F16").is_err_and(|error| error.to_string().contains("Rerank")));
        assert!(!is_coarse(Kind::Int8) && is_coarse(params("rq1+q8").unwrap().kind()));
        assert!(params("Q8+").is_err_and(|error| error.to_string().contains("no kind ''")));
    }

    #[test]
    fn shuffles_all_numbers() {
        let order = shuffled(100, 1);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<_>>());
        assert_ne!(order, sorted);
        assert_ne!(order, shuffled(100, 2));
    }
}
