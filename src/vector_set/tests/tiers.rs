//! Sets whose elements have their finer codes in memory or in files.

use std::collections::BTreeMap;

use super::compaction::compact;
use super::*;
use crate::frequency::Lfu;
use crate::persistence::files::testing::Folder;
use crate::splitmix::SplitMix64;

const DIM: usize = 64;
const TRUTH: Search<'static> = Search { count: 50, truth: true, ..PLAIN };

fn tiered(folder: &Folder, kind: Kind) -> (VectorSet, Arc<TierDir>) {
    let dir = TierDir::open(folder.path()).expect("it can be used");
    let params = Params::new(DIM).and_then(|params| params.with_format(kind, Metric::Cosine));
    let params = params.and_then(|params| params.with_rerank(Kind::Float16)).expect("valid");
    (VectorSet::new_in(params, 1, Residence::of(Some(&dir), false)), dir)
}

/// In all directions, unlike [`direction`]'s.
fn vector(n: usize) -> Vec<f32> {
    let mut random = SplitMix64::new(n as u64);
    (0..DIM).map(|_| (0..4).map(|_| (random.next() >> 40) as f32 / (1 << 24) as f32 - 0.5).sum()).collect()
}

fn add_all(set: &VectorSet, numbers: std::ops::Range<usize>) {
    numbers.for_each(|n| _ = add(set, &name(n), &vector(n)));
}

fn name(n: usize) -> Vec<u8> {
    format!("e{n}").into_bytes()
}

fn slot(set: &VectorSet, element: &[u8]) -> u32 {
    set.untimed().slot_in(&set.elements.read(), element).expect("it is an element")
}

fn demote(set: &VectorSet, elements: impl Iterator<Item = usize>) -> usize {
    elements.filter(|&n| set.untimed().demote(slot(set, &name(n))).is_some()).count()
}

fn exact(set: &VectorSet, q: usize) -> Vec<(Vec<u8>, f32)> {
    let query = set.query(&vector(1_000_003 + q)).expect("right dimension");
    set.untimed().search(&query, &TRUTH).iter().map(|hit| (hit.element.to_vec(), hit.distance)).collect()
}

/// Of the ten nearest to each of some queries, how many a walk finds, all with exact distances.
fn recall(set: &VectorSet) -> f64 {
    const QUERIES: usize = 50;
    let of_query = |q| {
        let exact = exact(set, q);
        let query = set.query(&vector(1_000_003 + q)).expect("right dimension");
        let hits = set.untimed().search(&query, &PLAIN);
        let found: Vec<(Vec<u8>, f32)> =
            hits.iter().map(|hit| (hit.element.to_vec(), hit.distance)).collect();
        assert!(found.is_sorted_by(|a, b| a.1 <= b.1) && found.len() == 10);
        found.iter().filter(|found| exact[..10].contains(found)).count()
    };
    (0..QUERIES).map(of_query).sum::<usize>() as f64 / (10 * QUERIES) as f64
}

#[test]
fn what_a_set_says_does_not_depend_on_where_its_codes_are() {
    let folder = Folder::new();
    for kind in [Kind::RaBitQ(Bits::One), Kind::RaBitQ(Bits::Four)] {
        let (set, dir) = tiered(&folder, kind);
        add_all(&set, 0..2_400);
        let (digest, hot_recall) = (set.untimed().digest(), recall(&set));
        let before: Vec<_> = (0..10).map(|q| exact(&set, q)).collect();
        let bytes = set.heap_bytes();
        assert!(!set.may_wait_for_disk());
        for (part, warm) in [(0..1_200, 1_200), (0..2_400, 2_400)] {
            demote(&set, part);
            assert_eq!((set.tier_counts(), set.may_wait_for_disk()), (Some((2_400 - warm, warm)), true));
            assert_eq!(set.untimed().digest(), digest);
            assert_eq!((0..10).map(|q| exact(&set, q)).collect::<Vec<_>>(), before);
            let recall = recall(&set);
            assert!(
                recall > hot_recall - 0.02,
                "{kind:?}: {recall} with {warm} in files, {hot_recall} before"
            );
        }
        while set.tier_step(32, Urgency::Background) != Progress::Done {}
        assert!(set.heap_bytes() < bytes - 2_400 * DIM, "{} of {bytes}", set.heap_bytes());
        assert_eq!(dir.balance().moved(), (2_400, 0));
        // New elements link to those in files, and are found.
        dir.balance().set_policy(TierPolicy::Lazy);
        add_all(&set, 2_400..3_600);
        assert_eq!(set.tier_counts(), Some((0, 3_600)));
        let (linked_cold, fresh) = (recall(&set), tiered_fresh(kind));
        assert!(linked_cold > fresh - 0.03, "{kind:?}: {linked_cold} linked by estimates, {fresh} else");
        dir.balance().set_policy(TierPolicy::Off);
        (0..3_600).step_by(2).for_each(|n| assert!(remove(&set, &name(n))));
        compact(&set);
        let (hot, warm) = set.tier_counts().expect("there is a choice");
        assert_eq!((hot, warm, set.len()), (0, 1_800 + set.vectors.graph().dead(), 1_800));
        assert!(recall(&set) > 0.93);
        drop(set);
        assert_eq!((dir.balance().blocks(), dir.bytes(), dir.spaces()), ((0, 0), 0, 0));
    }
}

/// The recall of such a set that was always in memory.
fn tiered_fresh(kind: Kind) -> f64 {
    let params = Params::new(DIM).and_then(|params| params.with_format(kind, Metric::Cosine));
    let params = params.and_then(|params| params.with_rerank(Kind::Float16)).expect("valid");
    let set = VectorSet::new(params, 1);
    add_all(&set, 0..3_600);
    recall(&set)
}

/// Also behind thousands of slots whose codes are there already, and with codes of elements that
/// are gone.
#[test]
fn steps_go_on_until_all_codes_are_where_they_should_be() {
    let folder = Folder::new();
    let (set, dir) = tiered(&folder, Kind::RaBitQ(Bits::One));
    dir.balance().allow(u64::MAX, false);
    add_all(&set, 0..3_000);
    let steps = |tier| {
        let change = LimitsChange { tier: Some(tier), ..LimitsChange::default() };
        let changed = set.untimed().configure(Hold::Exclusive, &change, false, Record::unlogged());
        assert!(changed.is_ok());
        while set.tier_step(32, Urgency::Background) == Progress::Some {}
        set.tier_counts().expect("there is a choice")
    };
    assert_eq!(demote(&set, 0..2_990), 2_990);
    assert_eq!(steps(Tier::Warm), (0, 3_000));
    assert_eq!(steps(Tier::Hot), (3_000, 0));
    assert_eq!(demote(&set, 2_500..3_000), 500);
    let pin = crate::epoch::pin();
    (0..100).for_each(|n| assert!(remove(&set, &name(n))));
    assert_eq!(steps(Tier::Warm), (100, 2_900), "slots that a reader may look at keep their codes");
    drop(pin);
}

/// Thousands of vectors on a circle, whose estimates do not tell them apart, are found all the
/// same.
#[test]
fn where_estimates_do_not_tell_elements_apart_finer_codes_do() {
    let folder = Folder::new();
    let (set, _) = tiered(&folder, Kind::RaBitQ(Bits::One));
    fill(&set, 2_000, 0, DIM);
    demote(&set, 0..2_000);
    let found = |truth| near(&set, &direction(1_000_003, DIM), &Search { truth, ..PLAIN });
    let exact = found(true);
    assert!(found(false).iter().filter(|name| exact.contains(name)).count() >= 9);
}

#[test]
fn what_is_used_more_than_the_victims_comes_up() {
    const NOW_MS: i64 = 1_795_000_000_000;
    let folder = Folder::new();
    let (set, dir) = tiered(&folder, Kind::RaBitQ(Bits::One));
    dir.balance().set_policy(TierPolicy::Demote);
    dir.balance().allow(u64::MAX, false);
    let at = |used_ms| set.at(Now { expiry_ms: 0, used_ms, touches: true, lfu: Lfu::DEFAULT });
    for n in 0..1_000 {
        let vector = vector(n);
        assert!(
            at(NOW_MS).upsert(Hold::Exclusive, &[put(&name(n), &vector)], 50, Record::unlogged()).is_ok()
        );
    }
    // Victims had not been used for ten seconds.
    assert_eq!(
        (0..1_000).filter(|&n| at(NOW_MS + 10_000).demote(slot(&set, &name(n))).is_some()).count(),
        1_000
    );
    let hit = |n: usize, ms: i64| {
        let query = set.query(&vector(n)).expect("right dimension");
        let now = at(NOW_MS + ms);
        let hits = now.search(&query, &Search { count: 1, ..PLAIN });
        hits.iter().for_each(|hit| _ = hit.mark_used());
        assert_eq!(hits.iter().next().map(|hit| hit.element.to_vec()), Some(name(n)));
    };
    let hot = || set.tier_counts().expect("there is a choice").0;
    hit(5, 60_000);
    assert_eq!(hot(), 0, "its last use was a minute ago");
    hit(5, 63_000);
    assert_eq!(hot(), 1, "its last use was three seconds ago");
    hit(5, 63_000);
    assert_eq!((dir.balance().hits(), dir.balance().moved()), ((1, 2), (1_000, 1)));
    dir.balance().allow(0, false);
    (0..3).for_each(|i| hit(6, 70_000 + i));
    assert_eq!(hot(), 1, "no more is allowed");
}

/// While elements come, go, move between slots and between tiers, a search over all finds those
/// that are left alone exactly once, at their own distance.
#[test]
fn searches_find_each_element_exactly_once_wherever_it_is() {
    const STAY: usize = 300;
    const ALL: usize = 1_200;
    let folder = Folder::new();
    let (set, dir) = tiered(&folder, Kind::RaBitQ(Bits::Two));
    dir.balance().set_policy(TierPolicy::Demote);
    dir.balance().allow(u64::MAX, false);
    fill(&set, ALL, 0, DIM);
    let query = set.query(&direction(3, DIM)).expect("right dimension");
    let search = Search { count: 2 * ALL, truth: true, ..PLAIN };
    let staying = |(element, distance): (Vec<u8>, f32)| {
        let number: usize = String::from_utf8_lossy(&element[1..]).parse().expect("a number");
        (ALL - STAY..ALL).contains(&number).then_some((number, distance.to_bits()))
    };
    let seen = || -> Vec<(usize, u32)> {
        let hits = set.untimed().search(&query, &search);
        let mut seen: Vec<_> =
            hits.iter().filter_map(|hit| staying((hit.element.to_vec(), hit.distance))).collect();
        seen.sort_unstable();
        seen
    };
    let expected = seen();
    assert_eq!(expected.len(), STAY);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (set, done, dir) = (&set, &done, &dir);
        scope.spawn(move || {
            let mut random = SplitMix64::new(1);
            let mut there: BTreeMap<usize, ()> = (0..ALL - STAY).map(|n| (n, ())).collect();
            for _ in 0..1_500 {
                let n = random.next() as usize % (ALL - STAY);
                if there.remove(&n).is_some() {
                    assert!(remove(set, &name(n)));
                } else {
                    add(set, &name(n), &direction(n + random.next() as usize % 100, DIM));
                    there.insert(n, ());
                }
            }
            done.store(true, Ordering::Relaxed);
        });
        scope.spawn(move || {
            let mut random = SplitMix64::new(2);
            while !done.load(Ordering::Relaxed) {
                let pin = crate::epoch::pin();
                let slots = set.vectors.graph().slots();
                let slot = random.next() as u32 % slots.end().max(1);
                let tier = if random.next().is_multiple_of(2) { Tier::Hot } else { Tier::Warm };
                if slots.state(slot) == crate::index::State::Live {
                    set.vectors.move_to(slot, tier, &pin);
                }
                dir.balance().set_policy(if random.next().is_multiple_of(2) {
                    TierPolicy::Lazy
                } else {
                    TierPolicy::Demote
                });
            }
        });
        scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                set.compact_step(4, Urgency::MemoryIsShort);
                set.tier_step(4, Urgency::MemoryIsShort);
                set.vectors.pack_codes();
            }
        });
        while !done.load(Ordering::Relaxed) {
            assert_eq!(seen(), expected);
        }
    });
    compact(&set);
    assert_eq!(seen(), expected);
    let (hot, warm) = set.tier_counts().expect("there is a choice");
    assert_eq!(hot + warm, set.len() + set.vectors.graph().dead());
}
