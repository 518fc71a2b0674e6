//! Any sequence of changes leaves what a plain map would hold.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Change {
    Put { key: u8, number: i64, life_ms: Option<i64> },
    Remove(u8),
    Expire { key: u8, life_ms: Option<i64> },
    Rename { from: u8, to: u8 },
    Advance(i64),
    Cycle(usize),
    Swap,
    Flush,
}

/// Few enough that changes meet.
const KEYS: u8 = 12;

fn change() -> impl Strategy<Value = Change> {
    let life = || proptest::option::of(-5..50_i64);
    prop_oneof![
        8 => (0..KEYS, any::<i64>(), life()).prop_map(|(key, number, life_ms)| Change::Put { key, number, life_ms }),
        4 => (0..KEYS).prop_map(Change::Remove),
        4 => (0..KEYS, life()).prop_map(|(key, life_ms)| Change::Expire { key, life_ms }),
        4 => (0..KEYS, 0..KEYS).prop_map(|(from, to)| Change::Rename { from, to }),
        3 => (0..30_i64).prop_map(Change::Advance),
        2 => (0..5_usize).prop_map(Change::Cycle),
        1 => Just(Change::Swap),
        1 => Just(Change::Flush),
    ]
}

/// The plain map, with the time.
#[derive(Default)]
struct Model {
    keys: BTreeMap<u8, (i64, Deadline)>,
    /// What SWAPDB exchanges the keys with.
    elsewhere: BTreeMap<u8, (i64, Deadline)>,
    now_ms: i64,
}

impl Model {
    fn deadline(&self, life_ms: Option<i64>) -> Deadline {
        life_ms.map_or(Deadline::NEVER, |life_ms| Deadline::at(self.now_ms + life_ms))
    }

    fn apply(&mut self, change: &Change) {
        match *change {
            Change::Put { key, number, life_ms } => {
                self.keys.insert(key, (number, self.deadline(life_ms)));
            }
            Change::Remove(key) => drop(self.keys.remove(&key)),
            Change::Expire { key, life_ms } => {
                let deadline = self.deadline(life_ms);
                self.keys.entry(key).and_modify(|entry| entry.1 = deadline);
            }
            Change::Rename { from, to } => {
                if let Some(entry) = self.keys.remove(&from) {
                    self.keys.insert(to, entry);
                }
            }
            Change::Advance(by_ms) => self.now_ms += by_ms,
            Change::Swap => std::mem::swap(&mut self.keys, &mut self.elsewhere),
            Change::Flush => self.keys.clear(),
            Change::Cycle(_) => {}
        }
        let now_ms = self.now_ms;
        self.keys.retain(|_, (_, deadline)| !deadline.is_past(now_ms));
        self.elsewhere.retain(|_, (_, deadline)| !deadline.is_past(now_ms));
    }
}

fn apply(keyspace: &Keyspace, change: &Change) {
    let (db, now_ms) = (keyspace.db(0), keyspace.clock().now_ms());
    let deadline =
        |life_ms: Option<i64>| life_ms.map_or(Deadline::NEVER, |life_ms| Deadline::at(now_ms + life_ms));
    match *change {
        Change::Put { key, number, life_ms } => {
            let value = Value::String(StringValue::integer(number));
            db.exclusive(&[[key]]).put(&[key], value, deadline(life_ms));
        }
        Change::Remove(key) => drop(db.exclusive(&[[key]]).remove(&[key])),
        Change::Expire { key, life_ms } => {
            db.exclusive(&[[key]]).set_deadline(&[key], deadline(life_ms));
        }
        Change::Rename { from, to } => {
            let mut keys = db.exclusive(&[[from], [to]]);
            if let Some((value, deadline)) = keys.take(&[from]) {
                keys.put(&[to], value, deadline);
            }
        }
        Change::Advance(by_ms) => keyspace.clock().advance(by_ms),
        Change::Cycle(budget) => assert!(db.expire_cycle(budget) <= budget),
        Change::Swap => keyspace.swap(0, 1, Record::unlogged()),
        Change::Flush => db.flush(Record::unlogged()),
    }
}

/// All keys with number and deadline, as SCAN shows them.
fn scanned(db: &Database) -> Vec<(u8, (i64, Deadline))> {
    let (mut seen, mut cursor) = (Vec::new(), Cursor::START);
    loop {
        cursor = db.scan(cursor, 2, |entry| {
            let number = entry.value().as_string().ok().and_then(StringRef::as_integer).unwrap();
            seen.push((entry.key()[0], (number, entry.deadline())));
        });
        if cursor.is_start() {
            seen.sort_by_key(|(key, _)| *key);
            return seen;
        }
    }
}

proptest! {
    #[test]
    fn the_keyspace_holds_what_a_plain_map_would(changes in prop::collection::vec(change(), 1..80)) {
        let keyspace = Keyspace::new(Clock::manual(0));
        let (db, mut model) = (keyspace.db(0), Model::default());
        for change in &changes {
            apply(&keyspace, change);
            model.apply(change);
            for key in 0..KEYS {
                let number = db.string(&[key]).unwrap().and_then(|string| string.as_integer());
                prop_assert_eq!(number, model.keys.get(&key).map(|entry| entry.0), "after {:?}", change);
            }
            let census = db.census();
            prop_assert_eq!(census.keys, model.keys.len());
            let expires = model.keys.values().filter(|entry| entry.1 != Deadline::NEVER).count();
            prop_assert_eq!(census.expires, expires);
        }
        prop_assert_eq!(scanned(db), model.keys.into_iter().collect::<Vec<_>>());
    }
}
