//! Sets that are compacted: what they hold stays, and the memory comes back.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;

const DIM: usize = 16;
const TRUTH: Search<'static> = Search { count: 10_000, truth: true, ..PLAIN };

/// Until there is nothing left to do. Tests beside this one may be pinned for a while.
pub(super) fn compact(set: &VectorSet) {
    while set.compact_step(64, Urgency::Background) != Progress::Done {
        std::thread::yield_now();
    }
}

/// Until the slots of removed elements are free. Elements that are moved before take towers that
/// are not the lowest, and keep them.
fn await_sweep(set: &VectorSet) {
    while set.vectors.graph().dead() > 0 {
        set.tidy(64);
        std::thread::yield_now();
    }
}

/// Until names that were replaced are freed.
fn await_reclaim(set: &VectorSet) {
    let since = crate::epoch::now();
    while !crate::epoch::grace_over(since) {
        std::thread::yield_now();
    }
    set.tidy(0);
}

fn name(n: usize) -> Vec<u8> {
    format!("e{n}").into_bytes()
}

/// Adds an element whose attribute says its number.
fn add_described(set: &VectorSet, n: usize, version: usize) {
    let (element, attribute) = (name(n), format!("{{\"n\":{n}}}"));
    let vector = direction(n + 100_000 * version, DIM);
    let put =
        Put { element: &element, vector, attribute: Some(attribute.as_bytes()), lifetime: Lifetime::Endless };
    assert!(set.untimed().upsert(Hold::Exclusive, &[put], 30, Record::unlogged()).is_ok());
}

/// The elements that a search over all finds, each with its attribute.
fn all(set: &VectorSet) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let query = set.query(&direction(3, DIM)).expect("right dimension");
    let hits = set.untimed().search(&query, &TRUTH);
    let mut found: Vec<_> = hits
        .iter()
        .map(|hit| (hit.element.to_vec(), hit.attribute().as_deref().map(<[u8]>::to_vec)))
        .collect();
    found.sort();
    found
}

/// Of the ten nearest to each of some queries, how many a walk finds.
fn recall(set: &VectorSet) -> f64 {
    let queries = 30;
    let found: usize = (0..queries)
        .map(|q| {
            let query = direction(1_000_003 + q, DIM);
            let exact = near(set, &query, &Search { truth: true, ..PLAIN });
            near(set, &query, &PLAIN).iter().filter(|name| exact.contains(name)).count()
        })
        .sum();
    found as f64 / (10 * queries) as f64
}

#[test]
fn after_most_elements_have_gone_it_takes_as_much_as_a_new_set_and_finds_as_much() {
    const ALL: usize = 16 * 255;
    let set = set(DIM);
    (0..ALL).for_each(|n| add_described(&set, n, 0));
    let full = set.heap_bytes();
    let stays = |n: &usize| n % 10 == 3;
    (0..ALL).filter(|n| !stays(n)).for_each(|n| assert!(remove(&set, &name(n))));
    assert!(set.heap_bytes() > full / 2, "nothing was given back yet");
    let digest = set.untimed().digest();
    let changes = set.changes();
    await_sweep(&set);
    compact(&set);
    let fresh = super::set(DIM);
    (0..ALL).filter(stays).for_each(|n| add_described(&fresh, n, 0));
    assert_eq!((set.untimed().digest(), set.changes()), (digest, changes));
    assert_eq!(all(&set), all(&fresh));
    await_reclaim(&set);
    let (bytes, expected) = (set.heap_bytes(), fresh.heap_bytes());
    assert!(bytes * 10 <= expected * 12, "{:?}, a fresh set takes {:?}", set.memory(), fresh.memory());
    assert!(recall(&set) >= 0.95 * recall(&fresh), "{} of {}", recall(&set), recall(&fresh));
    // It goes on as any set.
    (0..ALL).for_each(|n| add_described(&set, n, 1));
    assert_eq!(set.len(), ALL);
    assert!(recall(&set) > 0.9);
}

#[test]
fn of_a_set_that_was_large_ten_elements_take_little() {
    let set = set(DIM);
    (0..3000).for_each(|n| add_described(&set, n, 0));
    let full = set.heap_bytes();
    (10..3000).for_each(|n| assert!(remove(&set, &name(n))));
    compact(&set);
    assert!(set.heap_bytes() * 10 < full, "{} of {full}", set.heap_bytes());
    assert_eq!(all(&set).len(), 10);
    assert_eq!(set.untimed().describe().attributes, 10);
}

/// While elements are added, updated, removed and moved, a search finds those that are left alone
/// exactly once, each with its own attribute.
#[test]
fn searches_find_each_element_exactly_once_while_it_is_compacted() {
    const STAY: usize = 200;
    const ALL: usize = 2500;
    let set = set(DIM);
    // Those that stay are the last ones, so that they have to move.
    (0..ALL).for_each(|n| add_described(&set, n, 0));
    let done = AtomicBool::new(false);
    let filter = format!(".n >= {}", ALL - STAY);
    let filter =
        Filter::compile(filter.as_bytes(), Dialect::Redis, &filter::Params::default()).expect("valid");
    std::thread::scope(|scope| {
        let (set, done, filter) = (&set, &done, &filter);
        scope.spawn(move || {
            for round in 0..2 {
                (0..ALL - STAY).for_each(|n| assert!(remove(set, &name(n))));
                for n in 0..if round == 0 { ALL - STAY } else { 0 } {
                    add_described(set, n, n);
                }
            }
            while set.compact_step(16, Urgency::Background) != Progress::Done {
                std::thread::yield_now();
            }
            done.store(true, Ordering::Release);
        });
        scope.spawn(move || {
            while !done.load(Ordering::Acquire) {
                set.compact_step(16, Urgency::Background);
            }
        });
        for truth in [true, false] {
            scope.spawn(move || {
                let search = Search {
                    count: STAY,
                    ef: STAY,
                    filter: Some(filter),
                    filter_ef: Some(100_000),
                    truth,
                    plan: None,
                    deadline: None,
                };
                while !done.load(Ordering::Acquire) {
                    let query = set.query(&direction(3, DIM)).expect("right dimension");
                    let hits = set.untimed().search(&query, &search);
                    let mut found: Vec<_> = hits.iter().map(|hit| hit.element.to_vec()).collect();
                    for hit in hits.iter() {
                        let n = String::from_utf8_lossy(&hit.element[1..]).into_owned();
                        let attribute = format!("{{\"n\":{n}}}").into_bytes();
                        assert_eq!(hit.attribute().as_deref(), Some(&attribute[..]));
                    }
                    found.sort();
                    found.dedup();
                    // A walk is not exact; that it is as good as before is another test's matter.
                    assert!(
                        if truth { found.len() == STAY } else { found.len() > STAY * 9 / 10 },
                        "{}",
                        found.len()
                    );
                    assert_eq!(found.len(), hits.len());
                }
            });
        }
    });
    assert_eq!((set.len(), all(&set).len()), (STAY, STAY));
}

#[test]
fn while_a_snapshot_runs_nothing_moves_and_it_has_every_member_once() {
    let set = Arc::new(set(DIM));
    (0..2500).for_each(|n| add_described(&set, n, 0));
    (0..2000).for_each(|n| assert!(remove(&set, &name(n))));
    (0..50).for_each(|_| _ = set.compact_step(8, Urgency::Background));
    let mut frozen = set.freeze_now(Linked::Reciprocal);
    let slots = |set: &VectorSet| (2000..2500).map(|n| set.untimed().slot(&name(n))).collect::<Vec<_>>();
    let before = slots(&set);
    let mut members = Vec::new();
    let mut spill = Vec::new();
    loop {
        assert_ne!(set.compact_step(8, Urgency::Background), Progress::Done);
        let more = frozen.next_block(&mut spill, &mut |element| {
            members.push((element.name.to_vec(), Some(element.attribute.to_vec())));
            Ok(())
        });
        if !more.expect("memory") {
            break;
        }
    }
    assert_eq!(slots(&set), before);
    members.sort();
    assert_eq!(members, all(&set));
    drop(frozen);
    compact(&set);
    assert_ne!(slots(&set), before);
    assert_eq!(members, all(&set));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3))]
    /// Against a map from names to versions.
    #[test]
    fn it_holds_what_a_map_holds(changes in prop::collection::vec((0u8..10, 0usize..1000, 1usize..800), 6..16)) {
        let set = set(DIM);
        let mut model = BTreeMap::new();
        for (version, (change, first, count)) in changes.into_iter().enumerate() {
            for n in first..first + count {
                match change {
                    0..4 => {
                        add_described(&set, n, version);
                        model.insert(name(n), (n, version));
                    }
                    4..8 => assert_eq!(remove(&set, &name(n)), model.remove(&name(n)).is_some()),
                    _ => _ = set.compact_step(8, Urgency::Background),
                }
            }
            let expected: Vec<_> =
                model.iter().map(|(name, (n, _))| (name.clone(), Some(format!("{{\"n\":{n}}}").into_bytes()))).collect();
            prop_assert_eq!(all(&set), expected);
        }
        compact(&set);
        let fresh = super::set(DIM);
        for (n, version) in model.values() {
            add_described(&fresh, *n, *version);
        }
        prop_assert_eq!(set.untimed().digest(), fresh.untimed().digest());
        prop_assert_eq!(set.untimed().describe().attributes, model.len());
    }
}
