//! Float32: components as they are, little-endian.

use super::{ALL_METRICS, Codec, Format, Kind, Metric};

const HEADER: usize = 4;

pub(super) static CODEC: Codec = Codec {
    kind: Kind::Float32,
    keyword: "NOQUANT",
    name: "f32",
    metrics: ALL_METRICS,
    header: HEADER,
    payload: |dim| 4 * dim,
    encode,
    decode,
    distance,
};

fn encode(_: &Format, vector: &[f32], code: &mut [u8]) {
    for (bytes, x) in code[HEADER..].as_chunks_mut::<4>().0.iter_mut().zip(vector) {
        *bytes = x.to_le_bytes();
    }
}

fn decode(_: &Format, code: &[u8], vector: &mut Vec<f32>) {
    vector.extend(code[HEADER..].as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)));
}

/// Redis does not clamp, and tells similarities slightly above 1; they are clamped here.
#[inline(always)]
fn distance(format: &Format, a: &[u8], b: &[u8]) -> f32 {
    let (a, b) = (&a[HEADER..], &b[HEADER..]);
    match format.metric {
        Metric::Cosine => (1.0 - (format.kernels.dot_f32)(a, b)).clamp(0.0, 2.0),
        Metric::L2 => (format.kernels.l2_f32)(a, b),
        Metric::InnerProduct => 1.0 - (format.kernels.dot_f32)(a, b),
    }
}
