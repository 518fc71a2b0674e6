//! The fields of a large hash as they were at a cut, given away piece by piece while the hash
//! changes.
//!
//! A table of a million fields takes a tenth of a second to copy: too long to be done at one time,
//! under the lock of a shard, by the walk of the snapshot or by the first change of the hash. So
//! the fields have the protocol that the keys of a shard have (`snapshot/mod.rs`), one level below.
//! A position of the table is
//!
//! * *written*: below the cursor;
//! * *settled*: its bit says that what is there now was put there after the cut, or that its field at the cut was handed over;
//! * else *wanted*: what is there now was there at the cut.
//!
//! | who | does | under |
//! |---|---|---|
//! | whoever would copy the hash: a writer, or the walk | makes a [`FrozenFields`] instead: cursor 0, no bit set | a lock of the shard |
//! | a writer, before it changes or removes a wanted field | settles it, and hands the field over | the lock of the table |
//! | it, when it removes a field | does the same with the last field, which takes the place of the removed one | the same |
//! | the receiver | takes what was handed over, copies the next wanted fields, moves the cursor | the same |
//!
//! A field that is added needs nothing: its position was vacant, so it is settled or behind all
//! positions of the cut.
//!
//! The receiver finds the table wherever it has gone (RENAME, SWAPDB), since it holds a [`Visitor`]
//! of it, and not the name of a place. A hash that is removed or replaced is freed when both have
//! dropped it: that it is given away whole needs no word. The bytes of what waits are counted in
//! the journal, as those of the keys are.
//!
//! (Chunks that both sides share, copied at their first change, were the alternative. Random
//! changes copy a chunk each: a few thousand of them would have copied all of a million fields, and
//! one field is all that the snapshot needs. Besides, each chunk would have a count to be raised
//! for each snapshot, under the lock.)

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

/// Positions that are looked at meanwhile, with or without a wanted field.
const BATCH_POSITIONS: usize = 4096;

/// A table's way to whoever wants its fields as they were.
#[derive(Debug, Default)]
pub(super) struct Freezer(Mutex<Weak<Shared>>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    journal: Arc<Journal>,
}

/// The lock of the table is held for all of this; the mutex around it says so to the compiler.
#[derive(Debug)]
struct State {
    /// Positions below are written.
    cursor: usize,
    /// The first position that was not taken at the cut.
    end: usize,
    /// A bit for each position below `end`.
    settled: Vec<u64>,
    handed: Vec<Slot>,
    handed_bytes: usize,
}

/// The fields at the cut, as far as they were not given away yet.
#[derive(Debug)]
pub struct FrozenFields {
    table: Visitor<FieldTable>,
    shared: Arc<Shared>,
    len: usize,
    soonest: Deadline,
    /// Bytes that were handed over and given away last, and that the receiver has until it asks for
    /// more.
    given: usize,
}

/// A field as it was.
#[derive(Debug)]
pub struct OldField(Slot);

/// A copy of a table is of no snapshot's interest.
impl Clone for Freezer {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Freezer {
    /// Begins to keep the fields of `table` as they are now. The last that did so has come to its
    /// end.
    fn begin(&self, len: usize, journal: &Arc<Journal>) -> Arc<Shared> {
        let settled = vec![0; len.div_ceil(u64::BITS as usize)];
        let state = State { cursor: 0, end: len, settled, handed: Vec::new(), handed_bytes: 0 };
        let shared = Arc::new(Shared { state: Mutex::new(state), journal: Arc::clone(journal) });
        *self.0.lock() = Arc::downgrade(&shared);
        shared
    }

    /// Called before a position is changed or vacated: hands over what is there if a snapshot wants
    /// it. `field` is called only then.
    #[inline]
    pub(super) fn hand_over(&mut self, position: u32, field: impl FnOnce() -> Slot) {
        if let Some(shared) = self.shared() {
            shared.hand_over(position as usize, field);
        }
    }

    /// False if nothing would be handed over.
    pub(super) fn is_in_use(&mut self) -> bool {
        self.0.get_mut().strong_count() > 0
    }

    fn shared(&mut self) -> Option<Arc<Shared>> {
        if self.is_in_use() { self.0.get_mut().upgrade() } else { None }
    }
}

impl Shared {
    fn hand_over(&self, position: usize, field: impl FnOnce() -> Slot) {
        let mut state = self.state.lock();
        if !state.wants(position) {
            return;
        }
        let field = field();
        let bytes = field.bytes();
        state.handed.push(field);
        state.handed_bytes += bytes;
        self.journal.add_before_images(bytes);
    }
}

impl State {
    /// True if the field at this position at the cut is still to be given away. Asked once.
    fn wants(&mut self, position: usize) -> bool {
        let wants = (self.cursor..self.end).contains(&position) && !self.is_settled(position);
        if wants {
            self.settled[position / u64::BITS as usize] |= bit(position);
        }
        wants
    }

    fn is_settled(&self, position: usize) -> bool {
        self.settled[position / u64::BITS as usize] & bit(position) != 0
    }

    /// Copies the next wanted fields.
    fn walk(&mut self, table: &FieldTable, batch: &mut Vec<OldField>) {
        // Positions that are vacant now are settled.
        self.end = self.end.min(table.len());
        let (stop, mut bytes) = (self.end.min(self.cursor + BATCH_POSITIONS), 0);
        let until = batch.len() + BATCH_FIELDS;
        while self.cursor < stop && batch.len() < until && bytes < BATCH_BYTES {
            if !self.is_settled(self.cursor) {
                let copy = table.slot(self.cursor).clone();
                bytes += copy.bytes();
                batch.push(OldField(copy));
            }
            self.cursor += 1;
        }
    }
}

impl FrozenFields {
    /// Of a table, from now on; one at a time.
    pub(super) fn of(table: Visitor<FieldTable>, journal: &Arc<Journal>) -> Self {
        let (shared, len, soonest) = table
            .look(|table| (table.freezer().begin(table.len(), journal), table.len(), table.next_deadline()));
        Self { table, shared, len, soonest, given: 0 }
    }

    /// How many fields there were, also of those that had ended.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there were none; no key means such a hash.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// When the first field was to end; `NEVER` if none was.
    pub fn soonest(&self) -> Deadline {
        self.soonest
    }

    /// Puts some fields into `batch`, which must be empty; false if there are no more. Each field
    /// comes once, in any order. What was given before counts as written now.
    pub fn next(&mut self, batch: &mut Vec<OldField>) -> bool {
        self.take_handed(batch);
        while batch.is_empty() {
            let is_over = self.table.look(|table| {
                let mut state = self.shared.state.lock();
                state.walk(table, batch);
                state.cursor >= state.end && state.handed.is_empty()
            });
            if is_over {
                break;
            }
            if batch.is_empty() {
                self.take_handed(batch);
            }
        }
        !batch.is_empty()
    }

    /// As [`Self::next`], but gives only what was handed over. To be called now and then by who has
    /// no time for the others: writers are held while too much waits.
    pub fn take_handed(&mut self, batch: &mut Vec<OldField>) {
        debug_assert!(batch.is_empty());
        self.given_is_written();
        let handed = {
            let mut state = self.shared.state.lock();
            self.given = std::mem::take(&mut state.handed_bytes);
            std::mem::take(&mut state.handed)
        };
        batch.extend(handed.into_iter().map(OldField));
    }

    /// What was given waits no longer.
    pub fn given_is_written(&mut self) {
        self.shared.journal.remove_before_images(std::mem::take(&mut self.given));
    }
}

/// Nothing is wanted any more, nor counted.
impl Drop for FrozenFields {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.end = 0;
        self.shared.journal.remove_before_images(self.given + std::mem::take(&mut state.handed_bytes));
    }
}

impl OldField {
    /// The name.
    pub fn name(&self) -> &[u8] {
        self.0.field().name
    }

    /// The value.
    pub fn value(&self) -> &[u8] {
        self.0.field().value
    }

    /// When the field was to end, if it was.
    pub fn deadline(&self) -> Deadline {
        self.0.field().deadline
    }
}

fn bit(position: usize) -> u64 {
    1 << (position % u64::BITS as usize)
}
