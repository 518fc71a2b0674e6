//! A folder of real vectors: `base.f32`, `queries.f32` (raw little-endian float32, row after row),
//! `ids.txt` (a name a line), `groundtruth.i32` (100 row numbers a query, nearest first), and where
//! there is one `attrs.jsonl`.

use std::fs;
use std::path::Path;

use crate::Failure;
use crate::rows::{COUNT, Rows, read_nearest};
use crate::truth;

/// Vectors to add, vectors to ask for, and the right answers.
pub(crate) struct Dataset {
    pub(crate) base: Rows,
    pub(crate) names: Vec<Vec<u8>>,
    /// As many as names, or none.
    pub(crate) attributes: Vec<Vec<u8>>,
    pub(crate) queries: Rows,
    /// Row numbers of each query's nearest, nearest first.
    pub(crate) nearest: Vec<[u32; COUNT]>,
}

impl Dataset {
    /// Reads a set, keeping at most `n` elements and `queries` queries, evenly spread over the
    /// files (which may be in order of frequency). The right answers of fewer elements are not in
    /// the files: they are computed.
    pub(crate) fn read(folder: &Path, dim: usize, n: usize, queries: usize) -> Result<Self, Failure> {
        let all = Rows::read(&folder.join("base.f32"), dim)?;
        let asked = Rows::read(&folder.join("queries.f32"), dim)?;
        let n = n.min(all.len());
        let count = queries.min(asked.len());
        if n < COUNT || count == 0 {
            return Err(format!("{n} elements and {count} queries are too few").into());
        }
        let names = lines(&folder.join("ids.txt"), all.len(), n)?;
        let attributes = folder.join("attrs.jsonl");
        let attributes = if attributes.exists() { lines(&attributes, all.len(), n)? } else { Vec::new() };
        let queries = spread_rows(&asked, count)?;
        let (base, nearest) = if n == all.len() {
            let nearest = read_nearest(&folder.join("groundtruth.i32"), asked.len())?;
            (all, spread(asked.len(), count).map(|query| nearest[query]).collect())
        } else {
            let base = spread_rows(&all, n)?;
            let nearest = truth::nearest(&base, &queries);
            (base, nearest)
        };
        Ok(Self { base, names, attributes, queries, nearest })
    }

    /// The attributes of an element, if the set has any.
    pub(crate) fn attributes_of(&self, row: usize) -> Option<&[u8]> {
        self.attributes.get(row).map(Vec::as_slice)
    }

    /// How many of `names` are among the right answers to query `query`.
    pub(crate) fn hits<'n>(&self, query: usize, names: impl Iterator<Item = &'n [u8]>) -> usize {
        let nearest = &self.nearest[query];
        names.filter(|name| nearest.iter().any(|&row| self.names[row as usize] == *name)).count()
    }
}

/// `count` row numbers, ascending and evenly spread over `len`.
fn spread(len: usize, count: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |i| i * len / count)
}

/// `count` of the rows, evenly spread.
fn spread_rows(rows: &Rows, count: usize) -> Result<Rows, Failure> {
    Rows::new(rows.dim(), spread(rows.len(), count).flat_map(|row| rows.get(row)).copied().collect())
}

fn lines(path: &Path, len: usize, count: usize) -> Result<Vec<Vec<u8>>, Failure> {
    let text = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let lines: Vec<&[u8]> = text.strip_suffix(b"\n").unwrap_or(&text).split(|&byte| byte == b'\n').collect();
    if lines.len() != len {
        return Err(format!("{}: {} lines for {len} rows", path.display(), lines.len()).into());
    }
    Ok(spread(len, count).map(|row| lines[row].to_vec()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_evenly() {
        assert_eq!(spread(10, 5).collect::<Vec<_>>(), [0, 2, 4, 6, 8]);
        assert_eq!(spread(3, 3).collect::<Vec<_>>(), [0, 1, 2]);
        let rows = Rows::new(2, (0..12).map(|x| x as f32).collect()).unwrap();
        let rows = spread_rows(&rows, 3).unwrap();
        assert_eq!(rows.iter().collect::<Vec<_>>(), [[0.0, 1.0], [4.0, 5.0], [8.0, 9.0]]);
    }

    #[test]
    fn counts_right_answers() {
        let rows = || Rows::new(1, vec![1.0; 12]).unwrap();
        let names: Vec<Vec<u8>> = (0..12).map(|i| format!("n{i}").into_bytes()).collect();
        let nearest = vec![std::array::from_fn(|i| i as u32 + 2)];
        let set = Dataset { base: rows(), names, attributes: vec![], queries: rows(), nearest };
        assert_eq!(set.hits(0, [&b"n1"[..], b"n2", b"n11", b"x"].into_iter()), 2);
    }
}
