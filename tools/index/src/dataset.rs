//! A folder of vectors: `base.f32`, `queries.f32` (raw little-endian float32, row after row) and
//! `groundtruth.i32` (100 row numbers a query, nearest first).

use std::path::Path;

use crate::Failure;
use crate::rows::{COUNT, Rows, read_nearest};

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
        let base = Rows::read(&folder.join("base.f32"), dim)?;
        let queries = Rows::read(&folder.join("queries.f32"), dim)?;
        let nearest = read_nearest(&folder.join("groundtruth.i32"), queries.len())?;
        Ok(Self { base, queries, nearest })
    }
}
