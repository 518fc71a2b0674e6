use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::field_index::testing::{self, Model, Owned};
use crate::field_index::{FieldIndex, Kind};

fn texts(index: &KeywordIndex, text: &[u8]) -> (Vec<u32>, Vec<u32>) {
    let slots = |postings: Option<&Postings>| postings.map_or(vec![], |postings| postings.iter().collect());
    (slots(index.scalar(Key::Text(text))), slots(index.item(Key::Text(text))))
}

#[test]
fn scalars_and_items_are_apart() {
    let mut index = KeywordIndex::new();
    index.insert(1, Value::Text(b"x"));
    index.insert(2, Value::Array(&[Value::Text(b"x"), Value::Number(-0.0), Value::Text(b"x")]));
    index.insert(3, Value::Array(&[]));
    index.insert(4, Value::Number(0.0));
    assert_eq!(texts(&index, b"x"), (vec![1], vec![2]));
    assert!(index.scalar(Key::Number(-0.0)).is_some_and(|slots| slots.iter().eq([4])));
    assert!(index.arrays().iter().eq([2, 3]));
    assert_eq!((index.entries(), index.cardinality()), (4, 4));
    let KeywordValue::Array(items) = index.value(3) else { panic!("it is an array") };
    assert_eq!(items.count(), 0);
    assert_eq!((index.key_id(2), index.key_id(9)), (None, None));
    assert_eq!(index.key_id(1).and_then(|id| index.key_of_id(id)), Some(Key::Text(b"x")));
}

#[test]
fn what_is_too_long_or_too_deep_is_something_else() {
    let mut index = KeywordIndex::new();
    let (longest, longer) = (vec![b'x'; MAX_KEY_BYTES], vec![b'x'; MAX_KEY_BYTES + 1]);
    index.insert(0, Value::Text(&longest));
    index.insert(1, Value::Text(&longer));
    index.insert(2, Value::Array(&vec![Value::Number(1.0); MAX_ITEMS]));
    index.insert(3, Value::Array(&vec![Value::Number(1.0); MAX_ITEMS + 1]));
    index.insert(4, Value::Array(&[Value::Text(&longer)]));
    index.insert(5, Value::Array(&[Value::Null]));
    index.insert(6, Value::Array(&[Value::Array(&[])]));
    index.insert(7, Value::Number(f64::NAN));
    assert!(index.presence().others().iter().eq([1, 3, 4, 5, 6, 7]));
}

fn scalar() -> impl Strategy<Value = Owned> {
    prop_oneof![
        "[a-d]{0,1}".prop_map(|text| Owned::Text(text.into())),
        "[a-d]{1,3}".prop_map(|text| Owned::Text(text.repeat(9).into())),
        (-3..3_i32).prop_map(|number| Owned::Number(f64::from(number))),
        Just(Owned::Number(-0.0)),
        any::<u32>().prop_map(|number| Owned::Number(number.into())),
    ]
}

fn own() -> impl Strategy<Value = Owned> {
    prop_oneof![3 => scalar(), 1 => prop::collection::vec(scalar(), 0..6).prop_map(Owned::Array)]
}

/// A key that a map can have.
type Plain = (u64, Vec<u8>);

fn plain_key(key: Key) -> Plain {
    match key {
        Key::Number(number) => (number.to_bits(), b"number".to_vec()),
        Key::Text(text) => (0, [b"text ", text].concat()),
    }
}

fn plain(value: &Owned) -> Option<Plain> {
    match value {
        Owned::Number(number) => Some(plain_key(Key::Number(number + 0.0))),
        Owned::Text(text) => Some(plain_key(Key::Text(text))),
        _ => None,
    }
}

fn items(value: &Owned) -> Option<Vec<Plain>> {
    let Owned::Array(items) = value else { return None };
    let mut keys = items.iter().map(plain).collect::<Option<Vec<_>>>()?;
    keys.sort();
    keys.dedup();
    Some(keys)
}

type Map = BTreeMap<Plain, RoaringBitmap>;

fn map<'i>(keys: impl Iterator<Item = (Key<'i>, &'i Postings)>) -> Map {
    keys.map(|(key, postings)| (plain_key(key), postings.to_bitmap())).collect()
}

fn agrees(index: &FieldIndex, model: &Model, within: &RoaringBitmap) -> Result<(), TestCaseError> {
    testing::agrees(index, model, |value| plain(value).is_some() || items(value).is_some())?;
    let FieldIndex::Keyword(index) = index else { panic!("it is of another kind") };
    let (mut scalars, mut of_arrays) = (Map::new(), Map::new());
    for (&slot, value) in model {
        if let Some(key) = plain(value) {
            scalars.entry(key).or_default().insert(slot);
        }
        for key in items(value).unwrap_or_default() {
            of_arrays.entry(key).or_default().insert(slot);
        }
        let found = match index.value(slot) {
            KeywordValue::Scalar(key) => (Some(plain_key(key)), None),
            KeywordValue::Array(items) => {
                let mut keys: Vec<Plain> = items.map(plain_key).collect();
                keys.sort();
                (None, Some(keys))
            }
            _ => (None, None),
        };
        prop_assert_eq!(found, (plain(value), items(value)));
    }
    prop_assert_eq!(&map(index.scalars()), &scalars);
    prop_assert_eq!(&map(index.items()), &of_arrays);
    prop_assert!(
        index.scalars().all(|(key, slots)| index.scalar(key).is_some_and(|s| s.iter().eq(slots.iter())))
    );
    prop_assert_eq!(index.arrays(), &testing::slots(model, |value| items(value).is_some()));
    let pairs = |map: &Map| map.values().map(RoaringBitmap::len).sum::<u64>() as usize;
    prop_assert_eq!(index.entries(), pairs(&scalars) + pairs(&of_arrays));
    prop_assert_eq!(index.cardinality(), scalars.len() + of_arrays.len());
    for within in [Some(within), Some(&(0..4).collect()), None] {
        let mut expected = BTreeMap::new();
        for (key, slots) in scalars.iter().chain(&of_arrays) {
            let count = within.map_or(slots.len(), |within| slots.intersection_len(within));
            *expected.entry(key.clone()).or_insert(0) += count;
        }
        expected.retain(|_, count| *count > 0);
        let facets = index.facets(within);
        prop_assert_eq!(facets.len(), expected.len());
        prop_assert_eq!(
            facets.into_iter().map(|(key, n)| (plain_key(key), n)).collect::<BTreeMap<_, _>>(),
            expected
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn keywords_agree_with_a_map(
        first in testing::changes(own()),
        second in testing::changes(own()),
        within in prop::collection::btree_set(0..3000_u32, 0..2000),
    ) {
        let within = within.into_iter().collect();
        let (mut index, mut model) = (FieldIndex::new(Kind::Keyword, None), Model::new());
        for changes in [&first, &second] {
            testing::apply(changes, &mut index, &mut model);
            agrees(&index, &model, &within)?;
        }
        let all = first.into_iter().chain(second).collect();
        agrees(&testing::built(Kind::Keyword, &all), &model, &within)?;
        testing::empties(index, &model)?;
    }
}
