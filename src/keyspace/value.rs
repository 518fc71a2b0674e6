//! The types of values: one line for each type in each of the three forms that values have.
//!
//! | form | where | its parts implement |
//! |---|---|---|
//! | [`Value`] | outside of the keyspace: to be stored, or taken or copied out | [`Owned`] |
//! | [`ValueRef`] | in place | [`Viewed`] |
//! | [`Large`] | in an entry, unless it is stored in the entry's bytes | [`Allocated`] |
//!
//! To add a type: its file with these traits, and its line in each form and in [`by_type`]. Other
//! layers have traits of their own for what they do with values (`Written` in `persistence/rdb`,
//! `Digested` in the commands), and reach the parts by the same macro.

use std::fmt;
use std::sync::Arc;

use super::cold::ColdSet;
use super::entry::Layout;
use super::hash::{Hash, HashRef, StoredTable};
use super::string::{LongText, StringRef, StringValue};
use crate::compressed::Savings;
use crate::vector_set::VectorSet;

/// The same expression for a value of each type: `by_type!(ValueRef, value, part => part.size())`.
/// The enum is one of the three forms; in the expression, `part` is the content of its variant.
macro_rules! by_type {
    ($Form:ident, $value:expr, $part:ident => $outcome:expr) => {
        match $value {
            $Form::String($part) => $outcome,
            $Form::Hash($part) => $outcome,
            $Form::VectorSet($part) => $outcome,
            $Form::ColdSet($part) => $outcome,
        }
    };
}

pub(crate) use by_type;

/// A value outside of the keyspace: to be stored, or taken or copied out.
#[derive(Clone)]
pub enum Value {
    /// Text, or a number.
    String(StringValue),
    /// Fields with values.
    Hash(Box<Hash>),
    /// A vector set, shared with the commands that use it.
    VectorSet(Arc<VectorSet>),
    /// A vector set that is in a file.
    ColdSet(Arc<ColdSet>),
}

/// The value of a key, in place.
#[derive(Clone, Copy)]
pub enum ValueRef<'v> {
    /// Text, or a number.
    String(StringRef<'v>),
    /// Fields with values.
    Hash(HashRef<'v>),
    /// A vector set, shared with the commands that use it.
    VectorSet(&'v Arc<VectorSet>),
    /// A vector set that is in a file.
    ColdSet(&'v Arc<ColdSet>),
}

/// A value with memory of its own, as it is in an entry.
#[derive(Clone)]
pub(super) enum Large {
    String(LongText),
    Hash(StoredTable),
    VectorSet(Arc<VectorSet>),
    ColdSet(Arc<ColdSet>),
}

/// The part of a [`Value`].
pub(super) trait Owned {
    /// The form in which readers see it.
    fn value_ref(&self) -> ValueRef<'_>;

    /// Calls `put` with its layout in an entry.
    fn store<R>(self, put: impl FnOnce(Layout<'_>) -> R) -> R;

    /// Excludes it from the snapshot of this cut: it gets its key after the cut. For types that
    /// have their own state of a snapshot.
    fn exclude(&self, _cut: u64) {}
}

/// The part of a [`ValueRef`].
pub(super) trait Viewed: Copy {
    /// The reply of TYPE.
    const NAME: &'static str;

    /// The name of such sizes in `INFO keysizes`.
    const SIZES: &'static str;

    /// Redis' number of the type, which digests include.
    const NUMBER: u32;

    /// The reply of OBJECT ENCODING for it under a key of so many bytes.
    fn encoding(self, key_len: usize) -> &'static str;

    /// Its bytes, fields or elements, as `INFO keysizes` counts them.
    fn size(self, now_ms: i64) -> usize;

    /// A value of its own, which shares large parts that can be shared.
    fn copied(self) -> Value;

    /// To be called when the key is about to get another value or to be removed, under the write
    /// lock of its shard. For types whose writers do not hold that lock.
    fn unbind(self) {}
}

/// The part of a [`Large`].
pub(super) trait Allocated: fmt::Debug {
    /// The value, in place.
    fn value_ref(&self) -> ValueRef<'_>;

    /// The value, in the form outside of the keyspace.
    fn into_value(self) -> Value;

    /// Bytes on the heap. They also decide whether the reaper frees it.
    fn heap_bytes(&self) -> usize;

    /// What compression of its texts saves, as far as the table of its key counts it.
    fn savings(&self) -> Savings {
        Savings::default()
    }

    /// True if a copy for a snapshot is counted elsewhere: the value has a protocol of its own for
    /// snapshots.
    fn is_counted_elsewhere(&self) -> bool {
        false
    }

    /// True if to free it may take long, whatever memory it has: a disk is waited for.
    fn frees_slowly(&self) -> bool {
        false
    }

    /// True while a command uses it: that command would have to free it if it were dropped now.
    fn is_in_use(&self) -> bool {
        false
    }
}

/// The key has a value of another type than the command needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongType;

impl Value {
    /// The form in which readers see the value.
    pub fn view(&self) -> ValueRef<'_> {
        by_type!(Self, self, part => Owned::value_ref(part))
    }

    /// Calls `put` with the layout of the value in an entry.
    pub(super) fn store<R>(self, put: impl FnOnce(Layout<'_>) -> R) -> R {
        by_type!(Self, self, part => Owned::store(part, put))
    }

    /// Excludes the value from the snapshot of this cut.
    pub(super) fn exclude(&self, cut: u64) {
        by_type!(Self, self, part => part.exclude(cut));
    }
}

impl<'v> ValueRef<'v> {
    /// A value of its own, which shares large parts that can be shared.
    pub fn to_value(self) -> Value {
        by_type!(Self, self, part => part.copied())
    }

    /// The reply of TYPE.
    pub fn type_name(self) -> &'static str {
        by_type!(Self, self, part => name(part))
    }

    /// Redis' number of the type.
    pub fn type_number(self) -> u32 {
        by_type!(Self, self, part => number(part))
    }

    /// The reply of OBJECT ENCODING for it under a key of so many bytes.
    pub fn encoding(self, key_len: usize) -> &'static str {
        by_type!(Self, self, part => Viewed::encoding(part, key_len))
    }

    /// The name of the sizes of this type in `INFO keysizes`.
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

    /// The vector set, if it is one and in memory.
    pub fn as_vector_set(self) -> Result<&'v Arc<VectorSet>, WrongType> {
        if let Self::VectorSet(set) = self { Ok(set) } else { Err(WrongType) }
    }

    /// To be called when the key is about to get another value or to be removed, under the write
    /// lock of its shard.
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
    /// The value, in place.
    pub(super) fn value_ref(&self) -> ValueRef<'_> {
        by_type!(Self, self, part => Allocated::value_ref(part))
    }

    /// The value, in the form outside of the keyspace.
    pub(super) fn into_value(self) -> Value {
        by_type!(Self, self, part => Allocated::into_value(part))
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        by_type!(Self, self, part => Allocated::heap_bytes(part))
    }

    /// What compression of its texts saves, as far as the table of its key counts it.
    pub(super) fn savings(&self) -> Savings {
        by_type!(Self, self, part => Allocated::savings(part))
    }

    /// True if a copy for a snapshot is counted elsewhere.
    pub(super) fn is_counted_elsewhere(&self) -> bool {
        by_type!(Self, self, part => part.is_counted_elsewhere())
    }

    /// True if to free it may take long, whatever memory it has.
    pub(super) fn frees_slowly(&self) -> bool {
        by_type!(Self, self, part => part.frees_slowly())
    }

    /// True while a command uses it.
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
    use crate::vector_set::Now;

    #[test]
    fn a_string_is_no_set() {
        let string = StringValue::new(b"x");
        let value = ValueRef::String(string.view());
        assert_eq!(value.set_handle(Now::UNTIMED).err(), Some(WrongType));
        assert_eq!(value.as_hash().err(), Some(WrongType));
        assert_eq!(value.type_name(), "string");
        assert!(value.as_string().is_ok());
    }
}
