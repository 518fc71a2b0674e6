//! Which slots has this search met? Marks outside the nodes, so that searches write nothing that
//! others read.
//!
//! One byte per slot holds the number of the last search that met it; the bytes are cleared once in
//! 255 searches. Each thread keeps one such table (and the heaps of a search) for all sets. Marks
//! in the nodes, as Redis has them, would make every search write to the lines that all others
//! read.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use super::results::Results;
use crate::index::Candidate;
use crate::memory::{Category, Held};

/// What a search needs besides the graph, kept by the thread from one search to the next.
#[derive(Default)]
pub(super) struct Scratch {
    pub(super) visited: Visited,
    pub(super) results: Results,
    /// The unvisited links of the node in hand.
    pub(super) fresh: Vec<u32>,
    /// Those of them that are near enough.
    pub(super) near: Vec<Candidate>,
    /// Links of the node in hand that may be no results, but lead to such.
    pub(super) bridges: Vec<u32>,
    /// Of this walk.
    pub(super) pulse: Pulse,
}

/// Does a walk wait for the disk? Known by the time from one node to the next, which is some
/// microseconds where nothing has to be read.
#[derive(Default)]
pub(super) struct Pulse {
    last: Option<Instant>,
    waits: bool,
}

impl Pulse {
    /// To be asked at each node. Once it waits, it is taken to do so until its end.
    pub(super) fn waits(&mut self) -> bool {
        if !self.waits {
            let now = Instant::now();
            self.waits = self.last.replace(now).is_some_and(|last| now - last >= WAIT);
        }
        self.waits
    }

    /// What it was found to do.
    pub(super) fn has_waited(&self) -> bool {
        self.waits
    }
}

/// A disk takes longer for a page, and a processor hardly ever for a node.
const WAIT: Duration = Duration::from_micros(100);

/// A set of slots that is emptied in one step.
pub(super) struct Visited {
    marks: Vec<u8>,
    held: Held,
    round: u8,
}

impl Default for Visited {
    fn default() -> Self {
        Self { marks: Vec::new(), held: Held::nothing(Category::SearchMarks), round: 0 }
    }
}

impl Visited {
    /// Empties the set and makes room for slots below `end`.
    pub(super) fn begin(&mut self, end: u32) {
        if self.marks.len() < end as usize {
            self.grow(end as usize);
        }
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.marks.fill(0);
            self.round = 1;
        }
    }

    /// True if the slot was not in the set.
    #[inline(always)]
    pub(super) fn insert(&mut self, slot: u32) -> bool {
        if slot as usize >= self.marks.len() {
            // It came later than the search.
            self.grow(slot as usize + 1);
        }
        let mark = &mut self.marks[slot as usize];
        std::mem::replace(mark, self.round) != self.round
    }
}

impl Visited {
    /// Makes room for slots below `end`.
    #[cold]
    fn grow(&mut self, end: usize) {
        self.marks.resize(end.next_multiple_of(4096), 0);
        self.held.set(self.marks.capacity());
    }
}

thread_local! {
    /// For speed: a search needs a mark for each slot, and would spend more time on allocating and
    /// clearing them than on the graph. Each thread keeps one scratch space for all sets instead; a
    /// pool would need a lock for each search, and as much memory.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Lends the thread's scratch space. Searches do not nest.
pub(super) fn with_scratch<R>(use_it: impl FnOnce(&mut Scratch) -> R) -> R {
    SCRATCH.with(|scratch| use_it(&mut scratch.borrow_mut()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginning_empties_it_however_often() {
        let mut visited = Visited::default();
        for _ in 0..600 {
            visited.begin(10);
            assert!(visited.insert(3));
            assert!(!visited.insert(3));
            assert!(visited.insert(9000), "a slot that came later than the search");
            assert!(!visited.insert(9000));
        }
    }
}
