//! A snapshot has the keys of its cut, each once, whatever changes while it is taken.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::model::{Change, Content, Fields, Keys, LIMITS, Model, apply, change};
use super::threads::{add, together};
use super::*;
use crate::keyspace::shard::{SHARDS, shard_of};
use crate::keyspace::snapshot::{KeyAtCut, WalkPoint};

/// The keys that a snapshot has returned so far, by database.
#[derive(Default)]
struct Taken {
    keys: BTreeMap<(usize, Vec<u8>), (Entry, Fields)>,
    /// Fields of large hashes that are still to come.
    frozen: Vec<((usize, Vec<u8>), FrozenFields)>,
    calls: usize,
    batch: Vec<KeyAtCut>,
}

impl Taken {
    /// Takes the next keys, or fields of a large hash; false if there are none.
    fn more(&mut self, snapshot: &mut Snapshot<'_>) -> bool {
        self.calls += 1;
        if self.calls.is_multiple_of(2) && self.more_fields() {
            return true;
        }
        let more = snapshot.next(&mut self.batch);
        for KeyAtCut { db, entry, fields } in self.batch.drain(..) {
            let key = (db, entry.key().to_vec());
            self.frozen.extend(fields.map(|fields| (key.clone(), fields)));
            assert!(self.keys.insert(key, (entry, Fields::new())).is_none(), "each key once");
        }
        more || self.more_fields()
    }

    fn more_fields(&mut self) -> bool {
        let Some(number) = self.calls.checked_rem(self.frozen.len()) else { return false };
        let (key, frozen) = &mut self.frozen[number];
        let fields = &mut self.keys.get_mut(key).unwrap().1;
        let mut batch = Vec::new();
        if !frozen.next(&mut batch) {
            assert_eq!(fields.len(), frozen.len());
            self.frozen.swap_remove(number);
            return true;
        }
        for field in batch {
            let known = fields.insert(field.name().to_vec(), (field.value().to_vec(), field.deadline()));
            assert!(known.is_none(), "each field once");
        }
        true
    }

    fn rest(&mut self, mut snapshot: Snapshot<'_>) {
        while self.more(&mut snapshot) {}
    }

    /// The keys of a database that had not expired at a moment.
    fn alive(&self, db: usize, now_ms: i64) -> Keys {
        let here = self.keys.iter().filter(|((number, _), _)| *number == db);
        let alive = here.filter(|(_, (entry, _))| !entry.deadline().is_past(now_ms));
        let contents = alive.map(|((_, key), (entry, fields))| {
            let of_frozen = || Content::Hash(fields.clone());
            let content = if fields.is_empty() { Content::of(entry, now_ms) } else { of_frozen() };
            (key[0], (content, entry.deadline(), entry.is_blessed()))
        });
        contents
            .filter_map(|(key, (mut content, deadline, is_blessed))| {
                content.remove_expired(now_ms).then_some((key, (content, deadline, is_blessed)))
            })
            .collect()
    }

    fn sum(&self) -> i64 {
        let number = |entry: &Entry| entry.value().as_string().unwrap().as_integer().unwrap();
        self.keys.values().map(|(entry, _)| number(entry)).sum()
    }
}

/// A change, and whether the snapshot goes on before it.
fn step() -> impl Strategy<Value = (bool, Change)> {
    (any::<bool>(), change())
}

proptest! {
    #[test]
    fn a_snapshot_is_what_a_plain_map_was_at_the_cut(
        before in prop::collection::vec(change(), 0..60),
        during in prop::collection::vec(step(), 0..60),
    ) {
        let keyspace = Keyspace::new(Clock::manual(0));
        keyspace.set_packed_limits(LIMITS);
        let mut model = Model::default();
        let mut make = |change: &Change| {
            apply(&keyspace, change);
            model.apply(change);
            model.clone()
        };
        let at_cut = before.iter().map(&mut make).last().unwrap_or_default();
        let mut taken = Taken::default();
        let (snapshot, ()) = keyspace.snapshot(|_| ());
        let mut snapshot = snapshot.one_by_one();
        for (goes_on, change) in &during {
            if *goes_on {
                taken.more(&mut snapshot);
            }
            make(change);
        }
        taken.rest(snapshot);
        prop_assert_eq!(taken.alive(0, at_cut.now_ms), at_cut.keys);
        prop_assert_eq!(taken.alive(1, at_cut.now_ms), at_cut.elsewhere);
        prop_assert_eq!(keyspace.journal().before_image_bytes(), 0);
    }
}

#[test]
fn transfers_between_keys_are_whole_in_every_snapshot() {
    const ACCOUNTS: usize = 200;
    let keyspace = keyspace();
    let names: Vec<String> = (0..ACCOUNTS).map(|n| format!("account:{n}")).collect();
    names.iter().for_each(|name| set(keyspace.db(0), name, "100"));
    let done = AtomicBool::new(false);
    together(|thread| {
        if thread == 0 {
            let sums: Vec<i64> = (0..6)
                .map(|_| {
                    let mut taken = Taken::default();
                    taken.rest(keyspace.snapshot(|_| ()).0);
                    taken.sum()
                })
                .collect();
            // Set before the checks: the other threads must stop if this one fails.
            done.store(true, Ordering::Relaxed);
            assert!(sums.iter().all(|sum| *sum == 100 * ACCOUNTS as i64), "{sums:?}");
            return;
        }
        for round in 0.. {
            let from = &names[round * thread % ACCOUNTS];
            let to = &names[(round * 7 + 5) % ACCOUNTS];
            match round % 3 {
                0 => transfer(&mut keyspace.db(0).exclusive(&[from, to]), from, to),
                1 => {
                    let reach = Reach::Keys(vec![(0, from.as_bytes()), (0, to.as_bytes())]);
                    keyspace.transaction(&reach, || {
                        add(&mut keyspace.db(0).exclusive(&[from]), from.as_bytes(), -1);
                        add(&mut keyspace.db(0).exclusive(&[to]), to.as_bytes(), 1);
                    });
                }
                _ if round % 60 == 2 => keyspace.swap(0, 1, Record::unlogged()),
                _ => move_key(&keyspace, from),
            }
            if done.load(Ordering::Relaxed) {
                return;
            }
            // Outside of the gate: the next cut would wait for a thread that yields inside.
            std::thread::yield_now();
        }
    });
}

fn transfer(keys: &mut Exclusive<'_>, from: &str, to: &str) {
    add(keys, from.as_bytes(), -1);
    add(keys, to.as_bytes(), 1);
}

/// Moves a key to another database, if it is not there too: MOVE.
fn move_key(keyspace: &Keyspace, key: &str) {
    let (mut source, mut target) =
        keyspace.exclusive_pair(Access::DIRECT, (0, key.as_bytes()), (2, key.as_bytes()));
    if !target.contains(key.as_bytes())
        && let Some(taken) = source.take(key.as_bytes())
    {
        target.put_taken(key.as_bytes(), taken);
    }
}

#[test]
fn keys_cleared_during_a_snapshot_are_in_it_and_new_keys_are_not() {
    let keyspace = keyspace();
    (0..5000).for_each(|n| set(keyspace.db(n % 3), &n.to_string(), "v"));
    let mut taken = Taken::default();
    let (mut snapshot, number) = keyspace.snapshot(|number| number);
    assert_eq!(snapshot.cut(), number);
    assert!(taken.more(&mut snapshot));
    keyspace.db(1).flush(Record::unlogged());
    set(keyspace.db(1), "new", "v");
    keyspace.flush_all(Record::unlogged());
    (0..5000).for_each(|n| set(keyspace.db(n % 3), &n.to_string(), "other"));
    taken.rest(snapshot);
    assert_eq!(taken.keys.len(), 5000);
    assert!(taken.keys.values().all(|(entry, _)| *entry.value().as_string().unwrap().text() == *b"v"));
}

#[test]
fn nothing_is_left_of_an_aborted_snapshot() {
    let keyspace = keyspace();
    (0..2000).for_each(|n| set(keyspace.db(0), &n.to_string(), "v"));
    let mut taken = Taken::default();
    let (mut snapshot, ()) = keyspace.snapshot(|_| ());
    taken.more(&mut snapshot);
    (0..2000).for_each(|n| set(keyspace.db(0), &n.to_string(), "w"));
    assert!(keyspace.journal().before_image_bytes() > 0);
    drop(snapshot);
    assert_eq!(keyspace.journal().before_image_bytes(), 0);
    set(keyspace.db(0), "after", "v");
    let mut taken = Taken::default();
    taken.rest(keyspace.snapshot(|_| ()).0);
    assert_eq!(taken.keys.len(), 2001);
}

type Disturbance = fn(&Keyspace);

/// Commands that change tables and keys while a snapshot is taken, in databases 0 to 3.
const DISTURBANCES: [(&str, Disturbance); 14] = [
    ("SWAPDB 0 1", |keyspace| keyspace.swap(0, 1, Record::unlogged())),
    ("SWAPDB 1 2", |keyspace| keyspace.swap(1, 2, Record::unlogged())),
    ("SWAPDB 0 0", |keyspace| keyspace.swap(0, 0, Record::unlogged())),
    ("SWAPDB 8 9, both empty", |keyspace| keyspace.swap(8, 9, Record::unlogged())),
    ("SWAPDB 0 1 SWAPDB 1 2 SWAPDB 0 1", |keyspace| {
        [(0, 1), (1, 2), (0, 1)].iter().for_each(|&(a, b)| keyspace.swap(a, b, Record::unlogged()));
    }),
    ("MULTI SET SWAPDB 0 1 SET EXEC", |keyspace| {
        keyspace.transaction(&Reach::Everything, || {
            set(keyspace.db(0), "a0", "other");
            keyspace.swap(0, 1, Record::unlogged());
            set(keyspace.db(0), "a0", "other");
        });
    }),
    ("FLUSHDB", |keyspace| keyspace.db(0).flush(Record::unlogged())),
    ("FLUSHALL", |keyspace| keyspace.flush_all(Record::unlogged())),
    ("SWAPDB 0 1 FLUSHDB SET SWAPDB 0 1", |keyspace| {
        keyspace.swap(0, 1, Record::unlogged());
        keyspace.db(0).flush(Record::unlogged());
        set(keyspace.db(0), "a0", "other");
        keyspace.swap(0, 1, Record::unlogged());
    }),
    ("MOVE", |keyspace| move_key(keyspace, "a0")),
    ("RENAME", |keyspace| {
        let mut keys = keyspace.db(0).exclusive(&["a0", "b0"]);
        if let Some(taken) = keys.take(b"a0") {
            keys.put_taken(b"b0", taken);
        }
    }),
    ("COPY DB 2 REPLACE", |keyspace| {
        let (mut from, mut to) = keyspace.exclusive_pair(Access::DIRECT, (0, b"a0"), (2, b"b2"));
        if let Some(value) = from.get(b"a0").map(|entry| entry.value().to_value()) {
            to.put(b"b2", value, Deadline::NEVER);
        }
    }),
    ("RESTORE REPLACE", |keyspace| set(keyspace.db(0), "a0", "other")),
    ("DEL, SET", |keyspace| {
        keyspace.db(0).exclusive(&["a0"]).remove(b"a0");
        set(keyspace.db(0), "a0", "other");
    }),
];

/// Keys in databases 0 to 2, few and in few shards.
fn few_keys() -> Keyspace {
    let keyspace = keyspace();
    for db in 0..3 {
        ["a", "b"].iter().for_each(|name| set(keyspace.db(db), &format!("{name}{db}"), "before"));
    }
    keyspace
}

/// Runs `change` on another thread, and returns when it is complete or waits for the walk.
fn start<'s>(
    scope: &'s std::thread::Scope<'s, '_>,
    keyspace: &'s Keyspace,
    change: impl FnOnce(&Keyspace) + Send + 's,
) {
    let thread = scope.spawn(move || change(keyspace));
    let deadline = Instant::now() + Duration::from_secs(30);
    while !thread.is_finished() && !keyspace.arrangement.is_contended() {
        assert!(Instant::now() < deadline, "a change hangs");
        std::thread::yield_now();
    }
}

/// Takes a snapshot of [`few_keys`], and starts a change at the point `at` of the walk, counted
/// among the points at tables that have the keys. False if there are fewer points.
fn disturbed(name: &str, change: fn(&Keyspace), at: usize) -> bool {
    let keyspace = few_keys();
    let shards =
        ["a0", "b0", "a1", "b1", "a2", "b2"].map(|key| shard_of(keyspace.common.hash(key.as_bytes())));
    let points = Cell::new(0);
    let steps = Cell::new(0);
    let mut taken = Taken::default();
    std::thread::scope(|scope| {
        let hook = |point: WalkPoint, table: usize| {
            // For each table: one step to begin it, few positions, and one step to end it.
            steps.set(steps.get() + usize::from(point == WalkPoint::Step));
            assert!(steps.get() < DATABASES * SHARDS * 2 + 50, "{name} at {at}: the walk does not end");
            if table < 3 * SHARDS
                && shards.contains(&(table % SHARDS))
                && points.replace(points.get() + 1) == at
            {
                start(scope, &keyspace, change);
            }
        };
        taken.rest(keyspace.snapshot(|_| ()).0.one_by_one().with(hook));
    });
    let found: Vec<_> = taken.keys.keys().map(|(db, key)| (*db, String::from_utf8_lossy(key))).collect();
    let right = (0..3).flat_map(|db| ["a", "b"].map(|name| (db, format!("{name}{db}").into())));
    assert_eq!(found, right.collect::<Vec<_>>(), "{name} at {at}");
    let text = |entry: &Entry| entry.value().as_string().unwrap().text().into_owned();
    assert!(taken.keys.values().all(|(entry, _)| text(entry) == b"before"), "{name} at {at}");
    points.get() > at
}

#[test]
fn a_walk_ends_with_the_keys_of_its_cut_whatever_moves_tables_and_keys_at_any_point_of_it() {
    for (name, change) in DISTURBANCES {
        let points = (0..).take_while(|&at| disturbed(name, change, at)).count();
        assert!(points > 20, "{name}: {points} points");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_snapshot_is_what_a_plain_map_was_at_the_cut_whatever_happens_within_its_steps(
        before in prop::collection::vec(change(), 0..40),
        during in prop::collection::vec((0..10_usize, change()), 0..60),
    ) {
        let keyspace = Keyspace::new(Clock::manual(0));
        keyspace.set_packed_limits(LIMITS);
        let mut model = Model::default();
        for change in &before {
            apply(&keyspace, change);
            model.apply(change);
        }
        let mut taken = Taken::default();
        std::thread::scope(|scope| {
            let mut during = during.iter();
            let mut pause = 0;
            let hook = |_: WalkPoint, _: usize| {
                while pause == 0 && let Some((next_pause, change)) = during.next() {
                    pause = *next_pause + 1;
                    start(scope, &keyspace, move |keyspace| apply(keyspace, change));
                }
                pause = pause.saturating_sub(1);
            };
            taken.rest(keyspace.snapshot(|_| ()).0.one_by_one().with(hook));
        });
        prop_assert_eq!(taken.alive(0, model.now_ms), model.keys);
        prop_assert_eq!(taken.alive(1, model.now_ms), model.elsewhere);
        prop_assert_eq!(keyspace.journal().before_image_bytes(), 0);
    }
}

fn set_fields(db: View<'_>, key: &str, numbers: std::ops::Range<u32>, value: &[u8]) {
    let set = |hash: &mut Hash| {
        numbers.for_each(|number| _ = hash.set(&number.to_be_bytes(), value, Deadline::NEVER));
    };
    db.exclusive(&[key]).edit_hash(key.as_bytes(), set).unwrap();
}

type HashChange = (&'static str, fn(&Keyspace));

/// Changes of a large hash `h` of 2000 fields in database 0.
const HASH_CHANGES: [HashChange; 9] = [
    ("HSET", |keyspace| set_fields(keyspace.db(0), "h", 500..1500, b"w")),
    ("HDEL", |keyspace| {
        let remove = |hash: &mut Hash| (0..1900_u32).filter(|n| hash.remove(&n.to_be_bytes())).count();
        keyspace.db(0).exclusive(&["h"]).edit_hash(b"h", remove).unwrap();
    }),
    ("HPEXPIRE, and the fields expire", |keyspace| {
        let deadline = Deadline::at(keyspace.clock().now_ms() + 5);
        let expire =
            |hash: &mut Hash| (0..1000_u32).filter(|n| hash.set_deadline(&n.to_be_bytes(), deadline)).count();
        keyspace.db(0).exclusive(&["h"]).edit_hash(b"h", expire).unwrap();
        keyspace.clock().advance(10);
        while keyspace.db(0).expire_cycle(100) > 0 {}
    }),
    ("DEL, HSET", |keyspace| {
        keyspace.db(0).exclusive(&["h"]).remove(b"h");
        set_fields(keyspace.db(0), "h", 0..3000, b"w");
    }),
    ("SET", |keyspace| set(keyspace.db(0), "h", "other")),
    ("RENAME, HSET", |keyspace| {
        let mut keys = keyspace.db(0).exclusive(&["h", "elsewhere"]);
        if let Some(taken) = keys.take(b"h") {
            keys.put_taken(b"elsewhere", taken);
        }
        drop(keys);
        set_fields(keyspace.db(0), "elsewhere", 0..3000, b"w");
        set_fields(keyspace.db(0), "h", 0..10, b"w");
    }),
    ("PEXPIRE, and the key expires", |keyspace| {
        keyspace.db(0).exclusive(&["h"]).set_deadline(b"h", Deadline::at(keyspace.clock().now_ms()));
        keyspace.clock().advance(1);
        while keyspace.db(0).expire_cycle(100) > 0 {}
    }),
    ("FLUSHALL, HSET", |keyspace| {
        keyspace.flush_all(Record::unlogged());
        set_fields(keyspace.db(0), "h", 0..3000, b"w");
    }),
    ("SWAPDB, HSET, SWAPDB", |keyspace| {
        keyspace.swap(0, 1, Record::unlogged());
        set_fields(keyspace.db(1), "h", 0..3000, b"w");
        keyspace.swap(0, 1, Record::unlogged());
    }),
];

#[test]
fn a_large_hash_is_in_the_snapshot_as_it_was_at_the_cut_whatever_changes_it() {
    for (name, change) in HASH_CHANGES {
        for taken_before in [0, 1, 1000, usize::MAX] {
            let keyspace = keyspace();
            set_fields(keyspace.db(0), "h", 0..2000, b"v");
            let mut taken = Taken::default();
            let (snapshot, ()) = keyspace.snapshot(|_| ());
            let mut snapshot = snapshot.one_by_one();
            let is_early = |taken: &Taken| taken.keys.values().all(|(_, fields)| fields.len() < taken_before);
            while taken_before > 0 && is_early(&taken) && taken.more(&mut snapshot) {}
            change(&keyspace);
            change(&keyspace);
            taken.rest(snapshot);
            let fields = &taken.keys[&(0, b"h".to_vec())].1;
            assert_eq!((taken.keys.len(), fields.len()), (1, 2000), "{name} at {taken_before}");
            assert!(fields.values().all(|(value, _)| value == b"v"), "{name} at {taken_before}");
            assert_eq!(keyspace.journal().before_image_bytes(), 0, "{name} at {taken_before}");
        }
    }
}

#[test]
fn a_change_of_a_large_hash_keeps_no_more_before_images_than_fields_that_it_changes() {
    let keyspace = keyspace();
    set_fields(keyspace.db(0), "h", 0..50_000, &[b'v'; 100]);
    let mut taken = Taken::default();
    let (snapshot, ()) = keyspace.snapshot(|_| ());
    set_fields(keyspace.db(0), "h", 7..10, b"w");
    keyspace.db(0).exclusive(&["h"]).remove(b"h");
    let bytes = keyspace.journal().before_image_bytes();
    assert!((300..3000).contains(&bytes), "{bytes}");
    taken.rest(snapshot);
    let fields = &taken.keys[&(0, b"h".to_vec())].1;
    assert!(fields.len() == 50_000 && fields.values().all(|(value, _)| *value == [b'v'; 100]));
}
