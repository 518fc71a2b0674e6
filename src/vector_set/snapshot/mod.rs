//! A set as it was at one moment, read while it changes.
//!
//! A *snapshot* of a set has as its members the elements of one moment, the *cut*. Nothing is
//! copied at the cut. The snapshot thread walks over the slots and reads each element where it is;
//! a writer that is about to change an element which the thread has not reached first copies it,
//! its *before-image*, into a buffer that the thread empties.
//!
//! ```text
//! running.rs       what a set has of its snapshots: settled slots, and the buffer
//! before_image.rs  an element as it was before a writer changed it
//! frozen.rs        the snapshot thread: claims slots, and yields all elements slot by slot
//! members.rs       which slots were elements, and how high they reached
//! reciprocal/      links of which each has its counterpart
//! buckets.rs       what is known of slots that come later, in memory up to a bound
//! spill.rs         and beyond it
//! ```
//!
//! # When it begins
//!
//! A cut of the whole keyspace falls between changes (see [`crate::journal`]), and calls no set.
//! Each set notices by itself: its first writer after the cut finds another number in its
//! [`Passage`](crate::journal::Passage) than the set has seen, and begins the snapshot before it
//! changes anything; or the snapshot thread does, if it comes first. As nothing has changed since
//! the cut, the members are the elements of this moment. A set that was empty, or not there, has no
//! members and keeps nothing but the number. [`VectorSet::freeze_now`] makes a cut for one set
//! alone; several such may run besides.
//!
//! # The states of a slot, for one snapshot
//!
//! | state | condition | what is in the slot | leaves it by |
//! |---|---|---|---|
//! | *waiting* | ahead of the thread, not settled, `Live` | the member, as it was | the thread, which claims it; a writer, which copies it |
//! | *claimed* | not ahead; it was waiting when the thread came | the thread is reading it, or has read it | – |
//! | *copied* | settled, and there is a before-image | anything | – |
//! | *young* | settled, and there is no before-image; or at the end of the slots at the cut, or beyond | an element that came later | – |
//! | *irrelevant* | none of these | nothing, a slot that is being linked, or one that died before the cut | a writer that publishes it: young |
//!
//! | thread | step | under |
//! |---|---|---|
//! | a writer, before it kills a slot or changes its attribute, deadline or pin | if it is waiting: copies it into the buffer, and sets its bit | `elements`, for writing |
//! | a writer, when it publishes a slot | sets its bit | `elements`, for writing |
//! | the snapshot thread, at the beginning | learns the members: those waiting, and those with a before-image | `elements`, for reading, 4096 slots at a time |
//! | the snapshot thread, for 256 slots at a time | notes which wait, with their attributes, deadlines and pins; leaves them behind; takes the buffer | `elements`, for reading |
//! | the snapshot thread | reads names, codes and links of those | a pin, taken before |
//!
//! *Why no element is read half changed.* Writers are kept out while slots are claimed: of each
//! slot of the batch there is a before-image in the buffer that is taken in the same step, or it is
//! claimed as it was at the cut. After the lock is released a writer may kill a claimed slot, and
//! need not copy it. But the thread was pinned before: the slot's name, code and lists stay what
//! they are until the pin is dropped, and so do the attribute, the deadline and the pin that it
//! noted (see [`crate::epoch`]). Slots that are settled stay so; the number of a slot that is used
//! again belongs to two elements, of which the member is the copied one.
//!
//! # Links
//!
//! Links need no point in time: any graph over the members will do. They are read as the thread
//! comes by, those of before-images as they were then. A link may lead to a slot that is no member,
//! or whose member has made room for another element; such are left out, so every link leads to a
//! member that reaches its layer. How they are made [reciprocal], where that is needed,
//! is a matter of its own.
//!
//! # Kinds that learn
//!
//! What codes a snapshot has is decided when it begins, and holds for all its elements: the best
//! codes, and the coarse ones besides if there are finer ones *and* searches walk on the coarse
//! ones already. So a set that is just learning is read as one that has not begun, with plain
//! codes, and the server that loads it learns anew. Searches do not switch to other codes while a
//! snapshot runs, which has a [`PhaseHold`](crate::vector_index::PhaseHold): that waits for the
//! first writer after its end.
//!
//! # What it costs
//!
//! Without a snapshot a writer compares one number. Memory: a bit for each slot, a byte while it is
//! being read, 6 more bytes if links are to be reciprocal; and what waits for its turn, bounded:
//! before-images by the journal's room, and the rest goes to the [`Spill`] beyond some megabytes.

mod before_image;
mod buckets;
mod frozen;
mod links;
mod members;
mod reciprocal;
mod running;
mod spill;

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use self::before_image::{BeforeImage, Parts};
pub use self::frozen::{Frozen, Linked};
pub use self::members::Ranks;
pub(super) use self::running::Snapshots;
use self::running::{AtCut, Running};
pub use self::spill::{Place, Spill};
use super::commit::{Commit, Exclusive};
use super::{Changed, Code, VectorSet};
use crate::compressed::Stored;
use crate::epoch::pin;
use crate::journal::Journal;

/// A list of links: slots, in ascending order.
pub type Links = Vec<u32>;

/// An element of a set as it was at the cut.
#[derive(Debug)]
pub struct Element<'a> {
    /// The number by which links refer to it.
    pub slot: u32,
    /// Its name.
    pub name: &'a [u8],
    /// Empty: it has none.
    pub attribute: &'a [u8],
    /// When it expires, in milliseconds since 1970, if it does.
    pub deadline_ms: Option<i64>,
    /// It is not to be evicted.
    pub is_pinned: bool,
    /// Of a cache: what it has as an entry. Empty: nothing.
    pub entry: &'a [u8],
    /// Of the kind [`Frozen::best`].
    pub best: Code<'a>,
    /// Of the set's own kind, if [`Frozen::has_coarse`].
    pub coarse: Option<Code<'a>>,
    /// By layer, from 0 to the highest that the element reaches.
    pub links: &'a [Links],
}

impl VectorSet {
    /// Begins to read the set as it was at the journal's cut of this number, while it goes on
    /// changing. Once for each cut and set. The cut must not have ended.
    pub fn freeze(self: &Arc<Self>, cut: u64, journal: &Arc<Journal>, linked: Linked) -> Frozen {
        let commit = Commit::lock(self);
        commit.notice_cut(cut);
        let running = self.snapshots.of_cut(cut);
        let running = running.unwrap_or_else(|| Arc::new(self.running(cut, (0, 0), None)));
        drop(commit);
        Frozen::new(Arc::clone(self), running, linked, Some(Arc::clone(journal)))
    }

    /// The same of the set as it is now.
    pub fn freeze_now(self: &Arc<Self>, linked: Linked) -> Frozen {
        self.freeze_alone(linked, false)
    }

    /// The same, to be sealed: what changes from now on is noted.
    pub fn freeze_to_seal(self: &Arc<Self>) -> Frozen {
        self.freeze_alone(Linked::AsTheyAre, true)
    }

    fn freeze_alone(self: &Arc<Self>, linked: Linked, notes: bool) -> Frozen {
        let commit = Commit::lock(self);
        let changed = notes.then(|| self.notes.begin(commit.exclusive()));
        let extent = (self.vectors.graph().slots().end(), commit.elements().len());
        let running = self.snapshots.add(self.running(0, extent, changed), commit.exclusive());
        drop(commit);
        Frozen::new(Arc::clone(self), running, linked, None)
    }

    /// The set is not part of the snapshot of this cut, though it has elements: it was made
    /// elsewhere, and got its key after the cut.
    pub fn exclude(&self, cut: u64) {
        self.snapshots.see(cut, Commit::lock(self).exclusive());
    }

    /// Begins the part that the set has in the snapshot of a cut, if it has not begun; `len`:
    /// elements now.
    #[inline]
    pub(super) fn begin_snapshot(&self, cut: u64, len: usize, exclusive: &Exclusive) {
        if self.snapshots.has_seen(cut) {
            return;
        }
        self.snapshots.see(cut, exclusive);
        if cut != 0 && len != 0 {
            let changed = self.is_sealed_by_snapshots().then(|| self.notes.begin(exclusive));
            let extent = (self.vectors.graph().slots().end(), len);
            self.snapshots.add(self.running(cut, extent, changed), exclusive);
        }
    }

    /// `extent`: the end of slots, and how many elements there are.
    fn running(&self, cut: u64, extent: (u32, usize), changed: Option<Arc<Changed>>) -> Running {
        let learning = self.entries.as_ref().map_or_else(Vec::new, |entries| entries.learning());
        let changes = self.changes.load(Ordering::Relaxed);
        Running::new(cut, extent, self.vectors.hold_phase(), AtCut { learning, changes, changed })
    }

    /// Copies the element in this slot for the snapshots that have not read it.
    #[inline]
    pub(super) fn keep_before_image(&self, slot: u32, exclusive: &Exclusive) {
        if self.snapshots.any() {
            self.snapshots.keep_before_image(slot, || self.copy(slot), exclusive);
        }
    }

    fn copy(&self, slot: u32) -> BeforeImage {
        let pin = pin();
        let (best, coarse) = self.vectors.codes(&pin).persistent();
        let attribute = self.attributes.get(slot, &pin).map(Stored::text).unwrap_or_default();
        let entry = self.entries.as_ref().map_or_else(Vec::new, |entries| entries.saved(slot, &pin).bytes());
        BeforeImage::new(&Parts {
            slot,
            name: self.names.get(slot, &pin),
            attribute: &attribute,
            deadline_ms: self.deadlines.get(slot),
            is_pinned: self.uses.is_pinned(slot),
            entry: &entry,
            best: best.code(slot),
            coarse: coarse.map(|coarse| coarse.code(slot)),
            links: self.vectors.graph().links(slot),
        })
    }

    /// Moves the before-images that wait for the snapshot of this cut into the spill, if the
    /// snapshot thread is not about to come to this set. To be called by that thread.
    pub fn relieve(&self, cut: u64, journal: &Journal, spill: &mut dyn Spill) -> io::Result<()> {
        let bytes = self.snapshots.of_cut(cut).map_or(Ok(0), |running| running.relieve(spill))?;
        journal.remove_before_images(bytes);
        Ok(())
    }

    /// Counts the bytes of new before-images in the journal.
    #[inline]
    pub(super) fn report_before_images(&self, journal: &Journal) {
        if self.snapshots.any() {
            journal.add_before_images(self.snapshots.take_unreported());
        }
    }
}

#[cfg(test)]
mod tests;
