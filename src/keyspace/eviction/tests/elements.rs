//! Elements of vector sets as units of eviction, beside keys.

use super::*;
use crate::vector_set::{Hold, Lifetime, Params, Put, SetOptions, VectorSet};

/// Makes a set, which may be empty.
fn create(db: View<'_>, key: &str) {
    let options = SetOptions { may_be_empty: true, ..SetOptions::default() };
    create_with(db, key, options);
}

fn create_with(db: View<'_>, key: &str, options: SetOptions) {
    let set = VectorSet::new(Params::new(2).expect("a small dimension"), 1).with_options(options);
    let created = db.create_vector_set(key.as_bytes(), Arc::new(set), Record::unlogged());
    assert!(created.is_ok());
}

/// Adds an element, or uses it.
fn add(db: View<'_>, key: &str, element: &str, lifetime: Lifetime) {
    let handle = db.vector_set(key.as_bytes()).unwrap().expect("a set");
    let put = Put { element: element.as_bytes(), vector: vec![1.0, 2.0], attribute: None, lifetime };
    let request = Bytes::new();
    let record = Record::new(&db.common.journal, db.number, &request);
    let added = handle.present().upsert(Hold::Lookup(handle.binding), &[put], 1, record);
    assert!(added.is_ok());
}

fn pin(db: View<'_>, key: &str, element: &str) {
    let handle = db.vector_set(key.as_bytes()).unwrap().expect("a set");
    let hold = Hold::Lookup(handle.binding);
    assert!(handle.present().pin(hold, &[element.as_bytes()], true, Record::unlogged()).is_ok());
}

fn has(keyspace: &Keyspace, db: usize, key: &str, element: &str) -> bool {
    let handle = keyspace.db(db).vector_set(key.as_bytes()).unwrap();
    handle.is_some_and(|handle| handle.present().contains(element.as_bytes()))
}

fn len(keyspace: &Keyspace, db: usize, key: &str) -> Option<usize> {
    keyspace.db(db).vector_set(key.as_bytes()).unwrap().map(|handle| handle.set.len())
}

/// Strings and elements of two sets in different databases: every third unit is of each kind, and
/// each was used a second after the one before. Evicts some, and returns their numbers.
fn victims(policy: &str, count: usize, evicted: usize) -> Vec<usize> {
    let keyspace = keyspace(policy);
    let names = names(count);
    create(keyspace.db(1), "one");
    create(keyspace.db(2), "other");
    for (number, name) in names.iter().enumerate() {
        keyspace.clock().advance(1000);
        let at_ms = NOW_MS + 1_000_000_000 + number as i64;
        match number % 3 {
            0 => put(keyspace.db(0), name, Deadline::at(at_ms)),
            1 => add(keyspace.db(1), "one", name, Lifetime::Until(at_ms)),
            _ => add(keyspace.db(2), "other", name, Lifetime::Until(at_ms)),
        }
    }
    let is_gone = |number: &usize| match number % 3 {
        0 => !exists(&keyspace, 0, &names[*number]),
        1 => !has(&keyspace, 1, "one", &names[*number]),
        _ => !has(&keyspace, 2, "other", &names[*number]),
    };
    evict_one_by_one(&keyspace, evicted);
    let victims: Vec<usize> = (0..count).filter(is_gone).collect();
    let counts = [&keyspace.evictions().keys, &keyspace.evictions().elements].map(|count| count.get());
    assert_eq!(counts[0], victims.iter().filter(|number| *number % 3 == 0).count() as u64);
    assert_eq!(counts[0] + counts[1], evicted as u64);
    victims
}

#[test]
fn strings_and_elements_of_all_sets_compete_by_one_clock() {
    for policy in ["allkeys-lru", "volatile-lru", "volatile-ttl", "allkeys-lfu"] {
        let victims = victims(policy, 1_200, 300);
        let half = share_below(600, &victims);
        // As for keys alone: no kind is preferred.
        assert!(half > 0.99, "{policy}: {half}");
        for kind in 0..3 {
            let of_kind = victims.iter().filter(|number| *number % 3 == kind).count();
            // Expected: 100, with a standard deviation below 8.
            assert!((60..140).contains(&of_kind), "{policy}: {of_kind} of {kind}");
        }
    }
    let victims = victims("allkeys-random", 1_200, 300);
    let of_strings = victims.iter().filter(|number| *number % 3 == 0).count();
    assert!((60..140).contains(&of_strings), "{of_strings}");
}

#[test]
fn pinned_elements_and_those_of_blessed_sets_stay() {
    let keyspace = keyspace("allkeys-lru");
    let db = keyspace.db(0);
    create(db, "set");
    let blessed = VectorSet::new(Params::new(2).expect("a small dimension"), 1);
    put_blessed(db, "blessed", Value::VectorSet(Arc::new(blessed)));
    for key in ["set", "blessed"] {
        names(1_500).iter().for_each(|name| add(db, key, name, Lifetime::Endless));
    }
    names(1_490).iter().for_each(|name| pin(db, "set", name));
    let outcome = evict(&keyspace, u64::MAX);
    assert_eq!((outcome.elements, outcome.keys, outcome.exhausted), (10, 0, true));
    assert_eq!((len(&keyspace, 0, "set"), len(&keyspace, 0, "blessed")), (Some(1_490), Some(1_500)));
    assert!(!has(&keyspace, 0, "set", "key:1495") && has(&keyspace, 0, "set", "key:1489"));
}

#[test]
fn the_last_element_takes_the_key_along_unless_the_set_may_be_empty() {
    let keyspace = keyspace("allkeys-lru");
    create_with(keyspace.db(0), "plain", SetOptions::default());
    create(keyspace.db(1), "kept");
    for (db, key) in [(0, "plain"), (1, "kept")] {
        names(3).iter().for_each(|name| add(keyspace.db(db), key, name, Lifetime::Endless));
    }
    let seen = Arc::<Seen>::default();
    let (_observation, ()) = keyspace.observe(Arc::clone(&seen) as _, || ());
    let outcome = evict(&keyspace, u64::MAX);
    assert_eq!((outcome.elements, outcome.keys, outcome.exhausted), (6, 1, true));
    assert_eq!((len(&keyspace, 0, "plain"), len(&keyspace, 1, "kept")), (None, Some(0)));
    let seen = seen.0.lock();
    let of_plain: Vec<Change> = seen.iter().filter(|seen| seen.0 == 0).map(|seen| seen.2).collect();
    assert_eq!(of_plain, [Change::Written, Change::Written, Change::Evicted]);
}

#[test]
fn with_the_key_as_unit_a_set_goes_as_a_whole() {
    let keyspace = keyspace("allkeys-lru");
    keyspace.configure_eviction(keyspace.policy(), 5, Unit::Key);
    create(keyspace.db(0), "set");
    names(100).iter().for_each(|name| add(keyspace.db(0), "set", name, Lifetime::Endless));
    let outcome = evict(&keyspace, 1);
    assert_eq!((outcome.elements, outcome.keys), (0, 1));
    assert!(outcome.freed > 1_000);
    assert_eq!(len(&keyspace, 0, "set"), None);
}

#[test]
fn volatile_policies_take_elements_that_expire_or_whose_set_does() {
    let keyspace = keyspace("volatile-lru");
    let db = keyspace.db(0);
    let soon = Lifetime::Until(NOW_MS + 1_000_000);
    create(db, "some");
    create(db, "all");
    for (number, name) in names(500).iter().enumerate() {
        add(db, "some", name, if number % 100 == 0 { soon } else { Lifetime::Endless });
        add(db, "all", name, Lifetime::Endless);
    }
    assert!(db.exclusive(&["all"]).set_deadline(b"all", Deadline::at(NOW_MS + 1_000_000)));
    let outcome = evict(&keyspace, u64::MAX);
    assert_eq!((outcome.elements, outcome.keys, outcome.exhausted), (505, 0, true));
    assert_eq!((len(&keyspace, 0, "some"), len(&keyspace, 0, "all")), (Some(495), Some(0)));
}

#[test]
fn an_expired_element_counts_as_expired() {
    let keyspace = keyspace("allkeys-lru");
    create(keyspace.db(0), "set");
    add(keyspace.db(0), "set", "e", Lifetime::Until(NOW_MS + 1));
    keyspace.clock().advance(10);
    let outcome = evict(&keyspace, 1);
    assert_eq!((outcome.elements, outcome.freed > 0), (0, true));
    assert_eq!((keyspace.expiry().elements.get(), keyspace.evictions().elements.get()), (1, 0));
}
