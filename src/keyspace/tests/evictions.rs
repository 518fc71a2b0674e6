//! Eviction while everything else happens: writers, SWAPDB, FLUSHALL, transactions, snapshots.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::*;
use crate::keyspace::shard::SHARDS;
use crate::splitmix::SplitMix64;

const WRITES: usize = 1_500;
const KEYS_USED: usize = 3;

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// Writes keys of all types, some with deadlines, and evicts about one for each.
fn write_and_evict(keyspace: &Keyspace, seed: u64) {
    let mut random = SplitMix64::new(seed);
    for _ in 0..WRITES {
        let db = keyspace.db(random.below(KEYS_USED as u64) as usize);
        let key = format!("key:{}", random.below(500));
        let deadline = match random.below(3) {
            0 => Deadline::at(keyspace.clock().now_ms() + random.below(2_000) as i64),
            _ => Deadline::NEVER,
        };
        match random.below(10) {
            0 => drop(db.create_vector_set(key.as_bytes(), new_set(), Record::unlogged())),
            1 => {
                let set = |hash: &mut Hash| hash.set(b"field", &[b'v'; 100], deadline);
                let _ = db.exclusive(&[&key]).edit_hash(key.as_bytes(), set);
            }
            2 => add_element(db, &key, random.below(10)),
            _ => db.exclusive(&[&key]).put(key.as_bytes(), text("value"), deadline),
        }
        // The engine takes it from the count of changes whether there may be something new.
        Record::new(keyspace.journal(), 0, &bytes::Bytes::new()).commit();
        keyspace.evict(1, soon(), EvictReason::Limit);
    }
}

/// Adds an element, or updates one, if there is such a set.
fn add_element(db: View<'_>, key: &str, number: u64) {
    let Ok(Some(handle)) = db.vector_set(key.as_bytes()) else { return };
    let name = number.to_string();
    let lifetime = if number < 3 { Lifetime::Until(handle.now.used_ms + 100) } else { Lifetime::Endless };
    let put = Put { element: name.as_bytes(), vector: vec![1.0, 2.0], attribute: None, lifetime };
    // Refused if the key has lost the set meanwhile.
    let _ = handle.present().upsert(Hold::Lookup(handle.binding), &[put], 10, Record::unlogged());
}

/// In a transaction its keys exist from their first write to the end.
fn run_transactions(keyspace: &Keyspace, done: &AtomicBool) {
    let keys: [(usize, &[u8]); 2] = [(0, b"mine"), (1, b"key:7")];
    let write = || {
        for (db, key) in keys {
            let db = keyspace.db(db);
            db.exclusive(&[key]).put(key, text("v"), Deadline::NEVER);
        }
        assert_eq!(keyspace.evict(1, soon(), EvictReason::Limit), Evicted::default());
        std::thread::yield_now();
        assert!(keys.iter().all(|(db, key)| keyspace.db(*db).contains(key)));
    };
    while !done.load(Ordering::Relaxed) {
        keyspace.transaction(&Reach::Keys(keys.to_vec()), write);
        keyspace.transaction(&Reach::Everything, write);
    }
}

fn flush_and_swap(keyspace: &Keyspace, done: &AtomicBool) {
    for round in 0.. {
        if done.load(Ordering::Relaxed) {
            return;
        }
        keyspace.swap(round % KEYS_USED, (round + 1) % KEYS_USED, Record::unlogged());
        keyspace.clock().advance(1);
        keyspace.db(round % KEYS_USED).expire_cycle(10);
        if round % 50 == 0 {
            keyspace.flush_all(Record::unlogged());
        }
        // All but the last one, which evicts nothing.
        let policy = Policy::all().nth(round % 9).expect("there are ten");
        let unit = if round % 2 == 0 { Unit::Element } else { Unit::Key };
        keyspace.configure_eviction(policy, 1 + round % 7, unit);
    }
}

fn take_snapshots(keyspace: &Keyspace, done: &AtomicBool) {
    while !done.load(Ordering::Relaxed) {
        let (mut snapshot, ()) = keyspace.snapshot(|_| ());
        let mut batch = Vec::new();
        while snapshot.next(&mut batch) {
            batch.clear();
        }
    }
}

/// What the tables count is what is in them.
fn check_counts(db: View<'_>) {
    let mut keys = 0;
    let mut expires = 0;
    let mut sets = 0;
    db.for_each(|entry| {
        keys += 1;
        expires += usize::from(entry.deadline() != Deadline::NEVER);
        sets += usize::from(matches!(entry.value(), ValueRef::VectorSet(_)));
    });
    let census = db.census();
    assert_eq!((census.keys, census.expires), (keys, expires));
    let counted = (0..SHARDS).map(|shard| db.shards[shard].read().sets(0).count());
    assert_eq!(counted.sum::<usize>(), sets);
}

#[test]
fn eviction_mixes_with_all_that_moves_and_removes_keys() {
    let keyspace = keyspace();
    keyspace.configure_eviction(Policy::named("allkeys-lru").unwrap(), 5, Unit::Element);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers = [1, 2, 3].map(|seed| {
            let keyspace = &keyspace;
            scope.spawn(move || write_and_evict(keyspace, seed))
        });
        scope.spawn(|| run_transactions(&keyspace, &done));
        scope.spawn(|| flush_and_swap(&keyspace, &done));
        scope.spawn(|| take_snapshots(&keyspace, &done));
        let ended = writers.map(|writer| writer.join());
        // Set before the checks: the other threads must stop if one fails.
        done.store(true, Ordering::Relaxed);
        ended.into_iter().for_each(|ended| ended.expect("a writer"));
    });
    let evicted = [&keyspace.evictions().keys, &keyspace.evictions().elements].map(|count| count.get());
    assert!(evicted[0] > 300 && evicted[1] > 30, "{evicted:?}");
    keyspace.databases().iter().for_each(|db| check_counts(db.direct()));
    keyspace.configure_eviction(Policy::named("allkeys-lfu").unwrap(), 5, Unit::Key);
    assert!(keyspace.evict(u64::MAX, soon(), EvictReason::Limit).exhausted);
    assert!(keyspace.databases().iter().all(|db| db.census().keys == 0));
    assert_eq!(keyspace.journal().before_image_bytes(), 0);
}
