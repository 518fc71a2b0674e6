//! The requests that measurements are made of.

use std::ops::Range;

use crate::dataset::Dataset;
use crate::resp::Requests;
use crate::rows::COUNT;

/// The vector set that everything happens in.
pub(crate) const KEY: &[u8] = b"bench";
/// What a writer multiplies components of a vector with, in turns: the vector differs, its
/// neighbours hardly do.
const NUDGES: [f32; 2] = [1.01, 0.99];

/// A vector as VADD and VSIM take it behind FP32.
pub(crate) fn blob(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Adds these rows of the base.
pub(crate) fn additions(set: &Dataset, rows: Range<usize>) -> Requests {
    let mut requests = Requests::default();
    for row in rows {
        let blob = blob(set.base.get(row));
        let mut args: Vec<&[u8]> = vec![b"VADD", KEY, b"FP32", &blob, &set.names[row]];
        if let Some(attributes) = set.attributes_of(row) {
            args.extend([b"SETATTR", attributes]);
        }
        requests.push(&args);
    }
    requests
}

/// Every query, with this EF.
pub(crate) fn searches(set: &Dataset, ef: usize) -> Requests {
    let (count, ef) = (COUNT.to_string(), ef.to_string());
    let mut requests = Requests::default();
    for query in set.queries.iter() {
        let blob = blob(query);
        requests.push(&[b"VSIM", KEY, b"FP32", &blob, b"COUNT", count.as_bytes(), b"EF", ef.as_bytes()]);
    }
    requests
}

/// Updates of at most so many elements spread over the set, each with its own vector nudged: the
/// server must link it anew, and the right answers stay right.
pub(crate) fn updates(set: &Dataset, most: usize) -> Requests {
    let written = set.base.len().min(most);
    let mut requests = Requests::default();
    for nudge in NUDGES {
        for row in (0..written).map(|i| i * set.base.len() / written) {
            let blob = blob(&nudged(set.base.get(row), nudge));
            requests.push(&[b"VADD", KEY, b"FP32", &blob, &set.names[row]]);
        }
    }
    requests
}

/// Every other component nudged: were all of them, the direction would be the same.
fn nudged(vector: &[f32], nudge: f32) -> Vec<f32> {
    vector.iter().enumerate().map(|(i, value)| if i % 2 == 0 { value * nudge } else { *value }).collect()
}
