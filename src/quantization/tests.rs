//! Every codec against plain arithmetic, and against what Redis 8.6 stores.

use super::*;

fn sample(dim: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).max(1);
    (0..dim)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as f32 / u32::MAX as f32 * 6.0 - 3.0
        })
        .collect()
}

/// With a codebook, if the kind needs one.
fn format(dim: usize, kind: Kind, metric: Metric) -> Format {
    let format = Format::new(dim, kind, metric).expect("the row names this metric");
    let learnt = || (0..300).flat_map(|seed| sample(dim, seed + 1)).collect();
    if kind.learns() { format.with_codebook(Arc::new(Codebook::of(learnt(), dim, 1))) } else { format }
}

fn exact(metric: Metric, a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| *x as f64 * *y as f64).sum::<f64>();
    match metric {
        Metric::Cosine => 1.0 - dot(a, b) / (dot(a, a) * dot(b, b)).sqrt(),
        Metric::L2 => a.iter().zip(b).map(|(x, y)| (*x as f64 - *y as f64).powi(2)).sum::<f64>().sqrt(),
        Metric::InnerProduct => 1.0 - dot(a, b),
    }
}

#[test]
fn codes_from_outside_must_be_such_as_are_written() {
    for codec in CODECS {
        for &metric in codec.metrics {
            let format = format(20, codec.kind, metric);
            let code = format.encode(&sample(20, 1));
            let Code { head, body } = code.as_code();
            let admits = |head: &[u8], body: &[u8]| format.admits(Code { head, body });
            assert!(admits(head, body), "{} {metric:?}", codec.name);
            assert!(!admits(&head[1..], body) && !admits(head, &body[1..]), "{}", codec.name);
            let ones = |bytes: &[u8]| vec![0xff; bytes.len()];
            assert!(!admits(&ones(head), body), "{}: a norm that is NaN", codec.name);
            // Any byte is an Int8; 0xffff in a fit is a cosine of 1.
            let any = codec.kind == Kind::Int8;
            assert_eq!(admits(head, &ones(body)), any, "{} {metric:?}", codec.name);
        }
    }
}

#[test]
fn each_kind_keeps_vectors_and_distances() {
    // What estimates keep, their own tests say.
    for codec in CODECS.into_iter().filter(|codec| codec.bounds.is_none()) {
        for &metric in codec.metrics {
            for dim in [1, 3, 31, 32, 100, 384] {
                let format = Format::new(dim, codec.kind, metric).expect("the row names this metric");
                let a = sample(dim, 1);
                let b = sample(dim, 2);
                let code_a = format.encode(&a);
                let code_b = format.encode(&b);
                let code_a = code_a.as_code();
                let code_b = code_b.as_code();
                let back_a = format.decode(code_a);
                let back_b = format.decode(code_b);
                let distance = metric.user_distance(format.between(code_a, code_b)) as f64;
                // Codes must agree with the vectors that they stand for, whatever they lost.
                if codec.kind != Kind::Binary {
                    let expected = exact(metric, &back_a, &back_b);
                    assert!(
                        (distance - expected).abs() < 2e-3 * expected.abs().max(1.0),
                        "{} {metric:?} {dim}: {distance} {expected}",
                        codec.name
                    );
                    let most = a.iter().fold(0.0f32, |most, x| most.max(x.abs()));
                    let error = a.iter().zip(&back_a).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
                    assert!(error <= most / 250.0, "{} {metric:?} {dim}: {error}", codec.name);
                }
                assert_eq!(format.between(code_a, code_b), format.between(code_b, code_a));
                let asked = metric.user_distance(format.distance(&format.query(&a), code_b)) as f64;
                assert!(
                    (asked - distance).abs() < 2e-3 * distance.abs().max(1.0),
                    "{} {metric:?} {dim}",
                    codec.name
                );
            }
        }
    }
}

#[test]
fn int8_gives_the_bytes_and_scores_of_redis() {
    // VADD x VALUES 2 1 2 a; VSIM x ELE a WITHSCORES → 0.9992150366306305; and the DUMP of
    // vector-sets in the reference.
    let format = Format::new(2, Kind::Int8, Metric::Cosine).expect("cosine");
    let a = format.encode(&[1.0, 2.0]);
    let again = format.query(&format.decode(a.as_code()));
    assert_eq!(Metric::Cosine.score(format.distance(&again, a.as_code())), 0.9992150366306305);
    let b = format.encode(&[3.0, 4.0]);
    let b = b.as_code();
    assert_eq!(b.body, [95, 127]);
    assert_eq!((format.norm(b), format.range(b)), (5.0, Some(0.8)));
}

#[test]
fn vectors_without_direction_are_as_far_as_redis_says() {
    for (kind, score) in [(Kind::Float32, 0.5), (Kind::Int8, 0.5), (Kind::Binary, 1.0)] {
        let format = Format::new(3, kind, Metric::Cosine).expect("cosine");
        let zero = format.encode(&[0.0; 3]);
        let zero = zero.as_code();
        assert_eq!(format.norm(zero), 1.0);
        assert_eq!(Metric::Cosine.score(format.between(zero, zero)), score);
        assert_eq!(Metric::Cosine.score(format.distance(&format.query(&[0.0; 3]), zero)), score);
    }
}

#[test]
fn binary_keeps_signs_in_words() {
    let format = Format::new(70, Kind::Binary, Metric::Cosine).expect("cosine");
    let mut vector = vec![-1.0; 70];
    (vector[0], vector[9], vector[69]) = (1.0, 1.0, 1.0);
    let code = format.encode(&vector);
    assert_eq!(code.as_code().body, [1, 2, 0, 0, 0, 0, 0, 0, 32, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(format.decode(code.as_code()), vector);
    assert!(Format::new(70, Kind::Binary, Metric::L2).is_none());
}

#[test]
fn overflow_is_not_storable() {
    assert!(is_storable(&[1e18, -1e18]));
    assert!(!is_storable(&[1e20, 1e20]));
    assert!(!is_storable(&[f32::NAN]));
    assert!(!is_storable(&[f32::INFINITY, 1.0]));
}

#[test]
fn tiny_components_survive_encoding() {
    for codec in CODECS {
        for &metric in codec.metrics {
            let format = format(4, codec.kind, metric);
            let vector = [1e-40, -1e-42, 0.0, 1e-45];
            let code = format.encode(&vector);
            let code = code.as_code();
            assert!(!format.between(code, code).is_nan());
            assert!(!format.distance(&format.query(&vector), code).is_nan());
            assert!(format.decode(code).iter().all(|x| x.is_finite()), "{}", codec.name);
        }
    }
}

/// Redis casts infinite components, which gives 0.
#[test]
fn int8_keeps_nothing_of_a_range_whose_scale_overflows() {
    let format = Format::new(2, Kind::Int8, Metric::Cosine).expect("cosine");
    let code = format.encode(&[1e-40, -1e-40]);
    assert_eq!(code.as_code().body, [0, 0]);
    assert_eq!(format.range(code.as_code()), Some(1e-40));
}
