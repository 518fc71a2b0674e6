//! Real vectors: the set in `tests/data/minilm-3k`, whose README says what they are.

use std::fs;
use std::path::PathBuf;

use half::f16;

/// Components of each vector.
pub(crate) const DIM: usize = 384;

/// Elements, and queries that are none of them.
pub(crate) struct RealSet {
    pub(crate) names: Vec<String>,
    /// JSON, one object for each element.
    pub(crate) attributes: Vec<String>,
    pub(crate) vectors: Vec<Vec<f32>>,
    pub(crate) queries: Vec<Vec<f32>>,
}

impl RealSet {
    pub(crate) fn load() -> Self {
        let set = Self {
            names: lines("names.txt"),
            attributes: lines("attributes.jsonl"),
            vectors: vectors("base.f16"),
            queries: vectors("queries.f16"),
        };
        assert_eq!((set.names.len(), set.attributes.len()), (set.vectors.len(), set.vectors.len()));
        set
    }
}

fn path(file: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/data/minilm-3k", file].iter().collect()
}

fn lines(file: &str) -> Vec<String> {
    let text = fs::read_to_string(path(file)).expect("part of the repository");
    text.lines().map(str::to_owned).collect()
}

fn vectors(file: &str) -> Vec<Vec<f32>> {
    let bytes = fs::read(path(file)).expect("part of the repository");
    let (halves, rest) = bytes.as_chunks::<2>();
    assert!(rest.is_empty() && halves.len().is_multiple_of(DIM));
    let row = |row: &[[u8; 2]]| row.iter().map(|&half| f16::from_le_bytes(half).to_f32()).collect();
    halves.chunks(DIM).map(row).collect()
}
