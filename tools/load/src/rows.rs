//! Files of vectors (raw little-endian float32, row after row) and of right answers (100 row
//! numbers a query, nearest first). tools/index includes this file too.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use crate::Failure;

/// How many neighbours are asked for and compared.
pub(crate) const COUNT: usize = 10;
/// Neighbours a row of the file of right answers holds.
const TRUTH_ROW: usize = 100;

/// Rows of one dimension, flat.
pub(crate) struct Rows {
    dim: usize,
    values: Vec<f32>,
}

impl Rows {
    /// Rows from their values; none, or a part row at the end, is an error.
    pub(crate) fn new(dim: usize, values: Vec<f32>) -> Result<Self, Failure> {
        if dim == 0 || values.is_empty() || !values.len().is_multiple_of(dim) {
            return Err(format!("{} floats are no rows of {dim}", values.len()).into());
        }
        Ok(Self { dim, values })
    }

    pub(crate) fn read(path: &Path, dim: usize) -> Result<Self, Failure> {
        let values = words(path)?.into_iter().map(f32::from_bits).collect();
        Self::new(dim, values).map_err(|error| format!("{}: {error}", path.display()).into())
    }

    /// Components of a row.
    pub(crate) fn dim(&self) -> usize {
        self.dim
    }

    /// How many rows there are, at least one.
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
}

/// Row numbers of the nearest of each of so many queries, nearest first.
pub(crate) fn read_nearest(path: &Path, queries: usize) -> Result<Vec<[u32; COUNT]>, Failure> {
    let numbers = words(path)?;
    if numbers.len() != queries * TRUTH_ROW {
        return Err(format!("{}: {} numbers for {queries} queries", path.display(), numbers.len()).into());
    }
    let rows = numbers.as_chunks::<TRUTH_ROW>().0;
    Ok(rows.iter().map(|row| std::array::from_fn(|i| row[i])).collect())
}

/// The little-endian words of a file. Piece by piece: memory that reading took and gave back would
/// hide what a set takes, if the set took it again.
pub(crate) fn words(path: &Path) -> Result<Vec<u32>, Failure> {
    let failure = |error| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(failure)?;
    let count = file.metadata().map_err(failure)?.len() as usize / size_of::<u32>();
    let mut words = Vec::with_capacity(count);
    let mut reader = BufReader::new(file);
    let mut word = [0; size_of::<u32>()];
    for _ in 0..count {
        reader.read_exact(&mut word).map_err(failure)?;
        words.push(u32::from_le_bytes(word));
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_part_rows() {
        assert!(Rows::new(3, vec![0.0; 7]).is_err());
        assert!(Rows::new(0, vec![0.0; 7]).is_err());
        assert!(Rows::new(3, vec![]).is_err());
    }
}
