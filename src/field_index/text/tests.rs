use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::field_index::testing::{self, Model, Owned};
use crate::field_index::{FieldIndex, Kind};

#[test]
fn words_are_stemmed_in_the_language_of_the_index() {
    let mut index = TextIndex::new(Some(Language::ENGLISH));
    index.insert(3, Value::Text(b"Running dogs"));
    index.insert(4, Value::Text(b"A dog runs; the dog sleeps"));
    let query = |text: &[u8]| WordQuery::new(index.tokenizer(), text);
    assert!(index.matching(&query(b"dog run")).iter().eq([3, 4]));
    assert!(index.matching(&query(b"dogs slept sleeping")).is_empty());
    assert!(index.matching(&query(b"SLEEPING")).iter().eq([4]));
    assert_eq!((index.matching(&query(b"")).len(), index.estimate(&query(b"?"))), (0, 0));
    assert_eq!((index.estimate(&query(b"dog sleep")), index.estimate(&query(b"dog cat"))), (1, 0));
    assert_eq!((index.cardinality(), index.entries()), (5, 7));
}

fn texts() -> impl Strategy<Value = Owned> {
    let text = prop_oneof!["[a-f ]{0,12}", "[a-c]{1,2}( [a-c]{1,2}){0,8}", "[Ée\u{301}. ß]{0,8}"];
    text.prop_map(|text| Owned::Text(text.into()))
}

fn agrees(index: &FieldIndex, model: &Model, queries: &[String]) -> Result<(), TestCaseError> {
    testing::agrees(index, model, |value| matches!(value, Owned::Text(_)))?;
    let FieldIndex::Text(index) = index else { panic!("it is of another kind") };
    for query in queries {
        let query = WordQuery::new(index.tokenizer(), query.as_bytes());
        let is_match =
            |value: &Owned| matches!(value, Owned::Text(text) if query.matches(index.tokenizer(), text));
        let expected = testing::slots(model, is_match);
        prop_assert!(index.estimate(&query) >= expected.len() as usize);
        prop_assert!(model.keys().all(|&slot| index.slot_matches(slot, &query) == expected.contains(slot)));
        prop_assert_eq!(index.matching(&query), expected);
    }
    let mut words = BTreeSet::new();
    let mut pairs = BTreeSet::new();
    for (slot, value) in model {
        let Owned::Text(text) = value else { continue };
        let _ = index.tokenizer().words(text, |word| {
            words.insert(word.to_owned());
            pairs.insert((slot, word.to_owned()));
            ControlFlow::<()>::Continue(())
        });
    }
    prop_assert_eq!((index.cardinality(), index.entries()), (words.len(), pairs.len()));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn texts_agree_with_a_map(
        first in testing::changes(texts()),
        second in testing::changes(texts()),
        queries in prop::collection::vec("[a-cé]{0,2}( [a-c]{1,2}){0,2}", 8),
    ) {
        let (mut index, mut model) = (FieldIndex::new(Kind::Text, None), Model::new());
        for changes in [&first, &second] {
            testing::apply(changes, &mut index, &mut model);
            agrees(&index, &model, &queries)?;
        }
        let all = first.into_iter().chain(second).collect();
        agrees(&testing::built(Kind::Text, &all), &model, &queries)?;
        testing::empties(index, &model)?;
    }
}
