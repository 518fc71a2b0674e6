//! What is fixed when an index is made.

use crate::quantization::{Format, Kind, Metric};

/// The most components of a vector. Redis has no limit of its own; its widest model today has
/// 12,288.
pub const MAX_DIM: usize = 65_536;
/// The fewest and the most links per slot, as Redis has them.
pub const MIN_M: usize = 4;
/// See [`MIN_M`].
pub const MAX_M: usize = 4096;
/// The most candidates that a search or an insertion may keep, as Redis has it.
pub const MAX_EF: usize = 1_000_000;

/// The kinds that a finer copy may have.
pub const RERANK_KINDS: [Kind; 2] = [Kind::Int8, Kind::Float16];

/// What is fixed when an index is made. Only valid combinations can be constructed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Params {
    pub(super) dim: usize,
    pub(super) kind: Kind,
    pub(super) rerank: Option<Kind>,
    pub(super) metric: Metric,
    pub(super) m: usize,
    pub(super) ef_construction: usize,
    pub(super) input_dim: Option<usize>,
}

/// Why an index cannot be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InvalidParams {
    /// The dimension, or that of the vectors before projection, is not 1 … [`MAX_DIM`].
    Dim,
    /// M is not [`MIN_M`] … [`MAX_M`].
    M,
    /// EF is not 1 … [`MAX_EF`].
    Ef,
    /// The kind of code cannot express the metric.
    Metric,
    /// The kind of code is not coarse, or that of the finer copy is.
    Rerank,
}

impl Params {
    /// Redis' default for M.
    pub const DEFAULT_M: usize = 16;
    /// Redis' default for the candidates of an insertion.
    pub const DEFAULT_EF: usize = 200;

    /// A set of vectors with `dim` components, with Redis' defaults: Int8, cosine, M 16, EF 200.
    pub fn new(dim: usize) -> Result<Self, InvalidParams> {
        if !(1..=MAX_DIM).contains(&dim) {
            return Err(InvalidParams::Dim);
        }
        let m = Self::DEFAULT_M;
        let ef_construction = Self::DEFAULT_EF;
        Ok(Self {
            dim,
            kind: Kind::DEFAULT,
            rerank: None,
            metric: Metric::Cosine,
            m,
            ef_construction,
            input_dim: None,
        })
    }

    /// How vectors are kept, and what "near" means.
    pub fn with_format(self, kind: Kind, metric: Metric) -> Result<Self, InvalidParams> {
        Format::new(self.dim, kind, metric).ok_or(InvalidParams::Metric)?;
        Ok(Self { kind, metric, ..self })
    }

    /// Beside coarse codes, a finer copy of each vector, by which what a search finds is ranked.
    pub fn with_rerank(self, rerank: Kind) -> Result<Self, InvalidParams> {
        let fine = Format::new(self.dim, rerank, self.metric).ok_or(InvalidParams::Metric)?;
        if !self.format().is_coarse() || !RERANK_KINDS.contains(&fine.kind()) {
            return Err(InvalidParams::Rerank);
        }
        Ok(Self { rerank: Some(rerank), ..self })
    }

    /// Links per slot above layer 0.
    pub fn with_m(self, m: usize) -> Result<Self, InvalidParams> {
        if (MIN_M..=MAX_M).contains(&m) { Ok(Self { m, ..self }) } else { Err(InvalidParams::M) }
    }

    /// Candidates explored by an insertion that does not say.
    pub fn with_ef(self, ef_construction: usize) -> Result<Self, InvalidParams> {
        if (1..=MAX_EF).contains(&ef_construction) {
            Ok(Self { ef_construction, ..self })
        } else {
            Err(InvalidParams::Ef)
        }
    }

    /// Vectors come with `input_dim` components and are projected to `dim`.
    pub fn with_projection(self, input_dim: usize) -> Result<Self, InvalidParams> {
        if (1..=MAX_DIM).contains(&input_dim) {
            Ok(Self { input_dim: Some(input_dim), ..self })
        } else {
            Err(InvalidParams::Dim)
        }
    }

    pub(crate) fn format(&self) -> Format {
        Format::new(self.dim, self.kind, self.metric).expect("checked by `with_format`")
    }

    /// Of codes that a finer copy can refine, if the kind is such.
    pub(super) fn coarse_format(&self) -> Option<Format> {
        Some(self.format()).filter(Format::is_coarse)
    }

    /// Of all other codes: of the finer copy, or of what a set keeps while its kind has not learnt.
    pub(super) fn plain_format(&self) -> Format {
        let kind = if self.format().is_coarse() { self.rerank.unwrap_or(Kind::DEFAULT) } else { self.kind };
        Format::new(self.dim, kind, self.metric).expect("checked by `with_format` and `with_rerank`")
    }

    /// Components of a stored vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// How vectors are kept.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// How the finer copy is kept, if there is one.
    pub fn rerank(&self) -> Option<Kind> {
        self.rerank
    }

    /// What "near" means.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// Links per slot above layer 0, and half of those on it.
    pub fn m(&self) -> usize {
        self.m
    }

    /// Candidates explored by an insertion that does not say.
    pub fn ef_construction(&self) -> usize {
        self.ef_construction
    }

    /// Components of a vector before it is projected, if it is.
    pub fn input_dim(&self) -> Option<usize> {
        self.input_dim
    }
}
