//! Codebooks against plain arithmetic.

use std::sync::Arc;

use super::arithmetic::{Draws, add_scaled, dot, length};
use super::*;
use crate::quantization::{Format, Kind, Metric};

/// Vectors of length 1 that vary along some directions more than along others.
fn units(dim: usize, count: usize, seed: u64) -> Vec<f32> {
    let mut draws = Draws::new(seed);
    let mut bell = || (0..4).map(|_| (draws.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0).sum::<f32>();
    let directions: Vec<Vec<f32>> = (0..dim).map(|_| (0..dim).map(|_| bell()).collect()).collect();
    let mut vectors = Vec::with_capacity(count * dim);
    for _ in 0..count {
        let mut vector = vec![0.0; dim];
        for (rank, direction) in directions.iter().enumerate() {
            add_scaled(&mut vector, bell() / (rank + 1) as f32, direction);
        }
        let scale = length(&vector).recip();
        vectors.extend(vector.iter().map(|x| x * scale));
    }
    vectors
}

fn learnt(dim: usize, width: usize) -> (Vec<f32>, Codebook) {
    // The directions come first from the seed: the same for all that is drawn here.
    let vectors = units(dim, 1200, 7);
    let codebook = Codebook::learn(vectors[..1000 * dim].to_vec(), dim, width, 1);
    (vectors, codebook)
}

fn coded(codebook: &Codebook, vector: &[f32]) -> (Vec<u8>, Fit, Vec<f32>) {
    let mut code = vec![0; codebook.subspaces()];
    let fit = codebook.encode(vector, &mut code);
    let mut back = Vec::new();
    codebook.decode(&code, &mut back);
    (code, fit, back)
}

const SHAPES: [(usize, usize); 7] = [(1, 8), (7, 8), (8, 8), (50, 8), (96, 8), (50, 16), (96, 16)];

#[test]
fn a_fit_is_that_of_the_decoded_vector() {
    for (dim, width) in SHAPES {
        let (vectors, codebook) = learnt(dim, width);
        assert_eq!(codebook.subspaces(), dim.div_ceil(width));
        for vector in vectors.chunks_exact(dim).take(50) {
            let (_, fit, back) = coded(&codebook, vector);
            assert!((fit.gain * length(&back) - 1.0).abs() < 1e-3, "{dim} {width} {fit:?}");
            assert!((fit.cosine - fit.gain * dot(vector, &back)).abs() < 1e-3, "{dim} {width} {fit:?}");
        }
    }
}

#[test]
fn codes_come_near_vectors_that_were_not_in_the_sample() {
    for (dim, width, least) in [(8, 8, 0.9), (50, 8, 0.85), (96, 8, 0.85), (50, 16, 0.75), (96, 16, 0.75)] {
        let (vectors, codebook) = learnt(dim, width);
        let others = vectors.chunks_exact(dim).skip(1000);
        let mean = others.clone().map(|vector| coded(&codebook, vector).1.cosine).sum::<f32>() / 200.0;
        assert!(mean > least, "{dim} {width}: {mean}");
    }
}

#[test]
fn tables_and_codes_give_the_products_of_decoded_vectors() {
    for (dim, width) in SHAPES {
        let (vectors, codebook) = learnt(dim, width);
        let query = &vectors[vectors.len() - dim..];
        let (query_code, _, query_back) = coded(&codebook, query);
        let tables = codebook.tables(query);
        for vector in vectors.chunks_exact(dim).take(50) {
            let (code, _, back) = coded(&codebook, vector);
            let product = tables.offset + tables.step * steps(&tables.steps, &code) as f32;
            assert!((product - dot(query, &back)).abs() < 1e-3, "{dim} {width}");
            assert!((codebook.dot(&query_code, &code) - dot(&query_back, &back)).abs() < 1e-3);
        }
    }
}

/// Over many pairs: the mean error is no more than chance makes it, and the deviation is as
/// estimated.
#[test]
fn estimates_err_as_they_say() {
    for (dim, width) in [(96, 8), (96, 16)] {
        let (vectors, codebook) = learnt(dim, width);
        let mut sum = 0.0;
        let mut squares = 0.0;
        let mut relative = 0.0;
        let mut count = 0.0;
        for vector in vectors.chunks_exact(dim).skip(1000) {
            let (_, fit, back) = coded(&codebook, vector);
            for query in vectors.chunks_exact(dim).take(100) {
                let error = dot(query, vector) - fit.unbiased() * dot(query, &back);
                sum += error;
                squares += error * error;
                relative += (error / fit.deviation(dim) / codebook.spread()).powi(2);
                count += 1.0;
            }
        }
        let mean = sum / count;
        let deviation = (squares / count).sqrt();
        assert!(mean.abs() < 0.1 * deviation, "{width}: {mean} {deviation}");
        let distance = (relative / count).sqrt();
        assert!((0.7..1.4).contains(&distance), "{width}: {distance}");
    }
}

#[test]
fn the_same_sample_and_seed_give_the_same_codebook() {
    let sample = units(20, 300, 3);
    let codes = |seed| {
        let codebook = Codebook::learn(sample.clone(), 20, 8, seed);
        sample.chunks_exact(20).flat_map(|vector| coded(&codebook, vector).0).collect::<Vec<u8>>()
    };
    assert_eq!(codes(1), codes(1));
    assert_ne!(codes(1), codes(2));
}

#[test]
fn what_has_no_direction_is_at_right_angles_to_all() {
    let (vectors, codebook) = learnt(50, 8);
    let (_, fit, _) = coded(&codebook, &[0.0; 50]);
    assert_eq!(fit, Fit { gain: 0.0, cosine: 1.0 });
    let tables = codebook.tables(&[0.0; 50]);
    let (code, _, _) = coded(&codebook, &vectors[..50]);
    assert!((tables.offset + tables.step * steps(&tables.steps, &code) as f32).abs() < 1e-6);
}

#[test]
fn poor_samples_make_codebooks_too() {
    for sample in [vec![0.0; 10], vec![0.0; 5000], [1.0, 0.0, 0.0, 0.0, 0.0].repeat(1000)] {
        let codebook = Codebook::learn(sample, 5, 8, 1);
        let (_, fit, back) = coded(&codebook, &[0.0, 0.6, 0.0, 0.8, 0.0]);
        assert!(fit.gain.is_finite() && fit.cosine.is_finite() && codebook.spread().is_finite());
        assert!(back.iter().all(|x| x.is_finite()));
    }
}

fn exact(metric: Metric, a: &[f32], b: &[f32]) -> f32 {
    match metric {
        Metric::Cosine => 1.0 - dot(a, b) / (length(a) * length(b)),
        Metric::L2 => a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum(),
        Metric::InnerProduct => 1.0 - dot(a, b),
    }
}

/// Vectors of lengths 0.5 to 2.
fn of_all_lengths(vectors: &[f32], dim: usize) -> Vec<Vec<f32>> {
    let lengths = [0.5, 1.0, 1.5, 2.0].into_iter().cycle();
    vectors.chunks_exact(dim).zip(lengths).map(|(v, length)| v.iter().map(|x| x * length).collect()).collect()
}

#[test]
fn distances_are_those_of_decoded_vectors_and_bounds_are_below_the_true_ones() {
    let dim = 50;
    let vectors = units(dim, 1200, 7);
    let codebook = Arc::new(Codebook::of(vectors[..1000 * dim].to_vec(), dim, 1));
    let stored = of_all_lengths(&vectors[1000 * dim..], dim);
    let asked = of_all_lengths(&vectors, dim);
    for metric in [Metric::Cosine, Metric::L2, Metric::InnerProduct] {
        let format = Format::new(dim, Kind::Product, metric).expect("it has all metrics");
        let format = format.with_codebook(codebook.clone());
        let mut above = 0;
        let mut of = 0;
        for vector in &stored {
            let code = format.encode(vector);
            let back = format.decode(code.as_code());
            for query in asked.iter().take(40) {
                let probe = format.query(query);
                let (distance, expected) =
                    (format.distance(&probe, code.as_code()), exact(metric, query, &back));
                assert!((distance - expected).abs() < 1e-2, "{metric:?}: {distance} {expected}");
                let mut bound = [0.0];
                format.bounds(&probe, &[code.as_code().head], &[code.as_code().body], &mut bound);
                above += usize::from(bound[0] > exact(metric, query, vector) + 1e-5);
                of += 1;
            }
            let other = format.encode(&stored[0]);
            let between = format.between(code.as_code(), other.as_code());
            let expected = exact(metric, &back, &format.decode(other.as_code()));
            assert!((between - expected).abs() < 2e-2, "{metric:?}: {between} {expected}");
        }
        assert!(above * 20 < of, "{metric:?}: {above} of {of}");
    }
}
