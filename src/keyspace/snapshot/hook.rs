//! Points of the walk at which a test runs code. In other builds nothing is called.

use std::fmt;
use std::marker::PhantomData;

/// A point of the walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::keyspace) enum WalkPoint {
    /// Before a step. No lock is held.
    Step,
    /// Within a step, after a batch was copied. The arrangement is held for reading, and no shard
    /// is held.
    Copied,
}

/// The code that a test runs in the walk. Its arguments are the point and the table.
#[derive(Default)]
pub(in crate::keyspace) struct Hook<'k> {
    #[cfg(test)]
    pub(in crate::keyspace) callback: Option<Box<dyn FnMut(WalkPoint, usize) + 'k>>,
    life: PhantomData<&'k ()>,
}

impl Hook<'_> {
    #[inline]
    pub(super) fn reach(&mut self, _point: WalkPoint, _table: usize) {
        #[cfg(test)]
        self.callback.iter_mut().for_each(|callback| callback(_point, _table));
    }
}

impl fmt::Debug for Hook<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}
