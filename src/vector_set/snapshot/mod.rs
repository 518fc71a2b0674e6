//! A set as it was at one moment, given away while it changes.
//!
//! A *snapshot* of a set has as its members the elements of one moment, the *cut*. Nothing is copied at the cut. The snapshot
//! thread walks over the slots and reads each element where it is; a writer that is about to change an element which
//! the thread has not come to *hands it over* first: copies it into a buffer that the thread empties.
//!
//! ```text
//! running.rs     what a set knows of its snapshots: settled slots, and the buffer
//! handed.rs      an element that was handed over
//! frozen.rs      the snapshot thread: claims slots, and gives all elements slot by slot
//! members.rs     which slots were elements, and how high they reached
//! reciprocal/    links of which each has its other way round
//! buckets.rs     what is known of slots that come later, in memory up to a bound
//! spill.rs       and beyond it
//! ```
//!
//! # When it begins
//!
//! A cut of the whole keyspace falls between changes (see [`crate::journal`]), and tells no set. Each set notices by itself: its
//! first writer after the cut finds another number in its [`Passage`] than the set has seen, and begins the
//! snapshot before it changes anything; or the snapshot thread does, if it comes first. As nothing has changed since the cut,
//! the members are the elements of this moment. A set that was empty, or not there, has no members and keeps
//! nothing but the number. [`VectorSet::freeze_now`] makes a cut for one set alone; several such may run besides.
//!
//! # The states of a slot, for one snapshot
//!
//! | state | how it is told | what is in the slot | who leads out of it |
//! |---|---|---|---|
//! | *waiting* | ahead of the thread, not settled, `Live` | the member, as it was | the thread, which claims it; a writer, who hands it over |
//! | *claimed* | not ahead; it was waiting when the thread came | the thread is reading it, or has | – |
//! | *handed over* | settled, and a copy exists | whatever comes | – |
//! | *young* | settled, and no copy exists; or at the end of the slots at the cut, or beyond | an element that came later | – |
//! | *no matter* | none of these | nothing, a slot that is being linked, or one that died before the cut | a writer who publishes it: young |
//!
//! | who | does | under |
//! |---|---|---|
//! | a writer, before it kills a slot or changes its attribute | if it is waiting: copies it into the buffer, and sets its bit | `elements`, for writing |
//! | a writer, when it publishes a slot | sets its bit | `elements`, for writing |
//! | the thread, at the beginning | learns who is a member: who waits is; whoever was handed over is | `elements`, for reading, 4096 slots at a time |
//! | the thread, for 256 slots at a time | notes which wait, with their attributes; leaves them behind; takes the buffer | `elements`, for reading |
//! | the thread | reads names, codes and links of those | a pin, taken before |
//!
//! *Why nobody reads a half.* Writers are kept out while slots are claimed: each slot of the batch was handed over wholly, and
//! its copy is in the buffer that is taken in the same step, or it is claimed as it was at the cut. After the lock is
//! given back a writer may kill a claimed slot, and need not hand it over. But the thread was pinned before: the slot's name,
//! code and lists stay what they are until it has gone, and so does the attribute that it noted (see [`crate::epoch`]).
//! Slots that are settled stay so; the number of a slot that is used again belongs to two elements, of which the member
//! is the handed one.
//!
//! # Links
//!
//! Links need no point in time: any graph over the members will do. They are read as the thread comes by, those of
//! elements handed over as they were then. A link may lead to a slot that is no member, or whose member has made room for
//! another element; such are left out, so every link leads to a member that reaches its layer. How they are made
//! [reciprocal](reciprocal), where that is asked for, is a matter of its own.
//!
//! # Kinds that learn
//!
//! What codes a snapshot has is decided when it begins, and holds for all its elements: the best codes, and the coarse ones
//! besides if there are finer ones *and* searches walk on the coarse ones already. So a set that is just learning is given as
//! one that has not begun, with plain codes, and whoever loads it learns anew. A set does not begin to walk on
//! other codes while a snapshot of it runs (see [`super::training`]): that waits for the first writer after its end.
//!
//! # What it costs
//!
//! Without a snapshot a writer compares one number. Memory: a bit for each slot, a byte while it is being read, 6 more
//! bytes if links are to be reciprocal; and what waits for its turn, bounded: what was handed over by the journal's room,
//! and the rest goes to the [`Spill`] beyond some megabytes.

mod buckets;
mod frozen;
mod handed;
mod links;
mod members;
mod reciprocal;
mod running;
mod spill;

use std::io;
use std::sync::Arc;

pub use self::frozen::{Frozen, Linked};
use self::handed::{Handed, Parts};
use self::running::Running;
pub(super) use self::running::Snapshots;
pub use self::spill::{Place, Spill};
use super::{Code, VectorSet};
use crate::epoch::pin;
use crate::journal::{Journal, Passage};

/// A list of links: slots, in ascending order.
pub type Links = Vec<u32>;

/// An element of a set as it was at the cut.
#[derive(Debug)]
pub struct Element<'a> {
    /// The number that links call it by.
    pub slot: u32,
    /// Its name.
    pub name: &'a [u8],
    /// Empty: it has none.
    pub attribute: &'a [u8],
    /// Of the kind that [`Frozen::best`] tells.
    pub best: Code<'a>,
    /// Of the set's own kind, if [`Frozen::has_coarse`].
    pub coarse: Option<Code<'a>>,
    /// By layer, from 0 to the highest that the element reaches.
    pub links: &'a [Links],
}

impl VectorSet {
    /// Begins to give away the set as it was at the journal's cut of this number, while anybody goes on changing it. Once for
    /// each cut and set. The cut must not have ended.
    pub fn freeze(self: &Arc<Self>, cut: u64, journal: &Arc<Journal>, linked: Linked) -> Frozen {
        let elements = self.elements.write();
        self.notice(cut, elements.len());
        let running = self.snapshots.of_cut(cut).unwrap_or_else(|| Arc::new(Running::new(cut, 0, 0)));
        drop(elements);
        Frozen::new(Arc::clone(self), running, linked, Some(Arc::clone(journal)))
    }

    /// The same of the set as it is now.
    pub fn freeze_now(self: &Arc<Self>, linked: Linked) -> Frozen {
        let elements = self.elements.write();
        let running = self.snapshots.add(Running::new(0, self.index.slots().end(), elements.len()));
        drop(elements);
        Frozen::new(Arc::clone(self), running, linked, None)
    }

    /// The set is not part of the snapshot of this cut, though it has elements: it was made elsewhere, and got its key after
    /// the cut.
    pub fn exclude(&self, cut: u64) {
        let _elements = self.elements.write();
        self.snapshots.see(cut);
    }

    /// Under the lock, before anything is changed: begins the snapshot that this writer is the first to know of.
    #[inline]
    pub(super) fn notice_cut(&self, passage: Option<&Passage>, len: usize) {
        if let Some(passage) = passage {
            self.notice(passage.cut(), len);
        }
    }

    fn notice(&self, cut: u64, len: usize) {
        if self.snapshots.has_seen(cut) {
            return;
        }
        self.snapshots.see(cut);
        if cut != 0 && len != 0 {
            self.snapshots.add(Running::new(cut, self.index.slots().end(), len));
        }
    }

    /// Under the lock, before the element in this slot is changed or removed.
    #[inline]
    pub(super) fn hand_over(&self, slot: u32) {
        if self.snapshots.any() {
            self.snapshots.hand_over(slot, || self.copy(slot));
        }
    }

    /// Under the lock, when this slot becomes an element.
    #[inline]
    pub(super) fn note_young(&self, slot: u32) {
        if self.snapshots.any() {
            self.snapshots.settle(slot);
        }
    }

    fn copy(&self, slot: u32) -> Handed {
        let pin = pin();
        let (best, coarse) = self.stores.view(&pin).kept();
        Handed::new(&Parts {
            slot,
            name: self.names.get(slot, &pin),
            attribute: self.attributes.get(slot, &pin).unwrap_or_default(),
            best: best.code(slot),
            coarse: coarse.map(|coarse| coarse.code(slot)),
            links: self.index.links(slot),
        })
    }

    /// Moves what was handed over for the snapshot of this cut into the spill, if the snapshot thread is not about to come to this
    /// set. To be called by that thread.
    pub fn relieve(&self, cut: u64, journal: &Journal, spill: &mut dyn Spill) -> io::Result<()> {
        let bytes = self.snapshots.of_cut(cut).map_or(Ok(0), |running| running.relieve(spill))?;
        journal.taken_over(bytes);
        Ok(())
    }

    /// Under the lock: tells the journal how much was handed over since it was last told.
    #[inline]
    pub(super) fn tell_handed(&self, passage: Option<&Passage>) {
        if self.snapshots.any()
            && let Some(passage) = passage
        {
            passage.journal().hand_over(self.snapshots.take_untold());
        }
    }
}

#[cfg(test)]
mod tests;
