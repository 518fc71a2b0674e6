//! Warm sets in files that the next process maps: see `tier::sealed` for what such files are.
//!
//! ```text
//! mod.rs      which sets are sealed, and which files have a set as it is
//! write.rs    a frozen set → its parts
//! open.rs     parts → a set
//! changed.rs  what has changed since the set was frozen
//! follow.rs   the set of the files → the set as it is
//! ```
//!
//! Elements have the slots `0 .. n`, in the order in which the snapshot came to them: nothing of
//! what was removed is in the files. A set that was opened from them uses these slots for nothing
//! else, so that codes and names there never change; new elements are in slots behind them.

mod changed;
mod follow;
mod open;
mod write;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use parking_lot::Mutex;

pub use self::changed::Changed;
pub(super) use self::changed::Notes;
pub use self::write::{EndedSet, SetWriter};
use super::{Urgency, VectorSet};
use crate::tier::{Sealed, Tier};

/// Smaller sets are read from a snapshot in milliseconds, and would take more than a dozen files.
const LEAST_BYTES: usize = if cfg!(test) { 1 } else { 256 << 10 };

/// When the files of a set are written anew: when one element in `share` is not in them, or was
/// removed from them, and when that frees so many bytes of memory or of the disk.
struct MergeRule {
    share: usize,
    least_gain: usize,
}

impl MergeRule {
    /// Of a set that grows, each element is written about five times; where elements would be
    /// evicted otherwise, more often.
    fn of(urgency: Urgency) -> Self {
        let least = |bytes: usize| if cfg!(test) { 1 } else { bytes };
        match urgency {
            Urgency::Background => Self { share: 4, least_gain: least(4 << 20) },
            Urgency::MemoryIsShort => Self { share: 16, least_gain: LEAST_BYTES },
        }
    }
}

/// Of the finer codes of a set that goes into files as a whole, so many are there for one in
/// memory.
pub(super) const WARM_FIRST: usize = 3;

/// Of the elements of files, eviction takes one in so many before these are written anew.
const COLDEST: usize = 4;

/// By which kinds of files a set's files are named.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub enum NamedBy {
    /// The snapshot of `dbfilename`, and any other.
    Snapshot,
    /// The base of the log.
    LogBase,
}

/// The changes of a set that is another by now.
const OUTDATED: u64 = u64::MAX;

/// Files of a set, and the number of its changes when it was as they are.
type Copy = Option<(Arc<Sealed>, u64)>;

/// The files that have a set as it was at the last snapshots.
#[derive(Default)]
pub(super) struct Copies(Mutex<[Copy; 2]>);

impl Copies {
    /// Keeps the files that snapshots name, though they have another set.
    fn hold(&self, others: &Self) {
        let mut copies = self.0.lock();
        for (copy, other) in copies.iter_mut().zip(others.0.lock().iter()) {
            let is_same = |other: &Arc<Sealed>| copy.as_ref().is_some_and(|(own, _)| Arc::ptr_eq(own, other));
            if let Some((other, _)) = other.as_ref().filter(|(other, _)| !is_same(other)) {
                *copy = Some((Arc::clone(other), OUTDATED));
            }
        }
    }

    /// Of a set that was just made of files.
    fn of(sealed: &Arc<Sealed>) -> Self {
        Self(Mutex::new([(); 2].map(|()| Some((Arc::clone(sealed), 0)))))
    }
}

impl VectorSet {
    /// True if a snapshot is to leave it in files too.
    pub fn is_to_be_sealed(&self) -> bool {
        let bytes = || {
            let entries = self.entries.as_ref().map_or(0, |entries| entries.text_bytes());
            self.len().saturating_mul(self.params().bytes_per_slot()).saturating_add(entries)
        };
        self.is_sealed_by_snapshots() && self.vectors.is_settled() && bytes() >= LEAST_BYTES
    }

    /// The same, once it is large enough and has learnt.
    pub(super) fn is_sealed_by_snapshots(&self) -> bool {
        self.options.is_warm && self.vectors.residence().files().is_some()
    }

    /// True if its files are to be written anew, without waiting for a snapshot: so much is beside
    /// them, or was removed.
    pub fn is_to_be_merged(&self, urgency: Urgency) -> bool {
        if !self.is_to_be_sealed() {
            return false;
        }
        let (beside, gone, len) = self.beside_files();
        let gain = || {
            let memory = self.memory();
            let entries = self.entries.as_ref().map_or(0, |entries| entries.own_text_bytes());
            memory.names + memory.attributes + entries + gone * self.params().bytes_per_slot()
        };
        let MergeRule { share, least_gain } = MergeRule::of(urgency);
        (beside + gone) * share >= len && gain() >= least_gain
    }

    /// Elements that are not in its files, elements of the files that are none any more, and
    /// elements in all.
    fn beside_files(&self) -> (usize, usize, usize) {
        let elements = self.elements.read();
        let (beside, gone) = elements.beside_files();
        (beside, gone, elements.len())
    }

    /// True if it is to go into files as a whole when memory is short. Where single elements may
    /// have their finer codes there, most of these are to go first.
    pub fn is_to_be_demoted(&self) -> bool {
        let most_are_warm = || self.tier_counts().is_none_or(|(hot, warm)| warm / WARM_FIRST >= hot);
        !self.options.is_warm && self.may_move() && self.heap_bytes() >= LEAST_BYTES && most_are_warm()
    }

    /// True if it lies in files since memory was scarce, and may be in memory again.
    pub fn may_come_up(&self) -> bool {
        let is_there = self.options.is_demoted && self.vectors.residence().files().is_some();
        is_there && self.limits().tier == Tier::Hot && self.may_move()
    }

    /// About how many bytes its files will have, if they are written.
    pub fn expected_file_bytes(&self) -> u64 {
        let sealed = self.space().and_then(|space| space.sealed());
        let of_sealed = |sealed| (bytes_each(sealed) * self.len() as f64) as u64;
        sealed.map_or_else(|| self.heap_bytes() as u64, of_sealed)
    }

    /// Decides whether eviction takes elements of the files too, where they have room for so many
    /// bytes more. It frees no memory by that until the files are written anew, so only if they
    /// will be: when the coldest have gone, it is worth while, and there is room. None: it does
    /// not. Returns what was decided.
    pub fn let_lent_go(&self, room: Option<u64>) -> bool {
        let lets_go = room.is_some_and(|room| self.would_be_merged(room));
        self.lets_lent_go.store(lets_go, Relaxed);
        lets_go
    }

    pub(super) fn lets_lent_go(&self) -> bool {
        self.lets_lent_go.load(Relaxed)
    }

    fn would_be_merged(&self, room: u64) -> bool {
        let Some(sealed) = self.space().and_then(|space| space.sealed()) else { return false };
        let (_, gone, len) = self.beside_files();
        let coldest = (sealed.elements() as usize / COLDEST).saturating_sub(gone);
        let bytes = bytes_each(sealed) * len.saturating_sub(coldest) as f64;
        coldest > 0 && self.is_to_be_sealed() && bytes <= room as f64
    }

    /// True if a set that lies elsewhere can take its place: it has learnt what codes are made
    /// with.
    pub fn may_move(&self) -> bool {
        self.vectors.is_settled()
    }

    /// Files that have the set as it was after so many changes.
    pub fn sealed_at(&self, changes: u64) -> Option<Arc<Sealed>> {
        let copies = self.copies.0.lock();
        let is_it = |copy: &&(Arc<Sealed>, u64)| copy.1 == changes && !copy.0.is_damaged();
        copies.iter().flatten().find(is_it).map(|(sealed, _)| Arc::clone(sealed))
    }

    /// A snapshot names these files, which have the set as it was after so many changes; none: it
    /// is not this set, but one whose place this has taken. Those that the last one of its kind
    /// named are not needed any more.
    pub fn keep_sealed(&self, by: NamedBy, sealed: Arc<Sealed>, changes: Option<u64>) {
        let changes = changes.unwrap_or(OUTDATED);
        let before = self.copies.0.lock()[by as usize].replace((sealed, changes));
        drop(before);
    }
}

/// Bytes of the files of a set for each of its elements.
fn bytes_each(sealed: &Arc<Sealed>) -> f64 {
    sealed.bytes() as f64 / sealed.elements().max(1) as f64
}

#[cfg(test)]
mod tests;
