//! Float16: components rounded to IEEE half precision, little-endian. Half the memory of Float32 for a relative error
//! of at most 2⁻¹¹ per component. What lies beyond the range of a half (65,504) is kept as the nearest half.

use half::f16;
use half::slice::HalfFloatSliceExt;

use super::{ALL_METRICS, Codec, Format, Kind, Metric};

const HEADER: usize = 4;

pub(super) static CODEC: Codec = Codec {
    kind: Kind::Float16,
    keyword: "F16",
    name: "f16",
    metrics: ALL_METRICS,
    header: HEADER,
    payload: |dim| 2 * dim,
    encode,
    decode,
    distance,
};

fn encode(_: &Format, vector: &[f32], code: &mut [u8]) {
    let limit = f16::MAX.to_f32();
    for (bytes, x) in code[HEADER..].as_chunks_mut::<2>().0.iter_mut().zip(vector) {
        *bytes = f16::from_f32(x.clamp(-limit, limit)).to_le_bytes();
    }
}

fn decode(_: &Format, code: &[u8], vector: &mut Vec<f32>) {
    let halves: Vec<f16> =
        code[HEADER..].as_chunks::<2>().0.iter().map(|bytes| f16::from_le_bytes(*bytes)).collect();
    vector.resize(halves.len(), 0.0);
    halves.convert_to_f32_slice(vector);
}

#[inline(always)]
fn distance(format: &Format, a: &[u8], b: &[u8]) -> f32 {
    let (a, b) = (&a[HEADER..], &b[HEADER..]);
    match format.metric {
        Metric::Cosine => (1.0 - (format.kernels.dot_f16)(a, b)).clamp(0.0, 2.0),
        Metric::L2 => (format.kernels.l2_f16)(a, b),
        Metric::InnerProduct => 1.0 - (format.kernels.dot_f16)(a, b),
    }
}
