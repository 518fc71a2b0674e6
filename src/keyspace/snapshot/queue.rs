//! What writers have handed over, until the snapshot takes it.

use std::collections::VecDeque;

use parking_lot::Mutex;

use super::Old;
use crate::keyspace::Common;
use crate::keyspace::table::Table;

/// Something as it was at the cut, which is there no more.
#[derive(Debug)]
pub(in crate::keyspace) enum Handed {
    Key(Old),
    /// All that a table still had to give; it knows its database.
    Table(Box<Table>),
}

/// In the order of their coming. It takes them only while the snapshot of their cut is running: a writer may be late.
#[derive(Debug, Default)]
pub(in crate::keyspace) struct Queue(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    /// 0: nobody takes anything.
    cut: u64,
    handed: VecDeque<Handed>,
}

impl Queue {
    pub(super) fn open(&self, cut: u64) {
        *self.0.lock() = Waiting { cut, handed: VecDeque::new() };
    }

    /// What was left is given back, to be freed outside of the lock.
    pub(super) fn close(&self) -> impl Sized {
        std::mem::take(&mut *self.0.lock())
    }

    /// False if it comes too late.
    fn push(&self, cut: u64, handed: Handed) -> bool {
        let mut waiting = self.0.lock();
        let in_time = waiting.cut == cut;
        if in_time {
            waiting.handed.push_back(handed);
        }
        in_time
    }

    pub(super) fn pop(&self) -> Option<Handed> {
        self.0.lock().handed.pop_front()
    }
}

impl Common {
    /// Hands something over to the snapshot of a cut, if it is still running.
    pub(in crate::keyspace) fn hand_over(&self, cut: u64, handed: Handed) {
        let bytes = handed.bytes();
        if self.handed.push(cut, handed) {
            self.journal.add_before_images(bytes);
        }
    }
}

impl Handed {
    /// What it counts for where writers are held because too much waits. The rest of a table does not: there is no less
    /// of it when writers wait, and no more when they go on.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Key(old) => size_of::<Self>() + old.entry.kept_bytes(),
            Self::Table(_) => 0,
        }
    }
}
