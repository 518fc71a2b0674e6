//! Distances between codes in the arena: what the index asks for.

use super::VectorSet;
use crate::arena::Codes;
use crate::index::Scorer;
use crate::kernels::prefetch;
use crate::quantization::Format;

/// Bytes of a code that are asked for ahead; the hardware's own prefetcher follows from there.
const AHEAD: usize = 256;

/// Scores slots against one query.
pub(super) struct CodeScorer<'a> {
    codes: &'a Codes,
    format: &'a Format,
    query: &'a [u8],
}

impl VectorSet {
    /// `query`: a code of this set's format.
    pub(super) fn scorer<'a>(&'a self, query: &'a [u8]) -> CodeScorer<'a> {
        CodeScorer { codes: &self.codes, format: &self.format, query }
    }
}

impl Scorer for CodeScorer<'_> {
    #[inline(always)]
    fn distance(&self, slot: u32) -> f32 {
        self.format.distance(self.query, self.codes.get(slot))
    }

    #[inline(always)]
    fn between(&self, a: u32, b: u32) -> f32 {
        self.format.distance(self.codes.get(a), self.codes.get(b))
    }

    #[inline(always)]
    fn prefetch(&self, slot: u32) {
        let code = self.codes.get(slot);
        prefetch(&code[..code.len().min(AHEAD)]);
    }
}
