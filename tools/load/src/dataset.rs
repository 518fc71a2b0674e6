//! A folder of real vectors: `base.f32`, `queries.f32` (raw little-endian float32, row after row), `ids.txt` (a name a
//! line), `groundtruth.i32` (100 row numbers a query, nearest first), and where there is one `attrs.jsonl`.

use std::fs;
use std::path::Path;

use crate::Failure;
use crate::truth;

/// How many neighbours are asked for and compared.
pub(crate) const COUNT: usize = 10;
/// Neighbours a row of `groundtruth.i32` holds.
const TRUTH_ROW: usize = 100;

/// Rows of one dimension, flat.
pub(crate) struct Rows {
    dim: usize,
    values: Vec<f32>,
}

impl Rows {
    /// Rows from their values; a part row at the end is an error.
    pub(crate) fn new(dim: usize, values: Vec<f32>) -> Result<Self, Failure> {
        if dim == 0 || !values.len().is_multiple_of(dim) {
            return Err(format!("{} floats are no rows of {dim}", values.len()).into());
        }
        Ok(Self { dim, values })
    }

    fn read(path: &Path, dim: usize) -> Result<Self, Failure> {
        let floats = read(path)?.as_chunks().0.iter().map(|&le| f32::from_le_bytes(le)).collect();
        Self::new(dim, floats)
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.values.len() / self.dim
    }

    /// Row `number`.
    pub(crate) fn get(&self, number: usize) -> &[f32] {
        &self.values[number * self.dim..][..self.dim]
    }

    /// All rows in order.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.dim)
    }

    fn spread(&self, count: usize) -> Self {
        let values = spread(self.len(), count).flat_map(|row| self.get(row)).copied().collect();
        Self { dim: self.dim, values }
    }
}

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
    /// Reads a set, keeping at most `n` elements and `queries` queries, evenly spread over the files (which may be in
    /// order of frequency). The right answers of fewer elements are not in the files: they are computed.
    pub(crate) fn read(folder: &Path, dim: usize, n: usize, queries: usize) -> Result<Self, Failure> {
        let all = Rows::read(&folder.join("base.f32"), dim)?;
        let asked = Rows::read(&folder.join("queries.f32"), dim)?;
        let (n, count) = (n.min(all.len()), queries.min(asked.len()));
        if n < COUNT || count == 0 {
            return Err(format!("{n} elements and {count} queries are too few").into());
        }
        let names = lines(&folder.join("ids.txt"), all.len(), n)?;
        let attributes = folder.join("attrs.jsonl");
        let attributes = if attributes.exists() { lines(&attributes, all.len(), n)? } else { Vec::new() };
        let queries = asked.spread(count);
        let (base, nearest) = if n == all.len() {
            (all, read_nearest(folder, asked.len(), count)?)
        } else {
            let base = all.spread(n);
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

fn lines(path: &Path, len: usize, count: usize) -> Result<Vec<Vec<u8>>, Failure> {
    let text = read(path)?;
    let lines: Vec<&[u8]> = text.strip_suffix(b"\n").unwrap_or(&text).split(|&byte| byte == b'\n').collect();
    if lines.len() != len {
        return Err(format!("{}: {} lines for {len} rows", path.display(), lines.len()).into());
    }
    Ok(spread(len, count).map(|row| lines[row].to_vec()).collect())
}

fn read_nearest(folder: &Path, queries: usize, count: usize) -> Result<Vec<[u32; COUNT]>, Failure> {
    let bytes = read(&folder.join("groundtruth.i32"))?;
    let rows: Vec<u32> = bytes.as_chunks().0.iter().map(|&le| u32::from_le_bytes(le)).collect();
    if rows.len() != queries * TRUTH_ROW {
        return Err(format!("groundtruth.i32: {} rows for {queries} queries", rows.len() / TRUTH_ROW).into());
    }
    Ok(spread(queries, count).map(|query| std::array::from_fn(|i| rows[query * TRUTH_ROW + i])).collect())
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_evenly() {
        assert_eq!(spread(10, 5).collect::<Vec<_>>(), [0, 2, 4, 6, 8]);
        assert_eq!(spread(3, 3).collect::<Vec<_>>(), [0, 1, 2]);
        let rows = Rows::new(2, (0..12).map(|x| x as f32).collect()).unwrap().spread(3);
        assert_eq!(rows.iter().collect::<Vec<_>>(), [[0.0, 1.0], [4.0, 5.0], [8.0, 9.0]]);
    }

    #[test]
    fn refuses_part_rows() {
        assert!(Rows::new(3, vec![0.0; 7]).is_err());
        assert!(Rows::new(0, vec![]).is_err());
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
