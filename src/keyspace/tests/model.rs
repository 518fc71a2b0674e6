//! Any sequence of changes has the same result as in a plain map.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::compressed::{Savings, Stored, random, repetitive};

/// Few enough that changes concern the same keys.
const KEYS: u8 = 12;

/// Few enough that hashes are packed at one time and tables at another.
pub(super) const LIMITS: PackedLimits = PackedLimits { fields: 6, len: 20 };

#[derive(Clone, Debug)]
pub(super) enum Change {
    Put {
        key: u8,
        text: Vec<u8>,
        life_ms: Option<i64>,
    },
    Append {
        key: u8,
        text: Vec<u8>,
    },
    Overwrite {
        key: u8,
        offset: usize,
        text: Vec<u8>,
    },
    SetFields {
        key: u8,
        first: u8,
        count: u8,
        len: usize,
        life_ms: Option<i64>,
    },
    ExpireField {
        key: u8,
        field: u8,
        life_ms: Option<i64>,
    },
    RemoveField {
        key: u8,
        field: u8,
    },
    Remove(u8),
    Expire {
        key: u8,
        life_ms: Option<i64>,
    },
    Bless {
        key: u8,
        is_blessed: bool,
    },
    Rename {
        from: u8,
        to: u8,
    },
    Copy {
        from: u8,
        to: u8,
    },
    Advance(i64),
    Cycle(usize),
    Swap,
    /// A database with itself.
    SwapSame,
    /// To the other database, unless the key is there.
    Move(u8),
    /// A transaction that puts a text into this key of both databases, and swaps them in between.
    PutSwapPut {
        key: u8,
        text: Vec<u8>,
    },
    Flush,
    FlushAll,
}

/// Numbers, and texts of the lengths around which the form of storage changes.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let len =
        prop_oneof![8 => 0..100_usize, 1 => 16 * 1024 - 2..16 * 1024 + 2_usize, 1 => 30_000..100_000_usize];
    prop_oneof![
        any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        (len, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]),
        // Some of these are compressed.
        (200..3000_usize, any::<bool>()).prop_map(|(len, repeats)| if repeats {
            repetitive(len)
        } else {
            random(len)
        }),
    ]
}

/// Long values are compressed.
fn value_len() -> impl Strategy<Value = usize> {
    prop_oneof![8 => 0..22_usize, 1 => 200..1000_usize]
}

fn life() -> impl Strategy<Value = Option<i64>> {
    proptest::option::of(0..50_i64)
}

pub(super) fn change() -> impl Strategy<Value = Change> {
    let key = || 0..KEYS;
    prop_oneof![
        8 => (key(), text(), life()).prop_map(|(key, text, life_ms)| Change::Put { key, text, life_ms }),
        4 => (key(), text()).prop_map(|(key, text)| Change::Append { key, text }),
        2 => (key(), 0..200_usize, text()).prop_map(|(key, offset, text)| Change::Overwrite { key, offset, text }),
        8 => (key(), key(), 1..5_u8, value_len(), life())
            .prop_map(|(key, first, count, len, life_ms)| Change::SetFields { key, first, count, len, life_ms }),
        4 => (key(), key(), life()).prop_map(|(key, field, life_ms)| Change::ExpireField { key, field, life_ms }),
        4 => (key(), key()).prop_map(|(key, field)| Change::RemoveField { key, field }),
        4 => key().prop_map(Change::Remove),
        4 => (key(), life()).prop_map(|(key, life_ms)| Change::Expire { key, life_ms }),
        4 => (key(), any::<bool>()).prop_map(|(key, is_blessed)| Change::Bless { key, is_blessed }),
        4 => (key(), key()).prop_map(|(from, to)| Change::Rename { from, to }),
        4 => (key(), key()).prop_map(|(from, to)| Change::Copy { from, to }),
        3 => (0..30_i64).prop_map(Change::Advance),
        2 => (0..5_usize).prop_map(Change::Cycle),
        1 => Just(Change::Swap),
        1 => Just(Change::SwapSame),
        2 => key().prop_map(Change::Move),
        1 => (key(), text()).prop_map(|(key, text)| Change::PutSwapPut { key, text }),
        1 => Just(Change::Flush),
        1 => Just(Change::FlushAll),
    ]
}

pub(super) type Fields = BTreeMap<Vec<u8>, (Vec<u8>, Deadline)>;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Content {
    Text(Vec<u8>),
    Hash(Fields),
}

impl Content {
    pub(super) fn of(entry: &Entry, now_ms: i64) -> Self {
        match entry.value() {
            ValueRef::String(string) => {
                assert_eq!(*string.to_bytes(), *string.text());
                assert_eq!(string.len(), string.text().len());
                Self::Text(string.text().into_owned())
            }
            ValueRef::Hash(hash) => {
                let owned = |(name, value, deadline): (&[u8], Stored<'_>, _)| {
                    (name.to_vec(), (value.text().into_owned(), deadline))
                };
                Self::Hash(hash.view(now_ms).iter().map(owned).collect())
            }
            _ => unreachable!("none was made"),
        }
    }

    fn text(&mut self) -> Option<&mut Vec<u8>> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    fn fields(&mut self) -> Option<&mut Fields> {
        if let Self::Hash(fields) = self { Some(fields) } else { None }
    }

    /// Removes the expired fields; false if none is left.
    pub(super) fn remove_expired(&mut self, now_ms: i64) -> bool {
        self.fields().is_none_or(|fields| {
            fields.retain(|_, (_, deadline)| !deadline.is_past(now_ms));
            !fields.is_empty()
        })
    }
}

/// Contents, deadlines, and whether keys are blessed.
pub(super) type Keys = BTreeMap<u8, (Content, Deadline, bool)>;

/// The plain map, with the time.
#[derive(Clone, Default)]
pub(super) struct Model {
    pub(super) keys: Keys,
    /// The keys of the other database of SWAPDB.
    pub(super) elsewhere: Keys,
    pub(super) now_ms: i64,
}

impl Model {
    fn deadline(&self, life_ms: Option<i64>) -> Deadline {
        life_ms.map_or(Deadline::NEVER, |life_ms| Deadline::at(self.now_ms + life_ms))
    }

    fn fields(&mut self, key: u8) -> Option<&mut Fields> {
        self.keys.get_mut(&key)?.0.fields()
    }

    fn text(&mut self, key: u8) -> Option<&mut Vec<u8>> {
        self.keys.get_mut(&key)?.0.text()
    }

    pub(super) fn apply(&mut self, change: &Change) {
        match change {
            Change::Put { key, text, life_ms } => {
                let is_blessed = self.keys.get(key).is_some_and(|entry| entry.2);
                self.keys.insert(*key, (Content::Text(text.clone()), self.deadline(*life_ms), is_blessed));
            }
            Change::Append { key, text } => {
                if let Some(present) = self.text(*key) {
                    present.extend(text);
                }
            }
            Change::Overwrite { key, offset, text } => {
                if let Some(present) = self.text(*key) {
                    present.resize(present.len().max(offset + text.len()), 0);
                    present[*offset..offset + text.len()].copy_from_slice(text);
                }
            }
            Change::SetFields { key, first, count, len, life_ms } => {
                let deadline = self.deadline(*life_ms);
                let new = || (Content::Hash(Fields::new()), Deadline::NEVER, false);
                if let Some(fields) = self.keys.entry(*key).or_insert_with(new).0.fields() {
                    fields.extend(
                        fields_of(*first, *count, *len).map(|(name, value)| (name, (value, deadline))),
                    );
                }
            }
            Change::ExpireField { key, field, life_ms } => {
                let deadline = self.deadline(*life_ms);
                let field = self.fields(*key).and_then(|fields| fields.get_mut(&[*field][..]));
                field.into_iter().for_each(|field| field.1 = deadline);
            }
            Change::RemoveField { key, field } => {
                self.fields(*key).into_iter().for_each(|fields| drop(fields.remove(&[*field][..])));
            }
            Change::Remove(key) => drop(self.keys.remove(key)),
            Change::Expire { key, life_ms } => {
                let deadline = self.deadline(*life_ms);
                self.keys.entry(*key).and_modify(|entry| entry.1 = deadline);
            }
            Change::Bless { key, is_blessed } => {
                self.keys.entry(*key).and_modify(|entry| entry.2 = *is_blessed);
            }
            Change::Rename { from, to } => {
                let entry = self.keys.remove(from);
                entry.into_iter().for_each(|entry| drop(self.keys.insert(*to, entry)));
            }
            Change::Copy { from, to } => {
                let entry = self.keys.get(from).cloned();
                entry.into_iter().for_each(|entry| drop(self.keys.insert(*to, entry)));
            }
            Change::Advance(by_ms) => self.now_ms += by_ms,
            Change::Swap => std::mem::swap(&mut self.keys, &mut self.elsewhere),
            Change::Flush => self.keys.clear(),
            Change::FlushAll => [&mut self.keys, &mut self.elsewhere].into_iter().for_each(Keys::clear),
            Change::Move(key) => {
                if !self.elsewhere.contains_key(key) {
                    let entry = self.keys.remove(key);
                    entry.into_iter().for_each(|entry| drop(self.elsewhere.insert(*key, entry)));
                }
            }
            Change::PutSwapPut { key, text } => {
                for keys in [&mut self.keys, &mut self.elsewhere] {
                    let is_blessed = keys.get(key).is_some_and(|entry| entry.2);
                    keys.insert(*key, (Content::Text(text.clone()), Deadline::NEVER, is_blessed));
                }
                std::mem::swap(&mut self.keys, &mut self.elsewhere);
            }
            Change::Cycle(_) | Change::SwapSame => {}
        }
        let now_ms = self.now_ms;
        for keys in [&mut self.keys, &mut self.elsewhere] {
            keys.retain(|_, (content, deadline, _)| {
                !deadline.is_past(now_ms) && content.remove_expired(now_ms)
            });
        }
    }
}

fn fields_of(first: u8, count: u8, len: usize) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    (first..first + count).map(move |name| (vec![name], vec![name; len]))
}

pub(super) fn apply(keyspace: &Keyspace, change: &Change) {
    let db = keyspace.db(0);
    let now_ms = keyspace.clock().now_ms();
    let deadline =
        |life_ms: &Option<i64>| life_ms.map_or(Deadline::NEVER, |life_ms| Deadline::at(now_ms + life_ms));
    match change {
        Change::Put { key, text, life_ms } => {
            let value = Value::String(StringValue::new(text));
            db.exclusive(&[[*key]]).put(&[*key], value, deadline(life_ms));
        }
        Change::Append { key, text } => {
            let _ = db.exclusive(&[[*key]]).edit_string(&[*key], |present| present.append(text));
        }
        Change::Overwrite { key, offset, text } => {
            let _ = db.exclusive(&[[*key]]).edit_string(&[*key], |present| present.overwrite(*offset, text));
        }
        Change::SetFields { key, first, count, len, life_ms } => {
            let set = |hash: &mut Hash| {
                for (name, value) in fields_of(*first, *count, *len) {
                    let is_new = hash.view(now_ms).get(&name).is_none();
                    assert_eq!(hash.set(&name, &value, deadline(life_ms)), is_new);
                }
            };
            let _ = db.exclusive(&[[*key]]).edit_hash(&[*key], set);
        }
        Change::ExpireField { key, field, life_ms } => {
            let expire = |hash: &mut Hash| hash.set_deadline(&[*field], deadline(life_ms));
            let _ = db.exclusive(&[[*key]]).edit_hash(&[*key], expire);
        }
        Change::RemoveField { key, field } => {
            let _ = db.exclusive(&[[*key]]).edit_hash(&[*key], |hash| hash.remove(&[*field]));
        }
        Change::Remove(key) => drop(db.exclusive(&[[*key]]).remove(&[*key])),
        Change::Expire { key, life_ms } => {
            db.exclusive(&[[*key]]).set_deadline(&[*key], deadline(life_ms));
        }
        Change::Bless { key, is_blessed } => {
            db.exclusive(&[[*key]]).set_blessed(&[*key], *is_blessed);
        }
        Change::Rename { from, to } => {
            let mut keys = db.exclusive(&[[*from], [*to]]);
            if let Some(taken) = keys.take(&[*from]) {
                keys.put_taken(&[*to], taken);
            }
        }
        Change::Copy { from, to } => {
            let mut keys = db.exclusive(&[[*from], [*to]]);
            let copy = keys.get(&[*from]).map(|entry| Taken {
                value: entry.value().to_value(),
                deadline: entry.deadline(),
                is_blessed: entry.is_blessed(),
            });
            copy.into_iter().for_each(|copy| _ = keys.put_taken(&[*to], copy));
        }
        Change::Advance(by_ms) => keyspace.clock().advance(*by_ms),
        Change::Cycle(budget) => drop(db.expire_cycle(*budget)),
        Change::Swap => keyspace.swap(0, 1, Record::unlogged()),
        Change::SwapSame => keyspace.swap(0, 0, Record::unlogged()),
        Change::Move(key) => {
            let (mut source, mut target) =
                keyspace.exclusive_pair(Access::DIRECT, (0, &[*key]), (1, &[*key]));
            if !target.contains(&[*key])
                && let Some(taken) = source.take(&[*key])
            {
                target.put_taken(&[*key], taken);
            }
        }
        Change::PutSwapPut { key, text } => keyspace.transaction(&Reach::Everything, || {
            let put = || {
                let value = Value::String(StringValue::new(text));
                db.exclusive(&[[*key]]).put(&[*key], value, Deadline::NEVER);
            };
            put();
            keyspace.swap(0, 1, Record::unlogged());
            put();
        }),
        Change::Flush => db.flush(Record::unlogged()),
        Change::FlushAll => keyspace.flush_all(Record::unlogged()),
    }
}

/// What compression saves in all keys, recounted.
fn savings(keyspace: &Keyspace) -> Savings {
    let mut sum = Savings::default();
    for number in 0..2 {
        keyspace.db(number).for_each(|entry| sum += entry.savings());
    }
    sum
}

fn seen_of(entry: &Entry, now_ms: i64) -> (Content, Deadline, bool) {
    (Content::of(entry, now_ms), entry.deadline(), entry.is_blessed())
}

/// Blessed keys, as BLESS SCAN returns them.
fn scanned_blessed(db: View<'_>) -> BTreeSet<u8> {
    let mut seen = BTreeSet::new();
    let mut cursor = Cursor::START;
    loop {
        cursor = db.scan_blessed(cursor, 2, |entry| assert!(seen.insert(entry.key()[0])));
        if cursor.is_start() {
            return seen;
        }
    }
}

/// All keys with content, deadline and blessing, as SCAN returns them.
fn scanned(db: View<'_>, now_ms: i64) -> Keys {
    let mut seen = Keys::new();
    let mut cursor = Cursor::START;
    loop {
        cursor = db.scan(cursor, 2, |entry| {
            let before = seen.insert(entry.key()[0], seen_of(entry, now_ms));
            assert!(before.is_none(), "returned twice");
        });
        if cursor.is_start() {
            return seen;
        }
    }
}

proptest! {
    #[test]
    fn the_keyspace_holds_what_a_plain_map_would(changes in prop::collection::vec(change(), 1..120)) {
        let keyspace = Keyspace::new(Clock::manual(0));
        keyspace.set_packed_limits(LIMITS);
        let db = keyspace.db(0);
        let mut model = Model::default();
        for change in &changes {
            apply(&keyspace, change);
            model.apply(change);
            for key in 0..KEYS {
                let found = db.lookup(&[key], Accounting::None, |entry| seen_of(entry, model.now_ms));
                prop_assert_eq!(found.as_ref(), model.keys.get(&key), "after {:?}", change);
            }
            let expires = model.keys.values().filter(|entry| entry.1 != Deadline::NEVER).count();
            // A hash of which all fields have expired is counted until its next lookup.
            let census = db.census();
            prop_assert!(census.keys >= model.keys.len() && census.expires >= expires);
        }
        while db.expire_cycle(3) > 0 {}
        while keyspace.db(1).expire_cycle(3) > 0 {}
        prop_assert_eq!(keyspace.savings(), savings(&keyspace));
        let ends = |content: &Content| matches!(content, Content::Hash(fields) if fields.values().any(|field| field.1 != Deadline::NEVER));
        let census = db.census();
        prop_assert_eq!(census.keys, model.keys.len());
        prop_assert_eq!(census.expires, model.keys.values().filter(|entry| entry.1 != Deadline::NEVER).count());
        prop_assert_eq!(census.subexpiry, model.keys.values().filter(|entry| ends(&entry.0)).count());
        let blessed: BTreeSet<u8> = model.keys.iter().filter(|(_, entry)| entry.2).map(|(key, _)| *key).collect();
        prop_assert_eq!(census.blessed, blessed.len());
        prop_assert_eq!(scanned_blessed(db), blessed);
        prop_assert_eq!(scanned(db, model.now_ms), model.keys);
    }
}
