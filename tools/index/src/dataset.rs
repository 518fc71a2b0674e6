//! A folder of vectors: `base.f32`, `queries.f32` (raw little-endian float32, row after row) and `groundtruth.i32` (100 row
//! numbers a query, nearest first).

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use crate::Failure;

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
    fn read(path: &Path, dim: usize) -> Result<Self, Failure> {
        let values: Vec<f32> = words(path)?.into_iter().map(f32::from_bits).collect();
        if dim == 0 || values.is_empty() || !values.len().is_multiple_of(dim) {
            return Err(format!("{}: {} floats are no rows of {dim}", path.display(), values.len()).into());
        }
        Ok(Self { dim, values })
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

/// Vectors to add, vectors to ask for, and the right answers.
pub(crate) struct Dataset {
    pub(crate) base: Rows,
    pub(crate) queries: Rows,
    /// Row numbers of each query's nearest.
    pub(crate) nearest: Vec<[u32; COUNT]>,
}

impl Dataset {
    /// Reads the whole set.
    pub(crate) fn read(folder: &Path, dim: usize) -> Result<Self, Failure> {
        let (base, queries) =
            (Rows::read(&folder.join("base.f32"), dim)?, Rows::read(&folder.join("queries.f32"), dim)?);
        let truth = words(&folder.join("groundtruth.i32"))?;
        let nearest: Vec<_> =
            truth.as_chunks::<TRUTH_ROW>().0.iter().map(|row| std::array::from_fn(|i| row[i])).collect();
        if nearest.len() != queries.len() {
            return Err(
                format!("groundtruth.i32: {} rows for {} queries", nearest.len(), queries.len()).into()
            );
        }
        Ok(Self { base, queries, nearest })
    }
}

/// Piece by piece: memory that reading needed and gave back would count as the set's when the set takes it again.
fn words(path: &Path) -> Result<Vec<u32>, Failure> {
    let failure = |error| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(failure)?;
    let count = file.metadata().map_err(failure)?.len() as usize / size_of::<u32>();
    let (mut words, mut reader, mut word) =
        (Vec::with_capacity(count), BufReader::new(file), [0; size_of::<u32>()]);
    for _ in 0..count {
        reader.read_exact(&mut word).map_err(failure)?;
        words.push(u32::from_le_bytes(word));
    }
    Ok(words)
}
