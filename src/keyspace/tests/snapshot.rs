//! A snapshot has what was there at its cut, each key once, whatever happens while it is taken.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::model::{Change, Content, Keys, LIMITS, Model, apply, change};
use super::threads::{add, together};
use super::*;
use crate::keyspace::shard::{SHARDS, shard_of};
use crate::keyspace::snapshot::{Moment, Old};

/// What a snapshot gave so far, by database.
#[derive(Default)]
struct Taken {
    keys: BTreeMap<(usize, Vec<u8>), Entry>,
    batch: Vec<Old>,
}

impl Taken {
    /// Takes the next keys; false if there are none.
    fn more(&mut self, snapshot: &mut Snapshot<'_>) -> bool {
        let more = snapshot.next(&mut self.batch);
        for Old { db, entry } in self.batch.drain(..) {
            let key = entry.key().to_vec();
            assert!(self.keys.insert((db, key), entry).is_none(), "each key once");
        }
        more
    }

    fn rest(&mut self, mut snapshot: Snapshot<'_>) {
        while self.more(&mut snapshot) {}
    }

    /// The keys of a database that had not ended at a moment.
    fn alive(&self, db: usize, now_ms: i64) -> Keys {
        let here = self.keys.iter().filter(|((number, _), _)| *number == db);
        let alive = here.filter(|(_, entry)| entry.is_live(now_ms));
        alive.map(|((_, key), entry)| (key[0], (Content::of(entry, now_ms), entry.deadline()))).collect()
    }

    fn sum(&self) -> i64 {
        let number = |entry: &Entry| entry.value().as_string().unwrap().as_integer().unwrap();
        self.keys.values().map(number).sum()
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
        let (mut taken, (snapshot, ())) = (Taken::default(), keyspace.snapshot(|_| ()));
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
        prop_assert_eq!(keyspace.journal().handed_bytes(), 0);
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
            // Told first: the other threads must end if this one fails.
            done.store(true, Ordering::Relaxed);
            assert!(sums.iter().all(|sum| *sum == 100 * ACCOUNTS as i64), "{sums:?}");
            return;
        }
        for round in 0.. {
            let (from, to) = (&names[round * thread % ACCOUNTS], &names[(round * 7 + 5) % ACCOUNTS]);
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
                _ => take_along(&keyspace, from),
            }
            if done.load(Ordering::Relaxed) {
                return;
            }
            // Here, and not inside the gate, where the next cut would wait for it.
            std::thread::yield_now();
        }
    });
}

fn transfer(keys: &mut Exclusive<'_>, from: &str, to: &str) {
    add(keys, from.as_bytes(), -1);
    add(keys, to.as_bytes(), 1);
}

/// Moves a key to another database, if it is not there too: MOVE.
fn take_along(keyspace: &Keyspace, key: &str) {
    let (mut source, mut target) = keyspace.exclusive_pair((0, key.as_bytes()), (2, key.as_bytes()));
    if !target.contains(key.as_bytes())
        && let Some((value, deadline)) = source.take(key.as_bytes())
    {
        target.put(key.as_bytes(), value, deadline);
    }
}

#[test]
fn what_is_cleared_during_a_snapshot_is_in_it_and_what_comes_is_not() {
    let keyspace = keyspace();
    (0..5000).for_each(|n| set(keyspace.db(n % 3), &n.to_string(), "v"));
    let (mut taken, (mut snapshot, number)) = (Taken::default(), keyspace.snapshot(|number| number));
    assert_eq!(snapshot.cut(), number);
    assert!(taken.more(&mut snapshot));
    keyspace.db(1).flush(Record::unlogged());
    set(keyspace.db(1), "new", "v");
    keyspace.flush_all(Record::unlogged());
    (0..5000).for_each(|n| set(keyspace.db(n % 3), &n.to_string(), "other"));
    taken.rest(snapshot);
    assert_eq!(taken.keys.len(), 5000);
    assert!(taken.keys.values().all(|entry| *entry.value().as_string().unwrap().text() == *b"v"));
}

#[test]
fn a_snapshot_that_is_given_up_leaves_nothing_behind() {
    let keyspace = keyspace();
    (0..2000).for_each(|n| set(keyspace.db(0), &n.to_string(), "v"));
    let (mut taken, (mut snapshot, ())) = (Taken::default(), keyspace.snapshot(|_| ()));
    taken.more(&mut snapshot);
    (0..2000).for_each(|n| set(keyspace.db(0), &n.to_string(), "w"));
    assert!(keyspace.journal().handed_bytes() > 0);
    drop(snapshot);
    assert_eq!(keyspace.journal().handed_bytes(), 0);
    set(keyspace.db(0), "after", "v");
    let mut taken = Taken::default();
    taken.rest(keyspace.snapshot(|_| ()).0);
    assert_eq!(taken.keys.len(), 2001);
}

type Disturbance = fn(&Keyspace);

/// What a command does to tables and keys while a snapshot is taken, in databases 0 to 3.
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
    ("MOVE", |keyspace| take_along(keyspace, "a0")),
    ("RENAME", |keyspace| {
        let mut keys = keyspace.db(0).exclusive(&["a0", "b0"]);
        if let Some((value, deadline)) = keys.take(b"a0") {
            keys.put(b"b0", value, deadline);
        }
    }),
    ("COPY DB 2 REPLACE", |keyspace| {
        let (mut from, mut to) = keyspace.exclusive_pair((0, b"a0"), (2, b"b2"));
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

/// Runs `change` on another thread until it is complete, or until it waits for the walk.
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

/// Takes a snapshot of [`few_keys`], and begins a change at a moment of the walk, counted among
/// those at tables that concern the keys. False if there are not as many.
fn disturbed(name: &str, change: fn(&Keyspace), at: usize) -> bool {
    let keyspace = few_keys();
    let shards =
        ["a0", "b0", "a1", "b1", "a2", "b2"].map(|key| shard_of(keyspace.common.hash(key.as_bytes())));
    let (moments, steps, mut taken) = (Cell::new(0), Cell::new(0), Taken::default());
    std::thread::scope(|scope| {
        let hook = |moment: Moment, table: usize| {
            // A table is begun, has few positions, and ends.
            steps.set(steps.get() + usize::from(moment == Moment::Step));
            assert!(steps.get() < DATABASES * SHARDS * 2 + 50, "{name} at {at}: the walk does not end");
            if table < 3 * SHARDS
                && shards.contains(&(table % SHARDS))
                && moments.replace(moments.get() + 1) == at
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
    assert!(taken.keys.values().all(|entry| text(entry) == b"before"), "{name} at {at}");
    moments.get() > at
}

#[test]
fn a_walk_ends_with_the_keys_of_its_cut_whatever_moves_tables_and_keys_at_any_moment_of_it() {
    for (name, change) in DISTURBANCES {
        let moments = (0..).take_while(|&at| disturbed(name, change, at)).count();
        assert!(moments > 20, "{name}: {moments} moments");
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
            let (mut during, mut pause) = (during.iter(), 0);
            let hook = |_: Moment, _: usize| {
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
        prop_assert_eq!(keyspace.journal().handed_bytes(), 0);
    }
}
