//! What a key can mean.

use std::fmt;
use std::sync::Arc;

use super::hash::Hash;
use super::string::StringValue;
use crate::vector_set::{Binding, VectorSet};

/// The value of a key.
#[derive(Clone)]
pub enum Value {
    /// Text, or a number.
    String(StringValue),
    /// Fields with values.
    Hash(Box<Hash>),
    /// A vector set, shared with the commands that work on it.
    VectorSet(Arc<VectorSet>),
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
    /// What TYPE says.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::String(_) => "string",
            Self::Hash(_) => "hash",
            Self::VectorSet(_) => "vectorset",
        }
    }

    /// What OBJECT ENCODING says of it under a key of so many bytes.
    pub fn encoding(&self, key_len: usize) -> &'static str {
        match self {
            Self::String(string) => string.encoding(key_len),
            Self::Hash(hash) => hash.view(i64::MIN).encoding(),
            Self::VectorSet(_) => "raw",
        }
    }

    /// Bytes behind the value, beyond its own size.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::String(string) => string.heap_bytes(),
            Self::Hash(hash) => size_of::<Hash>() + hash.heap_bytes(),
            Self::VectorSet(set) => set.heap_bytes(),
        }
    }

    /// The string, if it is one.
    pub fn as_string(&self) -> Result<&StringValue, WrongType> {
        match self {
            Self::String(string) => Ok(string),
            Self::Hash(_) | Self::VectorSet(_) => Err(WrongType),
        }
    }

    /// The hash, if it is one.
    pub fn as_hash(&self) -> Result<&Hash, WrongType> {
        match self {
            Self::Hash(hash) => Ok(hash),
            Self::String(_) | Self::VectorSet(_) => Err(WrongType),
        }
    }

    /// The set and its present binding, if it is one. To be asked under the lock of the key's shard.
    pub(super) fn set_handle(&self) -> Result<SetHandle, WrongType> {
        match self {
            Self::String(_) | Self::Hash(_) => Err(WrongType),
            Self::VectorSet(set) => Ok(SetHandle { set: Arc::clone(set), binding: set.binding() }),
        }
    }

    /// Tells a set that its key no longer means it. To be called under the write lock of the key's shard.
    pub(super) fn unbind(&self) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_takes_three_words() {
        assert!(size_of::<Value>() <= 24);
    }

    #[test]
    fn a_string_is_no_set() {
        let value = Value::String(StringValue::new(b"x"));
        assert_eq!(value.set_handle().err(), Some(WrongType));
        assert_eq!(value.type_name(), "string");
        assert!(value.as_string().is_ok());
    }
}
