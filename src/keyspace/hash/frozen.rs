//! The fields of a large hash as they were at a cut, read piece by piece while the hash changes.
//!
//! A table of a million fields takes a tenth of a second to copy: too long for one step under the
//! lock of a shard, be it a step of the snapshot's walk or the first change of the hash. So the
//! fields have the protocol that the keys of a shard have (`snapshot/mod.rs`), one level below. A
//! position of the table is
//!
//! * *written*: below the cursor;
//! * *settled*: its bit is set: what is there now was put there after the cut, or its before-image
//!   was kept;
//! * else *pending*: what is there now was there at the cut.
//!
//! | thread | step | under |
//! |---|---|---|
//! | a writer, or the walk, where it would copy the hash | makes a [`FrozenFields`] instead: cursor 0, no bit set | a lock of the shard |
//! | a writer, before it changes or removes a pending field | settles it, and keeps its before-image | the lock of the table |
//! | a writer, when it removes a field | does the same with the last field, which takes the place of the removed one | the same |
//! | the receiver | takes the before-images, copies the next pending fields, moves the cursor | the same |
//!
//! A field that is added needs nothing: its position was vacant, so it is settled or above all
//! positions of the cut.
//!
//! The receiver reaches the table wherever its key has moved (RENAME, SWAPDB), since it holds a
//! [`Visitor`] of the table and not a key. A hash that is removed or replaced is freed when both
//! have dropped it, so its removal needs no step of the protocol. The bytes of kept before-images
//! are counted in the journal, as those of the keys are.
//!
//! (The alternative was chunks that both sides share, copied at their first change. Each random
//! change copies a chunk: a few thousand of them would have copied all of a million fields, and the
//! snapshot needs one field only. Besides, each chunk would have a reference count to be raised for
//! each snapshot, under the lock.)

use std::borrow::Cow;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::table::{FieldTable, Slot};
use crate::arena::Visitor;
use crate::journal::Journal;
use crate::keyspace::Deadline;

/// Fields copied while the writer of the hash waits: some microseconds.
const BATCH_FIELDS: usize = if cfg!(test) { 2 } else { 64 };

/// Bytes after which such a batch ends.
const BATCH_BYTES: usize = 64 * 1024;

/// Positions that are read for such a batch, with or without a pending field.
const BATCH_POSITIONS: usize = 4096;

/// The link from a table to the snapshot that reads its fields, if there is one.
#[derive(Debug, Default)]
pub(super) struct SnapshotLink(Mutex<Weak<Shared>>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    journal: Arc<Journal>,
}

/// The lock of the table is held for each access; the mutex around it is what makes that safe code.
#[derive(Debug)]
struct State {
    /// Positions below are written.
    cursor: usize,
    /// The first position that was not taken at the cut.
    end: usize,
    /// A bit for each position below `end`.
    settled: Vec<u64>,
    before_images: Vec<Slot>,
    before_image_bytes: usize,
}

/// The fields at the cut that were not returned yet.
#[derive(Debug)]
pub struct FrozenFields {
    table: Visitor<FieldTable>,
    shared: Arc<Shared>,
    len: usize,
    soonest: Deadline,
    /// Bytes of before-images that the last call returned. They are counted until the next call.
    given: usize,
}

/// A field as it was at the cut.
#[derive(Debug)]
pub struct FieldAtCut(Slot);

/// No snapshot reads the copy of a table.
impl Clone for SnapshotLink {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl SnapshotLink {
    /// Begins a snapshot of a table of `len` fields. An earlier snapshot must have ended.
    fn begin(&self, len: usize, journal: &Arc<Journal>) -> Arc<Shared> {
        let settled = vec![0; len.div_ceil(u64::BITS as usize)];
        let state = State { cursor: 0, end: len, settled, before_images: Vec::new(), before_image_bytes: 0 };
        let shared = Arc::new(Shared { state: Mutex::new(state), journal: Arc::clone(journal) });
        *self.0.lock() = Arc::downgrade(&shared);
        shared
    }

    /// Called before a position is changed or vacated: keeps the field that is there if it is
    /// pending for a snapshot. `field` is called only then.
    #[inline]
    pub(super) fn keep_before_image(&mut self, position: u32, field: impl FnOnce() -> Slot) {
        if let Some(shared) = self.shared() {
            shared.keep_before_image(position as usize, field);
        }
    }

    /// False if no snapshot reads the table.
    pub(super) fn is_in_use(&mut self) -> bool {
        self.0.get_mut().strong_count() > 0
    }

    fn shared(&mut self) -> Option<Arc<Shared>> {
        if self.is_in_use() { self.0.get_mut().upgrade() } else { None }
    }
}

impl Shared {
    fn keep_before_image(&self, position: usize, field: impl FnOnce() -> Slot) {
        let mut state = self.state.lock();
        if !state.settle_pending(position) {
            return;
        }
        let field = field();
        let bytes = field.bytes();
        state.before_images.push(field);
        state.before_image_bytes += bytes;
        self.journal.add_before_images(bytes);
    }
}

impl State {
    /// True if the position is pending. It is settled by this call: the caller keeps its
    /// before-image.
    fn settle_pending(&mut self, position: usize) -> bool {
        let is_pending = (self.cursor..self.end).contains(&position) && !self.is_settled(position);
        if is_pending {
            self.settled[position / u64::BITS as usize] |= bit(position);
        }
        is_pending
    }

    fn is_settled(&self, position: usize) -> bool {
        self.settled[position / u64::BITS as usize] & bit(position) != 0
    }

    /// Copies the next pending fields.
    fn walk(&mut self, table: &FieldTable, batch: &mut Vec<FieldAtCut>) {
        // Positions that are vacant now are settled.
        self.end = self.end.min(table.len());
        let stop = self.end.min(self.cursor + BATCH_POSITIONS);
        let mut bytes = 0;
        let until = batch.len() + BATCH_FIELDS;
        while self.cursor < stop && batch.len() < until && bytes < BATCH_BYTES {
            if !self.is_settled(self.cursor) {
                let copy = table.slot(self.cursor).clone();
                bytes += copy.bytes();
                batch.push(FieldAtCut(copy));
            }
            self.cursor += 1;
        }
    }
}

impl FrozenFields {
    /// The fields of a table as they are now. A table has one snapshot at a time.
    pub(super) fn of(table: Visitor<FieldTable>, journal: &Arc<Journal>) -> Self {
        let (shared, len, soonest) = table.look(|table| {
            (table.snapshot_link().begin(table.len(), journal), table.len(), table.next_deadline())
        });
        Self { table, shared, len, soonest, given: 0 }
    }

    /// How many fields there were, expired ones included.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there were none; no key has such a hash.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first deadline of a field; `NEVER` if there was none.
    pub fn soonest(&self) -> Deadline {
        self.soonest
    }

    /// Puts some fields into `batch`, which must be empty; false if there are no more. Each field
    /// comes once, in any order. The fields of the call before count as written now.
    pub fn next(&mut self, batch: &mut Vec<FieldAtCut>) -> bool {
        self.take_before_images(batch);
        while batch.is_empty() {
            let is_over = self.table.look(|table| {
                let mut state = self.shared.state.lock();
                state.walk(table, batch);
                state.cursor >= state.end && state.before_images.is_empty()
            });
            if is_over {
                break;
            }
            if batch.is_empty() {
                self.take_before_images(batch);
            }
        }
        !batch.is_empty()
    }

    /// As [`Self::next`], but returns before-images only. To be called repeatedly while something
    /// else is being written: writers are held back while before-images take too much memory.
    pub fn take_before_images(&mut self, batch: &mut Vec<FieldAtCut>) {
        debug_assert!(batch.is_empty());
        self.acknowledge_given();
        let images = {
            let mut state = self.shared.state.lock();
            self.given = std::mem::take(&mut state.before_image_bytes);
            std::mem::take(&mut state.before_images)
        };
        batch.extend(images.into_iter().map(FieldAtCut));
    }

    /// The fields of the call before are written: their bytes are counted no longer.
    pub fn acknowledge_given(&mut self) {
        self.shared.journal.remove_before_images(std::mem::take(&mut self.given));
    }
}

/// Ends the snapshot of the table: nothing is kept or counted any more.
impl Drop for FrozenFields {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.end = 0;
        self.shared.journal.remove_before_images(self.given + std::mem::take(&mut state.before_image_bytes));
    }
}

impl FieldAtCut {
    /// The name.
    pub fn name(&self) -> &[u8] {
        self.0.field().name
    }

    /// The value.
    pub fn value(&self) -> Cow<'_, [u8]> {
        self.0.field().value.text()
    }

    /// The deadline.
    pub fn deadline(&self) -> Deadline {
        self.0.field().deadline
    }
}

fn bit(position: usize) -> u64 {
    1 << (position % u64::BITS as usize)
}
