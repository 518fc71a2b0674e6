//! The walk over all tables, which takes the queued before-images too.

use std::sync::Arc;

use super::hook::{Hook, WalkPoint};
use super::{Batch, BeforeImage, Progress};
use crate::compressed::Savings;
use crate::journal::Journal;
use crate::keyspace::entry::Entry;
use crate::keyspace::hash::FrozenFields;
use crate::keyspace::shard::{SHARDS, Shard};
use crate::keyspace::table::Table;
use crate::keyspace::{DATABASES, Keyspace};
use crate::vector_set::VectorSet;

/// The most that is copied while writers of one shard wait: some microseconds.
const BATCH: Batch = Batch { entries: 64, bytes: 64 * 1024, positions: 4096 };

/// How many tables all databases have. A table's number, its identity, is the number of its origin
/// times [`SHARDS`], plus that of its shard.
const TABLES: usize = DATABASES * SHARDS;

/// A key as it was at the cut.
#[derive(Debug)]
pub struct KeyAtCut {
    /// The number of its database at the cut.
    pub db: usize,
    /// The key, its value and its deadline. The value of a vector set is the set as it is now; a
    /// large hash has no fields here.
    pub entry: Entry,
    /// The fields of a large hash.
    pub fields: Option<FrozenFields>,
}

impl KeyAtCut {
    /// A copy of an entry as it is now.
    pub(in crate::keyspace) fn new(db: usize, entry: &Entry, journal: &Arc<Journal>) -> Self {
        let (entry, fields) = entry.freeze(journal);
        Self { db, entry, fields }
    }
}

/// All keys as they were at a cut. Dropping it before its end aborts the snapshot.
#[derive(Debug)]
pub struct Snapshot<'k> {
    keyspace: &'k Keyspace,
    cut: u64,
    /// The identity of the table where the walk is: tables below it were read to their end.
    at: usize,
    /// A cleared table whose pending entries are being read.
    cleared: Option<Box<Table>>,
    /// Bytes of the queue that the last call returned. They are counted until the next call.
    given: usize,
    batch: Batch,
    hook: Hook<'k>,
}

impl Keyspace {
    /// Makes a cut, and begins a snapshot of it. `at` runs at the cut, while no thread changes
    /// data.
    ///
    /// # Panics
    /// If a snapshot is running.
    pub fn snapshot<R>(&self, at: impl FnOnce(u64) -> R) -> (Snapshot<'_>, R) {
        let (cut, outcome) = self.common.journal.cut(|cut| {
            self.common.before_images.open(cut);
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
                sets.extend(shard.read_despite_reservation().vector_sets().map(Arc::clone));
            });
        }
        sets
    }

    /// What compression saves in all databases now.
    pub fn savings(&self) -> Savings {
        let mut sum = Savings::default();
        for identity in 0..TABLES {
            self.at_table(identity, |_, shard| sum += shard.read_despite_reservation().savings());
        }
        sum + self.vector_sets().iter().map(|set| set.savings()).sum()
    }

    /// Calls `look` with the number of the database that has a table now, and with the shard where
    /// the table is. It stays there meanwhile.
    fn at_table<R>(&self, identity: usize, look: impl FnOnce(usize, &Shard) -> R) -> R {
        let places = self.arrangement.read_despite_reservation();
        let db = places.of(identity / SHARDS);
        look(db, &self.databases[db].shards[identity % SHARDS])
    }
}

impl<'k> Snapshot<'k> {
    /// The keyspace.
    pub fn keyspace(&self) -> &'k Keyspace {
        self.keyspace
    }

    /// Calls `callback` at each point of the walk.
    #[cfg(test)]
    pub(in crate::keyspace) fn with(mut self, callback: impl FnMut(WalkPoint, usize) + 'k) -> Self {
        self.hook.callback = Some(Box::new(callback));
        self
    }

    /// Returns one key at a time, so that other threads can change data at each step.
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

    /// The vector sets that exist now: those of the cut without the ones removed since, and later
    /// ones.
    pub fn vector_sets(&self) -> Vec<Arc<VectorSet>> {
        self.keyspace.vector_sets()
    }

    /// Puts some keys into `batch`, which must be empty; false if there are no more. Each key comes
    /// once, in any order. The keys of the call before count as written now.
    pub fn next(&mut self, batch: &mut Vec<KeyAtCut>) -> bool {
        debug_assert!(batch.is_empty());
        loop {
            // Also after the end of the last table: its before-images were queued before its end.
            self.take_before_images(batch);
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

    /// Adds keys from the queue of before-images. To be called repeatedly while one large value is
    /// being written: writers are held back while the queue is long.
    pub fn take_before_images(&mut self, batch: &mut Vec<KeyAtCut>) {
        let common = &self.keyspace.common;
        common.journal.remove_before_images(std::mem::take(&mut self.given));
        while self.cleared.is_none()
            && self.given < self.batch.bytes
            && let Some(image) = common.before_images.pop()
        {
            self.given += image.bytes();
            match image {
                BeforeImage::Key(key) => batch.push(key),
                BeforeImage::Table(table) => self.cleared = Some(table),
            }
        }
    }

    fn walk_cleared(&mut self, table: Box<Table>, batch: &mut Vec<KeyAtCut>) {
        match self.walk_table(&table, batch) {
            Progress::More => self.cleared = Some(table),
            Progress::NotBegun | Progress::Last | Progress::Done => {
                self.keyspace.common.reaper.garbage().add_table(*table);
            }
        }
    }

    /// One step: copies a batch of a table, or begins it.
    fn walk_next(&mut self, batch: &mut Vec<KeyAtCut>) {
        self.hook.reach(WalkPoint::Step, self.at);
        let keyspace = self.keyspace;
        let is_over = keyspace.at_table(self.at, |db, shard| self.walk_shard(db, shard, batch));
        self.at += usize::from(is_over);
    }

    /// True if the table was read to its end.
    fn walk_shard(&mut self, db: usize, shard: &Shard, batch: &mut Vec<KeyAtCut>) -> bool {
        // A statement of its own, so that the lock is released before the next is taken.
        let progress = self.walk_table(&shard.read_despite_reservation(), batch);
        self.hook.reach(WalkPoint::Copied, self.at);
        match progress {
            // A table begins before it moves: it is where it was at the cut.
            Progress::NotBegun => shard.write_despite_reservation().begin_snapshot(self.cut, db),
            Progress::Last => shard.write_despite_reservation().end_snapshot(self.cut),
            Progress::More | Progress::Done => {}
        }
        matches!(progress, Progress::Last | Progress::Done)
    }

    fn walk_table(&self, table: &Table, batch: &mut Vec<KeyAtCut>) -> Progress {
        let mut take = |db, entry: &Entry| batch.push(KeyAtCut::new(db, entry, self.journal()));
        table.walk_snapshot(self.cut, self.batch, &mut take)
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        let common = &self.keyspace.common;
        common.journal.end_cut();
        drop(common.before_images.close());
        for identity in self.at..TABLES {
            let end = |_, shard: &Shard| shard.write_despite_reservation().end_snapshot(self.cut);
            self.keyspace.at_table(identity, end);
        }
    }
}
