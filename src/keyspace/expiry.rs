//! When keys end: the deadline of an entry, and the order in which entries are due.

use std::collections::BTreeSet;

/// When a key ends, in milliseconds since 1970; most keys never do.
///
/// The one value that means "never" is `i64::MIN`: a deadline so long past that no command stores it
/// (it removes the key instead), so eight bytes say all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(i64);

impl Deadline {
    /// The key stays until it is removed.
    pub const NEVER: Self = Self(i64::MIN);

    /// The key lives up to and including `unix_ms`. `i64::MIN` is [`Self::NEVER`].
    pub fn at(unix_ms: i64) -> Self {
        Self(unix_ms)
    }

    /// The last millisecond of the key's life, if it ends.
    pub fn unix_ms(self) -> Option<i64> {
        (self != Self::NEVER).then_some(self.0)
    }

    /// True from the millisecond after the deadline on, as in Redis (`now > when`).
    pub fn is_past(self, now_ms: i64) -> bool {
        self.0 < now_ms && self != Self::NEVER
    }
}

/// The entries of one table that end, soonest first.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    queue: BTreeSet<(i64, u32)>,
    /// Sum of all deadlines, so that their mean needs no walk.
    sum_ms: i128,
}

impl Deadlines {
    pub(super) fn add(&mut self, deadline: Deadline, id: u32) {
        if let Some(at_ms) = deadline.unix_ms() {
            self.queue.insert((at_ms, id));
            self.sum_ms += i128::from(at_ms);
        }
    }

    pub(super) fn remove(&mut self, deadline: Deadline, id: u32) {
        if let Some(at_ms) = deadline.unix_ms() {
            self.queue.remove(&(at_ms, id));
            self.sum_ms -= i128::from(at_ms);
        }
    }

    /// The entry that ended longest ago, if any has.
    pub(super) fn first_due(&self, now_ms: i64) -> Option<u32> {
        self.queue.first().filter(|(at_ms, _)| *at_ms < now_ms).map(|(_, id)| *id)
    }

    /// How many entries have ended and were not removed yet.
    pub(super) fn count_due(&self, now_ms: i64) -> usize {
        self.queue.range(..(now_ms, 0)).count()
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn sum_ms(&self) -> i128 {
        self.sum_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_lives_through_its_last_millisecond() {
        let deadline = Deadline::at(10);
        assert!(!deadline.is_past(10));
        assert!(deadline.is_past(11));
        assert!(!Deadline::NEVER.is_past(i64::MAX));
    }

    #[test]
    fn due_entries_come_soonest_first() {
        let mut deadlines = Deadlines::default();
        deadlines.add(Deadline::at(20), 1);
        deadlines.add(Deadline::at(10), 2);
        deadlines.add(Deadline::NEVER, 3);
        assert_eq!(deadlines.len(), 2);
        assert_eq!(deadlines.sum_ms(), 30);
        assert_eq!(deadlines.first_due(10), None);
        assert_eq!(deadlines.first_due(100), Some(2));
        assert_eq!(deadlines.count_due(20), 1);
        deadlines.remove(Deadline::at(10), 2);
        assert_eq!(deadlines.first_due(100), Some(1));
    }
}
