//! Transactions have exclusive access to their keys, and watches notice all changes, under several
//! threads.

use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::thread;

use super::threads::{ROUNDS, THREADS, add, number, together};
use super::*;

fn reach<'q>(keys: &[&'q str]) -> Reach<'q> {
    Reach::Keys(keys.iter().map(|key| (0, key.as_bytes())).collect())
}

fn increment(db: View<'_>, key: &str) {
    add(&mut db.exclusive(&[key]), key.as_bytes(), 1);
}

fn value(db: View<'_>, key: &str) -> i64 {
    number(&mut db.exclusive(&[key]), key.as_bytes())
}

#[test]
fn no_other_command_runs_between_those_of_a_transaction() {
    let keyspace = keyspace();
    let db = keyspace.db(0);
    together(|_| {
        for _ in 0..ROUNDS {
            keyspace.transaction(&reach(&["a", "b"]), || {
                let before = value(db, "a");
                increment(db, "b");
                assert_eq!(value(db, "b"), before + 1);
                increment(db, "a");
            });
        }
    });
    assert_eq!(value(db, "a"), (THREADS * ROUNDS) as i64);
}

#[test]
fn transactions_and_commands_over_several_keys_wait_for_each_other_without_a_deadlock() {
    const KEYS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
    let keyspace = keyspace();
    let db = keyspace.db(0);
    together(|thread| {
        for round in 0..ROUNDS / 4 {
            let one = KEYS[(round + thread) % 6];
            let other = KEYS[(round * 5 + thread * 2 + 1) % 6];
            match (round + thread) % 5 {
                0 => keyspace.transaction(&reach(&[one, other]), || {
                    add(&mut db.exclusive(&[one]), one.as_bytes(), 1);
                    add(&mut db.exclusive(&[other]), other.as_bytes(), -1);
                }),
                1 if round % 16 == 0 => keyspace.transaction(&Reach::Everything, || {
                    assert_eq!(KEYS.iter().map(|key| value(db, key)).sum::<i64>(), 0);
                    assert!(db.census().keys <= KEYS.len());
                }),
                2 => {
                    let all = db.shared(&KEYS);
                    let number = |key: &&str| {
                        let entry = all.get(key.as_bytes(), Accounting::None);
                        entry.map_or(0, |entry| entry.value().as_string().unwrap().as_integer().unwrap())
                    };
                    assert_eq!(KEYS.iter().map(number).sum::<i64>(), 0);
                }
                3 => {
                    drop(keyspace.exclusive_pair(Access::DIRECT, (0, one.as_bytes()), (1, other.as_bytes())))
                }
                _ => {
                    let mut both = db.exclusive(&[one, other]);
                    add(&mut both, one.as_bytes(), 1);
                    add(&mut both, other.as_bytes(), -1);
                }
            }
        }
    });
    assert_eq!(KEYS.iter().map(|key| value(db, key)).sum::<i64>(), 0);
}

#[test]
fn every_kind_of_access_waits_for_the_end_of_a_transaction() {
    let keyspace = keyspace();
    let db = keyspace.db(0);
    let accesses: [&(dyn Fn() -> i64 + Sync); 5] = [
        &|| value(db, "k"),
        &|| db.string(b"k").unwrap().and_then(|string| string.as_integer()).unwrap_or(0),
        &|| {
            let keys = db.shared(&["k"]);
            let entry = keys.get(b"k", Accounting::None);
            entry.map_or(0, |entry| entry.value().as_string().unwrap().as_integer().unwrap())
        },
        &|| summed(|visit| assert!(db.scan(Cursor::START, 10, visit).is_start())),
        &|| summed(|visit| db.for_each(visit)),
    ];
    together(|thread| {
        for round in 0..ROUNDS / 10 {
            if thread == 0 {
                keyspace.transaction(&reach(&["k"]), || {
                    increment(db, "k");
                    // A thread that does not wait can run here.
                    thread::yield_now();
                    increment(db, "k");
                });
            } else {
                let access = (round + thread) % accesses.len();
                assert_eq!(accesses[access]() % 2, 0, "access {access}");
            }
        }
    });
}

/// The sum of all numbers that a walk visits.
fn summed(walk: impl FnOnce(&mut dyn FnMut(&Entry))) -> i64 {
    let mut sum = 0;
    walk(&mut |entry| sum += entry.value().as_string().unwrap().as_integer().unwrap());
    sum
}

/// True if a writer that has looked up the set of a key would still commit after `change`.
fn stays_bound(db: View<'_>, key: &str, change: impl FnOnce()) -> bool {
    let handle = db.vector_set(key.as_bytes()).unwrap().unwrap();
    change();
    let put = Put { element: b"x", vector: vec![1.0, 2.0], attribute: None, lifetime: Lifetime::Endless };
    handle.set.untimed().upsert(Hold::Lookup(handle.binding), &[put], 10, Record::unlogged()).is_ok()
}

#[test]
fn writers_of_a_reserved_set_look_it_up_again() {
    let keyspace = keyspace();
    let db = keyspace.db(0);
    assert!(create(db, "k") && create(db, "other"));
    assert!(!stays_bound(db, "k", || keyspace.transaction(&reach(&["k"]), || ())));
    assert!(stays_bound(db, "k", || keyspace.transaction(&reach(&["other", "nope"]), || ())));
    assert!(!stays_bound(db, "k", || keyspace.transaction(&Reach::Everything, || ())));
    let inside = || assert!(stays_bound(db, "k", || ()));
    keyspace.transaction(&reach(&["k"]), inside);
}

#[test]
fn a_transaction_that_unwinds_leaves_no_reservation() {
    let keyspace = keyspace();
    let broken =
        std::panic::AssertUnwindSafe(|| keyspace.transaction(&Reach::Everything, || panic!("arranged")));
    assert!(std::panic::catch_unwind(broken).is_err());
    thread::scope(|scope| scope.spawn(|| set(keyspace.db(3), "k", "v")).join())
        .expect("no reservation is left");
    keyspace.transaction(&reach(&["k"]), || set(keyspace.db(0), "k", "v"));
}

#[test]
fn increments_that_watch_are_not_lost() {
    let keyspace = keyspace();
    let db = keyspace.db(0);
    let attempts = AtomicUsize::new(0);
    together(|_| {
        let flag = Arc::new(AtomicBool::new(false));
        for _ in 0..ROUNDS / 4 {
            loop {
                attempts.fetch_add(1, Ordering::Relaxed);
                flag.store(false, Ordering::SeqCst);
                let watch = keyspace.watch(0, b"n", &flag).expect("watched once");
                let seen = db.string(b"n").unwrap().and_then(|string| string.as_integer()).unwrap_or(0);
                let done = keyspace.transaction(&reach(&["n"]), || {
                    let unchanged = !flag.load(Ordering::SeqCst) && !watch.has_changed(0);
                    if unchanged {
                        set(db, "n", &(seen + 1).to_string());
                    }
                    unchanged
                });
                if done {
                    break;
                }
            }
        }
    });
    assert_eq!(get(db, "n"), Some((THREADS * (ROUNDS / 4)).to_string()), "after {attempts:?} attempts");
}

#[test]
fn nothing_is_left_of_dropped_watches() {
    let keyspace = keyspace();
    let flags: Vec<_> = (0..3).map(|_| Arc::new(AtomicBool::new(false))).collect();
    let watches: Vec<_> = flags.iter().map(|flag| keyspace.watch(2, b"k", flag).expect("new")).collect();
    assert!(keyspace.watch(2, b"k", &flags[0]).is_none(), "watched already");
    drop(watches);
    set(keyspace.db(2), "k", "v");
    assert!(flags.iter().all(|flag| !flag.load(Ordering::SeqCst) && Arc::strong_count(flag) == 1));
}
