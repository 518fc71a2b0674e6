//! What a key can mean: one line for each type in each of the three forms that values have.
//!
//! | form | where | its parts implement |
//! |---|---|---|
//! | [`Value`] | outside of the keyspace: on its way in, or taken or copied out | [`Owned`] |
//! | [`ValueRef`] | where it lies | [`Viewed`] |
//! | [`Large`] | in an entry, unless all of it is in the entry's bytes | [`Allocated`] |
//!
//! To add a type: its file with these traits, and its line in each form and in [`by_type`]. Other
//! layers have a trait of their own for what they do with values (`Written` in `persistence/rdb`,
//! `Digested` in the commands), and get at the parts by the same macro.

use std::fmt;
use std::sync::Arc;

use super::entry::Layout;
use super::hash::{Hash, HashRef, StoredTable};
use super::string::{LongText, StringRef, StringValue};
use crate::vector_set::VectorSet;

/// The same expression for a value of each type: `by_type!(ValueRef, value, part => part.size())`.
/// The enum is one of the three forms; the expression sees the part of its variant.
macro_rules! by_type {
    ($Form:ident, $value:expr, $part:ident => $outcome:expr) => {
        match $value {
            $Form::String($part) => $outcome,
            $Form::Hash($part) => $outcome,
            $Form::VectorSet($part) => $outcome,
        }
    };
}

pub(crate) use by_type;

/// A value outside of the keyspace: on its way in, or taken or copied out.
#[derive(Clone)]
pub enum Value {
    /// Text, or a number.
    String(StringValue),
    /// Fields with values.
    Hash(Box<Hash>),
    /// A vector set, shared with the commands that work on it.
    VectorSet(Arc<VectorSet>),
}

/// The value of a key, where it lies.
#[derive(Clone, Copy)]
pub enum ValueRef<'v> {
    /// Text, or a number.
    String(StringRef<'v>),
    /// Fields with values.
    Hash(HashRef<'v>),
    /// A vector set, shared with the commands that work on it.
    VectorSet(&'v Arc<VectorSet>),
}

/// A value with memory of its own, as an entry has it.
#[derive(Clone)]
pub(super) enum Large {
    String(LongText),
    Hash(StoredTable),
    VectorSet(Arc<VectorSet>),
}

/// The part of a [`Value`].
pub(super) trait Owned {
    /// As it would lie in the keyspace.
    fn value_ref(&self) -> ValueRef<'_>;

    /// Calls `put` with how an entry keeps it.
    fn store<R>(self, put: impl FnOnce(Layout<'_>) -> R) -> R;

    /// The snapshot of this cut does not have it: it gets its key after the cut. For types that
    /// keep their own state of a snapshot.
    fn exclude(&self, _cut: u64) {}
}

/// The part of a [`ValueRef`].
pub(super) trait Viewed: Copy {
    /// What TYPE says.
    const NAME: &'static str;

    /// What `INFO keysizes` calls the sizes of such values.
    const SIZES: &'static str;

    /// Redis' number of the type, which digests have.
    const NUMBER: u32;

    /// What OBJECT ENCODING says of it under a key of so many bytes.
    fn encoding(self, key_len: usize) -> &'static str;

    /// Its bytes, fields or elements, as `INFO keysizes` counts them.
    fn size(self, now_ms: i64) -> usize;

    /// A value of its own, which shares what is large and can be shared.
    fn copied(self) -> Value;

    /// The key is about to mean something else, or nothing. For types whose writers do not hold
    /// the lock of the key's shard. To be called under its write lock.
    fn unbind(self) {}
}

/// The part of a [`Large`].
pub(super) trait Allocated: fmt::Debug {
    /// The value, where it lies.
    fn value_ref(&self) -> ValueRef<'_>;

    /// The value, as it is outside of the keyspace.
    fn into_value(self) -> Value;

    /// Bytes on the heap, by which it is decided also whether another thread frees it.
    fn heap_bytes(&self) -> usize;

    /// True if a copy for a snapshot is counted elsewhere: the value gives its parts to snapshots
    /// by a protocol of its own.
    fn has_own_account(&self) -> bool {
        false
    }

    /// True while a command works on it, which would have to free it if it were dropped now.
    fn is_in_use(&self) -> bool {
        false
    }
}

/// The key has a value of another type than the command works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongType;

impl Value {
    /// The value as it would lie in the keyspace.
    pub fn view(&self) -> ValueRef<'_> {
        by_type!(Self, self, part => Owned::value_ref(part))
    }

    /// Calls `put` with how an entry keeps the value.
    pub(super) fn store<R>(self, put: impl FnOnce(Layout<'_>) -> R) -> R {
        by_type!(Self, self, part => Owned::store(part, put))
    }

    /// The snapshot of this cut does not have the value.
    pub(super) fn exclude(&self, cut: u64) {
        by_type!(Self, self, part => part.exclude(cut));
    }
}

impl<'v> ValueRef<'v> {
    /// A value of its own, which shares what is large and can be shared.
    pub fn to_value(self) -> Value {
        by_type!(Self, self, part => part.copied())
    }

    /// What TYPE says.
    pub fn type_name(self) -> &'static str {
        by_type!(Self, self, part => name(part))
    }

    /// Redis' number of the type.
    pub fn type_number(self) -> u32 {
        by_type!(Self, self, part => number(part))
    }

    /// What OBJECT ENCODING says of it under a key of so many bytes.
    pub fn encoding(self, key_len: usize) -> &'static str {
        by_type!(Self, self, part => Viewed::encoding(part, key_len))
    }

    /// What `INFO keysizes` calls the sizes of values of this type.
    pub fn sizes_name(self) -> &'static str {
        by_type!(Self, self, part => sizes(part))
    }

    /// Its bytes, fields or elements, as `INFO keysizes` counts them.
    pub fn size(self, now_ms: i64) -> usize {
        by_type!(Self, self, part => part.size(now_ms))
    }

    /// The string, if it is one.
    pub fn as_string(self) -> Result<StringRef<'v>, WrongType> {
        if let Self::String(string) = self { Ok(string) } else { Err(WrongType) }
    }

    /// The hash, if it is one.
    pub fn as_hash(self) -> Result<HashRef<'v>, WrongType> {
        if let Self::Hash(hash) = self { Ok(hash) } else { Err(WrongType) }
    }

    /// The vector set, if it is one.
    pub fn as_vector_set(self) -> Result<&'v Arc<VectorSet>, WrongType> {
        if let Self::VectorSet(set) = self { Ok(set) } else { Err(WrongType) }
    }

    /// The key is about to mean something else, or nothing. To be called under the write lock of
    /// the key's shard.
    pub(super) fn unbind(self) {
        by_type!(Self, self, part => part.unbind());
    }
}

fn name<V: Viewed>(_: V) -> &'static str {
    V::NAME
}

fn number<V: Viewed>(_: V) -> u32 {
    V::NUMBER
}

fn sizes<V: Viewed>(_: V) -> &'static str {
    V::SIZES
}

impl Large {
    /// The value, where it lies.
    pub(super) fn value_ref(&self) -> ValueRef<'_> {
        by_type!(Self, self, part => Allocated::value_ref(part))
    }

    /// As it is outside of the keyspace.
    pub(super) fn into_value(self) -> Value {
        by_type!(Self, self, part => Allocated::into_value(part))
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        by_type!(Self, self, part => Allocated::heap_bytes(part))
    }

    /// True if a copy for a snapshot is counted elsewhere.
    pub(super) fn has_own_account(&self) -> bool {
        by_type!(Self, self, part => part.has_own_account())
    }

    /// True while a command works on it.
    pub(super) fn is_in_use(&self) -> bool {
        by_type!(Self, self, part => part.is_in_use())
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        by_type!(Self, self, part => part.fmt(f))
    }
}

impl fmt::Debug for ValueRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_value().fmt(f)
    }
}

impl fmt::Debug for Large {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        by_type!(Self, self, part => part.fmt(f))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_no_set() {
        let string = StringValue::new(b"x");
        let value = ValueRef::String(string.view());
        assert_eq!(value.set_handle().err(), Some(WrongType));
        assert_eq!(value.as_hash().err(), Some(WrongType));
        assert_eq!(value.type_name(), "string");
        assert!(value.as_string().is_ok());
    }
}
