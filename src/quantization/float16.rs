//! Float16: components rounded to IEEE half precision, little-endian. Half the memory of Float32
//! for a relative error of at most 2⁻¹¹ per component. What lies beyond the range of a half
//! (65,504) is kept as the nearest half.

use half::f16;
use half::slice::HalfFloatSliceExt;

use super::{ALL_METRICS, Code, Codec, Format, Kind, Metric, NORM, Query};
use crate::kernels::as_bytes;

pub(super) static CODEC: Codec = Codec {
    kind: Kind::Float16,
    keyword: "F16",
    name: "f16",
    metrics: ALL_METRICS,
    head: NORM.end,
    body: |dim| 2 * dim,
    encode: |_, vector, _, body| encode(vector, body),
    decode,
    // A query keeps its float32: it is better and as fast.
    query: |_, vector| Query::of(as_bytes(vector)),
    reads_heads: false,
    distances,
    bounds: None,
    between,
    valid: |_, code| all_finite(code.body),
};

fn encode(vector: &[f32], body: &mut [u8]) {
    let limit = f16::MAX.to_f32();
    for (bytes, x) in body.as_chunks_mut::<2>().0.iter_mut().zip(vector) {
        *bytes = f16::from_f32(x.clamp(-limit, limit)).to_le_bytes();
    }
}

fn all_finite(body: &[u8]) -> bool {
    body.as_chunks::<2>().0.iter().all(|bytes| f16::from_le_bytes(*bytes).is_finite())
}

fn decode(_: &Format, code: Code, vector: &mut Vec<f32>) {
    let halves: Vec<f16> =
        code.body.as_chunks::<2>().0.iter().map(|bytes| f16::from_le_bytes(*bytes)).collect();
    vector.resize(halves.len(), 0.0);
    halves.convert_to_f32_slice(vector);
}

fn distances(format: &Format, query: &Query, _: &[&[u8]], bodies: &[&[u8]], results: &mut [f32]) {
    let kernels = format.kernels;
    let kernel = if format.metric == Metric::L2 { kernels.l2s_f32_f16 } else { kernels.dots_f32_f16 };
    kernel(&query.body, bodies, results);
    results.iter_mut().for_each(|result| *result = format.metric.of_kernel(*result));
}

fn between(format: &Format, a: Code, b: Code) -> f32 {
    let kernels = format.kernels;
    let kernel = if format.metric == Metric::L2 { kernels.l2_f16 } else { kernels.dot_f16 };
    format.metric.of_kernel(kernel(a.body, b.body))
}
