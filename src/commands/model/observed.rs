//! Checks that observers of the keyspace are called with all changes: after any command, each
//! changed key has been reported, and the reports yield the keys that exist.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::NOW_MS;
use super::replayed::{Event, Image, carry_out, event, image_at};
use crate::commands::Server;
use crate::commands::testing::Session;
use crate::config::Settings;
use crate::keyspace::{Change, Observer};

/// A database and a key.
type Key = (usize, Vec<u8>);

#[derive(Clone, Debug)]
enum Report {
    Changed(Key, Change),
    Flushed(usize),
    Swapped(usize, usize),
}

#[derive(Debug, Default)]
struct Reports(Mutex<Vec<Report>>);

impl Observer for Reports {
    fn changed(&self, db: usize, key: &[u8], change: Change) {
        self.0.lock().push(Report::Changed((db, key.to_vec()), change));
    }

    fn flushed(&self, db: usize) {
        self.0.lock().push(Report::Flushed(db));
    }

    fn swapped(&self, one: usize, other: usize) {
        self.0.lock().push(Report::Swapped(one, other));
    }
}

impl Reports {
    fn take(&self) -> Vec<Report> {
        std::mem::take(&mut *self.0.lock())
    }
}

impl Report {
    fn concerns(&self, key: &Key) -> bool {
        match self {
            Self::Changed(changed, _) => changed == key,
            Self::Flushed(db) => key.0 == *db,
            Self::Swapped(one, other) => [*one, *other].contains(&key.0),
        }
    }

    /// Applies a report to the set of keys.
    fn follow(&self, keys: &mut BTreeSet<Key>) {
        match self {
            Self::Changed(key, Change::Removed | Change::Expired | Change::Evicted) => _ = keys.remove(key),
            Self::Changed(key, _) => _ = keys.insert(key.clone()),
            Self::Flushed(db) => keys.retain(|key| key.0 != *db),
            Self::Swapped(one, other) => {
                let moved = |db| {
                    if db == *one {
                        *other
                    } else if db == *other {
                        *one
                    } else {
                        db
                    }
                };
                *keys = std::mem::take(keys).into_iter().map(|(db, key)| (moved(db), key)).collect();
            }
        }
    }
}

/// All keys, fields and elements, also expired ones that were not removed.
fn all_there_is(server: &Server) -> Image {
    server.keyspace.show_expired(true);
    let image = image_at(server, i64::MIN);
    server.keyspace.show_expired(false);
    image
}

fn session() -> Session {
    Session::with(Settings { compat: "8.10", hash_max_listpack_entries: 3, ..Settings::defaults() }, NOW_MS)
}

fn differences(before: &Image, after: &Image) -> Vec<Key> {
    let all: BTreeSet<&Key> = before.keys().chain(after.keys()).collect();
    all.into_iter().filter(|key| before.get(*key) != after.get(*key)).cloned().collect()
}

fn check(events: &[Event]) -> Result<(), TestCaseError> {
    let mut session = session();
    let server = &session.server;
    let client = &mut session.client;
    let reports = Arc::new(Reports::default());
    let (_observation, mut before) = server.keyspace.observe(reports.clone(), || all_there_is(server));
    for event in events {
        let mut keys: BTreeSet<Key> = before.keys().cloned().collect();
        carry_out(server, client, event);
        let after = all_there_is(server);
        let reports = reports.take();
        for key in differences(&before, &after) {
            let is_reported = reports.iter().any(|report| report.concerns(&key));
            prop_assert!(is_reported, "{:?} by {:?}: {:?}", key, event, reports);
        }
        reports.iter().for_each(|report| report.follow(&mut keys));
        prop_assert!(keys.iter().eq(after.keys()), "by {:?}: {:?}", event, reports);
        before = after;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn observers_are_called_with_all_changes(events in prop::collection::vec(event(), 1..60)) {
        check(&events)?;
    }
}

/// So many concurrent clients, on few keys.
const CLIENTS: usize = 3;
const ROUNDS: usize = 40;
const EVENTS_EACH: usize = 200;

#[test]
fn observers_are_called_in_the_order_in_which_clients_change_a_key() {
    let mut runner = TestRunner::deterministic();
    let scripts = prop::collection::vec(prop::collection::vec(event(), EVENTS_EACH), CLIENTS);
    for round in 0..ROUNDS {
        let scripts = scripts.new_tree(&mut runner).expect("always possible").current();
        let original = session();
        let reports = Arc::new(Reports::default());
        let (_observation, ()) = original.server.keyspace.observe(reports.clone(), || ());
        std::thread::scope(|scope| {
            for script in &scripts {
                let mut client = original.connect();
                let server = &original.server;
                scope.spawn(move || script.iter().for_each(|event| carry_out(server, &mut client, event)));
            }
        });
        let mut keys = BTreeSet::new();
        reports.take().iter().for_each(|report| report.follow(&mut keys));
        assert!(keys.iter().eq(all_there_is(&original.server).keys()), "round {round}");
    }
}

#[test]
fn an_observer_is_called_until_its_observation_is_dropped() {
    let mut session = session();
    let reports = Arc::new(Reports::default());
    let mut changes = |lines: &[&str], is_observed: bool| {
        let client = &mut session.client;
        let observation = is_observed.then(|| session.server.keyspace.observe(reports.clone(), || ()));
        lines.iter().for_each(|line| carry_out(&session.server, client, &Event::Request((*line).into())));
        drop(observation);
        let changes = reports.take().into_iter().filter_map(|report| match report {
            Report::Changed(_, change) => Some(change),
            Report::Flushed(_) | Report::Swapped(..) => None,
        });
        changes.collect::<Vec<_>>()
    };
    let lines =
        ["SET a 1", "EXPIRE a 5", "DEL a", "VADD v VALUES 1 1 e", "VADD v VALUES 1 1 f", "VREM v e f"];
    assert_eq!(changes(&lines, false), []);
    let expected = [
        Change::Written,
        Change::Rescheduled,
        Change::Removed,
        // The set is made, an element is added, and the last ones are removed with the key.
        Change::Written,
        Change::Written,
        Change::Written,
        Change::Removed,
    ];
    assert_eq!(changes(&lines, true), expected);
    assert_eq!(changes(&lines, false), []);
    assert_eq!(changes(&["GET a", "HSET h f 1 g 2", "HDEL h f", "HDEL h g"], true).len(), 4);
}
