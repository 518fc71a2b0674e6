//! The changes of a transaction: collected by its thread until its end, then written down as one.

use std::cell::RefCell;

use super::{Journal, Passage};

/// Databases, and what was changed in them.
type Records = Vec<(usize, Vec<u8>)>;

thread_local! {
    /// Of the thread: records are committed in the keyspace and in vector sets, deep below the EXEC
    /// that began the group, and a key that expires on the way is noted without any record. All of
    /// them would need one more argument.
    static GROUP: RefCell<Option<Records>> = const { RefCell::new(None) };
}

/// While it lives, the changes of the calling thread are collected. No cut falls into that time.
#[derive(Debug)]
pub struct Group<'j> {
    passage: Passage<'j>,
}

impl<'j> Group<'j> {
    pub(super) fn begin(journal: &'j Journal) -> Self {
        let passage = journal.enter();
        GROUP.set(Some(Vec::new()));
        Self { passage }
    }
}

impl Drop for Group<'_> {
    /// Also after a panic: the changes were made.
    fn drop(&mut self) {
        let records = GROUP.take().unwrap_or_default();
        if !records.is_empty() {
            let several = records.len() > 1;
            let records = records.iter().map(|(db, bytes)| (*db, bytes.as_slice()));
            self.passage.journal().stream.append(records, several);
        }
    }
}

/// Collects a change if the thread is in a group; false if it is not.
pub(super) fn collect(db: usize, bytes: &[u8]) -> bool {
    GROUP.with_borrow_mut(|group| group.as_mut().map(|records| records.push((db, bytes.to_vec()))).is_some())
}
