//! Estimates against exact arithmetic over many vectors, and what the papers promise of them.

use super::estimate::{Estimate, dot_between, sine_of_right_angles};
use super::*;
use crate::kernels::kernels;
use crate::quantization::{BATCH, Format, Metric};

const DIMS: [usize; 4] = [20, 100, 128, 384];
const PAIRS: u64 = 1000;

/// Numbers with the normal distribution, the same for the same seed.
pub(in crate::quantization) fn gaussian(len: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut uniform = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let mut normal =
        || (-2.0 * uniform().max(1e-300).ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos();
    (0..100).for_each(|_| _ = normal());
    (0..len).map(|_| normal() as f32).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}

fn norm(a: &[f32]) -> f64 {
    dot(a, a).sqrt()
}

/// Two vectors of different lengths, whose angle differs from pair to pair.
fn pair(dim: usize, seed: u64) -> (Vec<f32>, Vec<f32>) {
    let x = gaussian(dim, 2 * seed);
    let noise = gaussian(dim, 2 * seed + 1);
    let common = (seed % 8) as f32 / 4.0;
    let q = x.iter().zip(&noise).map(|(x, noise)| 0.5 * (common * x + noise)).collect();
    (x, q)
}

fn encoded(bits: usize, vector: &[f32]) -> Vec<u8> {
    let mut code = vec![0; code_bytes(bits, vector.len())];
    encode(bits, vector, &mut code);
    code
}

fn estimate(bits: usize, code: &[u8], query: &[f32]) -> (Estimate, f32) {
    let query = super::query(bits, query);
    let mut found = None;
    estimates(kernels(), bits, &query, &[code], |_, estimate| found = Some(estimate));
    (found.expect("one code, one estimate"), query.numbers[0])
}

/// Of one pair: the error of the estimate in standard deviations, that error for unit vectors, and
/// whether the true dot product is above the bound.
fn error(bits: usize, dim: usize, seed: u64) -> (f64, f64, bool) {
    let (x, q) = pair(dim, seed);
    let (estimate, step) = estimate(bits, &encoded(bits, &x), &q);
    let exact = dot(&x, &q);
    let lengths = norm(&x) * norm(&q);
    let across = (lengths * lengths - exact * exact).max(0.0);
    let rounding = norm(&x) * f64::from(step) / 12f64.sqrt();
    let deviation = (estimate.deviation.powi(2) * across + rounding * rounding).sqrt();
    let error = estimate.dot - exact;
    (error / deviation, error / lengths, exact > estimate.at_most(step))
}

#[test]
fn estimates_have_no_bias_and_the_stated_deviation() {
    for bits in 1..=8 {
        for dim in DIMS {
            let errors: Vec<f64> = (0..PAIRS).map(|seed| error(bits, dim, seed).0).collect();
            let mean = errors.iter().sum::<f64>() / PAIRS as f64;
            let deviation = (errors.iter().map(|error| error * error).sum::<f64>() / PAIRS as f64).sqrt();
            // The mean of so many has a standard deviation of 0.032, the deviation one of 0.022.
            assert!(mean.abs() < 0.13, "{bits} bits, {dim}: {mean}");
            assert!((deviation - 1.0).abs() < 0.11, "{bits} bits, {dim}: {deviation}");
        }
    }
}

#[test]
fn bounds_hold_as_often_as_they_should() {
    for bits in 1..=8 {
        for dim in DIMS {
            let broken = (0..PAIRS).filter(|&seed| error(bits, dim, seed).2).count() as f64 / PAIRS as f64;
            // One time in 9.5 an error is above 1.25 standard deviations, give or take 0.01 for so
            // many pairs.
            assert!((0.06..0.15).contains(&broken), "{bits} bits, {dim}: {broken}");
        }
    }
}

#[test]
fn each_bit_halves_the_error() {
    let errors = [1, 2, 3, 4, 5, 6, 7].map(|bits| {
        ((0..PAIRS).map(|seed| error(bits, 384, seed).1.powi(2)).sum::<f64>() / PAIRS as f64).sqrt()
    });
    for pair in errors.windows(2) {
        assert!((1.5..2.5).contains(&(pair[0] / pair[1])), "{errors:?}");
    }
    assert!(errors[0] < 0.04 && errors[6] < 0.001, "{errors:?}");
}

#[test]
fn a_vector_comes_back_with_its_length_and_nearly_its_direction() {
    for (bits, least) in [0.65, 0.92, 0.97, 0.99, 0.997, 0.999, 0.9996, 0.9999].into_iter().enumerate() {
        for dim in [1, 3, 63, 64, 100, 384, 1000] {
            let x = gaussian(dim, dim as u64);
            let mut back = Vec::new();
            decode(bits + 1, dim, &encoded(bits + 1, &x), &mut back);
            assert_eq!(back.len(), dim);
            assert!((norm(&back) / norm(&x) - 1.0).abs() < 1e-4);
            let cosine = dot(&x, &back) / (norm(&x) * norm(&back));
            assert!(cosine > least, "{} bits, {dim}: {cosine}", bits + 1);
        }
    }
}

#[test]
fn two_codes_tell_nearly_what_a_query_and_a_code_tell() {
    for bits in 1..=8 {
        let allowed = 6.0 / 20.0 / (1 << (bits - 1)) as f64 + 0.002;
        for seed in 0..200 {
            let (x, y) = pair(384, seed);
            let a = encoded(bits, &x);
            let b = encoded(bits, &y);
            let (between, norms) = dot_between(kernels(), bits, &a, &b);
            let lengths = norm(&x) * norm(&y);
            assert!((norms[0] / norm(&x) - 1.0).abs() < 1e-5);
            assert!((between - dot(&x, &y)).abs() < allowed * lengths, "{bits} {seed}");
            assert_eq!(between, dot_between(kernels(), bits, &b, &a).0);
            let (same, _) = dot_between(kernels(), bits, &a, &a);
            assert!((same / dot(&x, &x) - 1.0).abs() < 1e-5, "{bits}: {same}");
        }
    }
}

#[test]
fn neither_nothing_nor_the_greatest_nor_the_least_is_not_a_number() {
    let vectors = [
        vec![0.0; 65],
        vec![1e-45; 65],
        vec![1e-40; 65],
        (0..65).map(|i| if i == 3 { 1.8e19 } else { 0.0 }).collect(),
        vec![-2.2e18; 65],
        gaussian(65, 1),
    ];
    for bits in 1..=8 {
        for x in &vectors {
            let code = encoded(bits, x);
            let mut back = Vec::new();
            decode(bits, x.len(), &code, &mut back);
            assert!(back.iter().all(|x| x.is_finite()));
            for q in &vectors {
                let (estimate, step) = estimate(bits, &code, q);
                let (between, norms) = dot_between(kernels(), bits, &code, &encoded(bits, q));
                for metric in [Metric::Cosine, Metric::L2, Metric::InnerProduct] {
                    for dot in [estimate.dot, estimate.at_most(step), between] {
                        assert!(!distance(metric, dot, norms).is_nan(), "{bits} {metric:?} {x:?} {q:?}");
                    }
                }
            }
        }
    }
}

/// All kinds and metrics, as sets ask: the estimate, with six deviations to spare, and the bound,
/// with four below.
#[test]
fn formats_tell_distances() {
    const DIM: usize = 200;
    for codec in &CODECS {
        for &metric in codec.metrics {
            let Kind::RaBitQ(bits) = codec.kind else { panic!("a row of another kind") };
            let deviation = 1.0 / (1 << (bits as i32 - 1)) as f64 / 14.0 + 0.001;
            let format = Format::new(DIM, codec.kind, metric).expect("the row names this metric");
            let (codes, queries): (Vec<_>, Vec<_>) = (0..BATCH as u64).map(|seed| pair(DIM, seed)).unzip();
            let kept: Vec<_> = codes.iter().map(|x| format.encode(x)).collect();
            let (heads, bodies): (Vec<_>, Vec<_>) =
                kept.iter().map(|code| (code.as_code().head, code.as_code().body)).unzip();
            for q in &queries {
                let query = format.query(q);
                let mut distance = [0.0; BATCH];
                let mut bounds = [0.0; BATCH];
                format.distances(&query, &heads, &bodies, &mut distance);
                format.bounds(&query, &heads, &bodies, &mut bounds);
                for (((x, code), distance), bound) in codes.iter().zip(&kept).zip(distance).zip(bounds) {
                    let lengths = norm(x) * norm(q);
                    let (exact, unit) = match metric {
                        Metric::Cosine => (1.0 - dot(x, q) / lengths, 1.0),
                        Metric::L2 => (dot(x, x) + dot(q, q) - 2.0 * dot(x, q), 2.0 * lengths),
                        Metric::InnerProduct => (1.0 - dot(x, q), lengths),
                    };
                    let distance = f64::from(distance);
                    let bound = f64::from(bound);
                    assert!((distance - exact).abs() < 6.0 * deviation * unit, "{} {metric:?}", codec.name);
                    assert!(bound <= distance && bound - exact < 5.0 * deviation * unit, "{}", codec.name);
                    assert_eq!(format.distance(&query, code.as_code()), distance as f32);
                }
            }
        }
    }
}

#[test]
fn a_vector_without_length_is_at_right_angles_to_all() {
    let zero = vec![0.0; 10];
    let other = gaussian(10, 1);
    for bits in 1..=8 {
        for (x, q) in [(&zero, &other), (&other, &zero), (&zero, &zero)] {
            let code = encoded(bits, x);
            let (estimate, step) = estimate(bits, &code, q);
            assert_eq!((estimate.dot, estimate.at_most(step)), (0.0, 0.0));
            assert_eq!(dot_between(kernels(), bits, &code, &encoded(bits, q)).0, 0.0);
        }
    }
}

#[test]
fn sines_are_right_to_a_millionth() {
    for x in (-100..=100).map(|x| f64::from(x) / 100.0) {
        let exact = (std::f64::consts::FRAC_PI_2 * x).sin();
        assert!((sine_of_right_angles(x) - exact).abs() < 1e-6, "{x}");
    }
}
