//! The state that a table has for the snapshot that is being taken of it.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::keyspace::entry::Entry;
use crate::keyspace::slab::{Slab, Step};

/// Behind all positions.
const END: u32 = u32::MAX;

/// How much is copied under one hold of a lock.
#[derive(Clone, Copy, Debug)]
pub(in crate::keyspace) struct Batch {
    pub(in crate::keyspace) entries: usize,
    pub(in crate::keyspace) bytes: usize,
    /// Positions that are read, with or without an entry.
    pub(in crate::keyspace) positions: usize,
}

/// The outcome of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::keyspace) enum Progress {
    /// Nothing: the table has not begun for the cut.
    NotBegun,
    /// Entries, and there are more.
    More,
    /// The last entries.
    Last,
    /// Nothing: the last entries came before.
    Done,
}

/// How far the walk over a table has come for a cut, and which positions it skips.
///
/// The cursor moves under the read lock of the table's shard, everything else changes under the
/// write lock.
#[derive(Debug, Default)]
pub(in crate::keyspace) struct State {
    /// The cut that the other fields are about: the last one that the table has begun for.
    cut: u64,
    /// The number that the table's database had then.
    db: usize,
    /// Positions below are written.
    cursor: AtomicU32,
    /// The first position that cannot have been taken at the cut.
    end: u32,
    /// A bit for each position below `end`, allocated when the first one is set: what is there now
    /// was put there after the cut, or its before-image is in the queue.
    settled: Vec<u64>,
}

impl State {
    /// Called when a snapshot begins, before the first change after its cut.
    pub(in crate::keyspace) fn begin(&mut self, cut: u64, db: usize, slab: &Slab) {
        if self.cut != cut {
            *self = Self { cut, db, cursor: AtomicU32::new(0), end: slab.end(), settled: Vec::new() };
        }
    }

    /// The state of a table that was made after the cut: nothing in it is pending.
    pub(in crate::keyspace) fn created_after(cut: u64) -> Self {
        Self { cut, cursor: AtomicU32::new(END), ..Self::default() }
    }

    /// The number of its database at the cut.
    pub(in crate::keyspace) fn db(&self) -> usize {
        self.db
    }

    /// True if the walk over the table is complete, or if the table was made after the cut.
    pub(in crate::keyspace) fn is_done(&self, cut: u64) -> bool {
        self.cut == cut && self.cursor.load(Ordering::Relaxed) == END
    }

    /// True if the position is pending. It is settled by this call: the caller keeps its
    /// before-image.
    pub(in crate::keyspace) fn settle_pending(&mut self, cut: u64, position: u32) -> bool {
        let is_pending = self.cut == cut
            && (self.cursor.load(Ordering::Relaxed)..self.end).contains(&position)
            && !self.is_settled(position);
        if is_pending {
            self.settle(position);
        }
        is_pending
    }

    /// Marks a position as settled. (After the end of a snapshot the bits have no meaning, and one
    /// more does no harm.)
    #[inline]
    pub(in crate::keyspace) fn settle(&mut self, position: u32) {
        if position >= self.end {
            return;
        }
        if self.settled.is_empty() {
            self.settled = vec![0; self.end.div_ceil(u64::BITS) as usize];
        }
        self.settled[(position / u64::BITS) as usize] |= bit(position);
    }

    /// Marks the table as done, and frees the bits.
    pub(in crate::keyspace) fn end(&mut self, cut: u64) {
        if self.cut == cut {
            *self = Self::created_after(cut);
        }
    }

    /// Calls `take` with the pending entries of the next positions and the number of their
    /// database, to copy them.
    pub(in crate::keyspace) fn walk(
        &self,
        cut: u64,
        slab: &Slab,
        batch: Batch,
        take: &mut impl FnMut(usize, &Entry),
    ) -> Progress {
        if self.cut != cut {
            return Progress::NotBegun;
        }
        if self.is_done(cut) {
            return Progress::Done;
        }
        let position = self.walk_from(self.cursor.load(Ordering::Relaxed), slab, batch, take);
        let goes_on = position < self.end;
        self.cursor.store(if goes_on { position } else { END }, Ordering::Relaxed);
        if goes_on { Progress::More } else { Progress::Last }
    }

    /// Returns the position at which the walk goes on.
    fn walk_from(
        &self,
        mut position: u32,
        slab: &Slab,
        batch: Batch,
        take: &mut impl FnMut(usize, &Entry),
    ) -> u32 {
        let Batch { mut entries, mut bytes, mut positions } = batch;
        while position < self.end && entries > 0 && bytes > 0 && positions > 0 {
            positions -= 1;
            position = match slab.step(position) {
                Step::Entry(entry, next) => {
                    if !self.is_settled(position) {
                        entries -= 1;
                        bytes = bytes.saturating_sub(entry.snapshot_bytes());
                        take(self.db, entry);
                    }
                    next
                }
                Step::Nothing(next) => next,
                Step::End => self.end,
            };
        }
        position
    }

    fn is_settled(&self, position: u32) -> bool {
        let word = self.settled.get((position / u64::BITS) as usize);
        word.is_some_and(|word| word & bit(position) != 0)
    }
}

fn bit(position: u32) -> u64 {
    1 << (position % u64::BITS)
}
