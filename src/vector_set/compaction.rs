//! Memory of removed elements goes back to the system: elements in high slots move into free lower
//! ones, and the end of the slots, then free, is given back.
//!
//! The set itself uses free slots again, the lowest first, but another set or a string cannot. So
//! when more than one slot in 8 is free or dead, and they take more than [`FREE_BYTES`], a
//! thread in the background compacts the set, in steps that each take a fraction of a millisecond:
//!
//! 1. live slots, from the last one down, move into the lowest free ones. A move is an update that
//!    keeps the vector: a search sees each element exactly once (see [`super::updates`]), and the
//!    graph stays what it is but for the numbers (see `index::hnsw::relocate`). It costs some
//!    microseconds;
//! 2. the slots that were left are swept like those of removed elements, until they are free;
//! 3. the end is lowered to below the last slot that is not free;
//! 4. when the readers have gone that saw the old end, memory beyond the new one is given back.
//!
//! Each step does a little of all four. Nothing that can be asked of a set changes, so a move is
//! written to no log and counts as no change. While a snapshot runs, which identifies elements by
//! their slots, the steps wait for its end.

use super::VectorSet;
use super::commit::Commit;
use crate::epoch::pin;
use crate::index::State;

/// How much of a set is to be free before it is compacted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Urgency {
    /// More than one slot in 8.
    Background,
    /// More than one slot in 64.
    MemoryIsShort,
}

impl Urgency {
    /// One in so many slots.
    pub(super) fn share(self) -> usize {
        match self {
            Self::Background => 8,
            Self::MemoryIsShort => 64,
        }
    }
}

/// A set is compacted when its free and dead slots take more than so many bytes.
const FREE_BYTES: usize = 256 << 10;
/// Moves in one hold of the set's lock, some microseconds each.
const BATCH: usize = 8;
/// Slots looked at for each move at most.
const LOOKED_AT: usize = 64;

/// What a step of compaction did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// A little, and there is more to do.
    Some,
    /// Nothing: readers, a snapshot, training or another thread have to be waited for.
    Waiting,
    /// Nothing: the set is dense.
    Done,
}

/// How far a set's compaction has come.
#[derive(Default)]
pub(super) struct Compaction {
    is_under_way: bool,
    /// Slots from here on were looked at.
    cursor: u32,
}

impl VectorSet {
    /// Does a step of compaction: at most so many moves, and as much sweeping as that many removals
    /// owe. For a thread in the background.
    pub fn compact_step(&self, moves: usize, urgency: Urgency) -> Progress {
        let Some(mut compaction) = self.compaction.try_lock() else { return Progress::Waiting };
        if !compaction.is_under_way {
            if !self.is_sparse(urgency) {
                return Progress::Done;
            }
            *compaction = Compaction { is_under_way: true, cursor: self.vectors.graph().slots().end() };
        }
        let mut has_moved = false;
        let mut left = moves;
        while left > 0 && self.move_some(&mut compaction.cursor, left.min(BATCH)) {
            left = left.saturating_sub(BATCH);
            has_moved = true;
        }
        // One by one: writers that remove elements sweep as well, and are not to be kept from it.
        let has_swept = (0..moves).take_while(|_| self.tidy(1)).count() > 0;
        let has_given = self.give_back();
        let graph = self.vectors.graph();
        // What was swept just now are free slots that the moves of this step have not seen.
        compaction.is_under_way = has_moved || has_swept || graph.dead() > 0 || graph.has_tail();
        if has_moved || has_swept || has_given {
            Progress::Some
        } else if compaction.is_under_way || self.is_sparse(urgency) {
            Progress::Waiting
        } else {
            Progress::Done
        }
    }

    /// True if so much of it is free, or will be, that it is worth while to compact it.
    fn is_sparse(&self, urgency: Urgency) -> bool {
        let graph = self.vectors.graph();
        let (free, bytes_each) = graph.slots().free();
        let unused = free + graph.dead();
        unused * bytes_each > FREE_BYTES && unused * urgency.share() > graph.slots().end() as usize
    }

    /// True while slots must stay what they are: also until a set that is made of files has taken
    /// over how the elements in them were used.
    pub(super) fn is_held(&self) -> bool {
        self.snapshots.any() || self.notes.are_used()
    }

    /// Moves at most so many elements, of the slots below the cursor. False if none is left there
    /// that could be in a lower slot, or all have to wait.
    fn move_some(&self, cursor: &mut u32, moves: usize) -> bool {
        if self.is_held() {
            return false;
        }
        // From before a slot is seen to be live until nothing is done with its number any more.
        let _pin = pin();
        let slots = self.vectors.graph().slots();
        *cursor = slots.end().min(*cursor);
        let lowest = cursor.saturating_sub((moves * LOOKED_AT) as u32);
        let mut prepared = Vec::with_capacity(moves);
        let mut is_more = *cursor > 0;
        while *cursor > lowest && prepared.len() < moves {
            let slot = *cursor - 1;
            if slots.state(slot) == State::Live {
                let Some(lower) = self.prepare_below(slot) else {
                    is_more = false;
                    break;
                };
                prepared.push((slot, lower));
            }
            *cursor = slot;
        }
        self.relocate(&prepared);
        is_more || !prepared.is_empty()
    }

    fn prepare_below(&self, slot: u32) -> Option<u32> {
        let pin = pin();
        let name = self.names.get(slot, &pin);
        self.vectors.prepare_below(slot, |lower| self.names.set(lower, name))
    }

    /// Moves elements into the slots that were prepared for them, if they are still where they
    /// were.
    fn relocate(&self, prepared: &[(u32, u32)]) {
        if prepared.is_empty() {
            return;
        }
        let mut commit = Commit::lock(self);
        // A snapshot that has begun before is seen under the lock.
        let is_held = self.is_held();
        let is_moved = |&(from, to): &(u32, u32)| !is_held && commit.relocate(from, to);
        let moved: Vec<bool> = prepared.iter().map(is_moved).collect();
        drop(commit);
        for (&(from, to), moved) in prepared.iter().zip(moved) {
            if moved {
                self.vectors.redirect(from, to);
            } else {
                self.names.forget(to);
                self.vectors.abandon_below(to);
            }
        }
    }

    /// Gives memory back at the end of the slots. False if there is none, or if it is in use.
    fn give_back(&self) -> bool {
        let is_lower = self.vectors.graph().slots().has_free_tail() && {
            let mut commit = Commit::lock(self);
            !self.is_held() && commit.lower_end()
        };
        let is_given = self.vectors.give_back(|len| {
            self.names.shrink_to(len);
            self.attributes.shrink_to(len);
            self.deadlines.shrink_to(len);
            self.uses.shrink_to(len);
            self.entries.iter().for_each(|entries| entries.shrink_to(len));
        });
        is_lower || is_given
    }
}
