//! What a key can mean.

use std::fmt;
use std::sync::Arc;

use super::hash::{Hash, HashRef};
use super::string::{StringRef, StringValue};
use crate::vector_set::{Binding, VectorSet};

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

/// The key has a value of another type than the command works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongType;

/// A vector set as one lookup found it.
#[derive(Clone)]
pub struct SetHandle {
    /// The set; it may have lost its key since.
    pub set: Arc<VectorSet>,
    /// The binding at the lookup. While the set still has this one, the key still means the set.
    pub binding: Binding,
}

impl Value {
    /// The value as it would lie in the keyspace.
    pub fn view(&self) -> ValueRef<'_> {
        match self {
            Self::String(string) => ValueRef::String(string.view()),
            Self::Hash(hash) => ValueRef::Hash(hash.by_ref()),
            Self::VectorSet(set) => ValueRef::VectorSet(set),
        }
    }
}

impl<'v> ValueRef<'v> {
    /// A value of its own, which shares what is large and can be shared.
    pub fn to_value(self) -> Value {
        match self {
            Self::String(string) => Value::String(string.to_value()),
            Self::Hash(hash) => Value::Hash(Box::new(hash.to_hash())),
            Self::VectorSet(set) => Value::VectorSet(Arc::clone(set)),
        }
    }

    /// What TYPE says.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::String(_) => "string",
            Self::Hash(_) => "hash",
            Self::VectorSet(_) => "vectorset",
        }
    }

    /// What OBJECT ENCODING says of it under a key of so many bytes.
    pub fn encoding(self, key_len: usize) -> &'static str {
        match self {
            Self::String(string) => string.encoding(key_len),
            Self::Hash(hash) => hash.view(i64::MIN).encoding(),
            Self::VectorSet(_) => "raw",
        }
    }

    /// The string, if it is one.
    pub fn as_string(self) -> Result<StringRef<'v>, WrongType> {
        match self {
            Self::String(string) => Ok(string),
            Self::Hash(_) | Self::VectorSet(_) => Err(WrongType),
        }
    }

    /// The hash, if it is one.
    pub fn as_hash(self) -> Result<HashRef<'v>, WrongType> {
        match self {
            Self::Hash(hash) => Ok(hash),
            Self::String(_) | Self::VectorSet(_) => Err(WrongType),
        }
    }

    /// The set and its present binding, if it is one. To be asked under the lock of the key's shard.
    pub(super) fn set_handle(self) -> Result<SetHandle, WrongType> {
        match self {
            Self::String(_) | Self::Hash(_) => Err(WrongType),
            Self::VectorSet(set) => Ok(SetHandle { set: Arc::clone(set), binding: set.binding() }),
        }
    }

    /// Tells a set that its key no longer means it. To be called under the write lock of the key's shard.
    pub(super) fn unbind(self) {
        if let Self::VectorSet(set) = self {
            set.unbind();
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(string) => string.fmt(f),
            Self::Hash(hash) => hash.fmt(f),
            Self::VectorSet(set) => write!(f, "VectorSet of {}", set.len()),
        }
    }
}

impl fmt::Debug for ValueRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_value().fmt(f)
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
