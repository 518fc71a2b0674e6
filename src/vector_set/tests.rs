//! Sets as their callers see them, also from several threads at once.

mod compaction;
mod entries;
mod eviction;
mod expiry;
mod fields;
mod limits;
mod tiers;
mod training;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::filter::{self, Dialect, Filter};
use super::*;
use crate::journal::Record;

fn set(dim: usize) -> VectorSet {
    VectorSet::new(Params::new(dim).expect("valid"), 1)
}

fn put<'a>(element: &'a [u8], vector: &[f32]) -> Put<'a> {
    Put { element, vector: vector.to_vec(), attribute: None, lifetime: Lifetime::Endless }
}

/// Adds elements `e0` to `e<count - 1>`, with vectors from `first` on.
fn fill(set: &VectorSet, count: usize, first: usize, dim: usize) {
    for n in 0..count {
        add(set, format!("e{n}").as_bytes(), &direction(first + n, dim));
    }
}

fn add(set: &VectorSet, element: &[u8], vector: &[f32]) -> Upserted {
    set.untimed()
        .upsert(Hold::Exclusive, &[put(element, vector)], 100, Record::unlogged())
        .ok()
        .expect("not refused")[0]
}

fn remove(set: &VectorSet, element: &[u8]) -> bool {
    set.untimed().remove(Hold::Exclusive, &[element], Record::unlogged()).ok().expect("not refused")[0]
}

fn set_attribute(set: &VectorSet, element: &[u8], attribute: &[u8]) -> bool {
    set.untimed()
        .set_attribute(Hold::Exclusive, element, attribute, Record::unlogged())
        .ok()
        .expect("not refused")
}

const PLAIN: Search<'static> = Search {
    count: 10,
    ef: 100,
    filter: None,
    filter_ef: Some(1000),
    truth: false,
    plan: None,
    deadline: None,
};

fn near(set: &VectorSet, vector: &[f32], search: &Search) -> Vec<String> {
    let query = set.query(vector).expect("right dimension");
    set.untimed()
        .search(&query, search)
        .iter()
        .map(|hit| String::from_utf8_lossy(hit.element).into_owned())
        .collect()
}

fn direction(n: usize, dim: usize) -> Vec<f32> {
    (0..dim).map(|i| ((n * 31 + i * 17) as f32 * 0.731).sin()).collect()
}

#[test]
fn a_search_whose_time_is_over_says_so() {
    let set = set(4);
    for n in 0..1000 {
        add(&set, format!("e{n}").as_bytes(), &direction(n, 4));
    }
    let query = set.query(&direction(7, 4)).expect("the dimension fits");
    let filter = Filter::compile(b".x > 1", Dialect::Redis, &filter::Params::default()).expect("valid");
    for filter in [None, Some(&filter)] {
        for (truth, plan) in
            [(false, None), (true, None), (false, Some(Plan::Walk)), (false, Some(Plan::Scan))]
        {
            let search = Search { filter, truth, plan, ef: 10, ..PLAIN };
            let over = Some(Instant::now());
            let is_cut_off =
                |deadline| set.untimed().search(&query, &Search { deadline, ..search }).is_cut_off();
            let later = Some(Instant::now() + Duration::from_secs(3600));
            assert_eq!([over, later, None].map(is_cut_off), [true, false, false], "{truth} {plan:?}");
        }
    }
}

#[test]
fn an_element_is_added_updated_and_removed() {
    let set = set(2);
    assert_eq!(add(&set, b"east", &[1.0, 0.0]), Upserted::Added);
    assert_eq!(add(&set, b"north", &[0.0, 1.0]), Upserted::Added);
    assert_eq!(near(&set, &[2.0, 0.1], &PLAIN), ["east", "north"]);
    assert_eq!(add(&set, b"east", &[-1.0, 0.0]), Upserted::Updated);
    assert_eq!(near(&set, &[2.0, 0.1], &PLAIN), ["north", "east"]);
    assert_eq!((set.len(), set.untimed().contains(b"east")), (2, true));
    assert!(remove(&set, b"east") && !remove(&set, b"east"));
    assert_eq!(near(&set, &[2.0, 0.1], &PLAIN), ["north"]);
    assert_eq!((set.len(), set.untimed().contains(b"east")), (1, false));
}

#[test]
fn an_attribute_stays_until_it_is_taken_away() {
    let set = set(2);
    add(&set, b"a", &[1.0, 0.0]);
    assert!(set_attribute(&set, b"a", b"{\"x\":1}") && !set_attribute(&set, b"b", b"{}"));
    add(&set, b"a", &[0.0, 1.0]);
    add(&set, b"a", &[0.0, 1.0]);
    assert_eq!(set.untimed().attributes(&[b"a", b"b"]), [Some(b"{\"x\":1}".to_vec()), None]);
    assert_eq!(set.untimed().describe().attributes, 1);
    set.untimed()
        .upsert(
            Hold::Exclusive,
            &[Put { attribute: Some(b""), ..put(b"a", &[0.0, 1.0]) }],
            100,
            Record::unlogged(),
        )
        .ok()
        .expect("not refused");
    assert_eq!((set.untimed().attributes(&[b"a"]), set.untimed().describe().attributes), (vec![None], 0));
}

#[test]
fn a_filter_leaves_only_what_matches() {
    let set = set(8);
    for n in 0..3000 {
        let name = format!("e{n}");
        add(&set, name.as_bytes(), &direction(n, 8));
        if n % 3 == 0 {
            set_attribute(&set, name.as_bytes(), format!("{{\"n\":{n}}}").as_bytes());
        }
    }
    let filter = Filter::compile(b".n % 2 == 0", Dialect::Redis, &filter::Params::default()).expect("valid");
    let search = Search { filter: Some(&filter), ..PLAIN };
    let exact = near(&set, &direction(5, 8), &Search { truth: true, ..search });
    let walked = near(&set, &direction(5, 8), &search);
    assert_eq!(exact.len(), 10);
    assert!(exact.iter().chain(&walked).all(|name| name[1..].parse::<usize>().is_ok_and(|n| n % 6 == 0)));
    assert!(walked.iter().filter(|name| exact.contains(name)).count() >= 8, "{walked:?} {exact:?}");
}

#[test]
fn a_refused_change_changes_nothing() {
    let set = set(2);
    let before = set.binding();
    add(&set, b"a", &[1.0, 0.0]);
    set.unbind();
    let refused =
        set.untimed().upsert(Hold::Lookup(before), &[put(b"b", &[0.0, 1.0])], 100, Record::unlogged());
    assert!(matches!(refused, Err(Refused::Unbound(_))));
    assert!(matches!(
        set.untimed().remove(Hold::Lookup(before), &[b"a"], Record::unlogged()),
        Err(Refused::Unbound(_))
    ));
    let last = set.untimed().remove(Hold::Lookup(set.binding()), &[b"a", b"a"], Record::unlogged());
    assert!(matches!(last, Err(Refused::WouldEmpty(_))));
    assert_eq!(near(&set, &[1.0, 1.0], &PLAIN), ["a"]);
}

#[test]
fn who_looked_it_up_before_its_last_element_went_looks_again() {
    let set = set(2);
    add(&set, b"a", &[1.0, 0.0]);
    let before = Hold::Lookup(set.binding());
    assert!(remove(&set, b"a"));
    let late = set.untimed().upsert(before, &[put(b"b", &[1.0, 0.0])], 100, Record::unlogged());
    assert!(matches!(late, Err(Refused::Unbound(_))));
    assert!(set.is_empty());
}

#[test]
fn several_elements_are_put_as_one() {
    let set = set(2);
    let puts = [put(b"a", &[1.0, 0.0]), put(b"b", &[0.0, 1.0]), put(b"a", &[0.5, 0.5])];
    let upserted =
        set.untimed().upsert(Hold::Exclusive, &puts, 100, Record::unlogged()).ok().expect("not refused");
    assert_eq!(upserted, [Upserted::Added, Upserted::Added, Upserted::Updated]);
    assert_eq!(set.len(), 2);
    assert_eq!(set.untimed().with_code(b"a", Format::decode).map(|v| v[0] == v[1]), Some(true));
}

#[test]
fn the_last_of_several_vectors_for_one_element_counts() {
    let set = set(2);
    add(&set, b"a", &[1.0, 0.0]);
    let puts = [put(b"a", &[0.0, 1.0]), Put { attribute: Some(b"last"), ..put(b"a", &[1.0, 0.0]) }];
    assert!(set.untimed().upsert(Hold::Exclusive, &puts, 100, Record::unlogged()).is_ok());
    assert_eq!(set.untimed().with_code(b"a", Format::decode), Some(vec![1.0, 0.0]));
    assert_eq!(
        (set.untimed().attributes(&[b"a"]), set.untimed().describe().attributes),
        (vec![Some(b"last".to_vec())], 1)
    );
}

#[test]
fn memory_is_used_again_and_drops_with_the_set() {
    let set = set(64);
    fill(&set, 500, 0, 64);
    let first = set.heap_bytes();
    (1..10).for_each(|round| fill(&set, 500, round * 1000, 64));
    // Tests that run beside this one are pinned now and then, which puts reuse off: hence not 1.1
    // times. Without reuse it would be eight times.
    assert!(set.heap_bytes() < first * 4, "{} after {first}", set.heap_bytes());
    assert_eq!(set.len(), 500);
}

#[test]
fn random_elements_are_elements() {
    let set = set(2);
    assert!(set.untimed().random(3, |_| 0).is_empty());
    fill(&set, 100, 0, 2);
    let mut state = 7usize;
    let mut draw = |n: usize| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) % n
    };
    for count in [1, 7, 50, 100, 1000] {
        let mut distinct = set.untimed().random_distinct(count, &mut draw);
        assert!(distinct.iter().all(|name| set.untimed().contains(name)));
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), count.min(100));
    }
    assert_eq!(set.untimed().random(1000, &mut draw).len(), 1000);
}

/// What the module's comment promises to searches, while one thread updates everything over and
/// over.
#[test]
fn a_search_sees_each_element_exactly_once_while_they_are_updated() {
    let set = set(4);
    let names: Vec<String> = (0..40).map(|n| format!("e{n}")).collect();
    fill(&set, 40, 0, 4);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let set = &set;
        let names = &names;
        let done = &done;
        scope.spawn(move || {
            for n in 0..6000 {
                add(set, names[n % 40].as_bytes(), &direction(n, 4));
            }
            done.store(true, Ordering::Release);
        });
        for truth in [true, false] {
            scope.spawn(move || {
                while !done.load(Ordering::Acquire) {
                    let mut found = near(set, &[1.0, 0.5, -0.5, 0.2], &Search { count: 40, truth, ..PLAIN });
                    found.sort();
                    found.dedup();
                    assert_eq!(found.len(), 40);
                }
            });
        }
    });
}

#[test]
fn writers_of_one_set_do_not_lose_each_others_elements() {
    let set = set(8);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let set = &set;
            scope.spawn(move || {
                for n in 0..400 {
                    let name = format!("t{thread}-{n}");
                    assert_eq!(add(set, name.as_bytes(), &direction(n * 4 + thread, 8)), Upserted::Added);
                    assert!(set.untimed().contains(name.as_bytes()));
                    add(set, b"shared", &direction(n, 8));
                    if n % 4 == 0 {
                        assert!(remove(set, name.as_bytes()));
                    }
                }
            });
        }
    });
    assert_eq!(set.len(), 4 * 300 + 1);
}

#[test]
fn the_digest_is_that_of_the_contents() {
    let one = set(3);
    let other = set(3);
    for n in 0..50 {
        add(&one, format!("e{n}").as_bytes(), &direction(n, 3));
        add(&other, format!("e{}", 49 - n).as_bytes(), &direction(49 - n, 3));
    }
    assert_eq!(one.untimed().digest(), other.untimed().digest());
    set_attribute(&one, b"e1", b"x");
    assert_ne!(one.untimed().digest(), other.untimed().digest());
}
