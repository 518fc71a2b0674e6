//! Binary: a bit per component, 1 where it is greater than 0, in 64-bit little-endian words.
//! Distances count the bits that differ.

use super::{BATCH, Code, Codec, Format, Kind, Metric, NORM, Query};

pub(super) static CODEC: Codec = Codec {
    kind: Kind::Binary,
    keyword: "BIN",
    name: "bin",
    // Signs tell directions, not lengths.
    metrics: &[Metric::Cosine],
    head: NORM.end,
    body,
    encode: |_, vector, _, body| encode(vector, body),
    decode,
    query,
    reads_heads: false,
    distances,
    bounds: None,
    between: |format, a, b| distance((format.kernels.hamming)(a.body, b.body), format.dim),
    valid,
};

fn body(dim: usize) -> usize {
    dim.div_ceil(64) * 8
}

fn encode(vector: &[f32], body: &mut [u8]) {
    for (byte, eight) in body.iter_mut().zip(vector.chunks(8)) {
        *byte = eight.iter().enumerate().fold(0, |bits, (i, &x)| bits | u8::from(x > 0.0) << i);
    }
}

/// True if no bit is set that belongs to no component.
fn valid(format: &Format, code: Code) -> bool {
    let last = format.dim / 8;
    let unused = format.dim % 8;
    let Some((partial, empty)) = code.body[last..].split_first() else { return true };
    u32::from(*partial) >> unused == 0 && empty.iter().all(|&byte| byte == 0)
}

fn query(format: &Format, vector: &[f32]) -> Query {
    let mut bits = vec![0; body(format.dim)];
    encode(vector, &mut bits);
    Query::of(bits)
}

fn decode(format: &Format, code: Code, vector: &mut Vec<f32>) {
    let bit = |i: usize| code.body[i / 8] >> (i % 8) & 1;
    vector.extend((0..format.dim).map(|i| if bit(i) == 1 { 1.0 } else { -1.0 }));
}

fn distances(format: &Format, query: &Query, _: &[&[u8]], bodies: &[&[u8]], results: &mut [f32]) {
    let mut differ = [0; BATCH];
    let differ = &mut differ[..bodies.len()];
    (format.kernels.hammings)(&query.body, bodies, differ);
    results.iter_mut().zip(differ).for_each(|(result, differ)| *result = distance(*differ, format.dim));
}

#[inline(always)]
fn distance(differ: u32, dim: usize) -> f32 {
    differ as f32 * 2.0 / dim as f32
}
