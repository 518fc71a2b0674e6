//! The codes of product quantisation.
//!
//! ```text
//! head [norm: f32]    body [number of a centroid: u8 …][gain: f16][cosine: u16]
//! ```
//!
//! A vector is its length, times the centroids, times the *gain* that makes them as long as 1; the
//! *cosine* between the two, in steps of 1/65,535, says how far estimates are off. The norm is the
//! length under every metric.
//!
//! A query is the tables of its direction, and as numbers what turns a sum of steps into a product,
//! and its length.

use half::f16;

use super::arithmetic::length;
use super::{Codebook, Fit, SAMPLE, steps};
use crate::quantization::{
    ALL_METRICS, Code, Codec, Format, Kind, Metric, NORM, Query, get_f32, normalised, put_f32,
};

/// Components per byte. (With 16, recall@10 of a scan over sentence embeddings falls from 0.72 to
/// 0.56.)
pub(super) const WIDTH: usize = 8;
/// Bytes behind the centroids' numbers.
const FIT: usize = 4;
/// Vectors that are learnt from hold no more components than this together, 64 MiB: of long ones
/// fewer do.
const SAMPLE_COMPONENTS: usize = 16 << 20;
/// Bounds are so many standard deviations below the estimate. Of the ten nearest, 0.3 % or fewer
/// lie still nearer than that (sentence embeddings, word vectors).
const DEVIATIONS: f32 = 1.9;

pub(in crate::quantization) static CODEC: Codec = Codec {
    kind: Kind::Product,
    keyword: "PQ",
    name: "pq",
    metrics: ALL_METRICS,
    head: NORM.end,
    body: |dim| dim.div_ceil(WIDTH) + FIT,
    encode,
    decode,
    query,
    reads_heads: false,
    distances,
    bounds: Some(bounds),
    between,
    valid: |_, code| parts(code.body).1.gain.is_finite(),
};

impl Codebook {
    /// How many vectors to learn from.
    pub fn sample_of(dim: usize) -> usize {
        SAMPLE.min(SAMPLE_COMPONENTS / dim)
    }

    /// Learns from vectors of `dim` components, one after the other, at least one.
    pub fn of(mut vectors: Vec<f32>, dim: usize, seed: u64) -> Self {
        for vector in vectors.chunks_exact_mut(dim) {
            vector.copy_from_slice(&normalised(vector).0);
        }
        Self::learn(vectors, dim, WIDTH, seed)
    }
}

fn codebook(format: &Format) -> &Codebook {
    format.codebook.as_deref().expect("vectors are encoded once there is a codebook")
}

fn encode(format: &Format, vector: &[f32], head: &mut [u8], body: &mut [u8]) {
    let (code, fit) = body.split_at_mut(body.len() - FIT);
    if format.metric != Metric::Cosine {
        put_f32(head, NORM.start, length(vector));
    }
    let (direction, _) = normalised(vector);
    let Fit { gain, cosine } = codebook(format).encode(&direction, code);
    fit[..2].copy_from_slice(&f16::from_f32(gain.min(f16::MAX.to_f32())).to_le_bytes());
    fit[2..].copy_from_slice(&((cosine * f32::from(u16::MAX)).round() as u16).to_le_bytes());
}

/// The two parts of a body.
#[inline(always)]
fn parts(body: &[u8]) -> (&[u8], Fit) {
    let (code, fit) = body.split_at(body.len() - FIT);
    let gain = f16::from_le_bytes([fit[0], fit[1]]).to_f32();
    let cosine = f32::from(u16::from_le_bytes([fit[2], fit[3]])) / f32::from(u16::MAX);
    (code, Fit { gain, cosine })
}

fn decode(format: &Format, code: Code, vector: &mut Vec<f32>) {
    let (centroids, fit) = parts(code.body);
    codebook(format).decode(centroids, vector);
    let scale = fit.gain * length_of(format, code.head);
    vector.iter_mut().for_each(|x| *x *= scale);
}

/// Of the vector as the metric compares it.
#[inline(always)]
fn length_of(format: &Format, head: &[u8]) -> f32 {
    if format.metric == Metric::Cosine { 1.0 } else { get_f32(head, NORM.start) }
}

fn query(format: &Format, vector: &[f32]) -> Query {
    let tables = codebook(format).tables(&normalised(vector).0);
    Query { body: tables.steps, numbers: [tables.offset, tables.step, length(vector), 0.0] }
}

fn distances(format: &Format, query: &Query, heads: &[&[u8]], bodies: &[&[u8]], results: &mut [f32]) {
    each(format, query, heads, bodies, results, |product, fit| product * fit.gain);
}

fn bounds(format: &Format, query: &Query, heads: &[&[u8]], bodies: &[&[u8]], results: &mut [f32]) {
    let deviations = DEVIATIONS * codebook(format).spread();
    each(format, query, heads, bodies, results, |product, fit| {
        (product * fit.unbiased() + deviations * fit.deviation(format.dim)).min(1.0)
    });
}

/// The distances that follow from the cosines that `cosine` makes of a product with the centroids.
#[inline(always)]
fn each(
    format: &Format,
    query: &Query,
    heads: &[&[u8]],
    bodies: &[&[u8]],
    results: &mut [f32],
    cosine: impl Fn(f32, Fit) -> f32,
) {
    let [offset, step, length, _] = query.numbers;
    for ((body, head), result) in bodies.iter().zip(heads).zip(results) {
        let (code, fit) = parts(body);
        let product = offset + step * steps(&query.body, code) as f32;
        *result = distance(format.metric, cosine(product, fit), length, length_of(format, head));
    }
}

fn between(format: &Format, a: Code, b: Code) -> f32 {
    let ((code_a, fit_a), (code_b, fit_b)) = (parts(a.body), parts(b.body));
    let cosine = codebook(format).dot(code_a, code_b) * (fit_a.gain * fit_b.gain);
    distance(format.metric, cosine, length_of(format, a.head), length_of(format, b.head))
}

#[inline(always)]
fn distance(metric: Metric, cosine: f32, a: f32, b: f32) -> f32 {
    match metric {
        Metric::Cosine => (1.0 - cosine).clamp(0.0, 2.0),
        Metric::InnerProduct => 1.0 - a * b * cosine,
        Metric::L2 => (a * a + b * b - 2.0 * a * b * cosine).max(0.0),
    }
}
