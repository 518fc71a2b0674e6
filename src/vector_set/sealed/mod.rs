//! Warm sets in files that the next process maps: see `tier::sealed` for what such files are.
//!
//! ```text
//! mod.rs    which sets are sealed, and which files have a set as it is
//! write.rs  a frozen set → its parts
//! open.rs   parts → a set
//! ```
//!
//! Elements have the slots `0 .. n`, in the order in which the snapshot came to them: nothing of
//! what was removed is in the files. A set that was opened from them uses these slots for nothing
//! else, so that codes and names there never change; new elements are in slots behind them.

mod open;
mod write;

use std::sync::Arc;

use parking_lot::Mutex;

pub use self::write::{EndedSet, SetWriter};
use super::VectorSet;
use crate::tier::Sealed;

/// Smaller sets are read from a snapshot in milliseconds, and would take more than a dozen files.
const LEAST_BYTES: usize = if cfg!(test) { 1 } else { 256 << 10 };

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
    /// Keeps the files that a snapshot of the other kind names, though they have another set.
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
        let params = self.params();
        self.options.is_warm
            && self.vectors.residence().files().is_some()
            && self.entries.is_none()
            && self.vectors.is_settled()
            && self.len().saturating_mul(params.bytes_per_slot()) >= LEAST_BYTES
    }

    /// Files that have the set as it was after so many changes.
    pub fn sealed_at(&self, changes: u64) -> Option<Arc<Sealed>> {
        let copies = self.copies.0.lock();
        let is_it = |copy: &&(Arc<Sealed>, u64)| copy.1 == changes && !copy.0.is_damaged();
        copies.iter().flatten().find(is_it).map(|(sealed, _)| Arc::clone(sealed))
    }

    /// A snapshot names these files, which have the set as it was after so many changes. Those that
    /// the last one of its kind named are not needed any more.
    pub fn keep_sealed(&self, by: NamedBy, sealed: Arc<Sealed>, changes: u64) {
        let before = self.copies.0.lock()[by as usize].replace((sealed, changes));
        drop(before);
    }
}
#[cfg(test)]
mod tests;
