//! The rows of a section: a name and a value with its type, so that each can be rendered by more
//! than one format.

use std::borrow::Cow;
use std::fmt;

/// The rows of a section, in order.
#[derive(Debug, Default)]
pub(super) struct Rows(Vec<Row>);

/// A field.
#[derive(Debug)]
pub(in crate::commands) struct Row {
    pub(in crate::commands) name: Name,
    pub(in crate::commands) value: Value,
}

/// The name of a field. It may have a second part that identifies one of several objects:
/// `cmdstat_` and the command, `db` and the number.
#[derive(Debug)]
pub(in crate::commands) struct Name {
    before: &'static str,
    label: Cow<'static, str>,
    after: Cow<'static, str>,
}

/// The value of a field.
#[derive(Debug)]
pub(in crate::commands) enum Value {
    /// A number that is never negative: a count, a time, a limit.
    Count(u64),
    /// A number that may be negative; -1 often means none.
    Integer(i64),
    /// A number with so many decimals.
    Decimal(f64, usize),
    /// A part of a whole, in percent.
    Percent(f64),
    /// A number of bytes.
    Bytes(u64),
    /// The same with a unit.
    BytesWithUnit(u64),
    /// 1 or 0.
    Flag(bool),
    /// `ok` or `err`: the outcome of the last attempt.
    Outcome(bool),
    /// Anything else.
    Text(Cow<'static, str>),
    /// Several named figures of one object.
    Record(Vec<(Cow<'static, str>, Value)>),
}

impl Rows {
    /// Adds a row.
    pub(super) fn field(&mut self, name: impl Into<Name>, value: impl Into<Value>) {
        self.0.push(Row { name: name.into(), value: value.into() });
    }

    /// A number of bytes.
    pub(super) fn bytes(&mut self, name: &'static str, bytes: impl Into<Bytes>) {
        self.field(name, Value::Bytes(bytes.into().0));
    }

    /// A number of bytes, and in a row of its own the same with a unit.
    pub(super) fn size(&mut self, name: &'static str, bytes: u64) {
        self.bytes(name, bytes);
        self.field(Name::of(name, "", "_human"), Value::BytesWithUnit(bytes));
    }

    /// Counts of features that this server lacks: 0.
    pub(super) fn zeros(&mut self, names: &[&'static str]) {
        names.iter().for_each(|name| self.field(*name, 0u64));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Row> {
        self.0.iter()
    }
}

/// The argument of [`Rows::bytes`].
pub(super) struct Bytes(u64);

impl From<u64> for Bytes {
    fn from(bytes: u64) -> Self {
        Self(bytes)
    }
}

impl From<usize> for Bytes {
    fn from(bytes: usize) -> Self {
        Self(bytes as u64)
    }
}

impl Name {
    /// The name for one of several objects.
    pub(super) fn of(
        before: &'static str,
        label: impl Into<Cow<'static, str>>,
        after: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { before, label: label.into(), after: after.into() }
    }

    /// The first part and the object, of a name for one of several objects.
    pub(in crate::commands) fn object(&self) -> Option<(&'static str, &str)> {
        (!self.label.is_empty()).then_some((self.before, &*self.label))
    }
}

impl From<&'static str> for Name {
    fn from(name: &'static str) -> Self {
        Self::of(name, "", "")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { before, label, after } = self;
        write!(out, "{before}{label}{after}")
    }
}

/// Numbers that are never negative.
macro_rules! counts {
    ($($number:ty),*) => {
        $(impl From<$number> for Value {
            fn from(number: $number) -> Self {
                Self::Count(number as u64)
            }
        })*
    };
}

counts!(u16, u32, u64, usize);

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}
