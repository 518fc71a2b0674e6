//! Values, their conversions and comparisons. There are no booleans: 1 and 0 stand for them.

use std::borrow::Cow;

use super::array::Array;
use super::{json, number};

/// A value written in the expression.
#[derive(Debug)]
pub(super) enum Constant {
    Number(f64),
    Text(Box<[u8]>),
    Tuple(Box<[Constant]>),
    Null,
}

/// A value while an expression is evaluated. It borrows from the program or the attribute and is
/// never copied from them.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'v> {
    Number(f64),
    Text(Text<'v>),
    Tuple(Tuple<'v>),
    Null,
}

/// A string.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'v> {
    /// As written.
    pub(super) raw: &'v [u8],
    /// Whether `raw` has JSON escapes that are still to be decoded.
    pub(super) escaped: bool,
}

/// A tuple.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tuple<'v> {
    Constants(&'v [Constant]),
    Array(Array<'v>),
}

impl Constant {
    pub(super) fn value(&self) -> Value<'_> {
        match self {
            Self::Number(number) => Value::Number(*number),
            Self::Text(raw) => Value::Text(Text { raw, escaped: false }),
            Self::Tuple(items) => Value::Tuple(Tuple::Constants(items)),
            Self::Null => Value::Null,
        }
    }
}

impl<'v> Value<'v> {
    pub(super) fn of_bool(truth: bool) -> Self {
        Self::Number(f64::from(u8::from(truth)))
    }

    /// Null and tuples count as 0, and so do strings that are no number.
    pub(super) fn number(self) -> f64 {
        match self {
            Self::Number(number) => number,
            Self::Text(text) => number::of_text(&text.bytes()),
            Self::Tuple(_) | Self::Null => 0.0,
        }
    }

    /// Tuples are true even when empty, and so is NaN.
    pub(super) fn truth(self) -> bool {
        match self {
            Self::Number(number) => number != 0.0,
            Self::Text(text) => !text.raw.is_empty(),
            Self::Tuple(_) => true,
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

    /// Operator `in`: an item of a tuple, or a part of a string.
    pub(super) fn is_in(self, container: Self) -> bool {
        match (self, container) {
            (_, Self::Tuple(Tuple::Constants(items))) => items.iter().any(|item| self.equals(item.value())),
            (_, Self::Tuple(Tuple::Array(items))) => items.into_iter().any(|item| self.equals(item)),
            (Self::Text(part), Self::Text(whole)) => {
                memchr::memmem::find(&whole.bytes(), &part.bytes()).is_some()
            }
            _ => false,
        }
    }
}

impl<'v> Text<'v> {
    /// The string itself; only one with escapes is copied.
    pub(super) fn bytes(self) -> Cow<'v, [u8]> {
        if self.escaped { Cow::Owned(json::unescape(self.raw)) } else { Cow::Borrowed(self.raw) }
    }

    fn equals(self, other: Self) -> bool {
        if self.escaped || other.escaped { self.bytes() == other.bytes() } else { self.raw == other.raw }
    }
}
