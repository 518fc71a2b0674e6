//! What must hold under several threads: sums stay the same, one thread wins, no thread waits for
//! ever.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Barrier};
use std::thread;

use super::*;
use crate::vector_set::Now;

pub(super) const THREADS: usize = 4;
pub(super) const ROUNDS: usize = 2000;

/// Runs `work(thread number)` on all threads, from a common start.
pub(super) fn together(work: impl Fn(usize) + Sync) {
    let barrier = Barrier::new(THREADS);
    thread::scope(|scope| {
        for number in 0..THREADS {
            let work = &work;
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                work(number);
            });
        }
    });
}

pub(super) fn number(keys: &mut Exclusive<'_>, key: &[u8]) -> i64 {
    keys.string(key).unwrap().and_then(StringRef::as_integer).unwrap_or(0)
}

pub(super) fn add(keys: &mut Exclusive<'_>, key: &[u8], by: i64) {
    let sum = number(keys, key) + by;
    keys.put(key, Value::String(StringValue::integer(sum)), Deadline::NEVER);
}

#[test]
fn no_increment_is_lost() {
    let keyspace = keyspace();
    together(|_| (0..ROUNDS).for_each(|_| add(&mut keyspace.db(0).exclusive(&["n"]), b"n", 1)));
    assert_eq!(get(keyspace.db(0), "n"), Some((THREADS * ROUNDS).to_string()));
}

#[test]
fn transfers_between_keys_are_seen_whole() {
    const ACCOUNTS: usize = 16;
    let keyspace = keyspace();
    let db = keyspace.db(0);
    let names: Vec<String> = (0..ACCOUNTS).map(|n| format!("account:{n}")).collect();
    names.iter().for_each(|name| set(db, name, "100"));
    together(|thread| {
        for round in 0..ROUNDS {
            if thread == 0 {
                let all = db.shared(&names);
                let balance = |name: &String| {
                    let entry = all.get(name.as_bytes(), Accounting::None).unwrap();
                    entry.value().as_string().unwrap().as_integer().unwrap()
                };
                assert_eq!(names.iter().map(balance).sum::<i64>(), 100 * ACCOUNTS as i64);
            } else {
                let from = &names[round * thread % ACCOUNTS];
                let to = &names[(round + 5) % ACCOUNTS];
                let mut keys = db.exclusive(&[from, to]);
                add(&mut keys, from.as_bytes(), -1);
                add(&mut keys, to.as_bytes(), 1);
            }
        }
    });
}

#[test]
fn one_creator_of_a_set_wins() {
    let keyspace = keyspace();
    let db = keyspace.db(0);
    let wins = AtomicUsize::new(0);
    together(|_| {
        for round in 0..ROUNDS / 10 {
            let set = new_set();
            let key = round.to_string();
            if db.create_vector_set(key.as_bytes(), Arc::clone(&set), Record::unlogged()).is_ok() {
                wins.fetch_add(1, Ordering::Relaxed);
            } else {
                let winner = db.vector_set(key.as_bytes()).unwrap().unwrap();
                assert!(!Arc::ptr_eq(&winner.set, &set));
            }
        }
    });
    assert_eq!(wins.into_inner(), ROUNDS / 10);
}

#[test]
fn an_unchanged_binding_under_the_lock_means_that_the_key_is_unchanged() {
    let keyspace = keyspace();
    let db = keyspace.db(0);
    together(|thread| {
        for _ in 0..ROUNDS {
            if thread == 0 {
                assert!(create(db, "k"));
                db.exclusive(&["k"]).remove(b"k");
            } else if let Some(handle) = db.vector_set(b"k").unwrap() {
                let mut keys = db.exclusive(&["k"]);
                let now = keys.get(b"k").and_then(|entry| entry.value().set_handle(Now::UNTIMED).ok());
                let same_set = now.is_some_and(|now| Arc::ptr_eq(&now.set, &handle.set));
                assert_eq!(same_set, handle.set.binding() == handle.binding);
            }
        }
    });
}

#[test]
fn a_scan_visits_the_keys_that_stay_once_each() {
    let keyspace = keyspace();
    let db = keyspace.db(0);
    let staying: Vec<String> = (0..3000).map(|n| format!("stays:{n}")).collect();
    let coming: Vec<String> = (0..3000).map(|n| format!("comes:{n}")).collect();
    for (stays, comes) in staying.iter().zip(&coming) {
        set(db, comes, "v");
        set(db, stays, "v");
    }
    let done = AtomicBool::new(false);
    together(|thread| {
        if thread == 0 {
            let counts = [1, 7, 100].map(|count| scan_counts(db, count));
            // Set before the checks: the other threads must stop if this one fails.
            done.store(true, Ordering::Relaxed);
            for visits in counts {
                assert!(visits.into_values().eq([1].repeat(staying.len())));
            }
            return;
        }
        for key in coming.iter().skip(thread * 7).step_by(thread).cycle() {
            let mut keys = db.exclusive(&[key]);
            if !keys.remove(key.as_bytes()) {
                keys.put(key.as_bytes(), text("v"), Deadline::NEVER);
            }
            if done.load(Ordering::Relaxed) {
                return;
            }
        }
    });
}

/// How often a scan visits each of the keys that stay.
fn scan_counts(db: View<'_>, count: usize) -> BTreeMap<Vec<u8>, usize> {
    let mut counts = BTreeMap::new();
    let mut cursor = Cursor::START;
    loop {
        cursor = db.scan(cursor, count, |entry| {
            if entry.key().starts_with(b"stays") {
                *counts.entry(entry.key().to_vec()).or_insert(0) += 1;
            }
        });
        if cursor.is_start() {
            return counts;
        }
    }
}

#[test]
fn a_key_that_is_moved_back_and_forth_stays_one_key() {
    let keyspace = keyspace();
    set(keyspace.db(0), "k", "v");
    together(|thread| {
        for _ in 0..ROUNDS {
            let from = thread % 2;
            let to = 1 - thread % 2;
            let (mut source, mut target) = keyspace.exclusive_pair(Access::DIRECT, (from, b"k"), (to, b"k"));
            if let Some(taken) = source.take(b"k") {
                assert!(!target.contains(b"k"));
                target.put_taken(b"k", taken);
            }
        }
    });
    assert_eq!(keyspace.db(0).census().keys + keyspace.db(1).census().keys, 1);
}

#[test]
fn whole_databases_and_single_keys_are_locked_without_a_deadlock() {
    let keyspace = keyspace();
    together(|thread| {
        for round in 0..ROUNDS / 20 {
            let key = format!("{thread}:{round}");
            match thread {
                0 => keyspace.flush_all(Record::unlogged()),
                1 => keyspace.swap(round % 3, 2 - round % 3, Record::unlogged()),
                2 => set(keyspace.db(round % 3), &key, "v"),
                _ => {
                    keyspace
                        .exclusive_pair(Access::DIRECT, (2, key.as_bytes()), (0, b"k"))
                        .0
                        .remove(key.as_bytes());
                }
            }
            for db in &keyspace.databases()[..3] {
                db.expire_cycle(10);
            }
        }
    });
    keyspace.flush_all(Record::unlogged());
    assert!(keyspace.databases().iter().all(|db| db.census().keys == 0));
}
