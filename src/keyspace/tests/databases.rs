//! Operations on a whole database, or on several.

use super::*;
use crate::vector_set::Present;

/// Runs `change`, and returns whether a handle of the set from before is stale afterwards.
fn makes_stale(db: View<'_>, key: &str, change: impl FnOnce()) -> bool {
    let handle = db.vector_set(key.as_bytes()).unwrap().unwrap();
    change();
    handle.set.binding() != handle.binding
}

#[test]
fn a_set_is_unbound_by_whatever_takes_its_key() {
    let keyspace = keyspace();
    let db = keyspace.db(0);
    let remove = || assert!(db.exclusive(&["k"]).remove(b"k"));
    let overwrite = || set(db, "k", "v");
    let rename = || {
        let mut keys = db.exclusive(&["k", "other"]);
        let taken = keys.take(b"k").unwrap();
        keys.put_taken(b"other", taken);
    };
    let expire = || {
        db.exclusive(&["k"]).set_deadline(b"k", Deadline::at(0));
        assert_eq!(db.expire_cycle(10), 1);
    };
    let flush = || db.flush(Record::unlogged());
    let flush_all = || keyspace.flush_all(Record::unlogged());
    let swap = || keyspace.swap(0, 5, Record::unlogged());
    let changes: [&dyn Fn(); 7] = [&remove, &overwrite, &rename, &expire, &flush, &flush_all, &swap];
    for (number, change) in changes.iter().enumerate() {
        db.exclusive(&["k"]).remove(b"k");
        assert!(create(db, "k"));
        assert!(makes_stale(db, "k", change), "change {number}");
    }
    assert!(create(db, "k"));
    let postpone = || assert!(db.exclusive(&["k"]).set_deadline(b"k", Deadline::at(9_000_000)));
    assert!(!makes_stale(db, "k", postpone));
}

#[test]
fn a_set_that_becomes_empty_under_the_lock_loses_its_key() {
    let keyspace = keyspace();
    let db = keyspace.db(0);
    assert!(create(db, "k"));
    assert_eq!(db.with_set_exclusively(b"k", |set| set.len()), Ok(Some(3)));
    assert!(db.contains(b"k"));
    let clear = |set: Present<'_>| set.remove(Hold::Exclusive, &ELEMENTS, Record::unlogged()).is_ok();
    assert_eq!(db.with_set_exclusively(b"k", clear), Ok(Some(true)));
    assert!(!db.contains(b"k"));
    assert_eq!(db.with_set_exclusively(b"k", |set| set.len()), Ok(None));
    set(db, "k", "v");
    assert_eq!(db.with_set_exclusively(b"k", |set| set.len()), Err(NoSet::WrongType));
}

#[test]
fn a_set_is_not_created_over_a_key_of_any_type_but_over_an_expired_one() {
    let keyspace = keyspace();
    let db = keyspace.db(0);
    set(db, "k", "v");
    let refused = db.create_vector_set(b"k", new_set(), Record::unlogged());
    assert!(refused.is_err_and(|(set, _)| set.len() == ELEMENTS.len()));
    db.exclusive(&["k"]).set_deadline(b"k", Deadline::at(999_999));
    assert!(create(db, "k"));
    assert!(db.read_vector_set(b"k").unwrap().is_some());
    assert_eq!(keyspace.expiry().keys.get(), 1);
}

#[test]
fn swapped_databases_change_keys_and_deadlines() {
    let keyspace = keyspace();
    set(keyspace.db(1), "a", "one");
    set(keyspace.db(2), "b", "two");
    keyspace.db(2).exclusive(&["b"]).set_deadline(b"b", Deadline::at(1_000_500));
    keyspace.swap(2, 1, Record::unlogged());
    assert_eq!(get(keyspace.db(1), "b").as_deref(), Some("two"));
    assert_eq!(get(keyspace.db(2), "a").as_deref(), Some("one"));
    let [one, two] = [1, 2].map(|number| keyspace.db(number).census());
    assert_eq!((one.keys, one.expires, one.mean_ttl_ms), (1, 1, 500));
    assert_eq!((two.keys, two.expires, two.mean_ttl_ms), (1, 0, 0));
    assert!(one.deadline_bytes > 0 && two.deadline_bytes == 0, "deadlines are stored with their keys");
}

#[test]
fn a_key_moves_between_databases_under_two_guards() {
    let keyspace = keyspace();
    set(keyspace.db(7), "k", "v");
    let (mut from, mut to) = keyspace.exclusive_pair(Access::DIRECT, (7, b"k"), (3, b"k"));
    let taken = from.take(b"k").unwrap();
    to.put_taken(b"k", taken);
    drop((from, to));
    assert_eq!((get(keyspace.db(7), "k"), get(keyspace.db(3), "k").as_deref()), (None, Some("v")));
}

#[test]
fn the_cycle_removes_what_is_due_and_no_more_than_its_budget() {
    let keyspace = keyspace();
    let db = keyspace.db(0);
    for n in 0..300 {
        let key = n.to_string();
        db.exclusive(&[&key]).put(key.as_bytes(), text("v"), Deadline::at(1_000_000 + n));
    }
    assert_eq!(db.expire_cycle(1000), 0);
    keyspace.clock().advance(200);
    assert_eq!(db.census().keys, 100);
    assert_eq!((db.expire_cycle(150), db.expire_cycle(150), db.expire_cycle(150)), (150, 50, 0));
    assert_eq!(keyspace.expiry().keys.get(), 200);
    assert_eq!(db.census().keys, 100);
}

#[test]
fn lookups_are_counted_by_kind() {
    let keyspace = keyspace();
    let db = keyspace.db(0);
    set(db, "k", "v");
    assert!(db.string(b"k").unwrap().is_some());
    assert!(db.string(b"missing").unwrap().is_none());
    assert!(db.contains(b"k"));
    assert!(db.shared(&["k"]).get(b"k", Accounting::Counted).is_some());
    assert_eq!(keyspace.hits_and_misses(), (2, 1));
    keyspace.clock().advance(10_000);
    db.lookup(b"k", Accounting::Counted, |_| ());
    let idle = || db.lookup(b"k", Accounting::None, |entry| entry.idle_s(keyspace.clock().now_ms()));
    assert_eq!(idle(), Some(10));
    db.string(b"k").unwrap();
    assert_eq!(idle(), Some(0));
    keyspace.reset_statistics();
    assert_eq!(keyspace.hits_and_misses(), (0, 0));
}

#[test]
fn a_call_of_scan_does_a_bounded_amount_of_work() {
    let keyspace = keyspace();
    let db = keyspace.db(0);
    let keys: Vec<String> = (0..20_000).map(|n| n.to_string()).collect();
    keys.iter().for_each(|key| set(db, key, "v"));
    keys.iter()
        .filter(|key| !key.ends_with("99"))
        .for_each(|key| assert!(db.exclusive(&[key]).remove(key.as_bytes())));
    let mut cursor = Cursor::START;
    let mut seen = 0;
    loop {
        let mut here = 0;
        cursor = db.scan(cursor, 3, |_| here += 1);
        assert!(here <= 3);
        seen += here;
        if cursor.is_start() {
            break;
        }
    }
    assert_eq!(seen, 200);
}

#[test]
fn every_key_may_be_the_random_one() {
    let keyspace = keyspace();
    let db = keyspace.db(0);
    assert_eq!(db.random_key(), None);
    ["a", "b", "c", "expired"].iter().for_each(|key| set(db, key, "v"));
    db.exclusive(&["expired"]).set_deadline(b"expired", Deadline::at(1));
    let drawn: std::collections::BTreeSet<_> = (0..1000).filter_map(|_| db.random_key()).collect();
    assert_eq!(drawn, [b"a".to_vec(), b"b".to_vec(), b"c".to_vec()].into());
}

/// `fields` fields with this deadline.
fn set_fields(db: View<'_>, key: &str, fields: u32, deadline: Deadline) {
    let set = |hash: &mut Hash| {
        (0..fields).for_each(|number| _ = hash.set(&number.to_be_bytes(), b"v", deadline));
    };
    db.exclusive(&[key]).edit_hash(key.as_bytes(), set).unwrap();
}

fn fields_in(db: View<'_>, key: &str) -> Option<usize> {
    db.hash(key.as_bytes(), |hash| hash.len()).unwrap()
}

#[test]
fn the_cycle_removes_fields_and_with_the_last_one_the_key() {
    let keyspace = keyspace();
    let db = keyspace.db(0);
    for (key, fields) in [("small", 10), ("large", 2000)] {
        set_fields(db, key, fields, Deadline::at(1_000_100));
    }
    db.exclusive(&["large"]).edit_hash(b"large", |hash| hash.set(b"stays", b"v", Deadline::NEVER)).unwrap();
    assert_eq!((db.census().subexpiry, db.expire_cycle(100)), (2, 0));
    keyspace.clock().advance(101);
    assert_eq!(fields_in(db, "large"), Some(1));
    assert_eq!(fields_in(db, "small"), None);
    while db.expire_cycle(100) > 0 {}
    let Census { table_bytes, .. } = db.census();
    assert_eq!(db.census(), Census { keys: 1, table_bytes, ..Census::default() });
    assert_eq!((keyspace.expiry().fields.get(), keyspace.expiry().keys.get()), (2010, 0));
    assert_eq!(fields_in(db, "large"), Some(1));
}

#[test]
fn a_hash_of_expired_fields_only_does_not_exist() {
    let keyspace = keyspace();
    let db = keyspace.db(0);
    for (key, fields) in [("small", 10), ("large", 2000)] {
        set_fields(db, key, fields, Deadline::at(1_000_100));
        keyspace.clock().advance(101);
        assert!(!db.contains(key.as_bytes()));
        assert!(!db.exclusive(&[key]).contains(key.as_bytes()));
        assert_eq!(db.census().keys, 0);
        db.exclusive(&[key]).edit_hash(key.as_bytes(), |hash| hash.remove(b"no such field")).unwrap();
        assert_eq!(db.census().keys, 0);
        keyspace.clock().advance(-101);
    }
}

#[test]
fn expired_fields_are_absent_for_an_edit() {
    let keyspace = keyspace();
    let db = keyspace.db(0);
    set_fields(db, "k", 5000, Deadline::at(1_000_100));
    db.exclusive(&["k"]).edit_hash(b"k", |hash| hash.set(b"stays", b"v", Deadline::NEVER)).unwrap();
    keyspace.clock().advance(101);
    let name = 4999_u32.to_be_bytes();
    let edit = |hash: &mut Hash| (hash.remove(&name), hash.set(&name, b"again", Deadline::NEVER));
    assert_eq!(db.exclusive(&["k"]).edit_hash(b"k", edit), Ok((false, true)));
    assert_eq!(fields_in(db, "k"), Some(2));
}

#[test]
fn a_large_hash_moves_whole_and_is_freed_by_the_reaper() {
    let keyspace = keyspace();
    let db = keyspace.db(0);
    set_fields(db, "k", 10_000, Deadline::at(2_000_000));
    let bytes = db.lookup(b"k", Accounting::None, Entry::memory_bytes).unwrap();
    assert!(bytes > 10_000 * 40, "{bytes}");
    let mut keys = db.exclusive(&["k", "other"]);
    let taken = keys.take(b"k").unwrap();
    keys.put_taken(b"other", taken);
    drop(keys);
    assert_eq!(fields_in(db, "other"), Some(10_000));
    assert_eq!(db.census().subexpiry, 1);
    db.exclusive(&["other"]).remove(b"other");
    while keyspace.reaper().pending() > 0 {
        std::thread::yield_now();
    }
    assert_eq!(keyspace.reaper().freed(), 1);
    assert_eq!(db.census(), Census::default());
}

#[test]
fn a_scan_visits_the_keys_that_stay_once_each_while_indexes_grow_by_parts_and_shrink_again() {
    const STAYING: u32 = 5_000;
    let keyspace = keyspace();
    let db = keyspace.db(0);
    let name = |number: u32| number.to_string();
    (0..STAYING).for_each(|number| set(db, &name(number), "stays"));
    let mut counts = std::collections::BTreeMap::new();
    let mut cursor = Cursor::START;
    let mut lowest = STAYING;
    let mut next = STAYING;
    loop {
        cursor = db.scan(cursor, 2_000, |entry| *counts.entry(entry.key().to_vec()).or_insert(0) += 1);
        if cursor.is_start() {
            break;
        }
        // Up to 2,000 keys for a shard: more than a part has. Then they are removed again.
        let removed = if next < 130_000 { 500 } else { 20_000.min(next - lowest) };
        let added = if next < 130_000 { 10_000 } else { 0 };
        (next..next + added).for_each(|number| set(db, &name(number), "comes"));
        next += added;
        (lowest..lowest + removed)
            .for_each(|number| assert!(db.exclusive(&[name(number)]).remove(name(number).as_bytes())));
        lowest += removed;
        assert!(
            (0..next)
                .step_by(997)
                .all(|number| db.contains(name(number).as_bytes()) != (STAYING..lowest).contains(&number))
        );
    }
    assert!(next >= 130_000, "the scan ended at {next}");
    assert!((0..STAYING).all(|number| counts.get(name(number).as_bytes()) == Some(&1)));
}
