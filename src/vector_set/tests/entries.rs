//! Entries of caches: what is kept while elements move, change, and are read for snapshots.

use std::sync::Arc;

use super::*;
use crate::certainty::{Lead, Observation};

const DIM: usize = 16;

/// Random, so that no two are near.
fn vector(n: usize, dim: usize) -> Vec<f32> {
    let mut random = crate::splitmix::SplitMix64::new(n as u64);
    (0..dim).map(|_| random.next() as i8 as f32).collect()
}

fn cache(dim: usize) -> VectorSet {
    let options = SetOptions { may_be_empty: true, ..SetOptions::default() };
    let rules = CacheRules { scope: Vec::new(), secret: [7; 16], max_error: None };
    set(dim).with_options(options).with_cache(rules)
}

fn store(set: &VectorSet, element: &[u8], vector: &[f32], payload: &[u8]) -> StoredEntry {
    let cache = set.untimed().cache().expect("it is one");
    let entry = NewEntry { payload, cost: 2.5, cool: 3, is_pinned: false };
    let options = StoreOptions { unless: None, ef: 100, evicts: true };
    let put = put(element, vector);
    cache.store(Hold::Exclusive, &put, &entry, &options, Record::unlogged()).ok().expect("not refused")
}

fn observe(set: &VectorSet, element: &[u8], score: f32, is_right: bool) -> bool {
    let cache = set.untimed().cache().expect("it is one");
    let seen = Observation::new(score, Lead::UNKNOWN, is_right, 1.0);
    let about = About::Element(element);
    cache
        .observe(Hold::Exclusive, about, seen, false, Record::unlogged(), |_, _| ())
        .ok()
        .expect("not refused")
}

/// Payload, confirmations that are missing, observations, and the threshold, of what is nearest.
fn nearest(set: &VectorSet, vector: &[f32]) -> (Vec<u8>, u8, usize, Option<f64>) {
    let query = set.query(vector).expect("right dimension");
    let hits = set.untimed().search(&query, &Search { count: 1, ..PLAIN });
    let hit = hits.iter().next().expect("not empty");
    let entry = hit.entry().expect("a cache");
    let payload = entry.payload().map(|payload| payload.into_owned()).unwrap_or_default();
    let threshold = entry.certainty().map(|certainty| certainty.threshold.mean());
    (payload, entry.missing_confirmations(), entry.observations(), threshold)
}

fn fill_cache(set: &VectorSet, count: usize) {
    for n in 0..count {
        let name = format!("e{n}");
        store(set, name.as_bytes(), &vector(n, DIM), name.as_bytes());
        observe(set, name.as_bytes(), 0.7 + (n % 20) as f32 / 100.0, n % 20 > 9);
    }
}

#[test]
fn entries_move_with_their_elements() {
    let set = cache(DIM);
    fill_cache(&set, 3000);
    let looked_at = [2500, 2770, 2999].map(|n| vector(n, DIM));
    let before = looked_at.each_ref().map(|vector| nearest(&set, vector));
    assert!(
        before.iter().all(|(payload, _, seen, threshold)| {
            !payload.is_empty() && *seen == 1 && threshold.is_some()
        })
    );
    (0..2500).for_each(|n| assert!(remove(&set, format!("e{n}").as_bytes())));
    let slots = set.vectors.graph().slots().end();
    super::compaction::compact(&set);
    assert!(set.vectors.graph().slots().end() < slots, "elements were moved");
    let after = looked_at.each_ref().map(|vector| nearest(&set, vector));
    assert_eq!(after, before);
    // What is put into slots that were used before has nothing of what was there.
    let new = vector(77_777, DIM);
    add(&set, b"plain", &new);
    assert_eq!(nearest(&set, &new).0, b"");
    assert_eq!(nearest(&set, &new).2, 0);
}

#[test]
fn an_update_with_another_vector_keeps_the_payload_and_forgets_observations() {
    let set = cache(DIM);
    let [first, second] = [1, 2].map(|n| vector(n, DIM));
    store(&set, b"a", &first, b"answer");
    assert!(observe(&set, b"a", 0.9, true) && !observe(&set, b"b", 0.9, true));
    assert_eq!(nearest(&set, &first), (b"answer".to_vec(), 2, 1, None));
    store(&set, b"a", &first, b"other");
    assert_eq!(nearest(&set, &first), (b"other".to_vec(), 3, 1, None), "the same vector");
    add(&set, b"a", &second);
    assert_eq!(nearest(&set, &second), (b"other".to_vec(), 3, 0, None));
}

#[test]
fn a_snapshot_has_entries_and_what_was_learnt_as_they_were_at_its_beginning() {
    let set = Arc::new(cache(DIM));
    fill_cache(&set, 300);
    let of_before = set.duplicate().expect("not damaged").set;
    let mut frozen = set.freeze_now(Linked::AsTheyAre);
    fill_cache(&set, 300);
    for n in 0..300 {
        store(&set, format!("e{n}").as_bytes(), &vector(n, DIM), b"changed");
    }
    let (mut seen, mut spill) = (std::collections::BTreeMap::new(), Vec::new());
    let mut take = |element: Element<'_>| {
        seen.insert(element.name.to_vec(), element.entry.to_vec());
        Ok(())
    };
    while frozen.next_block(&mut spill, &mut take).expect("not given up") {}
    let expected = Arc::new(of_before);
    let mut again = expected.freeze_now(Linked::AsTheyAre);
    let mut all = std::collections::BTreeMap::new();
    let mut take = |element: Element<'_>| {
        all.insert(element.name.to_vec(), element.entry.to_vec());
        Ok(())
    };
    while again.next_block(&mut spill, &mut take).expect("not given up") {}
    assert!(seen.len() == 300 && seen == all);
    assert_eq!(frozen.learning(), again.learning());
    assert_eq!(nearest(&expected, &vector(7, DIM)).0, b"e7");
}

#[test]
fn payloads_are_counted_and_compressed_and_limits_hold_for_them() {
    let set = cache(DIM);
    let bare = set.heap_bytes();
    let first = vector(1, DIM);
    let text = crate::compressed::repetitive(100_000);
    store(&set, b"a", &first, &text);
    let compressed = set.heap_bytes() - bare;
    assert!(set.savings().values == 1 && set.savings().bytes > 50_000 && compressed < 50_000 + (64 << 10));
    assert_eq!(nearest(&set, &first).0, text);
    let mut random = crate::splitmix::SplitMix64::new(1);
    let noise: Vec<u8> = (0..5_000).map(|_| random.next() as u8).collect();
    let limits = Limits { max_bytes: Some(250_000), ..Limits::default() };
    let set = cache(DIM).with_limits(limits);
    let mut evictions = 0;
    for n in 0..200 {
        match store(&set, format!("e{n}").as_bytes(), &vector(n, DIM), &noise) {
            StoredEntry::Done { evicted, .. } => evictions += evicted,
            other => panic!("{n}: {other:?}"),
        }
    }
    assert!((40..50).contains(&set.len()) && evictions == 200 - set.len(), "{}", set.len());
    let huge = noise.repeat(60);
    assert_eq!(store(&set, b"huge", &vector(500, DIM), &huge), StoredEntry::Full(Full::Bytes));
}

#[test]
fn by_cost_the_entry_that_is_worth_least_makes_room() {
    let limits = Limits { max_elements: Some(3), policy: SetPolicy::Cost, ..Limits::default() };
    let set = cache(DIM).with_limits(limits);
    let store = |element: &[u8], cost: f32, bytes: usize| {
        let mut random = crate::splitmix::SplitMix64::new(1);
        let payload: Vec<u8> = (0..bytes).map(|_| random.next() as u8).collect();
        let entry = NewEntry { payload: &payload, cost, cool: 0, is_pinned: false };
        let options = StoreOptions { unless: None, ef: 100, evicts: true };
        let put = put(element, &vector(element[0].into(), DIM));
        let cache = set.untimed().cache().expect("it is one");
        cache.store(Hold::Exclusive, &put, &entry, &options, Record::unlogged()).ok().expect("not refused")
    };
    for (element, cost, bytes) in [(b"a", 100.0, 100), (b"b", 1.0, 100), (b"c", 100.0, 200_000)] {
        store(element, cost, bytes);
    }
    let has = |element: &[u8]| set.untimed().contains(element);
    store(b"d", 50.0, 100);
    assert!(has(b"a") && has(b"b") && !has(b"c"), "the largest");
    store(b"e", 50.0, 100);
    assert!(has(b"a") && !has(b"b") && has(b"d"), "the cheapest");
}

/// A cache that keeps so many entries by coverage, with entries in the order of use: each is the
/// vector of a number, turned a little so many times.
fn covered(max_elements: u64, entries: &[(&[u8], usize, usize)]) -> VectorSet {
    let limits =
        Limits { max_elements: Some(max_elements), policy: SetPolicy::Coverage, ..Limits::default() };
    let set = cache(DIM).with_limits(limits);
    for (place, (element, n, turns)) in entries.iter().enumerate() {
        store_later(&set, place, element, *n, *turns);
    }
    set
}

fn store_later(set: &VectorSet, place: usize, element: &[u8], n: usize, turns: usize) {
    let mut vector = vector(n, DIM);
    vector[0] += turns as f32 * 3.0;
    let now = Now { used_ms: 1_795_000_000_000 + 1000 * place as i64, touches: true, ..Now::UNTIMED };
    let cache = set.at(now).cache().expect("it is one");
    let entry = NewEntry { payload: b"x", cost: 1.0, cool: 0, is_pinned: false };
    let options = StoreOptions { unless: None, ef: 100, evicts: true };
    let put = put(element, &vector);
    let stored = cache.store(Hold::Exclusive, &put, &entry, &options, Record::unlogged());
    assert!(matches!(stored, Ok(StoredEntry::Done { .. })));
}

fn serve_from(set: &VectorSet, score: f32) {
    set.untimed().cache().expect("it is one").note_rule(Served::FromScore(score));
}

fn names_of(set: &VectorSet) -> Vec<Vec<u8>> {
    set.untimed().range(Bound::Unbounded, Bound::Unbounded, 100)
}

/// The names of all but these, of which one is there.
fn without(set: &VectorSet, names: &[&[u8]]) -> Vec<Vec<u8>> {
    let (some, others): (Vec<_>, Vec<_>) =
        names_of(set).into_iter().partition(|name| names.contains(&&name[..]));
    assert_eq!(some.len(), 1);
    others
}

#[test]
fn by_coverage_what_another_entry_would_answer_makes_room_first_and_one_of_two_stays() {
    let entries: [(&[u8], usize, usize); 4] = [(b"a", 1, 0), (b"b", 2, 0), (b"c", 3, 0), (b"d", 3, 1)];
    let set = covered(4, &entries);
    // Nothing was served yet, so that nothing is covered.
    store_later(&set, 4, b"e", 4, 0);
    assert_eq!(names_of(&set), [b"b", b"c", b"d", b"e"], "the least recently used");
    serve_from(&set, 0.99);
    store_later(&set, 5, b"f", 5, 0);
    assert_eq!(without(&set, &[b"c", b"d"]), [b"b", b"e", b"f"], "one of two that cover each other");
}

#[test]
fn of_many_that_cover_each_other_one_stays_though_one_change_evicts_all() {
    let mut entries: Vec<(&[u8], usize, usize)> = vec![(b"a", 1, 0), (b"b", 2, 0)];
    let near: [&[u8]; 6] = [b"c", b"d", b"e", b"f", b"g", b"h"];
    entries.extend(near.iter().enumerate().map(|(turns, name)| (*name, 3, turns)));
    let set = covered(8, &entries);
    serve_from(&set, 0.95);
    let change = LimitsChange { max_elements: Some(Some(2)), ..LimitsChange::default() };
    let evicted = set.untimed().configure(Hold::Exclusive, &change, true, Record::unlogged());
    assert_eq!(evicted.ok(), Some(6));
    let left = names_of(&set);
    let of_near = left.iter().filter(|name| near.contains(&&name[..])).count();
    assert_eq!((left.len(), of_near), (2, 1), "{left:?}");
}

#[test]
fn an_entry_and_its_aliases_do_not_cover_each_other() {
    let set = covered(4, &[(b"a", 1, 0), (b"b", 2, 0), (b"c", 3, 0)]);
    let mut near = vector(3, DIM);
    near[0] += 3.0;
    let cache = set.untimed().cache().expect("it is one");
    let aliased = cache.alias(Hold::Exclusive, b"c", &near, true, Record::unlogged());
    assert!(matches!(aliased, Ok(Aliased::Added(1))));
    serve_from(&set, 0.95);
    store_later(&set, 4, b"d", 4, 0);
    let left = names_of(&set);
    assert!(left.contains(&b"c".to_vec()), "{left:?}");
    // The alias has not been used since it was added without a clock; then the first entry goes.
    store_later(&set, 5, b"e", 5, 0);
    assert!(names_of(&set).contains(&b"c".to_vec()));
    // Another entry covers an alias as it covers any.
    let set = covered(3, &[(b"c", 3, 0)]);
    let cache = set.untimed().cache().expect("it is one");
    let aliased = cache.alias(Hold::Exclusive, b"c", &vector(1, DIM), true, Record::unlogged());
    assert!(matches!(aliased, Ok(Aliased::Added(1))));
    store_later(&set, 2, b"d", 1, 1);
    serve_from(&set, 0.95);
    store_later(&set, 3, b"e", 5, 0);
    let left = names_of(&set);
    assert_eq!(left.len(), 3);
    assert!(!left.iter().any(|name| name.contains(&0)), "{left:?}");
}

#[test]
fn by_coverage_with_a_share_of_errors_the_learnt_threshold_decides() {
    let set = covered(4, &[(b"a", 1, 0), (b"b", 2, 0), (b"c", 3, 0), (b"d", 3, 1)]);
    let share = Share::new(0.2).expect("between 0 and 1");
    set.untimed().cache().expect("it is one").note_rule(Served::Expected(share));
    store_later(&set, 4, b"e", 4, 0);
    assert_eq!(names_of(&set), [b"b", b"c", b"d", b"e"], "nothing was learnt");
    for n in 0..64 {
        observe(&set, b"b", if n % 2 == 0 { 0.95 } else { 0.6 }, n % 2 == 0);
    }
    // Stored with no confirmations to come: what is served is a matter of the score.
    store_later(&set, 5, b"f", 5, 0);
    assert_eq!(without(&set, &[b"c", b"d"]), [b"b", b"e", b"f"]);
}

#[test]
fn a_forecast_begins_with_a_sample_of_the_entries_that_are_there() {
    let set = cache(DIM);
    let bare = set.heap_bytes();
    for n in 0..400 {
        store(&set, format!("e{n}").as_bytes(), &vector(n, DIM), b"x");
    }
    let before = set.heap_bytes();
    let curve = set.untimed().cache().expect("it is one").curve();
    assert!((0.15..0.5).contains(&curve.followed) && curve.rates.is_none(), "{curve:?}");
    assert!(set.heap_bytes() > before + 1000 && before > bare, "it is counted");
    // Half of the entries were used later than any that is hit: half the memory would not have it.
    let now = Now { used_ms: 1_795_000_000_000, touches: true, ..Now::UNTIMED };
    let hit = |n: usize| {
        let vector = vector(n, DIM);
        let set = set.at(now);
        let hits = set.search(&set.query(&vector).expect("right"), &Search { count: 1, ..PLAIN });
        let found: Vec<_> = hits.iter().collect();
        let entry = found[0].entry();
        let asked = Asked { vector: &vector, filter: None, served: Served::FromScore(0.99) };
        set.cache().expect("it is one").foresee(&asked, entry.as_ref());
    };
    (200..400).for_each(hit);
    let rates = |set: &VectorSet| set.untimed().cache().expect("it is one").curve().rates.expect("searches");
    let [half, now, double, _] = rates(&set);
    assert!(half < now && now == 1.0 && double == 1.0, "{half}");
    (0..10).for_each(|_| (380..400).for_each(hit));
    assert!(rates(&set)[0] > half, "what was used a moment ago half the memory has");
}
