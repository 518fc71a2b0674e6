//! The walk over all tables, and the queue on its way.

use std::sync::Arc;

use super::hook::{Hook, Moment};
use super::{Batch, Handed, Progress};
use crate::journal::Journal;
use crate::keyspace::entry::Entry;
use crate::keyspace::hash::FrozenFields;
use crate::keyspace::shard::{SHARDS, Shard};
use crate::keyspace::table::Table;
use crate::keyspace::{DATABASES, Keyspace};
use crate::vector_set::VectorSet;

/// What is copied while writers of one shard wait: some microseconds.
const BATCH: Batch = Batch { entries: 64, bytes: 64 * 1024, positions: 4096 };

/// Tables of all databases. The number of one, its identity, is that of its origin times
/// [`SHARDS`], and that of its shard.
const TABLES: usize = DATABASES * SHARDS;

/// A key as it was at the cut.
#[derive(Debug)]
pub struct Old {
    /// The number of its database then.
    pub db: usize,
    /// The key, its value and its deadline. Of a vector set it leads to the set as it is now; of a
    /// large hash it has no field.
    pub entry: Entry,
    /// The fields of a large hash.
    pub fields: Option<FrozenFields>,
}

impl Old {
    /// An entry as it is now.
    pub(in crate::keyspace) fn new(db: usize, entry: &Entry, journal: &Arc<Journal>) -> Self {
        let (entry, fields) = entry.freeze(journal);
        Self { db, entry, fields }
    }
}

/// All keys as they were at a cut. Dropped before its end, the snapshot is given up.
#[derive(Debug)]
pub struct Snapshot<'k> {
    keyspace: &'k Keyspace,
    cut: u64,
    /// The identity of the table where the walk is: those below have come to their end.
    at: usize,
    /// A table that was cleared, as far as it was not written then.
    cleared: Option<Box<Table>>,
    /// Bytes of the queue that were given away last, and that the receiver has until it asks for more.
    given: usize,
    batch: Batch,
    hook: Hook<'k>,
}

impl Keyspace {
    /// Makes a cut, and begins to give away what was there. `at` runs at the cut, while nobody changes anything.
    ///
    /// # Panics
    /// If a snapshot is running.
    pub fn snapshot<R>(&self, at: impl FnOnce(u64) -> R) -> (Snapshot<'_>, R) {
        let (cut, outcome) = self.common.journal.cut(|cut| {
            self.common.handed.open(cut);
            (cut, at(cut))
        });
        let hook = Hook::default();
        (Snapshot { keyspace: self, cut, at: 0, cleared: None, given: 0, batch: BATCH, hook }, outcome)
    }

    /// The vector sets of all databases.
    pub fn vector_sets(&self) -> Vec<Arc<VectorSet>> {
        let mut sets = Vec::new();
        for identity in 0..TABLES {
            self.at_table(identity, |_, shard| {
                sets.extend(shard.read_past_marks().vector_sets().map(Arc::clone));
            });
        }
        sets
    }

    /// What `look` says of a table and of the number of the database that has it now. It stays
    /// there meanwhile.
    fn at_table<R>(&self, identity: usize, look: impl FnOnce(usize, &Shard) -> R) -> R {
        let places = self.arrangement.read_past_marks();
        let db = places.of(identity / SHARDS);
        look(db, &self.databases[db].shards[identity % SHARDS])
    }
}

impl<'k> Snapshot<'k> {
    /// Has something happen in the walk.
    #[cfg(test)]
    pub(in crate::keyspace) fn with(mut self, then: impl FnMut(Moment, usize) + 'k) -> Self {
        self.hook.then = Some(Box::new(then));
        self
    }

    /// Gives one key at a time, so that as much as can be happens in between.
    #[cfg(test)]
    pub(in crate::keyspace) fn one_by_one(mut self) -> Self {
        self.batch = Batch { entries: 1, bytes: 1, positions: 1 };
        self
    }

    /// The number of the cut.
    pub fn cut(&self) -> u64 {
        self.cut
    }

    /// The journal in which the cut was made.
    pub fn journal(&self) -> &Arc<Journal> {
        &self.keyspace.common.journal
    }

    /// The vector sets that are there now: those of the cut, but for what was removed since, and later ones.
    pub fn vector_sets(&self) -> Vec<Arc<VectorSet>> {
        self.keyspace.vector_sets()
    }

    /// Puts some keys into `batch`, which must be empty; false if there are no more. Each key comes once, in any order.
    /// What was given before counts as written now.
    pub fn next(&mut self, batch: &mut Vec<Old>) -> bool {
        debug_assert!(batch.is_empty());
        loop {
            // Also after the end of the last table: what was handed over from it came before.
            self.take_handed(batch);
            if !batch.is_empty() {
                return true;
            }
            if let Some(table) = self.cleared.take() {
                self.walk_cleared(table, batch);
            } else if self.at < TABLES {
                self.walk_next(batch);
            } else {
                return false;
            }
            if !batch.is_empty() {
                return true;
            }
        }
    }

    /// Adds keys that were handed over and wait. To be called now and then by who is busy with one large value: writers are
    /// held while too many wait.
    pub fn take_handed(&mut self, batch: &mut Vec<Old>) {
        let common = &self.keyspace.common;
        common.journal.remove_before_images(std::mem::take(&mut self.given));
        while self.cleared.is_none()
            && self.given < self.batch.bytes
            && let Some(handed) = common.handed.pop()
        {
            self.given += handed.bytes();
            match handed {
                Handed::Key(old) => batch.push(old),
                Handed::Table(table) => self.cleared = Some(table),
            }
        }
    }

    fn walk_cleared(&mut self, table: Box<Table>, batch: &mut Vec<Old>) {
        match self.walk_table(&table, batch) {
            Progress::Goes => self.cleared = Some(table),
            Progress::NotBegun | Progress::Ends | Progress::Ended => {
                self.keyspace.common.reaper.garbage().add_table(*table);
            }
        }
    }

    /// One step: a batch of a table, or its beginning.
    fn walk_next(&mut self, batch: &mut Vec<Old>) {
        self.hook.reach(Moment::Step, self.at);
        let keyspace = self.keyspace;
        let is_over = keyspace.at_table(self.at, |db, shard| self.walk_shard(db, shard, batch));
        self.at += usize::from(is_over);
    }

    /// True if the table has come to its end.
    fn walk_shard(&mut self, db: usize, shard: &Shard, batch: &mut Vec<Old>) -> bool {
        // Apart, so that the lock is released before the next is taken.
        let progress = self.walk_table(&shard.read_past_marks(), batch);
        self.hook.reach(Moment::Copied, self.at);
        match progress {
            // A table begins before it moves: it is where it was at the cut.
            Progress::NotBegun => shard.write_past_marks().begin_snapshot(self.cut, db),
            Progress::Ends => shard.write_past_marks().end_snapshot(self.cut),
            Progress::Goes | Progress::Ended => {}
        }
        matches!(progress, Progress::Ends | Progress::Ended)
    }

    fn walk_table(&self, table: &Table, batch: &mut Vec<Old>) -> Progress {
        let mut take = |db, entry: &Entry| batch.push(Old::new(db, entry, self.journal()));
        table.walk_snapshot(self.cut, self.batch, &mut take)
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        let common = &self.keyspace.common;
        common.journal.end_cut();
        drop(common.handed.close());
        for identity in self.at..TABLES {
            let end = |_, shard: &Shard| shard.write_past_marks().end_snapshot(self.cut);
            self.keyspace.at_table(identity, end);
        }
    }
}
