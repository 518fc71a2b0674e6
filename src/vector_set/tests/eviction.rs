//! Elements that are evicted: drawn, listed, removed.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::eviction::{Candidate, Rule};
use crate::splitmix::SplitMix64;

const NOW: Now = Now { used_ms: 1_795_000_000_000, ..Now::UNTIMED };
const LRU: EvictionCriteria = EvictionCriteria::by(Rule::Lru);

fn after(ms: i64) -> Now {
    Now { used_ms: NOW.used_ms + ms, ..NOW }
}

fn add_at(set: &VectorSet, now: Now, element: &str, lifetime: Lifetime) {
    let put = Put { lifetime, ..put(element.as_bytes(), &direction(1, 2)) };
    assert!(set.at(now).upsert(Hold::Exclusive, &[put], 1, Record::unlogged()).is_ok());
}

fn name(set: &VectorSet, slot: u32) -> String {
    let names = set.names.get(slot, &crate::epoch::pin()).to_vec();
    String::from_utf8(names).expect("a name of this test")
}

fn listed(set: &VectorSet, criteria: &EvictionCriteria) -> BTreeMap<String, Candidate<u32>> {
    let mut listed = BTreeMap::new();
    let mut next = Some(0);
    while let Some(first) = next {
        let offer = |found: Candidate<u32>| {
            assert!(listed.insert(name(set, found.place), found).is_none(), "each once");
        };
        next = set.at(NOW).candidates((first, 7), criteria, offer);
    }
    listed
}

fn evict(set: &VectorSet, hold: Hold, candidate: Candidate<u32>) -> Option<Option<EvictedElement>> {
    set.at(after(2_000)).evict(hold, candidate, &LRU, Record::unlogged()).ok()
}

#[test]
fn samples_of_sparse_sets_are_about_uniform() {
    let set = set(2);
    (0..1_000).for_each(|n| add_at(&set, NOW, &format!("e{n}"), Lifetime::Endless));
    assert!(set.at(NOW).sample(&LRU, &mut SplitMix64::new(1)).is_some());
    (0..1_000).filter(|n| n % 25 != 3).for_each(|n| assert!(remove(&set, format!("e{n}").as_bytes())));
    let mut random = SplitMix64::new(1);
    let mut counts = BTreeMap::<u32, usize>::new();
    for _ in 0..20_000 {
        let drawn = set.at(NOW).sample(&LRU, &mut random).expect("none is pinned");
        *counts.entry(drawn.place).or_default() += 1;
    }
    assert_eq!((counts.len(), set.approximate_len()), (40, 40));
    // Expected: 500 each, with a standard deviation of 22.
    assert!(counts.values().all(|count| (350..650).contains(count)), "{counts:?}");
    (0..1_000).for_each(|n| _ = remove(&set, format!("e{n}").as_bytes()));
    assert!(set.at(NOW).sample(&LRU, &mut random).is_none(), "it is empty");
}

#[test]
fn what_may_be_evicted_is_listed_and_drawn() {
    let set = set(2);
    for n in 0..100 {
        let lifetime = if n % 10 == 0 { Lifetime::Until(2_000_000_000_000) } else { Lifetime::Endless };
        add_at(&set, NOW, &format!("e{n}"), lifetime);
    }
    (0..50).for_each(|n| assert!(remove(&set, format!("e{n}").as_bytes())));
    let pinned: [&[u8]; 2] = [b"e60", b"e61"];
    assert!(set.at(NOW).pin(Hold::Exclusive, &pinned, true, Record::unlogged()).is_ok());
    let volatile = EvictionCriteria { only_expiring: true, ..LRU };
    let all_expire = EvictionCriteria { set_deadline_ms: Some(7), ..volatile };
    let ttl = EvictionCriteria { rule: Rule::Ttl, ..LRU };
    let some = (50..100).step_by(10).filter(|n| *n != 60);
    let all = (50..100).filter(|n| *n != 60 && *n != 61);
    let names = |numbers: &mut dyn Iterator<Item = i32>| numbers.map(|n| format!("e{n}")).collect();
    let [some, all]: [BTreeSet<String>; 2] = [names(&mut some.into_iter()), names(&mut all.into_iter())];
    for (criteria, expected) in [(LRU, &all), (all_expire, &all), (volatile, &some), (ttl, &some)] {
        assert_eq!(&listed(&set, &criteria).into_keys().collect::<BTreeSet<_>>(), expected, "{criteria:?}");
        let mut random = SplitMix64::new(2);
        for _ in 0..300 {
            let drawn = set.at(NOW).sample(&criteria, &mut random);
            assert!(drawn.is_none_or(|drawn| expected.contains(&name(&set, drawn.place))), "{criteria:?}");
        }
    }
}

#[test]
fn an_element_that_was_used_since_stays() {
    let set = set(2);
    for element in ["a", "b", "c"] {
        add_at(&set, NOW, element, Lifetime::Endless);
    }
    let listed = listed(&set, &LRU);
    add_at(&set, after(1_000), "a", Lifetime::Endless);
    let touched = Now { touches: true, ..after(1_000) };
    assert_eq!(set.at(touched).attributes(&[b"b"]), [None]);
    let changes = set.changes();
    assert_eq!(["a", "b"].map(|element| evict(&set, Hold::Exclusive, listed[element])), [Some(None); 2]);
    assert_eq!((set.len(), set.changes()), (3, changes));
    let evicted = evict(&set, Hold::Exclusive, listed["c"]).flatten().expect("it was not used");
    assert!(evicted.bytes > 2 && !evicted.has_expired);
    assert_eq!((set.len(), set.changes()), (2, changes + 1));
    assert_eq!(evict(&set, Hold::Exclusive, listed["c"]), Some(None), "it is gone");
}

#[test]
fn the_last_element_is_left_to_who_holds_the_key() {
    let set = set(2);
    add_at(&set, NOW, "a", Lifetime::Until(5));
    let only = listed(&set, &LRU)["a"];
    let lookup = Hold::Lookup(set.binding());
    assert_eq!(evict(&set, lookup, only), None);
    let late = Now { expiry_ms: 6, ..NOW };
    let evicted = set.at(late).evict(Hold::Exclusive, only, &LRU, Record::unlogged()).ok().flatten();
    assert!(evicted.is_some_and(|evicted| evicted.has_expired));
    assert!(set.is_empty());
    assert_eq!(evict(&set, lookup, only), None, "the set was unbound");
}

#[test]
fn candidates_from_before_a_compaction_may_lie_beyond_the_end() {
    // Several segments of each arena go, so that nothing is left where the candidates were.
    const ALL: usize = 16 * 255;
    let set = set(64);
    for n in 0..ALL {
        let element = format!("e{n}");
        let put = put(element.as_bytes(), &direction(n, 64));
        assert!(set.at(NOW).upsert(Hold::Exclusive, &[put], 1, Record::unlogged()).is_ok());
    }
    let mut candidates = listed(&set, &LRU);
    (0..ALL).filter(|n| n % 100 != 3).for_each(|n| assert!(remove(&set, format!("e{n}").as_bytes())));
    super::compaction::compact(&set);
    let end = set.vectors.graph().slots().end();
    candidates.retain(|_, candidate| candidate.place >= end);
    assert!(candidates.len() > ALL / 2 && set.len() == 41);
    for candidate in candidates.into_values() {
        assert!(!set.at(NOW).is_still(candidate, &LRU));
        assert_eq!(evict(&set, Hold::Exclusive, candidate), Some(None));
    }
    assert_eq!(listed(&set, &LRU).len(), 41);
}

#[test]
fn samples_are_drawn_while_a_set_is_compacted() {
    const ALL: usize = 1_500;
    let set = set(64);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..4 {
                (0..ALL).for_each(|n| _ = add(&set, format!("e{n}").as_bytes(), &direction(n, 64)));
                (30..ALL).for_each(|n| _ = remove(&set, format!("e{n}").as_bytes()));
                super::compaction::compact(&set);
            }
            done.store(true, Ordering::Release);
        });
        scope.spawn(|| {
            let mut random = SplitMix64::new(3);
            let mut old = Vec::new();
            while !done.load(Ordering::Acquire) {
                old.extend(set.at(NOW).sample(&LRU, &mut random));
                // Some are taken much later than they were drawn.
                let any = random.next().checked_rem(old.len() as u64).unwrap_or(0) as usize;
                if old.len() > 100 {
                    set.at(NOW).is_still(old.swap_remove(any), &LRU);
                }
            }
        });
    });
    assert_eq!(listed(&set, &LRU).len(), 30);
}
