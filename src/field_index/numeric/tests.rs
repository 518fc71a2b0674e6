use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::field_index::testing::{self, Model, Owned};
use crate::field_index::{FieldIndex, Kind};

fn index_of(numbers: &[f64]) -> NumericIndex {
    let mut index = NumericIndex::new();
    for (slot, &number) in (0..).zip(numbers) {
        index.insert(slot, Value::Number(number));
    }
    index
}

fn slots(index: &NumericIndex, low: Bound<f64>, high: Bound<f64>) -> Vec<u32> {
    assert_eq!(index.range(low, high).len() as usize, index.count(low, high));
    index.range(low, high).iter().collect()
}

#[test]
fn zeros_and_infinities_are_numbers_and_nan_is_none() {
    use Bound::{Excluded, Included, Unbounded};
    let index = index_of(&[0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, 5e-324, -1.0, f64::NAN]);
    assert_eq!(slots(&index, Included(0.0), Included(-0.0)), [0, 1]);
    assert_eq!(slots(&index, Excluded(-0.0), Unbounded), [2, 4]);
    assert_eq!(slots(&index, Unbounded, Excluded(0.0)), [3, 5]);
    assert_eq!(slots(&index, Unbounded, Unbounded), [0, 1, 2, 3, 4, 5]);
    assert_eq!(slots(&index, Included(f64::INFINITY), Unbounded), [2]);
    assert_eq!(slots(&index, Excluded(f64::INFINITY), Unbounded), [0; 0]);
    assert_eq!(slots(&index, Unbounded, Excluded(f64::NEG_INFINITY)), [0; 0]);
    assert_eq!(slots(&index, Included(f64::NAN), Unbounded), [0; 0]);
    assert_eq!(slots(&index, Unbounded, Excluded(f64::NAN)), [0; 0]);
    assert_eq!(slots(&index, Included(1.0), Included(-1.0)), [0; 0]);
    assert_eq!((index.presence().others().len(), index.cardinality(), index.entries()), (1, 5, 6));
    assert_eq!((index.number(5), index.number(6)), (Some(-1.0), None));
}

fn numbers() -> impl Strategy<Value = Owned> {
    let number = prop_oneof![
        any::<f64>(),
        (-5..5_i32).prop_map(f64::from),
        Just(-0.0),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY)
    ];
    number.prop_map(|number| Owned::Number(if number.is_nan() { 0.5 } else { number }))
}

fn bounds() -> impl Strategy<Value = Bound<f64>> {
    let end = prop_oneof![any::<f64>(), (-6..6_i32).prop_map(f64::from), Just(-0.0), Just(f64::INFINITY)];
    (end, 0..4_u8).prop_map(|(end, kind)| match kind {
        0 => Bound::Unbounded,
        1 => Bound::Excluded(end),
        _ => Bound::Included(end),
    })
}

fn is_within(number: f64, low: Bound<f64>, high: Bound<f64>) -> bool {
    let is_above = match low {
        Bound::Included(low) => number >= low,
        Bound::Excluded(low) => number > low,
        Bound::Unbounded => true,
    };
    let is_below = match high {
        Bound::Included(high) => number <= high,
        Bound::Excluded(high) => number < high,
        Bound::Unbounded => true,
    };
    is_above && is_below
}

fn agrees(
    index: &FieldIndex,
    model: &Model,
    ranges: &[(Bound<f64>, Bound<f64>)],
) -> Result<(), TestCaseError> {
    testing::agrees(index, model, |value| matches!(value, Owned::Number(_)))?;
    let FieldIndex::Numeric(index) = index else { panic!("it is of another kind") };
    for &(low, high) in ranges {
        let is_in = |value: &Owned| matches!(value, Owned::Number(number) if is_within(*number, low, high));
        let expected = testing::slots(model, is_in);
        prop_assert_eq!(index.count(low, high), expected.len() as usize);
        prop_assert_eq!(index.range(low, high), expected);
    }
    let number = |value: &Owned| if let Owned::Number(number) = value { Some(number + 0.0) } else { None };
    let different: BTreeSet<u64> = model.values().filter_map(number).map(f64::to_bits).collect();
    prop_assert_eq!(index.cardinality(), different.len());
    prop_assert!(index.in_order().is_sorted_by_key(|slot| index.number(slot)));
    prop_assert_eq!(index.in_order().count(), index.entries());
    for (&slot, value) in model {
        prop_assert_eq!(index.number(slot), number(value));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn numbers_agree_with_a_map(
        first in testing::changes(numbers()),
        second in testing::changes(numbers()),
        ranges in prop::collection::vec((bounds(), bounds()), 12),
    ) {
        let (mut index, mut model) = (FieldIndex::new(Kind::Numeric, None), Model::new());
        for changes in [&first, &second] {
            testing::apply(changes, &mut index, &mut model);
            agrees(&index, &model, &ranges)?;
        }
        let all = first.into_iter().chain(second).collect();
        agrees(&testing::built(Kind::Numeric, &all), &model, &ranges)?;
        testing::empties(index, &model)?;
    }
}
