//! Values, and a plain model of an index, for tests.

use std::collections::BTreeMap;

use proptest::prelude::*;
use roaring::RoaringBitmap;

use super::{Builder, FieldIndex, Kind, Place, Value};

/// A value that owns what it has.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Owned {
    Null,
    Number(f64),
    Text(Vec<u8>),
    Array(Vec<Owned>),
    Place(Place),
    Other,
}

impl Owned {
    pub(super) fn lend<R>(&self, use_value: impl FnOnce(Value) -> R) -> R {
        match self {
            Self::Array(items) => {
                use_value(Value::Array(&items.iter().map(Self::scalar).collect::<Vec<_>>()))
            }
            scalar => use_value(scalar.scalar()),
        }
    }

    /// Arrays in arrays are empty.
    fn scalar(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Number(number) => Value::Number(*number),
            Self::Text(text) => Value::Text(text),
            Self::Place(place) => Value::Place(*place),
            Self::Other => Value::Other,
            Self::Array(_) => Value::Array(&[]),
        }
    }
}

/// What the slots have.
pub(super) type Model = BTreeMap<u32, Owned>;

/// Values of which half are the kind's own.
pub(super) fn values(own: impl Strategy<Value = Owned> + 'static) -> impl Strategy<Value = Owned> {
    let others = prop_oneof![
        Just(Owned::Null),
        Just(Owned::Other),
        (0..9_i32).prop_map(|number| Owned::Number(number.into())),
        "[a-c]{0,2}".prop_map(|text| Owned::Text(text.into())),
        Just(Owned::Place(Place::new(1.0, 2.0).expect("it is on the earth"))),
    ];
    let items = prop::collection::vec(others.clone(), 0..3).prop_map(Owned::Array);
    prop_oneof![4 => own, 3 => others, 1 => items]
}

/// Slots with what they get; `None` removes it.
pub(super) type Changes = Vec<(u32, Option<Owned>)>;

pub(super) fn changes(own: impl Strategy<Value = Owned> + 'static) -> impl Strategy<Value = Changes> {
    let slots = prop_oneof![4 => 0..40_u32, 2 => 0..3000_u32, 1 => 70_000..70_100_u32];
    prop::collection::vec((slots, prop::option::weighted(0.75, values(own))), 0..500)
}

/// Makes the changes in an index and in a model.
pub(super) fn apply(changes: &Changes, index: &mut FieldIndex, model: &mut Model) {
    for (slot, value) in changes {
        match value {
            Some(value) => {
                value.lend(|value| index.insert(*slot, value));
                model.insert(*slot, value.clone());
            }
            None => {
                index.remove(*slot);
                model.remove(slot);
            }
        }
    }
}

/// The same with a builder, which gets each slot of `changes` in turn.
pub(super) fn built(kind: Kind, changes: &Changes) -> FieldIndex {
    let mut builder = Builder::new(kind, None);
    for (slot, value) in changes {
        match value {
            Some(value) => value.lend(|value| builder.insert(*slot, value)),
            None => builder.remove(*slot),
        }
    }
    builder.finish()
}

/// Slots of the model for whose value this is true.
pub(super) fn slots(model: &Model, mut is_wanted: impl FnMut(&Owned) -> bool) -> RoaringBitmap {
    model.iter().filter(|(_, value)| is_wanted(value)).map(|(&slot, _)| slot).collect()
}

/// What all kinds have in common. `is_held`: whether a value is one of the kind's own.
pub(super) fn agrees(
    index: &FieldIndex,
    model: &Model,
    mut is_held: impl FnMut(&Owned) -> bool,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(index.presence().present(), &slots(model, |_| true));
    prop_assert_eq!(index.presence().nulls(), &slots(model, |value| *value == Owned::Null));
    prop_assert_eq!(
        index.presence().others(),
        &slots(model, |value| *value != Owned::Null && !is_held(value))
    );
    Ok(())
}

/// Removes all; nothing is left.
pub(super) fn empties(mut index: FieldIndex, model: &Model) -> Result<(), TestCaseError> {
    let random = |slot: &u32| slot.wrapping_mul(2_654_435_761);
    let mut slots: Vec<u32> = model.keys().copied().collect();
    slots.sort_by_key(random);
    slots.into_iter().for_each(|slot| index.remove(slot));
    prop_assert_eq!((index.cardinality(), index.entries(), index.heap_bytes()), (0, 0, 0));
    prop_assert!(
        index.presence().present().is_empty()
            && index.presence().nulls().is_empty()
            && index.presence().others().is_empty()
    );
    Ok(())
}
