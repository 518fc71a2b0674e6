//! The texts of errors on vector sets, each in one place, as Redis words them.

use crate::resp::Error;
use crate::vector_set::{InvalidParams, MAX_DIM, QueryError};

pub(super) const INVALID_VECTOR: &str = "ERR invalid vector specification";
pub(super) const INVALID_EF: &str = "ERR invalid EF";
pub(super) const INVALID_M: &str = "ERR invalid M";
pub(super) const INVALID_COUNT: &str = "ERR invalid COUNT";
pub(super) const INVALID_FILTER_EF: &str = "ERR invalid FILTER-EF";
pub(in crate::commands) const NO_NEW_SETS: &str =
    "OOM new vector sets are refused above 'mem-threshold-high', since nothing may be evicted";
pub(super) const ELEMENTS_FULL: &str = "OOM the set has reached its limit of elements";
pub(super) const BYTES_FULL: &str = "OOM the set has reached its limit of bytes";
pub(super) const NO_TIER: &str = "ERR TIER warm needs the option 'tier-dir'";
pub(super) const NO_COLD: &str = "ERR VTIER COLD needs the option 'tier-dir'";
pub(super) const NO_CHOICE: &str =
    "ERR this set stays where it is until it has learnt what its codes are made with";
pub(super) const DAMAGED: &str = "ERR vector set is damaged: some of its bytes in 'tier-dir' could not be \
    read; delete it, or restart to make it anew from the snapshot and the log";
pub(super) const ELEMENT_NOT_FOUND: &str = "ERR element not found in set";

/// A block of a set's files is not what was written.
pub(super) fn damaged(what: &str) -> String {
    format!(
        "ERR vector set is damaged: {what}; delete it, or remove the file and restart to make it anew from \
        the snapshot and the log"
    )
}

/// A vector of `got` components for a set that `has` others.
pub(super) fn dimension_mismatch(got: usize, has: usize) -> Error {
    Error::from(format!("ERR Vector dimension mismatch - got {got} but set has {has}"))
}

/// A vector of `got` components for a projection that `expects` others.
pub(super) fn projection_mismatch(got: usize, expects: usize) -> Error {
    Error::from(format!(
        "ERR Input dimension mismatch for projection - got {got} but projection expects {expects}"
    ))
}

impl From<QueryError> for Error {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Dimension { got, has } => dimension_mismatch(got, has),
            QueryError::ProjectionDimension { got, expects } => projection_mismatch(got, expects),
        }
    }
}

impl From<InvalidParams> for Error {
    fn from(error: InvalidParams) -> Self {
        match error {
            InvalidParams::Dim => Error::from(format!("ERR invalid dimension, it must be 1 to {MAX_DIM}")),
            InvalidParams::M => Error::from(INVALID_M),
            InvalidParams::Ef => Error::from(INVALID_EF),
            InvalidParams::Rerank => {
                Error::from("ERR RERANK Q8 or F16 goes with coarse kinds: RQ1 to RQ8 and PQ")
            }
            InvalidParams::Metric => Error::from("ERR BIN keeps directions only, it goes with METRIC COSINE"),
        }
    }
}
