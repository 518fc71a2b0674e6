//! What a table knows of the snapshot that is being taken of it.

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
    /// Positions that are looked at, with or without an entry.
    pub(in crate::keyspace) positions: usize,
}

/// What a batch came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::keyspace) enum Progress {
    /// Nothing: the table has not heard of the cut.
    NotBegun,
    /// There is more.
    Goes,
    /// This was the last one.
    Ends,
    /// Nothing: the last one was before.
    Ended,
}

/// How far the walk over a table has come for a cut, and which positions it need not look at.
///
/// The cursor moves under the read lock of the table's shard, everything else changes under the write lock.
#[derive(Debug, Default)]
pub(in crate::keyspace) struct State {
    /// The cut that all this is about: the last that the table has heard of.
    cut: u64,
    /// The number that the table's database had then.
    db: usize,
    /// Positions below are written.
    cursor: AtomicU32,
    /// The first position that cannot have been taken at the cut.
    end: u32,
    /// A bit for each position below `end`, once there is one to be set: what is there now was put there after the cut, or
    /// its state at the cut was handed over.
    settled: Vec<u64>,
}

impl State {
    /// Hears of a cut, before anything is changed after it.
    pub(in crate::keyspace) fn begin(&mut self, cut: u64, db: usize, slab: &Slab) {
        if self.cut != cut {
            *self = Self { cut, db, cursor: AtomicU32::new(0), end: slab.end(), settled: Vec::new() };
        }
    }

    /// What a table is told that came into being after the cut: nothing in it is wanted.
    pub(in crate::keyspace) fn born_after(cut: u64) -> Self {
        Self { cut, cursor: AtomicU32::new(END), ..Self::default() }
    }

    /// The number of its database at the cut.
    pub(in crate::keyspace) fn db(&self) -> usize {
        self.db
    }

    /// True if the walk is over, or was not to begin.
    pub(in crate::keyspace) fn is_done(&self, cut: u64) -> bool {
        self.cut == cut && self.cursor.load(Ordering::Relaxed) == END
    }

    /// True if the state of this position at the cut is still to be written. Whoever asks settles it.
    pub(in crate::keyspace) fn wants(&mut self, cut: u64, position: u32) -> bool {
        let wants = self.cut == cut
            && (self.cursor.load(Ordering::Relaxed)..self.end).contains(&position)
            && !self.is_settled(position);
        if wants {
            self.settle(position);
        }
        wants
    }

    /// What is at the position now is not wanted. (Nor by a snapshot that has ended: then all this means nothing.)
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

    /// Nothing is wanted any more. Frees what the walk needed.
    pub(in crate::keyspace) fn end(&mut self, cut: u64) {
        if self.cut == cut {
            *self = Self::born_after(cut);
        }
    }

    /// Passes what is wanted of the next entries on, to be copied, with the number of its database.
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
            return Progress::Ended;
        }
        let position = self.walk_from(self.cursor.load(Ordering::Relaxed), slab, batch, take);
        let goes_on = position < self.end;
        self.cursor.store(if goes_on { position } else { END }, Ordering::Relaxed);
        if goes_on { Progress::Goes } else { Progress::Ends }
    }

    /// Where to go on.
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
                        bytes = bytes.saturating_sub(entry.kept_bytes());
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
