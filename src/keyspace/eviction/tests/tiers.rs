//! Elements of which the finer codes go into files before the elements go.

use super::*;
use crate::persistence::files::testing::Folder;
use crate::splitmix::SplitMix64;
use crate::vector_set::{
    Bits, Hold, Kind, Lifetime, Metric, Params, Put, Residence, Search, TierDir, TierPolicy, VectorSet,
};

const DIM: usize = 64;
const ALL: usize = 2_000;

fn vector(n: usize) -> Vec<f32> {
    let mut random = SplitMix64::new(n as u64);
    (0..DIM).map(|_| (random.next() >> 40) as f32 / (1 << 24) as f32 - 0.5).collect()
}

/// A keyspace with one set, whose elements were added one second after the other, at key `s`.
fn filled(folder: &Folder, policy: TierPolicy) -> (Keyspace, Arc<VectorSet>) {
    let keyspace = keyspace("allkeys-lru");
    let dir = TierDir::open(folder.path()).expect("it can be used");
    dir.balance().set_policy(policy);
    keyspace.set_tier(Arc::clone(&dir));
    let params =
        Params::new(DIM).and_then(|params| params.with_format(Kind::RaBitQ(Bits::One), Metric::Cosine));
    let params = params.and_then(|params| params.with_rerank(Kind::Float16)).expect("valid");
    let set = Arc::new(VectorSet::new_in(params, 1, Residence::of(Some(&dir), false)));
    let db = keyspace.db(0);
    let mut keys = db.exclusive(&["s"]);
    keys.put(b"s", Value::VectorSet(Arc::clone(&set)), Deadline::NEVER);
    keys.commit(Record::new(&db.common.journal, db.number, &Bytes::new()));
    for n in 0..ALL {
        keyspace.clock().advance(1000);
        let element = format!("e{n}").into_bytes();
        let put = Put { element: &element, vector: vector(n), attribute: None, lifetime: Lifetime::Endless };
        let present = db.vector_set(b"s").ok().flatten().expect("it is there");
        assert!(present.present().upsert(Hold::Exclusive, &[put], 50, Record::unlogged()).is_ok());
    }
    (keyspace, set)
}

#[test]
fn codes_of_the_coldest_go_first_and_elements_when_hardly_any_code_is_left_in_memory() {
    let folder = Folder::new();
    let (keyspace, set) = filled(&folder, TierPolicy::Demote);
    let half = (ALL / 2 * 2 * DIM) as u64;
    let evicted = evict(&keyspace, half);
    assert_eq!((evicted.keys, evicted.elements, evicted.exhausted), (0, 0, false));
    assert!(evicted.freed >= half);
    assert_eq!((set.len(), set.tier_counts()), (ALL, Some((ALL / 2, ALL / 2))));
    // Nearly the exact order: the older half.
    let balance = keyspace.tier().expect("it is there").balance();
    assert_eq!(balance.moved(), (ALL as u64 / 2, 0));
    let handle = keyspace.db(0).vector_set(b"s").ok().flatten().expect("it is there");
    let present = handle.present();
    let hits_of = |n: usize| {
        let query = set.query(&vector(n)).expect("right dimension");
        let before = balance.hits();
        let search = Search {
            count: 1,
            ef: 50,
            filter: None,
            filter_ef: None,
            truth: false,
            plan: None,
            deadline: None,
        };
        present.search(&query, &search).iter().for_each(|hit| _ = hit.mark_used());
        balance.hits().0 - before.0
    };
    balance.allow(0, false);
    let hot_of = |range: std::ops::Range<usize>| range.step_by(10).map(hits_of).sum::<u64>();
    let (old, new) = (hot_of(0..ALL / 2), hot_of(ALL / 2..ALL));
    assert!(old < 15 && new > 85, "{old} of 100 old ones are in memory, {new} of 100 new ones");
    // All codes, and then elements.
    let mut demoted = 0;
    while keyspace.evictions().elements.get() < 100 {
        demoted = balance.moved().0;
        assert!(!evict(&keyspace, 1).exhausted);
    }
    assert!(demoted > ALL as u64 * 95 / 100, "{demoted}");
    assert!(set.len() <= ALL - 100 && set.len() > ALL - 200);
}

#[test]
fn without_room_or_without_the_policy_elements_go() {
    let folder = Folder::new();
    for (policy, max_bytes) in [(TierPolicy::Off, 0), (TierPolicy::Demote, 1)] {
        let (keyspace, set) = filled(&folder, policy);
        keyspace.tier().expect("it is there").set_max_bytes(max_bytes);
        while keyspace.evictions().elements.get() < 50 {
            assert!(!evict(&keyspace, 1).exhausted);
        }
        assert_eq!((set.len(), set.tier_counts().map(|(_, warm)| warm)), (ALL - 50, Some(0)));
    }
}

/// Slots are free after a grace period, which other tests may put off: until there are no elements
/// left to evict.
fn await_grace() {
    let since = crate::epoch::now();
    while !crate::epoch::grace_over(since) {
        std::thread::yield_now();
    }
}

/// Elements go while the files are full; then codes go into the room that these leave.
#[test]
fn files_that_were_full_are_used_again() {
    let folder = Folder::new();
    let (keyspace, set) = filled(&folder, TierPolicy::Demote);
    let tier = keyspace.tier().expect("it is there");
    // Of 512 codes.
    tier.set_max_bytes(64 << 10);
    while set.tier_counts().is_some_and(|(_, warm)| warm > 400) || tier.balance().demotes() {
        assert!(!evict(&keyspace, 1).exhausted);
        await_grace();
    }
    assert_eq!(tier.balance().moved().0, 512);
    let elements = set.len();
    tier.balance().try_again();
    while tier.balance().moved().0 < 600 {
        assert!(!evict(&keyspace, 1).exhausted);
        await_grace();
    }
    assert_eq!(set.len(), elements);
}

#[test]
fn what_is_not_a_set_in_tiers_is_evicted_beside_it() {
    let folder = Folder::new();
    let (keyspace, set) = filled(&folder, TierPolicy::Demote);
    for name in names(500) {
        put(keyspace.db(1), &name, Deadline::NEVER);
        // As cold as the oldest element.
        let now_ms = keyspace.clock().now_ms();
        keyspace
            .db(1)
            .lookup(name.as_bytes(), Accounting::None, |entry| entry.set_idle_s(ALL as u32, now_ms));
    }
    while keyspace.evictions().keys.get() < 400 {
        assert!(!evict(&keyspace, 1).exhausted);
    }
    assert!(set.len() == ALL && set.tier_counts().is_some_and(|(hot, _)| hot > ALL / 2));
}
