//! What a search allocates: its results, and nothing on the way to them.
//!
//! A program of its own, since it has an allocator that counts.

#[path = "support/counting.rs"]
#[expect(dead_code, reason = "bytes are counted for other programs")]
mod counting;

use nearhit::journal::Record;
use nearhit::vector_set::filter::{self, Dialect, Filter};
use nearhit::vector_set::{Bits, Hold, Kind, Lifetime, Metric, Now, Params, Put, Search, VectorSet};

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

/// Elements that are found count as used.
const NOW: Now = Now { expiry_ms: 1, used_ms: 1_000_000, touches: true, ..Now::UNTIMED };

const DIM: usize = 32;
const ELEMENTS: usize = 3000;

fn vector(number: usize) -> Vec<f32> {
    (0..DIM).map(|axis| ((number * 31 + axis * 17) as f32 * 0.731).sin()).collect()
}

fn filled(params: Params) -> VectorSet {
    let set = VectorSet::new(params, 1);
    for number in 0..ELEMENTS {
        let element = number.to_string().into_bytes();
        let attribute = format!("{{\"n\":{},\"word\":\"some\"}}", number % 10).into_bytes();
        let lifetime = Lifetime::Endless;
        let put = Put { element: &element, vector: vector(number), attribute: Some(&attribute), lifetime };
        assert!(set.at(NOW).upsert(Hold::Exclusive, &[put], 20, Record::unlogged()).is_ok());
    }
    set
}

/// Allocations of one search after some like it.
fn allocations(set: &VectorSet, search: &Search) -> usize {
    let query = set.query(&vector(7)).expect("it has the dimension");
    let once = || {
        let before = counting::calls();
        let found = set.at(NOW).search(&query, search);
        let calls = counting::calls() - before;
        assert!(!found.is_empty());
        calls
    };
    (0..20).for_each(|_| _ = once());
    (0..200).map(|_| once()).max().expect("some were made")
}

#[test]
fn a_search_allocates_its_results_and_nothing_else() {
    let params = Params::new(DIM).expect("valid");
    let kind = |kind| params.clone().with_format(kind, Metric::Cosine).expect("valid");
    let coarse = kind(Kind::RaBitQ(Bits::One));
    let filter = Filter::compile(b".n < 5 and .word == \"some\"", Dialect::Redis, &filter::Params::default())
        .expect("it is well-formed");
    for params in
        [kind(Kind::Int8), kind(Kind::Float32), coarse.clone().with_rerank(Kind::Int8).expect("valid")]
    {
        let set = filled(params.clone());
        for filter in [None, Some(&filter)] {
            for (ef, truth) in [(50, false), (1000, false), (50, true)] {
                let search = Search {
                    count: 10,
                    ef,
                    filter,
                    filter_ef: Some(1000),
                    truth,
                    plan: None,
                    deadline: None,
                };
                let calls = allocations(&set, &search);
                let with = if filter.is_some() { "with" } else { "without" };
                println!("{:?} ef {ef} truth {truth} {with} filter: {calls}", params.kind());
                assert_eq!(calls, 1, "{params:?}, ef {ef}, truth {truth}, {with} a filter");
            }
        }
    }
}
