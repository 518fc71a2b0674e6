//! The right to change data once, and the journal it is spent on.
//!
//! A write command is given one [`Record`]. Whoever makes the change visible consumes it there, inside the same
//! critical section, so that the order of the journal is the order in which readers saw the changes.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

/// Where changes are written down. It counts them.
#[derive(Debug, Default)]
pub struct Journal {
    changes: AtomicU64,
}

impl Journal {
    /// A journal that has seen no change.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many changes were committed since this journal was made, or since the last [`forget`](Self::forget).
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// Takes back `saved` changes that are safe on disk; changes made while they were being saved stay counted.
    pub fn forget(&self, saved: u64) {
        self.changes.fetch_sub(saved, Ordering::Relaxed);
    }

    fn add(&self, _request: &Bytes) {
        // Relaxed: a figure for INFO. The lock held by the committer orders the changes themselves.
        self.changes.fetch_add(1, Ordering::Relaxed);
    }
}

/// The right to change data once. Not `Clone`: a change cannot be written down twice. Dropped without
/// [`commit`](Self::commit), it says that nothing has changed.
#[derive(Debug)]
#[must_use = "a change must be committed where it becomes visible; drop the record only if nothing changed"]
pub struct Record<'a> {
    spend: Option<(&'a Journal, &'a Bytes)>,
}

impl<'a> Record<'a> {
    /// The right to make the change that `request` (the request's wire bytes) asks for.
    pub fn new(journal: &'a Journal, request: &'a Bytes) -> Self {
        Self { spend: Some((journal, request)) }
    }

    /// The right to a change that is written down nowhere: replay, tests.
    pub fn unlogged() -> Record<'static> {
        Record { spend: None }
    }

    /// Writes the change down. To be called inside the critical section that makes it visible.
    pub fn commit(self) {
        if let Some((journal, request)) = self.spend {
            journal.add(request);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_commits_count() {
        let (journal, request) = (Journal::new(), Bytes::from_static(b"*1\r\n$8\r\nFLUSHALL\r\n"));
        Record::new(&journal, &request).commit();
        drop(Record::new(&journal, &request));
        Record::unlogged().commit();
        assert_eq!(journal.changes(), 1);
    }

    #[test]
    fn changes_made_during_a_save_stay_counted() {
        let (journal, request) = (Journal::new(), Bytes::new());
        Record::new(&journal, &request).commit();
        let saved = journal.changes();
        Record::new(&journal, &request).commit();
        journal.forget(saved);
        assert_eq!(journal.changes(), 1);
    }
}
