//! `DISTINCT field [n]`: at most `n` results (1) with the same value of a field, such as the chunks
//! of one document.
//!
//! Elements without a value there are not limited; one with an array is a result if each item has
//! room. Of the elements that are near, as many are looked at as it takes for `COUNT` results, at
//! most 64 for each, or 4,096.

use std::collections::HashMap;

use super::filters::field;
use crate::resp::{Args, Error};
use crate::vector_set::filter::FieldReader;
use crate::vector_set::{FacetValue, Hit};

/// Elements looked at for each result at most.
const LOOKED_AT_EACH: usize = 64;
/// So many are looked at in any case.
const LOOKED_AT: usize = 4096;
/// If there are too few results, so many times as many elements are looked at.
const GROWTH: usize = 4;

/// The limit of results with the same value.
pub(super) struct Distinct {
    field: FieldReader,
    most: usize,
}

impl Distinct {
    /// Takes the arguments behind the word.
    pub(super) fn take(args: &mut Args) -> Result<Self, Error> {
        let path = field(args)?;
        let is_count = args.peek().is_some_and(|word| word.iter().all(u8::is_ascii_digit));
        let most = if is_count { args.integer_or("ERR invalid count of DISTINCT")? } else { 1 };
        if most == 0 {
            return Err(Error::new("ERR invalid count of DISTINCT"));
        }
        Ok(Self { field: FieldReader::new([path]), most })
    }

    /// How many elements to look at if this many were too few; none: no more.
    pub(super) fn next_count(&self, count: usize, wanted: usize) -> Option<usize> {
        let most = LOOKED_AT.max(wanted.saturating_mul(LOOKED_AT_EACH));
        (count < most).then(|| count.saturating_mul(GROWTH).min(most))
    }

    /// Nothing was seen yet.
    pub(super) fn seen(&self) -> Seen<'_> {
        Seen { distinct: self, counts: HashMap::new() }
    }
}

/// What the results so far have.
pub(super) struct Seen<'d> {
    distinct: &'d Distinct,
    counts: HashMap<FacetValue, usize>,
}

impl Seen<'_> {
    /// True if a further result has room; it is then counted.
    pub(super) fn admits(&mut self, hit: &Hit) -> bool {
        let values = hit.values(&self.distinct.field);
        let has_room =
            values.iter().all(|value| self.counts.get(value).is_none_or(|&seen| seen < self.distinct.most));
        if has_room {
            values.into_iter().for_each(|value| *self.counts.entry(value).or_default() += 1);
        }
        has_room
    }
}
