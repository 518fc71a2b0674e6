//! Values of attributes as indexes take them.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::field_index::{MAX_ITEMS, Place, Value as Indexed};
use crate::vector_set::filter::Value;

/// Lets an index take a value.
pub(super) fn with_indexed(value: Value<'_>, take: impl FnOnce(Indexed<'_>)) {
    match value {
        Value::Null => take(Indexed::Null),
        Value::Number(number) => take(Indexed::Number(number)),
        Value::Text(text) => take(Indexed::Text(&text.bytes())),
        Value::Array(array) => {
            let texts: SmallVec<[Option<Item<'_>>; 8]> =
                array.into_iter().take(MAX_ITEMS + 1).map(item).collect();
            match texts
                .iter()
                .map(|item| Some(item.as_ref()?.indexed()))
                .collect::<Option<SmallVec<[_; 8]>>>()
            {
                Some(items) => take(Indexed::Array(&items)),
                None => take(Indexed::Other),
            }
        }
    }
}

/// An item of an array that an index may hold.
enum Item<'a> {
    Number(f64),
    Text(Cow<'a, [u8]>),
}

impl Item<'_> {
    fn indexed(&self) -> Indexed<'_> {
        match self {
            Self::Number(number) => Indexed::Number(*number),
            Self::Text(text) => Indexed::Text(text),
        }
    }
}

fn item(value: Value<'_>) -> Option<Item<'_>> {
    match value {
        Value::Number(number) => Some(Item::Number(number)),
        Value::Text(text) => Some(Item::Text(text.bytes())),
        Value::Null | Value::Array(_) => None,
    }
}

/// The place at a latitude and a longitude, if both are there. What is no place is a value that the
/// index does not hold.
pub(super) fn place<'v>(lat: Option<Value<'_>>, lon: Option<Value<'_>>) -> Option<Indexed<'v>> {
    match (lat?, lon?) {
        (Value::Number(lat), Value::Number(lon)) => {
            Some(Place::new(lat, lon).map_or(Indexed::Other, Indexed::Place))
        }
        _ => Some(Indexed::Other),
    }
}
