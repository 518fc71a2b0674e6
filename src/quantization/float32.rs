//! Float32: components as they are, little-endian.

use super::{ALL_METRICS, Code, Codec, Format, Kind, Metric, NORM, Query, all_finite};
use crate::kernels::as_bytes;

pub(super) static CODEC: Codec = Codec {
    kind: Kind::Float32,
    keyword: "NOQUANT",
    name: "f32",
    metrics: ALL_METRICS,
    head: NORM.end,
    body: |dim| 4 * dim,
    encode: |_, vector, _, body| body.copy_from_slice(as_bytes(vector)),
    decode,
    query: |_, vector| Query::of(as_bytes(vector)),
    reads_heads: false,
    distances,
    bounds: None,
    between,
    valid: |_, code| all_finite(code.body),
};

fn decode(_: &Format, code: Code, vector: &mut Vec<f32>) {
    vector.extend(code.body.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)));
}

fn distances(format: &Format, query: &Query, _: &[&[u8]], bodies: &[&[u8]], results: &mut [f32]) {
    let kernels = format.kernels;
    let kernel = if format.metric == Metric::L2 { kernels.l2s_f32 } else { kernels.dots_f32 };
    kernel(&query.body, bodies, results);
    results.iter_mut().for_each(|result| *result = format.metric.of_kernel(*result));
}

fn between(format: &Format, a: Code, b: Code) -> f32 {
    let kernels = format.kernels;
    let kernel = if format.metric == Metric::L2 { kernels.l2_f32 } else { kernels.dot_f32 };
    format.metric.of_kernel(kernel(a.body, b.body))
}
