//! What each kind of code takes, finds and saves: figures that `tools/bench kinds` measures and prints in this form.

/// One kind over one set of real vectors, with cosine distances, M 16, and VSIM's default EF of 100.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Keyword of the kind.
    pub kind: &'static str,
    /// Keyword of the finer copy's kind, if there is a copy.
    pub rerank: Option<&'static str>,
    /// The vectors, named after what they are and their dimension.
    pub set: &'static str,
    /// That an element takes.
    pub bytes: u32,
    /// The share of the ten nearest that a search finds.
    pub recall: f32,
    /// Searches per second, of those of `NOQUANT` in the same run.
    pub speed: f32,
}

/// Set by set.
pub static MEASURED: &[Measured] = &[];
