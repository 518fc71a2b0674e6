//! Values, their conversions and comparisons. There are no booleans: 1 and 0 stand for them.

use std::borrow::Cow;

use super::array::{JsonArray, JsonItems};
use super::{json, number};

/// A value written in the expression.
#[derive(Debug)]
pub(super) enum Constant {
    Number(f64),
    Text(Box<[u8]>),
    Tuple(Box<[Constant]>),
    Null,
}

/// A value of a field, or one while an expression is evaluated. It borrows from the attribute or
/// the program and is never copied from them.
#[derive(Debug, Clone, Copy)]
pub enum Value<'v> {
    /// JSON's `null`.
    Null,
    /// A number; JSON's `true` and `false` are 1 and 0. Never NaN when it is read from an
    /// attribute.
    Number(f64),
    /// A string.
    Text(Text<'v>),
    /// An array.
    Array(Array<'v>),
}

/// A string.
#[derive(Debug, Clone, Copy)]
pub struct Text<'v> {
    /// As written.
    pub(super) raw: &'v [u8],
    /// Whether `raw` has JSON escapes that are still to be decoded.
    pub(super) escaped: bool,
}

/// An array: iterates over its values.
#[derive(Debug, Clone, Copy)]
pub struct Array<'v>(pub(super) Items<'v>);

/// Where the values of an array are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Items<'v> {
    Constants(&'v [Constant]),
    Json(JsonArray<'v>),
}

impl Constant {
    pub(super) fn value(&self) -> Value<'_> {
        match self {
            Self::Number(number) => Value::Number(*number),
            Self::Text(raw) => Value::Text(Text { raw, escaped: false }),
            Self::Tuple(items) => Value::Array(Array(Items::Constants(items))),
            Self::Null => Value::Null,
        }
    }

    /// The bytes of a text.
    pub(super) fn text(&self) -> Option<&[u8]> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

impl<'v> Value<'v> {
    /// An array without values.
    pub(super) const EMPTY_ARRAY: Self = Self::Array(Array(Items::Constants(&[])));

    /// Null and arrays count as 0, and so do strings that are no number.
    pub(super) fn number(self) -> f64 {
        match self {
            Self::Number(number) => number,
            Self::Text(text) => number::of_text(&text.bytes()),
            Self::Array(_) | Self::Null => 0.0,
        }
    }

    /// Arrays are true even when empty, and so is NaN.
    pub(super) fn truth(self) -> bool {
        match self {
            Self::Number(number) => number != 0.0,
            Self::Text(text) => !text.raw.is_empty(),
            Self::Array(_) => true,
            Self::Null => false,
        }
    }

    /// Operator `==`.
    pub(super) fn equals(self, other: Self) -> bool {
        match (self, other) {
            (Self::Text(left), Self::Text(right)) => left.equals(right),
            (Self::Null, Self::Null) => true,
            (Self::Null, _) | (_, Self::Null) => false,
            (left, right) => left.number() == right.number(),
        }
    }

    /// Operator `in`: an item of an array, or a part of a string.
    pub(super) fn is_in(self, container: Self) -> bool {
        match (self, container) {
            (_, Self::Array(Array(Items::Constants(items)))) => {
                items.iter().any(|item| self.equals(item.value()))
            }
            (_, Self::Array(Array(Items::Json(items)))) => items.into_iter().any(|item| self.equals(item)),
            (Self::Text(part), Self::Text(whole)) => {
                memchr::memmem::find(&whole.bytes(), &part.bytes()).is_some()
            }
            _ => false,
        }
    }
}

impl<'v> Text<'v> {
    /// The string itself; only one with escapes is copied.
    pub fn bytes(self) -> Cow<'v, [u8]> {
        if self.escaped { Cow::Owned(json::unescape(self.raw)) } else { Cow::Borrowed(self.raw) }
    }

    fn equals(self, other: Self) -> bool {
        if self.escaped || other.escaped { self.bytes() == other.bytes() } else { self.raw == other.raw }
    }
}

impl<'v> From<&'v [u8]> for Text<'v> {
    /// These bytes, as they are.
    fn from(raw: &'v [u8]) -> Self {
        Self { raw, escaped: false }
    }
}

impl<'v> IntoIterator for Array<'v> {
    type Item = Value<'v>;
    type IntoIter = ArrayIter<'v>;

    fn into_iter(self) -> ArrayIter<'v> {
        ArrayIter(match self.0 {
            Items::Constants(items) => Rest::Constants(items.iter()),
            Items::Json(items) => Rest::Json(items.into_iter()),
        })
    }
}

/// The values of an array, in order.
#[derive(Debug)]
pub struct ArrayIter<'v>(Rest<'v>);

#[derive(Debug)]
enum Rest<'v> {
    Constants(std::slice::Iter<'v, Constant>),
    Json(JsonItems<'v>),
}

impl<'v> Iterator for ArrayIter<'v> {
    type Item = Value<'v>;

    fn next(&mut self) -> Option<Value<'v>> {
        match &mut self.0 {
            Rest::Constants(items) => items.next().map(Constant::value),
            Rest::Json(items) => items.next(),
        }
    }
}
