//! A set with attributes and indexes of fields, asked with filters by one caller.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nearhit::journal::Record;
use nearhit::vector_set::filter::{self, Dialect, Filter};
use nearhit::vector_set::{FieldKind, FieldSpec, Hold, Lifetime, Params, Probe, Put, Search, VectorSet};

use crate::Failure;
use crate::rows::{COUNT, Rows, words};

/// Decides the levels of the graph.
const SEED: u64 = 1;

/// A set, and the folder of `tools/benchmarks/filters/prepare.py` that it is made of.
pub(crate) struct Filtered {
    set: VectorSet,
    base: Rows,
    queries: Rows,
    /// JSON, by row.
    attributes: Vec<Vec<u8>>,
    /// For each element the row that it holds after half of them were replaced.
    replaced: Vec<u32>,
    threads: usize,
}

/// What searches found, and how fast.
pub(crate) struct Answers {
    /// Searches a second.
    pub(crate) rate: f64,
    /// The time of each, in microseconds, ascending.
    pub(crate) times_us: Vec<f64>,
    /// The elements found for each query, nearest first.
    pub(crate) found: Vec<Vec<u64>>,
}

impl Filtered {
    /// An empty set with the folder's dimension.
    pub(crate) fn new(params: Params, folder: &Path, threads: usize) -> Result<Self, Failure> {
        let dim = params.dim();
        let base = Rows::read(&folder.join("base.f32"), dim)?;
        let attributes = std::fs::read(folder.join("attrs.jsonl"))?;
        let attributes: Vec<_> =
            attributes.split(|&byte| byte == b'\n').take(base.len()).map(<[u8]>::to_vec).collect();
        let replaced = words(&folder.join("replaced.u32"))?;
        if attributes.len() != base.len() || replaced.len() != base.len() {
            return Err(format!("{} does not have a line and a row for each vector", folder.display()).into());
        }
        let queries = Rows::read(&folder.join("queries.f32"), dim)?;
        let set = VectorSet::new(params, SEED);
        Ok(Self { set, base, queries, attributes, replaced, threads })
    }

    /// Adds every element, by all threads; element `i` holds row `i`.
    pub(crate) fn fill(&self) -> Duration {
        self.put((0..self.base.len()).map(|row| (row, row)).collect())
    }

    /// Gives half of the elements the vectors and attributes of each other.
    pub(crate) fn replace(&self) -> Duration {
        let pairs = self.replaced.iter().enumerate().map(|(element, &row)| (element, row as usize));
        self.put(pairs.filter(|(element, row)| element != row).collect())
    }

    fn put(&self, pairs: Vec<(usize, usize)>) -> Duration {
        let began = Instant::now();
        thread::scope(|scope| {
            for first in 0..self.threads {
                let pairs = pairs.iter().skip(first).step_by(self.threads);
                scope.spawn(move || pairs.for_each(|&(element, row)| self.put_one(element, row)));
            }
        });
        began.elapsed()
    }

    fn put_one(&self, element: usize, row: usize) {
        let put = Put {
            element: &(element as u64).to_le_bytes(),
            vector: self.base.get(row).to_vec(),
            attribute: Some(&self.attributes[row]),
            lifetime: Lifetime::Endless,
        };
        let ef = self.set.params().ef_construction();
        let done = self.set.untimed().upsert(Hold::Exclusive, &[put], ef, Record::unlogged());
        assert!(done.is_ok(), "nothing else changes what this set is");
    }

    /// Gives the set an index of a field; how long it took to build.
    pub(crate) fn index(&self, field: &str, kind: &str) -> Result<Duration, Failure> {
        let kind = FieldKind::parse(kind.as_bytes()).ok_or_else(|| format!("there is no kind '{kind}'"))?;
        let spec = FieldSpec::new(field.as_bytes(), kind, None).map_err(|invalid| invalid.to_string())?;
        let began = Instant::now();
        match self.set.untimed().add_field(Hold::Exclusive, spec, Record::unlogged()) {
            Ok(Ok(())) => {}
            _ => return Err(format!("there can be no index of '{field}'").into()),
        }
        while self.set.build_fields() {}
        Ok(began.elapsed())
    }

    /// Asks all queries, again and again for so long, once at least. The file has a filter in each
    /// line: one for all queries, or one for each; or none.
    pub(crate) fn search(&self, filters: &Path, ef: usize, lasting: Duration) -> Result<Answers, Failure> {
        let filters = compiled(&std::fs::read(filters)?)?;
        let mut times = Vec::new();
        let began = Instant::now();
        let found = self.pass(&filters, ef, &mut times);
        while began.elapsed() < lasting {
            self.pass(&filters, ef, &mut times);
        }
        let rate = times.len() as f64 / began.elapsed().as_secs_f64();
        let mut times_us: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e6).collect();
        times_us.sort_unstable_by(f64::total_cmp);
        Ok(Answers { rate, times_us, found })
    }

    fn pass(&self, filters: &[Filter], ef: usize, times: &mut Vec<Duration>) -> Vec<Vec<u64>> {
        let one = |(number, vector): (usize, &[f32])| {
            let filter = (!filters.is_empty()).then(|| &filters[number % filters.len()]);
            let asked = Instant::now();
            let query = self.set.query(vector).expect("queries have the base's dimension");
            let found = self.nearest(&query, filter, ef);
            times.push(asked.elapsed());
            found
        };
        self.queries.iter().enumerate().map(one).collect()
    }

    fn nearest(&self, query: &Probe, filter: Option<&Filter>, ef: usize) -> Vec<u64> {
        let search =
            Search { count: COUNT, ef, filter, filter_ef: None, truth: false, plan: None, deadline: None };
        let name = |element: &[u8]| u64::from_le_bytes(element.try_into().expect("names have eight bytes"));
        self.set.untimed().search(query, &search).iter().map(|hit| name(hit.element)).collect()
    }
}

/// The filters of some lines.
fn compiled(lines: &[u8]) -> Result<Vec<Filter>, Failure> {
    let params = filter::Params::new([]);
    let lines = lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let compile = |line: &[u8]| {
        Filter::compile(line, Dialect::Redis, &params)
            .map_err(|_| format!("no filter: {}", String::from_utf8_lossy(line)).into())
    };
    lines.map(compile).collect()
}

impl Answers {
    /// The time that so large a share of the searches did not exceed, in microseconds.
    pub(crate) fn percentile_us(&self, share: f64) -> f64 {
        let rank = (self.times_us.len() as f64 * share).ceil() as usize;
        self.times_us[rank.clamp(1, self.times_us.len()) - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_filters() {
        assert_eq!(compiled(b"").unwrap().len(), 0);
        let filters = compiled(b".a == 1\n.b in [\"c\"]\n").unwrap();
        assert!(filters[0].matches(b"{\"a\":1}") && !filters[1].matches(b"{\"b\":\"d\"}"));
        assert!(compiled(b".a == 1\n.b ==").is_err());
    }

    #[test]
    fn percentiles_are_exact() {
        let times_us = (1..=200).map(f64::from).collect();
        let answers = Answers { rate: 0.0, times_us, found: Vec::new() };
        assert_eq!([0.5, 0.99, 1.0].map(|share| answers.percentile_us(share)), [100.0, 198.0, 200.0]);
    }
}
