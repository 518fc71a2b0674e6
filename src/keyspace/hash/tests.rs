//! Both forms of a hash are the same hash.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::journal::Journal;

/// A hash that is a table from its first field on.
fn table() -> Hash {
    Hash::empty(PackedLimits { fields: 0, len: 64 }, i64::MIN)
}

#[test]
fn fields_exist_until_they_expire() {
    for mut hash in [Hash::new(), table()] {
        assert!(hash.set(b"a", b"1", Deadline::NEVER));
        assert!(hash.set(b"b", b"2", Deadline::at(10)));
        assert!(!hash.set(b"a", b"3", Deadline::NEVER));
        assert_eq!(hash.view(10).get(b"b"), Some(Stored::Plain(b"2")));
        assert_eq!(hash.view(11).get(b"b"), None);
        assert_eq!((hash.view(10).len(), hash.view(11).len()), (2, 1));
        assert_eq!(hash.next_deadline(), Deadline::at(10));
        assert_eq!(hash.view(11).nth(0), Some((&b"a"[..], Stored::Plain(b"3"))));
        assert_eq!(hash.remove_due(11), 1);
        assert!(hash.remove(b"a") && !hash.remove(b"a"));
        assert!(hash.is_empty());
    }
}

#[test]
fn an_edit_sees_no_expired_field() {
    for mut hash in [Hash::new(), table()] {
        for name in [b"a", b"b", b"c"] {
            hash.set(name, b"1", Deadline::at(10));
        }
        hash.set_moment(PackedLimits::default(), 11);
        assert!(hash.is_empty());
        assert!(!hash.remove(b"a") && !hash.set_deadline(b"b", Deadline::NEVER));
        assert!(hash.set(b"c", b"2", Deadline::NEVER));
        assert_eq!(hash.view(11).len(), 1);
        assert_eq!(hash.remove_due(11), 2);
    }
}

#[test]
fn a_hash_becomes_a_table_at_the_limits_of_redis() {
    let encoding = |hash: &Hash| hash.view(0).encoding();
    let mut hash = Hash::new();
    for number in 0..512_u32 {
        hash.set(&number.to_be_bytes(), &[b'x'; 64], Deadline::NEVER);
        assert_eq!(encoding(&hash), "listpack");
    }
    hash.set(&7_u32.to_be_bytes(), b"changed", Deadline::NEVER);
    assert_eq!(encoding(&hash), "listpack");
    hash.set(&7_u32.to_be_bytes(), b"changed", Deadline::at(5));
    assert_eq!(encoding(&hash), "listpackex");
    hash.set(b"one more", b"", Deadline::NEVER);
    assert_eq!(encoding(&hash), "hashtable");
    assert_eq!((hash.view(0).len(), hash.view(6).len()), (513, 512));
    for (name, value) in [(1, 65), (65, 1)] {
        let mut hash = Hash::new();
        hash.set(&vec![b'n'; name], &vec![b'v'; value], Deadline::NEVER);
        assert_eq!(encoding(&hash), "hashtable");
    }
}

#[test]
fn a_scan_visits_all_fields_that_stay_while_others_are_added_and_removed() {
    let mut hash = table();
    let name = |number: u32| number.to_string().into_bytes();
    (0..300).for_each(|number| _ = hash.set(&name(number), b"v", Deadline::NEVER));
    let mut cursor = 0;
    let mut seen = BTreeSet::new();
    let mut next = 300;
    loop {
        let mut here = 0;
        cursor = hash.view(0).scan(cursor, 7, |name, _| {
            here += 1;
            seen.insert(name.to_vec());
        });
        assert!(here <= 7);
        if cursor == 0 {
            break;
        }
        // Those not divisible by three are removed, from both ends; others are added.
        for number in [next - 300, 600 - next].into_iter().filter(|number| number % 3 != 0) {
            hash.remove(&name(number));
        }
        hash.set(&name(next), b"v", Deadline::NEVER);
        next += 1;
    }
    assert!((0..300).step_by(3).all(|number| seen.contains(&name(number))));
}

#[derive(Clone, Debug)]
enum Change {
    Set { name: u8, len: usize, deadline: Option<i64> },
    SetDeadline { name: u8, deadline: Option<i64> },
    Remove(u8),
    Advance(i64),
    RemoveDue,
}

/// Long values are compressed.
fn value_len() -> impl Strategy<Value = usize> {
    prop_oneof![8 => 0..70_usize, 1 => 200..1000_usize]
}

fn change() -> impl Strategy<Value = Change> {
    let deadline = || proptest::option::of(0..100_i64);
    prop_oneof![
        8 => (0..24_u8, value_len(), deadline()).prop_map(|(name, len, deadline)| Change::Set { name, len, deadline }),
        4 => (0..24_u8, deadline()).prop_map(|(name, deadline)| Change::SetDeadline { name, deadline }),
        4 => (0..24_u8).prop_map(Change::Remove),
        2 => (0..20_i64).prop_map(Change::Advance),
        1 => Just(Change::RemoveDue),
    ]
}

fn deadline_of(unix_ms: Option<i64>) -> Deadline {
    unix_ms.map_or(Deadline::NEVER, Deadline::at)
}

proptest! {
    #[test]
    fn a_hash_holds_what_a_plain_map_would(fields in 0..30_usize, len in 40..80_usize, changes in prop::collection::vec(change(), 1..120)) {
        let limits = PackedLimits { fields, len };
        let mut now_ms = 0;
        let mut hash = Hash::empty(limits, now_ms);
        let mut model = BTreeMap::<u8, (usize, Deadline)>::new();
        for change in changes {
            match change {
                Change::Set { name, len, deadline } => {
                    let deadline = deadline_of(deadline);
                    let is_new = hash.set(&[name], &vec![name; len], deadline);
                    prop_assert_eq!(is_new, model.insert(name, (len, deadline)).is_none());
                }
                Change::SetDeadline { name, deadline } => {
                    let deadline = deadline_of(deadline);
                    let found = model.get_mut(&name).map(|field| field.1 = deadline).is_some();
                    prop_assert_eq!(hash.set_deadline(&[name], deadline), found);
                }
                Change::Remove(name) => prop_assert_eq!(hash.remove(&[name]), model.remove(&name).is_some()),
                Change::Advance(by_ms) => now_ms += by_ms,
                Change::RemoveDue => drop(hash.remove_due(now_ms)),
            }
            hash.set_moment(limits, now_ms);
            model.retain(|_, (_, deadline)| !deadline.is_past(now_ms));
            let view = hash.view(now_ms);
            prop_assert_eq!(view.len(), model.len());
            let held: BTreeMap<u8, (usize, Deadline)> =
                view.iter().map(|(name, value, deadline)| (name[0], (value.text().len(), deadline))).collect();
            prop_assert_eq!(&held, &model);
            let by_nth: BTreeSet<u8> = (0..view.len()).filter_map(|n| view.nth(n)).map(|(name, _)| name[0]).collect();
            prop_assert!(by_nth.iter().eq(model.keys()));
            prop_assert!(model.keys().all(|name| view.get(&[*name]).is_some()));
            if hash.remove_due(now_ms) == 0 {
                let next = model.values().filter_map(|(_, deadline)| deadline.unix_ms()).min();
                prop_assert_eq!(hash.next_deadline(), deadline_of(next));
            }
        }
    }
}

/// Fields of a hash at a cut.
type FieldsAtCut = BTreeMap<Vec<u8>, (Vec<u8>, Deadline)>;

fn content(hash: &Hash) -> FieldsAtCut {
    let fields =
        hash.view(i64::MIN).iter().map(|(name, value, at)| (name.to_vec(), (value.text().into_owned(), at)));
    fields.collect()
}

fn freeze(hash: &Hash, journal: &Arc<Journal>) -> FrozenFields {
    let HashForm::Table(table) = &hash.form else { unreachable!("it is a table") };
    FrozenFields::of(table.visitor(), journal)
}

/// Takes the next fields, each of which must be returned once; false if there are none.
fn take_some(frozen: &mut FrozenFields, old: &mut FieldsAtCut) -> bool {
    let mut batch = Vec::new();
    let more = frozen.next(&mut batch);
    for field in batch {
        let before = old.insert(field.name().to_vec(), (field.value().to_vec(), field.deadline()));
        assert!(before.is_none(), "each field once");
    }
    more
}

proptest! {
    #[test]
    fn frozen_fields_are_those_of_the_cut_whatever_happens_to_the_hash(
        before in prop::collection::vec(change(), 0..100),
        during in prop::collection::vec((0..3_usize, change()), 0..100),
        after in prop::collection::vec((0..3_usize, change()), 0..100),
    ) {
        let mut hash = table();
        let mut now_ms = 0;
        let mut make = |hash: &mut Hash, change: &Change| {
            match change {
                Change::Set { name, len, deadline } => {
                    _ = hash.set(&[*name], &vec![*name; *len], deadline_of(*deadline));
                }
                Change::SetDeadline { name, deadline } => {
                    _ = hash.set_deadline(&[*name], deadline_of(*deadline));
                }
                Change::Remove(name) => _ = hash.remove(&[*name]),
                Change::Advance(by_ms) => now_ms += by_ms,
                Change::RemoveDue => _ = hash.remove_some_due(now_ms, 3, |_| ()),
            }
            hash.set_moment(PackedLimits::default(), now_ms);
        };
        hash.set(b"first", b"", Deadline::NEVER);
        before.iter().for_each(|change| make(&mut hash, change));
        let journal = Arc::new(Journal::new());
        journal.cut(|_| ());
        // The second snapshot must not be affected by the first.
        for during in [during, after] {
            let at_cut = content(&hash);
            let mut old = FieldsAtCut::new();
            let mut frozen = freeze(&hash, &journal);
            prop_assert_eq!(frozen.soonest(), hash.next_deadline());
            for (steps, change) in &during {
                (0..*steps).for_each(|_| _ = take_some(&mut frozen, &mut old));
                make(&mut hash, change);
            }
            while take_some(&mut frozen, &mut old) {}
            prop_assert_eq!((frozen.len(), old), (at_cut.len(), at_cut));
            drop(frozen);
            prop_assert_eq!(journal.before_image_bytes(), 0);
        }
    }
}

#[test]
fn frozen_fields_outlive_their_hash_and_nothing_is_left_of_an_aborted_snapshot() {
    let mut hash = table();
    let journal = Arc::new(Journal::new());
    journal.cut(|_| ());
    (0..2000_u32).for_each(|n| _ = hash.set(&n.to_be_bytes(), b"v", Deadline::NEVER));
    let at_cut = content(&hash);
    let mut old = FieldsAtCut::new();
    let mut frozen = freeze(&hash, &journal);
    (0..1000_u32).for_each(|n| _ = hash.remove(&n.to_be_bytes()));
    assert!(journal.before_image_bytes() > 1000);
    assert!(take_some(&mut frozen, &mut old));
    drop(hash);
    while take_some(&mut frozen, &mut old) {}
    assert_eq!(old, at_cut);

    let mut hash = table();
    (0..2000_u32).for_each(|n| _ = hash.set(&n.to_be_bytes(), b"v", Deadline::NEVER));
    // Another hash with the same fields may differ: each divides its index by a seed of its own.
    let bytes = hash.heap_bytes();
    let aborted = freeze(&hash, &journal);
    (0..2000_u32).for_each(|n| _ = hash.set(&n.to_be_bytes(), b"w", Deadline::NEVER));
    assert!(journal.before_image_bytes() > 2000);
    drop(aborted);
    assert_eq!((journal.before_image_bytes(), hash.heap_bytes()), (0, bytes));
    (0..2000_u32).for_each(|n| _ = hash.set(&n.to_be_bytes(), b"x", Deadline::NEVER));
    assert_eq!(journal.before_image_bytes(), 0);
}
