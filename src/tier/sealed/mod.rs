//! Warm vector sets that outlive the process: their arenas in files, as they lie in memory.
//!
//! ```text
//! mod.rs     the sealed sets of a directory
//! format.rs  folders, parts, and the head with the checksums of their blocks
//! write.rs   parts → whole files
//! mapped.rs  a part, read where it lies
//! checks.rs  its blocks, compared before they are first used
//! values.rs  which snapshots have the same set
//! verify.rs  all blocks, in the background and by `nearhit check-tier`
//! ```
//!
//! # Decisions
//!
//! *Sealed beside the snapshot.* A snapshot writes a warm set as it writes any other; beside that,
//! it writes the same elements, of the same moment, as the arrays that a set in memory has. The
//! snapshot names them. A server that loads it maps the arrays and passes over the value, so that a
//! set of any size is there at once; without these files, or with those of another moment, it reads
//! the value. So the snapshot and the log stay the truth, and files that are lost cost time only.
//!
//! *Sealed files never change*: they are written under another name, synced, and renamed. A set
//! that was opened from them and is written to has its changes beside them: new elements in files
//! and memory of its own, as any warm set has; removed elements as marks in memory; lists of links,
//! which every insertion changes, as a copy of its own from the first change on. The next snapshot
//! *merges*: it writes one whole set without what was removed, and the old files go. So does a
//! thread in the background, when a quarter of a set is beside its files or was removed. Writers
//! go on meanwhile: what they change is brought into the merged set before it takes the place of
//! the other (see `persistence::rdb::vector_set::sealed::adoption`).
//!
//! *Nothing is read at the start but the head*, and what is small (a byte of each element). Which
//! pages come into memory is up to what is asked for. A block is compared with its checksum before
//! it is first used, or in the background, whichever comes first; if it is wrong, all commands on
//! the set answer from then on with an error that names file and block.

mod checks;
mod format;
mod mapped;
mod values;
mod verify;
mod write;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;

pub use self::checks::Checks;
use self::checks::Compared;
pub(super) use self::format::ENDINGS;
pub use self::format::Part;
use self::format::{HEAD, Head, MOST_HEAD, VALUES};
pub use self::mapped::Mapped;
pub use self::values::ValueSpan;
pub use self::verify::{Verified, check_sealed};
pub use self::write::{PartWriter, SealedWriter};
use super::kept::{Kept, damaged, remove_folder};
use super::{FileId, TierDir};
use crate::counters;

counters! {
    /// What became of sets that were sealed, or should have been.
    pub struct SealedCounters {
        /// Sets that were written.
        sealed,
        /// Sets that a snapshot named again, as they had not changed.
        reused,
        /// Sets that could not be written: there was no room, or an error.
        not_sealed,
        /// Sets that were opened: at a start instead of being read from a snapshot, or in the place
        /// of what they had in memory.
        mapped,
        /// Those among them that took the place of what was in memory.
        exchanged,
        /// Those that did not, since writers were faster than they could be brought up to date.
        outrun,
        /// Sets that were written without a snapshot, since much had changed.
        merged,
        /// Sets that went into files as a whole, since memory was short.
        demoted,
        /// Those that came back into memory, since there was room.
        raised,
        /// Blocks whose checksum was compared.
        verified_blocks,
        /// Blocks whose checksum was wrong.
        wrong_blocks,
    }
}

/// The sealed sets of a directory.
#[derive(Debug, Default)]
pub struct SealedSets {
    pub(super) kept: Kept<Sealed>,
    /// Those that were opened, and are to be verified.
    unverified: Mutex<Vec<Weak<Sealed>>>,
    /// What was found to be wrong, the first of each set, and not told yet.
    damages: Mutex<Vec<String>>,
    /// What became of sets.
    pub counters: SealedCounters,
}

impl SealedSets {
    /// What was found to be wrong since the last call: for the log.
    pub fn take_damages(&self) -> Vec<String> {
        std::mem::take(&mut self.damages.lock())
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.kept.count()
    }

    /// Bytes of the disk that they have.
    pub fn bytes(&self) -> u64 {
        self.kept.bytes()
    }
}

/// The files of a set. They are removed from the disk with the last reference.
#[derive(Debug)]
pub struct Sealed {
    dir: Arc<TierDir>,
    head: Head,
    /// Of the disk.
    bytes: u64,
    /// A page could not be read, or a block is not what was written.
    damaged: Arc<AtomicBool>,
    /// What is wrong with which block.
    damage: OnceLock<String>,
    /// Of each part: which of its blocks were compared.
    compared: Vec<Arc<Compared>>,
}

impl Sealed {
    /// Which files they are.
    pub fn id(&self) -> FileId {
        self.head.id
    }

    /// Components of its vectors.
    pub fn dim(&self) -> u32 {
        self.head.dim
    }

    /// Its elements.
    pub fn elements(&self) -> u64 {
        self.head.elements
    }

    /// What its owner has to say besides.
    pub fn words(&self) -> &[u8] {
        &self.head.words
    }

    /// Bytes of the disk that it takes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The directory that it is in.
    pub fn dir(&self) -> &Arc<TierDir> {
        &self.dir
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.dir.path.join(ENDINGS.whole(self.head.id))
    }

    /// True if it has this part.
    pub fn has(&self, part: Part) -> bool {
        self.head.part(part).is_some()
    }

    /// Bytes of a part.
    pub fn bytes_of(&self, part: Part) -> u64 {
        self.head.part(part).map_or(0, |written| written.bytes)
    }

    /// Texts in a part.
    pub fn items_of(&self, part: Part) -> u64 {
        self.head.part(part).map_or(0, |written| written.items)
    }

    /// A part, to be read where it lies.
    ///
    /// # Errors
    /// It is not there, or is not what it was.
    pub fn map(self: &Arc<Self>, part: Part) -> io::Result<Mapped> {
        let path = self.path().join(part.name());
        let written = self.head.part(part).ok_or_else(|| damaged(&path, "it is missing"))?;
        Mapped::new(&path, written.bytes, &self.damaged, self.checks(part))
    }

    /// What is to be asked before bytes of a part are read in another way.
    pub fn checks(self: &Arc<Self>, part: Part) -> Option<Checks> {
        Checks::new(self, part)
    }

    /// The file of a part, and how many bytes it has.
    ///
    /// # Errors
    /// It is not there, or is not what it was.
    pub fn file(&self, part: Part) -> io::Result<(File, u64)> {
        let path = self.path().join(part.name());
        let written = self.head.part(part).ok_or_else(|| damaged(&path, "it is missing"))?;
        let file = File::open(&path)?;
        if file.metadata()?.len() != written.bytes {
            return Err(damaged(&path, "it has another length than its head says"));
        }
        Ok((file, written.bytes))
    }

    /// True if some of its bytes are not what was written.
    pub fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Acquire)
    }

    /// What is wrong with which block, if that was found.
    pub fn damage(&self) -> Option<&str> {
        self.damage.get().map(String::as_str)
    }

    /// What is set when a page cannot be read.
    pub(super) fn damaged_flag(&self) -> &Arc<AtomicBool> {
        &self.damaged
    }

    /// Adds a snapshot that has the same set.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn add_value(&self, token: u64, span: ValueSpan) -> io::Result<()> {
        values::add(&self.path().join(VALUES), token, span)
    }

    /// What is known of the value in a snapshot.
    pub fn value(&self, token: u64) -> Option<ValueSpan> {
        values::find(&self.path().join(VALUES), token)
    }
}

impl Drop for Sealed {
    fn drop(&mut self) {
        self.dir.sealed.kept.forget(self.head.id, self.bytes, || remove_folder(&self.path()));
        self.dir.give_back(self.bytes);
    }
}

impl TierDir {
    /// Its sealed sets.
    pub fn sealed(&self) -> &SealedSets {
        &self.sealed
    }

    /// The set of this name, if its files are there.
    pub fn claim_sealed(self: &Arc<Self>, id: FileId) -> Option<Arc<Sealed>> {
        let mut known = self.sealed.kept.lock();
        if let Some(set) = known.get(&id).and_then(Weak::upgrade) {
            return Some(set);
        }
        let folder = self.path.join(ENDINGS.whole(id));
        let head = read_head(&folder).ok().filter(|head| head.id == id)?;
        let bytes = bytes_of(&folder).ok().filter(|&bytes| self.reserve(bytes))?;
        let set = self.add_sealed(&mut known, head, bytes, false);
        self.sealed.unverified.lock().push(Arc::downgrade(&set));
        Some(set)
    }

    /// As if files were opened just now.
    #[cfg(test)]
    pub(crate) fn reopen_for_tests(&self, set: &Arc<Sealed>) {
        set.compared.iter().for_each(|part| part.forget());
        self.sealed.unverified.lock().push(Arc::downgrade(set));
    }

    /// Files that are on the disk, whose bytes are taken. `compared`: they were written just now.
    fn add_sealed(
        self: &Arc<Self>,
        known: &mut HashMap<FileId, Weak<Sealed>>,
        head: Head,
        bytes: u64,
        compared: bool,
    ) -> Arc<Sealed> {
        let (id, dir) = (head.id, Arc::clone(self));
        let compared = head.parts.iter().map(|written| Arc::new(Compared::new(written.bytes, compared)));
        let compared = compared.collect();
        let set = Sealed { dir, head, bytes, damaged: Arc::default(), damage: OnceLock::new(), compared };
        self.sealed.kept.add(known, id, bytes, set)
    }
}

/// The whole folders of sealed sets in a directory.
///
/// # Errors
/// It cannot be listed.
pub fn sealed_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    ENDINGS.whole_in(folder)
}

fn read_head(folder: &Path) -> io::Result<Head> {
    let path = folder.join(HEAD);
    if fs::metadata(&path)?.len() > MOST_HEAD {
        return Err(damaged(&path, "it is too long"));
    }
    Head::from_bytes(&fs::read(&path)?).map_err(|what| damaged(&path, what))
}

fn bytes_of(folder: &Path) -> io::Result<u64> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
}
