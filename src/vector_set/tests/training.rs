//! Sets before, while and after they learn.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::super::*;
use crate::epoch::pin;
use crate::journal::Record;
use crate::vector_index::Phase;
use crate::vector_set::{Format, Hold, Kind, Lifetime, Metric, Params, Put, Search};

const DIM: usize = 32;
const EF: usize = 20;

fn set(rerank: Option<Kind>, metric: Metric) -> VectorSet {
    let params = Params::new(DIM).and_then(|params| params.with_format(Kind::Product, metric));
    let params = params.and_then(|params| match rerank {
        Some(kind) => params.with_rerank(kind),
        None => Ok(params),
    });
    VectorSet::new(params.expect("valid"), 1)
}

/// Vectors of lengths about 1, which vary along some components more than along others.
fn vector(n: usize) -> Vec<f32> {
    let noise = |i: usize| {
        let mut x = (n as u64 * 1009 + i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((x >> 40) as f32 / (1u64 << 23) as f32) - 1.0
    };
    (0..DIM).map(|i| noise(i) / (1.0 + i as f32 / 8.0)).collect()
}

fn add(set: &VectorSet, element: usize, vector: Vec<f32>) {
    let name = element.to_string();
    let put = Put { element: name.as_bytes(), vector, attribute: None, lifetime: Lifetime::Endless };
    assert!(set.untimed().upsert(Hold::Exclusive, &[put], EF, Record::unlogged()).is_ok());
}

fn remove(set: &VectorSet, element: usize) {
    let name = element.to_string();
    assert!(set.untimed().remove(Hold::Exclusive, &[name.as_bytes()], Record::unlogged()).is_ok());
}

/// With elements `0 .. count`, each with the vector of its number.
fn filled(rerank: Option<Kind>, metric: Metric, count: usize) -> VectorSet {
    let set = set(rerank, metric);
    (0..count).for_each(|n| add(&set, n, vector(n)));
    set
}

/// Updates an element until all is done: other tests may be pinned, and put off the end of a phase.
fn settle(set: &VectorSet) {
    while set.vectors.is_training() {
        add(set, 0, vector(0));
    }
    assert_eq!(set.vectors.phase(), Phase::Settled);
}

fn search(ef: usize, truth: bool) -> Search<'static> {
    Search { count: 10, ef, filter: None, filter_ef: None, truth, plan: None, deadline: None }
}

fn found(set: &VectorSet, query: &[f32], search: &Search) -> Vec<usize> {
    let probe = set.query(query).expect("of the set's dimension");
    let number = |name: &[u8]| str::from_utf8(name).ok()?.parse().ok();
    set.untimed().search(&probe, search).iter().filter_map(|hit| number(hit.element)).collect()
}

/// Of the ten nearest among vectors `0 .. count`, the share that a walk finds.
fn recall(set: &VectorSet, count: usize) -> f64 {
    let format = Format::new(DIM, Kind::Float32, set.params().metric()).expect("float32 has all metrics");
    let near = |query: &[f32]| {
        let probe = format.query(query);
        let distance = |n| format.distance(&probe, format.encode(&vector(n)).as_code());
        let mut all: Vec<(f32, usize)> = (0..count).map(|n| (distance(n), n)).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        let found = found(set, query, &search(100, false));
        all[..10].iter().filter(|(_, n)| found.contains(n)).count()
    };
    (0..50).map(|n| near(&vector(1_000_000 + n))).sum::<usize>() as f64 / 500.0
}

/// The cosine between two vectors.
fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Elements whose vector has lost its direction.
fn lost(set: &VectorSet, elements: impl Iterator<Item = (usize, Vec<f32>)>) -> Vec<usize> {
    let near = |(n, vector): &(usize, Vec<f32>)| {
        let kept = set.untimed().with_code(n.to_string().as_bytes(), Format::decode);
        kept.is_some_and(|kept| cosine(&kept, vector) > 0.7)
    };
    elements.filter(|element| !near(element)).map(|(n, _)| n).collect()
}

#[test]
fn a_set_learns_when_there_is_enough_to_learn_from() {
    let set = filled(None, Metric::Cosine, SAMPLE - 1);
    assert_eq!((set.vectors.phase(), set.untimed().describe().subspaces), (Phase::Plain, None));
    let plain = set.vectors.code_bytes();
    add(&set, SAMPLE - 1, vector(SAMPLE - 1));
    settle(&set);
    assert_eq!(set.untimed().describe().subspaces, Some(DIM / 8));
    let codebook = set.vectors.codebook().map_or(0, Codebook::heap_bytes);
    // 4 centroids and 4 bytes behind them, and 4 bytes of the norm; before, 32 and 8.
    assert!(set.vectors.code_bytes() - codebook <= plain / 3, "{} {plain}", set.vectors.code_bytes());
    assert_eq!(lost(&set, (0..SAMPLE).map(|n| (n, vector(n)))), [0; 0]);
}

#[test]
fn what_is_near_is_found_with_and_without_a_finer_copy() {
    for (rerank, metric, least) in [
        (None, Metric::Cosine, 0.45),
        (None, Metric::L2, 0.4),
        (None, Metric::InnerProduct, 0.4),
        (Some(Kind::Int8), Metric::Cosine, 0.9),
        (Some(Kind::Float16), Metric::L2, 0.9),
        (Some(Kind::Int8), Metric::InnerProduct, 0.9),
    ] {
        let count = SAMPLE + 500;
        let set = filled(rerank, metric, count);
        settle(&set);
        assert_eq!(set.vectors.codes(&pin()).fine().map(|fine| fine.format().kind()), rerank);
        let recall = recall(&set, count);
        println!("{rerank:?} {metric:?}: {recall}");
        assert!(recall >= least, "{rerank:?} {metric:?}: {recall}");
    }
}

#[test]
fn a_query_made_before_serves_after() {
    for rerank in [None, Some(Kind::Int8)] {
        let set = filled(rerank, Metric::Cosine, SAMPLE - 1);
        let query = vector(1_000_000);
        let early = set.query(&query).expect("of the set's dimension");
        (SAMPLE - 1..SAMPLE + 10).for_each(|n| add(&set, n, vector(n)));
        settle(&set);
        let late = set.query(&query).expect("of the set's dimension");
        let near =
            |probe| set.untimed().search(probe, &search(50, false)).iter().map(|hit| hit.distance).collect();
        let (by_early, by_late): (Vec<f32>, Vec<f32>) = (near(&early), near(&late));
        assert_eq!(by_early, by_late);
    }
}

/// A reader that stays delays the end of the phase, and no writer waits for it.
#[test]
fn writers_do_not_wait_for_a_search_that_lasts() {
    let set = filled(None, Metric::Cosine, SAMPLE - 1);
    let probe = set.query(&vector(3)).expect("of the set's dimension");
    let hits = set.untimed().search(&probe, &search(20, false));
    (SAMPLE - 1..SAMPLE + 100).for_each(|n| add(&set, n, vector(n)));
    assert_eq!(set.vectors.phase(), Phase::Doubled);
    assert_eq!(hits.iter().next().map(|hit| hit.element), Some(&b"3"[..]));
    drop(hits);
    settle(&set);
    assert_eq!(lost(&set, (0..SAMPLE + 100).map(|n| (n, vector(n)))), [0; 0]);
}

#[test]
fn the_same_seed_and_vectors_give_the_same_codes() {
    let codes = || {
        let set = filled(None, Metric::Cosine, SAMPLE);
        settle(&set);
        set.untimed().digest()
    };
    assert_eq!(codes(), codes());
}

/// Writers, removers and searchers at once, from before the set learns until after.
#[test]
fn nothing_is_lost_while_a_set_learns() {
    const WRITERS: usize = 3;
    for rerank in [None, Some(Kind::Int8)] {
        let set = filled(rerank, Metric::Cosine, SAMPLE - 300);
        let next = AtomicUsize::new(SAMPLE - 300);
        let done = AtomicBool::new(false);
        let last = SAMPLE + 1000;
        std::thread::scope(|scope| {
            let set = &set;
            let next = &next;
            let done = &done;
            let writers: Vec<_> = (0..WRITERS)
                .map(|_| {
                    scope.spawn(move || {
                        while let n = next.fetch_add(1, Ordering::Relaxed)
                            && n < last
                        {
                            add(set, n, vector(n));
                            // Elements of the first thousand change, those of the second go and
                            // come again.
                            let old = n * 7 % 1000;
                            add(set, old, vector(old + 5_000_000));
                            remove(set, 1000 + old);
                            add(set, 1000 + old, vector(1000 + old));
                        }
                    })
                })
                .collect();
            for truth in [false, true] {
                scope.spawn(move || {
                    for n in (2000..SAMPLE - 300).cycle() {
                        let found = found(set, &vector(n), &search(50, truth));
                        assert_eq!(found.len(), 10);
                        if truth && rerank.is_some() {
                            assert!(found.contains(&n), "{n}: {found:?}");
                        }
                        if done.load(Ordering::Acquire) {
                            break;
                        }
                    }
                });
            }
            writers.into_iter().for_each(|writer| writer.join().expect("no panic"));
            done.store(true, Ordering::Release);
        });
        settle(&set);
        assert_eq!(set.len(), last);
        let kept = (1000..last).map(|n| (n, vector(n)));
        assert_eq!(lost(&set, kept), [0; 0]);
        let changed = (SAMPLE..last).map(|n| n * 7 % 1000).filter(|&n| n > 0);
        assert_eq!(lost(&set, changed.map(|n| (n, vector(n + 5_000_000)))), [0; 0]);
    }
}
