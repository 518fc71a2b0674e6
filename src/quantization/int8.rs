//! Int8: components scaled so that the greatest is ±127, and rounded half away from zero; the scale is kept as the
//! *range*, the greatest absolute component. Stored bytes and cosine distances equal those of Redis 8.6 bit for bit.

use super::{ALL_METRICS, Codec, Format, Kind, Metric, NORM, get_f32, put_f32};

const RANGE: usize = 4;
const HEADER: usize = 8;

/// From this dimension on Redis' vector code computes `1 − dot · scale` with one rounding, below it with two.
const FUSED_FROM: usize = 32;

pub(super) static CODEC: Codec = Codec {
    kind: Kind::Int8,
    keyword: "Q8",
    name: "int8",
    metrics: ALL_METRICS,
    header: HEADER,
    payload: |dim| dim,
    encode,
    decode,
    distance,
};

pub(super) fn range(code: &[u8]) -> f32 {
    get_f32(code, RANGE)
}

fn encode(format: &Format, vector: &[f32], code: &mut [u8]) {
    let range = vector.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    // Infinite for a range below 4e-37. Redis' cast of infinite components gives 0 then, as for a range of 0.
    let scale = Some(127.0 / range).filter(|scale| scale.is_finite()).unwrap_or(0.0);
    put_f32(code, RANGE, range);
    for (byte, x) in code[HEADER..].iter_mut().zip(vector) {
        *byte = (x * scale).round() as i8 as u8;
    }
    if format.metric == Metric::L2 {
        put_f32(code, NORM.start, squared_norm(code) as f32);
    }
}

fn decode(_: &Format, code: &[u8], vector: &mut Vec<f32>) {
    // Multiplied before it is divided, as Redis rounds.
    let range = range(code);
    vector.extend(code[HEADER..].iter().map(|&byte| byte as i8 as f32 * range / 127.0));
}

/// Of the vector that the code stands for.
fn squared_norm(code: &[u8]) -> f64 {
    let squares: i64 = code[HEADER..].iter().map(|&byte| (byte as i8 as i64).pow(2)).sum();
    squares as f64 * (range(code) as f64 / 127.0).powi(2)
}

#[inline(always)]
fn distance(format: &Format, a: &[u8], b: &[u8]) -> f32 {
    let (range_a, range_b) = (range(a), range(b));
    let scale = (range_a / 127.0) * (range_b / 127.0);
    let dot = (format.kernels.dot_i8)(&a[HEADER..], &b[HEADER..]) as f32;
    match format.metric {
        Metric::Cosine if range_a == 0.0 || range_b == 0.0 => 1.0,
        Metric::Cosine => one_minus(dot, scale, format.dim).clamp(0.0, 2.0),
        Metric::InnerProduct => one_minus(dot, scale, format.dim),
        Metric::L2 => {
            let squares = get_f32(a, NORM.start) as f64 + get_f32(b, NORM.start) as f64;
            (squares - 2.0 * dot as f64 * scale as f64).max(0.0) as f32
        }
    }
}

/// `1 − dot · scale`, rounded as Redis' code for the dimension rounds. The product of two float32 is exact in float64,
/// so the one rounding of a fused multiply-add is the last conversion here.
#[inline(always)]
fn one_minus(dot: f32, scale: f32, dim: usize) -> f32 {
    if dim >= FUSED_FROM { (1.0 - dot as f64 * scale as f64) as f32 } else { 1.0 - dot * scale }
}
