//! Vector sets as values of keys.
//!
//! Here a set is something that is shared with the commands that use it, and that has bindings; the
//! set itself is in [`crate::vector_set`].

use std::fmt;
use std::sync::Arc;

use super::entry::Layout;
use super::value::{Allocated, Large, Owned, Value, ValueRef, Viewed, WrongType};
use crate::vector_set::{Binding, Now, Present, VectorSet};

/// A vector set as one lookup found it.
#[derive(Clone)]
pub struct SetHandle {
    /// The set; it may have lost its key since.
    pub set: Arc<VectorSet>,
    /// The binding at the lookup. While the set still has this one, the key still has the set.
    pub binding: Binding,
    /// The time of the lookup.
    pub now: Now,
}

impl SetHandle {
    /// The set at the time of the lookup.
    pub fn present(&self) -> Present<'_> {
        self.set.at(self.now)
    }
}

impl ValueRef<'_> {
    /// The set and its present binding, if it is one. To be called under the lock of the key's
    /// shard.
    pub(super) fn set_handle(self, now: Now) -> Result<SetHandle, WrongType> {
        let set = self.as_vector_set()?;
        Ok(SetHandle { set: Arc::clone(set), binding: set.binding(), now })
    }
}

impl Owned for Arc<VectorSet> {
    fn value_ref(&self) -> ValueRef<'_> {
        ValueRef::VectorSet(self)
    }

    fn store<R>(self, put: impl FnOnce(Layout<'_>) -> R) -> R {
        put(Layout::Large(Large::VectorSet(self)))
    }

    fn exclude(&self, cut: u64) {
        VectorSet::exclude(self, cut);
    }
}

impl Viewed for &Arc<VectorSet> {
    const NAME: &'static str = "vectorset";
    const SIZES: &'static str = "vectorsets_items";
    /// The number of all values of modules.
    const NUMBER: u32 = 5;

    fn encoding(self, _key_len: usize) -> &'static str {
        "raw"
    }

    fn size(self, now_ms: i64) -> usize {
        self.at(Now { expiry_ms: now_ms, ..Now::UNTIMED }).len()
    }

    fn copied(self) -> Value {
        Value::VectorSet(Arc::clone(self))
    }

    fn unbind(self) {
        VectorSet::unbind(self);
    }
}

impl Allocated for Arc<VectorSet> {
    fn value_ref(&self) -> ValueRef<'_> {
        ValueRef::VectorSet(self)
    }

    fn into_value(self) -> Value {
        Value::VectorSet(self)
    }

    fn heap_bytes(&self) -> usize {
        VectorSet::heap_bytes(self)
    }

    fn is_counted_elsewhere(&self) -> bool {
        true
    }

    fn is_in_use(&self) -> bool {
        Arc::strong_count(self) > 1
    }
}

impl fmt::Debug for VectorSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VectorSet of {}", self.len())
    }
}
