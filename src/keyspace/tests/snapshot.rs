//! A snapshot has what was there at its cut, each key once, whatever happens while it is taken.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use proptest::prelude::*;

use super::model::{Change, Content, Keys, LIMITS, Model, apply, change};
use super::threads::{add, together};
use super::*;
use crate::keyspace::snapshot::Old;

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
