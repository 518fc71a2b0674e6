//! Int8: components scaled so that the greatest is ±127, and rounded half away from zero; the scale
//! is kept as the *range*, the greatest absolute component. Stored bytes and cosine distances equal
//! those of Redis 8.6 bit for bit.

use std::ops::Range;

use super::{
    ALL_METRICS, BATCH, Code, Codec, Format, Kind, Metric, NORM, Query, get_f32, is_length, put_f32,
};

const RANGE: Range<usize> = 4..8;

/// From this dimension on Redis' vector code computes `1 − dot · scale` with one rounding, below it
/// with two.
const FUSED_FROM: usize = 32;

pub(super) static CODEC: Codec = Codec {
    kind: Kind::Int8,
    keyword: "Q8",
    name: "int8",
    metrics: ALL_METRICS,
    head: RANGE.end,
    body: |dim| dim,
    encode,
    decode,
    query,
    reads_heads: true,
    distances,
    bounds: None,
    between,
    valid: |_, code| is_length(range(code.head)),
};

pub(super) fn range(head: &[u8]) -> f32 {
    get_f32(head, RANGE.start)
}

/// What stands beside the components. Under [`Metric::L2`] the squared norm takes the place of the
/// norm.
#[derive(Clone, Copy)]
struct Scale {
    range: f32,
    squared_norm: f32,
}

impl Scale {
    #[inline(always)]
    fn of(head: &[u8]) -> Self {
        Self { range: range(head), squared_norm: get_f32(head, NORM.start) }
    }
}

fn encode(format: &Format, vector: &[f32], head: &mut [u8], body: &mut [u8]) {
    let range = quantise(vector, body);
    put_f32(head, RANGE.start, range);
    if format.metric == Metric::L2 {
        put_f32(head, NORM.start, squared_norm(body, range) as f32);
    }
}

/// Writes the components and returns their range.
fn quantise(vector: &[f32], body: &mut [u8]) -> f32 {
    let range = vector.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    // Infinite for a range below 4e-37. Redis' cast of infinite components gives 0 then, as for a
    // range of 0.
    let scale = Some(127.0 / range).filter(|scale| scale.is_finite()).unwrap_or(0.0);
    for (byte, x) in body.iter_mut().zip(vector) {
        *byte = (x * scale).round() as i8 as u8;
    }
    range
}

fn decode(_: &Format, code: Code, vector: &mut Vec<f32>) {
    // Multiplied before it is divided, as Redis rounds.
    let range = range(code.head);
    vector.extend(code.body.iter().map(|&byte| byte as i8 as f32 * range / 127.0));
}

/// Of the vector that a code stands for.
fn squared_norm(body: &[u8], range: f32) -> f64 {
    let squares: i64 = body.iter().map(|&byte| (byte as i8 as i64).pow(2)).sum();
    squares as f64 * (range as f64 / 127.0).powi(2)
}

/// The components, and as numbers the two of its [`Scale`].
fn query(_: &Format, vector: &[f32]) -> Query {
    let mut body = vec![0; vector.len()].into_boxed_slice();
    let range = quantise(vector, &mut body);
    let squared_norm = squared_norm(&body, range) as f32;
    Query { body, numbers: [range, squared_norm, 0.0, 0.0] }
}

fn distances(format: &Format, query: &Query, heads: &[&[u8]], bodies: &[&[u8]], results: &mut [f32]) {
    let mut dots = [0; BATCH];
    let dots = &mut dots[..bodies.len()];
    (format.kernels.dots_i8)(&query.body, bodies, dots);
    let [range, squared_norm, ..] = query.numbers;
    let scale = Scale { range, squared_norm };
    for ((result, dot), head) in results.iter_mut().zip(dots).zip(heads) {
        *result = distance(format, *dot, scale, Scale::of(head));
    }
}

fn between(format: &Format, a: Code, b: Code) -> f32 {
    distance(format, (format.kernels.dot_i8)(a.body, b.body), Scale::of(a.head), Scale::of(b.head))
}

#[inline(always)]
fn distance(format: &Format, dot: i32, a: Scale, b: Scale) -> f32 {
    let dot = dot as f32;
    let scale = (a.range / 127.0) * (b.range / 127.0);
    match format.metric {
        Metric::Cosine if a.range == 0.0 || b.range == 0.0 => 1.0,
        Metric::Cosine => one_minus(dot, scale, format.dim).clamp(0.0, 2.0),
        Metric::InnerProduct => one_minus(dot, scale, format.dim),
        Metric::L2 => {
            let squares = a.squared_norm as f64 + b.squared_norm as f64;
            (squares - 2.0 * dot as f64 * scale as f64).max(0.0) as f32
        }
    }
}

/// `1 − dot · scale`, rounded as Redis' code for the dimension rounds. The product of two float32
/// is exact in float64, so the one rounding of a fused multiply-add is the last conversion here.
#[inline(always)]
fn one_minus(dot: f32, scale: f32, dim: usize) -> f32 {
    if dim >= FUSED_FROM { (1.0 - dot as f64 * scale as f64) as f32 } else { 1.0 - dot * scale }
}
