//! Binary: a bit per component, 1 where it is greater than 0, in 64-bit little-endian words. Distances count the bits
//! that differ.

use super::{Codec, Format, Kind, Metric};

const HEADER: usize = 4;

pub(super) static CODEC: Codec = Codec {
    kind: Kind::Binary,
    keyword: "BIN",
    name: "bin",
    // Signs tell directions, not lengths.
    metrics: &[Metric::Cosine],
    header: HEADER,
    payload: |dim| dim.div_ceil(64) * 8,
    encode,
    decode,
    distance,
};

fn encode(_: &Format, vector: &[f32], code: &mut [u8]) {
    for (byte, eight) in code[HEADER..].iter_mut().zip(vector.chunks(8)) {
        *byte = eight.iter().enumerate().fold(0, |bits, (i, &x)| bits | u8::from(x > 0.0) << i);
    }
}

fn decode(format: &Format, code: &[u8], vector: &mut Vec<f32>) {
    let bit = |i: usize| code[HEADER + i / 8] >> (i % 8) & 1;
    vector.extend((0..format.dim).map(|i| if bit(i) == 1 { 1.0 } else { -1.0 }));
}

#[inline(always)]
fn distance(format: &Format, a: &[u8], b: &[u8]) -> f32 {
    let differ = (format.kernels.hamming)(&a[HEADER..], &b[HEADER..]);
    differ as f32 * 2.0 / format.dim as f32
}
