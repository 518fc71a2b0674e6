//! What is evicted, how near to the exact order, and what other parts see of it.

mod elements;
mod tiers;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ahash::RandomState;
use bytes::Bytes;
use parking_lot::Mutex;

use crate::journal::Record;
use crate::keyspace::eviction::{EvictReason, Evicted, Unit};
use crate::keyspace::{
    Accounting, Change, Clock, Deadline, Entry, Keyspace, Observer, Policy, Reach, StringValue, Value, View,
};

const NOW_MS: i64 = 1_795_000_000_000;

/// A keyspace in which the same keys are always in the same places.
fn keyspace(policy: &str) -> Keyspace {
    let keyspace = Keyspace::with_hasher(Clock::manual(NOW_MS), RandomState::with_seeds(1, 2, 3, 4));
    let policy = Policy::named(policy).expect("it is a policy");
    keyspace.configure_eviction(policy, 5, Unit::Element);
    keyspace
}

/// A time that no test reaches.
fn later() -> Instant {
    Instant::now() + Duration::from_secs(600)
}

fn evict(keyspace: &Keyspace, bytes: u64) -> Evicted {
    keyspace.evict(bytes, later(), EvictReason::Limit)
}

fn put(db: View<'_>, key: &str, deadline: Deadline) {
    let value = Value::String(StringValue::new(b"value"));
    let mut keys = db.exclusive(&[key]);
    keys.put(key.as_bytes(), value, deadline);
    keys.commit(Record::new(&db.common.journal, db.number, &Bytes::new()));
}

fn put_blessed(db: View<'_>, key: &str, value: Value) {
    let mut entry = Entry::new(key.as_bytes(), value, Deadline::NEVER, NOW_MS);
    entry.set_blessed(true);
    assert!(db.exclusive(&[key]).add(db.common.hash(key.as_bytes()), entry));
}

fn exists(keyspace: &Keyspace, db: usize, key: &str) -> bool {
    keyspace.db(db).lookup(key.as_bytes(), Accounting::None, |_| ()).is_some()
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("key:{number}")).collect()
}

/// Keys with deadlines in three databases, of which each was used a second after the one before;
/// every third is used much more often. Evicts some keys, and returns their numbers.
fn victims(policy: &str, count: usize, evicted: usize) -> Vec<usize> {
    let keyspace = keyspace(policy);
    let names = names(count);
    let db = |number: usize| keyspace.db(number % 3);
    for (number, name) in names.iter().enumerate() {
        let deadline = Deadline::at(NOW_MS + 1_000_000_000 + number as i64);
        put(db(number), name, deadline);
        if number % 3 == 0 {
            db(number).lookup(name.as_bytes(), Accounting::None, |entry| entry.set_frequency(100, NOW_MS));
        }
    }
    for (number, name) in names.iter().enumerate() {
        keyspace.clock().advance(1000);
        // A use, but for the counter.
        let now_ms = keyspace.clock().now_ms();
        db(number).lookup(name.as_bytes(), Accounting::None, |entry| entry.set_idle_s(0, now_ms));
    }
    evict_one_by_one(&keyspace, evicted);
    assert_eq!(keyspace.evictions().keys.get(), evicted as u64);
    let is_gone = |number: &usize| !exists(&keyspace, number % 3, &names[*number]);
    let victims: Vec<usize> = (0..count).filter(is_gone).collect();
    assert_eq!(victims.len(), evicted);
    victims
}

fn evict_one_by_one(keyspace: &Keyspace, count: usize) {
    for _ in 0..count {
        let outcome = evict(keyspace, 1);
        assert_eq!((outcome.keys + outcome.elements, outcome.exhausted), (1, false));
        assert!(outcome.freed > 5, "at least the value");
    }
}

/// The share of the victims whose number is below `bound`.
fn share_below(bound: usize, victims: &[usize]) -> f64 {
    victims.iter().filter(|number| **number < bound).count() as f64 / victims.len() as f64
}

#[test]
fn victims_are_nearly_those_of_the_exact_order() {
    for policy in ["allkeys-lru", "volatile-lru", "allkeys-lrm", "volatile-ttl"] {
        let victims = victims(policy, 2_000, 500);
        let [quarter, third, half] = [500, 667, 1_000].map(|bound| share_below(bound, &victims));
        // The exact order would evict the coldest quarter. Without a pool, the best of five samples
        // would be of the warmer half in about one case of fourteen.
        assert!(quarter > 0.7 && third > 0.9 && half > 0.99, "{policy}: {quarter} {third} {half}");
    }
}

#[test]
fn victims_of_lfu_are_used_rarely_and_long_ago() {
    for policy in ["allkeys-lfu", "volatile-lfu"] {
        let victims = victims(policy, 1_500, 500);
        let often = victims.iter().filter(|number| *number % 3 == 0).count();
        let early = share_below(1_000, &victims);
        assert!(often < 5 && early > 0.9, "{policy}: {often} {early}");
    }
}

#[test]
fn victims_of_random_are_of_all_ages() {
    for policy in ["allkeys-random", "volatile-random"] {
        let half = share_below(500, &victims(policy, 1_000, 400));
        // Expected: 0.5, with a standard deviation of 0.02.
        assert!((0.4..0.6).contains(&half), "{policy}: {half}");
    }
}

#[test]
fn keys_without_deadlines_are_out_of_the_scope_of_volatile() {
    let keyspace = keyspace("volatile-lru");
    assert!(evict(&keyspace, 1).exhausted, "there is nothing");
    names(300).iter().for_each(|name| put(keyspace.db(2), name, Deadline::NEVER));
    assert!(evict(&keyspace, 1).exhausted, "there is nothing with a deadline");
    put(keyspace.db(3), "soon", Deadline::at(NOW_MS + 1000));
    let outcome = evict(&keyspace, u64::MAX);
    assert_eq!((outcome.keys, outcome.exhausted), (1, true));
    assert_eq!(keyspace.db(2).census().keys, 300);
    assert!(!exists(&keyspace, 3, "soon"));
}

#[test]
fn blessed_keys_stay_and_the_last_other_one_is_found() {
    let keyspace = keyspace("allkeys-lru");
    for name in names(3_000) {
        put_blessed(keyspace.db(0), &name, Value::String(StringValue::new(b"value")));
    }
    assert!(evict(&keyspace, 1).exhausted);
    put(keyspace.db(0), "other", Deadline::NEVER);
    let outcome = evict(&keyspace, u64::MAX);
    assert_eq!((outcome.keys, outcome.exhausted), (1, true));
    assert_eq!((exists(&keyspace, 0, "other"), keyspace.db(0).census().keys), (false, 3_000));
}

#[test]
fn nothing_is_evicted_without_a_policy_without_time_and_amid_changes() {
    let keyspace = keyspace("noeviction");
    put(keyspace.db(0), "k", Deadline::NEVER);
    assert_eq!(evict(&keyspace, 1), Evicted { exhausted: true, ..Evicted::default() });
    keyspace.set_policy(Policy::named("allkeys-lru").unwrap());
    let late = keyspace.evict(1, Instant::now(), EvictReason::Limit);
    assert_eq!(late, Evicted::default());
    let inside = keyspace.transaction(&Reach::Everything, || evict(&keyspace, 1));
    assert_eq!(inside, Evicted::default());
    let passage = keyspace.journal().enter();
    assert_eq!(evict(&keyspace, 1), Evicted::default());
    drop(passage);
    assert!(exists(&keyspace, 0, "k"));
}

#[test]
fn keys_of_a_transaction_are_left_to_it() {
    let keyspace = keyspace("allkeys-lru");
    put(keyspace.db(0), "mine", Deadline::NEVER);
    names(200).iter().for_each(|name| put(keyspace.db(1), name, Deadline::NEVER));
    let outcome = keyspace.transaction(&Reach::Keys(vec![(0, b"mine")]), || {
        let until = Instant::now() + Duration::from_millis(200);
        std::thread::scope(|scope| {
            scope.spawn(|| keyspace.evict(u64::MAX, until, EvictReason::Limit)).join().unwrap()
        })
    });
    assert_eq!((outcome.keys, outcome.exhausted), (200, false));
    assert!(exists(&keyspace, 0, "mine"));
    assert!(evict(&keyspace, u64::MAX).exhausted);
    assert!(!exists(&keyspace, 0, "mine"));
}

#[test]
fn a_key_that_was_used_after_it_was_drawn_stays() {
    let keyspace = keyspace("allkeys-lru");
    let names = names(16);
    names.iter().for_each(|name| put(keyspace.db(0), name, Deadline::NEVER));
    keyspace.clock().advance(1_000_000);
    put(keyspace.db(0), "first victim", Deadline::NEVER);
    keyspace.db(0).lookup(b"first victim", Accounting::None, |entry| {
        entry.set_idle_s(1_000_000, keyspace.clock().now_ms());
    });
    // Until the pool has drawn all of them.
    keyspace.configure_eviction(Policy::named("allkeys-lru").unwrap(), 64, Unit::Element);
    assert_eq!(evict(&keyspace, 1).keys, 1);
    assert!(!exists(&keyspace, 0, "first victim"));
    let used = &names[..15];
    keyspace.clock().advance(5_000);
    used.iter().for_each(|name| drop(keyspace.db(0).string(name.as_bytes())));
    keyspace.configure_eviction(Policy::named("allkeys-lru").unwrap(), 1, Unit::Element);
    assert_eq!(evict(&keyspace, 1).keys, 1);
    assert!(used.iter().all(|name| exists(&keyspace, 0, name)));
    assert!(!exists(&keyspace, 0, &names[15]));
}

#[derive(Debug, Default)]
struct Seen(Mutex<Vec<(usize, Vec<u8>, Change)>>);

impl Observer for Seen {
    fn changed(&self, db: usize, key: &[u8], change: Change) {
        self.0.lock().push((db, key.to_vec(), change));
    }

    fn flushed(&self, _db: usize) {}

    fn swapped(&self, _one: usize, _other: usize) {}
}

#[test]
fn observers_watches_and_the_journal_see_an_eviction() {
    let keyspace = keyspace("allkeys-lru");
    let journal = Arc::clone(keyspace.journal());
    journal.divide(|| journal.set_backlog(1 << 20));
    let (_observation, ()) = keyspace.observe(Arc::<Seen>::default(), || ());
    let seen = Arc::<Seen>::default();
    let (_other, ()) = keyspace.observe(Arc::clone(&seen) as _, || ());
    put(keyspace.db(4), "k", Deadline::NEVER);
    let flag = Arc::default();
    let _watch = keyspace.watch(4, b"k", &flag);
    let before = journal.end();
    assert_eq!(evict(&keyspace, 1).keys, 1);
    assert!(flag.load(Ordering::Relaxed));
    assert_eq!(seen.0.lock().last(), Some(&(4, b"k".to_vec(), Change::Evicted)));
    assert!(journal.end() > before);
}

#[test]
fn a_key_that_has_expired_counts_as_expired() {
    let keyspace = keyspace("allkeys-lru");
    put(keyspace.db(0), "k", Deadline::at(NOW_MS + 1));
    keyspace.clock().advance(10);
    let outcome = evict(&keyspace, 1);
    assert_eq!((outcome.keys, outcome.freed > 0), (0, true));
    assert_eq!((keyspace.expiry().keys.get(), keyspace.evictions().keys.get()), (1, 0));
}

#[test]
fn counters_tell_reasons_and_are_reset() {
    let keyspace = keyspace("allkeys-lru");
    names(3).iter().for_each(|name| put(keyspace.db(0), name, Deadline::NEVER));
    keyspace.evict(1, later(), EvictReason::Pressure);
    evict(&keyspace, 1);
    let counts = || [&keyspace.evictions().keys, &keyspace.evictions().by_pressure].map(|count| count.get());
    assert_eq!(counts(), [2, 1]);
    keyspace.evictions().count_at_set_limit(3);
    assert_eq!(keyspace.evictions().by_set_limit.get(), 3);
    keyspace.reset_statistics();
    assert_eq!(counts(), [0, 0]);
}

#[test]
fn the_time_over_the_limit_is_counted() {
    let keyspace = keyspace("allkeys-lru");
    assert_eq!(keyspace.limit_exceeded_ms(), (0, 0));
    assert!(evict(&keyspace, 1).exhausted);
    let total = || keyspace.limit_exceeded_ms().0;
    while total() == 0 {
        std::thread::yield_now();
    }
    put(keyspace.db(0), "k", Deadline::NEVER);
    assert_eq!(evict(&keyspace, 1).keys, 1);
    let (total, now) = keyspace.limit_exceeded_ms();
    assert!(total > 0 && now == 0, "{total} {now}");
}
