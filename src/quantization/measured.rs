//! What each kind of code takes, finds and saves: figures that `tools/bench kinds` measures and
//! prints in this form.

/// One kind over one set of real vectors, with cosine distances, M 16, and VSIM's default EF of
/// 100.
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
pub static MEASURED: &[Measured] = &[
    Measured { kind: "NOQUANT", rerank: None, set: "minilm-384", bytes: 1725, recall: 0.984, speed: 1.00 },
    Measured { kind: "Q8", rerank: None, set: "minilm-384", bytes: 577, recall: 0.976, speed: 2.84 },
    Measured { kind: "F16", rerank: None, set: "minilm-384", bytes: 957, recall: 0.979, speed: 1.24 },
    Measured { kind: "BIN", rerank: None, set: "minilm-384", bytes: 252, recall: 0.516, speed: 4.70 },
    Measured { kind: "RQ1", rerank: None, set: "minilm-384", bytes: 253, recall: 0.656, speed: 4.48 },
    Measured { kind: "RQ2", rerank: None, set: "minilm-384", bytes: 296, recall: 0.804, speed: 3.63 },
    Measured { kind: "RQ3", rerank: None, set: "minilm-384", bytes: 345, recall: 0.881, speed: 3.33 },
    Measured { kind: "RQ4", rerank: None, set: "minilm-384", bytes: 392, recall: 0.926, speed: 3.04 },
    Measured { kind: "RQ5", rerank: None, set: "minilm-384", bytes: 441, recall: 0.952, speed: 2.65 },
    Measured { kind: "RQ6", rerank: None, set: "minilm-384", bytes: 488, recall: 0.963, speed: 2.08 },
    Measured { kind: "RQ7", rerank: None, set: "minilm-384", bytes: 536, recall: 0.972, speed: 1.93 },
    Measured { kind: "RQ8", rerank: None, set: "minilm-384", bytes: 584, recall: 0.977, speed: 1.63 },
    Measured { kind: "PQ", rerank: None, set: "minilm-384", bytes: 267, recall: 0.734, speed: 2.29 },
    Measured { kind: "RQ1", rerank: Some("Q8"), set: "minilm-384", bytes: 645, recall: 0.975, speed: 2.57 },
    Measured { kind: "RQ2", rerank: Some("Q8"), set: "minilm-384", bytes: 689, recall: 0.974, speed: 2.39 },
    Measured { kind: "RQ3", rerank: Some("Q8"), set: "minilm-384", bytes: 736, recall: 0.977, speed: 2.26 },
    Measured { kind: "RQ4", rerank: Some("Q8"), set: "minilm-384", bytes: 785, recall: 0.979, speed: 1.98 },
    Measured { kind: "RQ5", rerank: Some("Q8"), set: "minilm-384", bytes: 833, recall: 0.976, speed: 1.70 },
    Measured { kind: "RQ6", rerank: Some("Q8"), set: "minilm-384", bytes: 881, recall: 0.979, speed: 1.46 },
    Measured { kind: "RQ7", rerank: Some("Q8"), set: "minilm-384", bytes: 929, recall: 0.976, speed: 1.45 },
    Measured { kind: "RQ8", rerank: Some("Q8"), set: "minilm-384", bytes: 977, recall: 0.977, speed: 1.27 },
    Measured { kind: "PQ", rerank: Some("Q8"), set: "minilm-384", bytes: 659, recall: 0.978, speed: 1.55 },
];
