//! The before-images that writers have kept, until the snapshot takes them.

use std::collections::VecDeque;

use parking_lot::Mutex;

use super::KeyAtCut;
use crate::keyspace::Common;
use crate::keyspace::table::Table;

/// Something as it was at the cut, which has been changed or removed since.
#[derive(Debug)]
pub(in crate::keyspace) enum BeforeImage {
    Key(KeyAtCut),
    /// A cleared table, of which the pending entries are still to be read. It records its database.
    Table(Box<Table>),
}

/// First in, first out. Accepts images only for the cut whose snapshot is running: a writer may
/// come after its end.
#[derive(Debug, Default)]
pub(in crate::keyspace) struct Queue(Mutex<QueueState>);

#[derive(Debug, Default)]
struct QueueState {
    /// 0: no snapshot is running.
    cut: u64,
    images: VecDeque<BeforeImage>,
}

impl Queue {
    pub(super) fn open(&self, cut: u64) {
        *self.0.lock() = QueueState { cut, images: VecDeque::new() };
    }

    /// Returns what was left, to be freed outside of the lock.
    pub(super) fn close(&self) -> impl Sized {
        std::mem::take(&mut *self.0.lock())
    }

    /// False if the snapshot of the cut has ended.
    fn push(&self, cut: u64, image: BeforeImage) -> bool {
        let mut state = self.0.lock();
        let is_running = state.cut == cut;
        if is_running {
            state.images.push_back(image);
        }
        is_running
    }

    pub(super) fn pop(&self) -> Option<BeforeImage> {
        self.0.lock().images.pop_front()
    }
}

impl Common {
    /// Puts a before-image into the queue of the snapshot of a cut, if it is still running.
    pub(in crate::keyspace) fn keep_before_image(&self, cut: u64, image: BeforeImage) {
        let bytes = image.bytes();
        if self.before_images.push(cut, image) {
            self.journal.add_before_images(bytes);
        }
    }
}

impl BeforeImage {
    /// The bytes that count towards the limit above which writers are held back. A cleared table
    /// counts as nothing: holding writers back would not make it smaller, nor would they enlarge
    /// it.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Key(key) => size_of::<Self>() + key.entry.snapshot_bytes(),
            Self::Table(_) => 0,
        }
    }
}
