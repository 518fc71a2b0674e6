//! Places in the walk at which a test lets something happen. In other builds there is nothing.

use std::fmt;
use std::marker::PhantomData;

/// Where the walk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::keyspace) enum Moment {
    /// Before a step. No lock is held.
    Step,
    /// Within a step, when a batch was copied. The arrangement is held for reading, and no shard
    /// is.
    Copied,
}

/// What a test has happen, at which moment and at which table.
#[derive(Default)]
pub(in crate::keyspace) struct Hook<'k> {
    #[cfg(test)]
    pub(in crate::keyspace) then: Option<Box<dyn FnMut(Moment, usize) + 'k>>,
    life: PhantomData<&'k ()>,
}

impl Hook<'_> {
    #[inline]
    pub(super) fn reach(&mut self, _moment: Moment, _table: usize) {
        #[cfg(test)]
        self.then.iter_mut().for_each(|then| then(_moment, _table));
    }
}

impl fmt::Debug for Hook<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}
