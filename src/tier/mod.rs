//! Which bytes need not be in memory? Those of arenas that lie in mapped files. Knows no slot, no
//! set and no key.
//!
//! ```text
//! mod.rs     the directory, its share of the disk, and spaces in it: one for each vector set
//! area.rs    a run of addresses, of which the first part lies in a file
//! balance.rs which elements are in memory: the policy, its counters, and how cold is cold
//! faults.rs  pages of such files that cannot be read
//! fetch.rs   pages that are needed soon
//! file_id.rs by which files are told from others
//! kept.rs    files that outlive the process: how they are named, and which a value has
//! pace.rs    work of the background within `tier-io-limit`
//! overlay.rs the bytes of a file in the place of what is mapped
//! waits.rs   pages of such files that a thread waits for
//! sealed/    warm sets as they were at a snapshot, to be mapped by the next process
//! cold/      sets of which nothing is in memory, each in a compressed file of its own
//! ```
//!
//! # Decisions
//!
//! *Two ways to be in files* ([`Residence`]). Of a set that was made warm, all large parts are, so
//! that it takes the least memory. Of other sets with finer codes beside coarse ones, each
//! element's finer code is in memory or in a file ([`crate::arena::TieredCodes`]): searches walk by
//! what is in memory, and read few finer codes, all at once, at the end.
//!
//! *The bytes are those of the arenas.* A segment of an arena is an [`Area`] instead of anonymous
//! memory, and everything above goes on reading and writing slots by address: there is one graph,
//! and one path of every command, wherever an element lies. Which pages are in memory is decided by
//! the kernel, which knows the whole machine's memory; pages that were read are cheap to drop, and
//! the limit of `maxmemory` does not count them.
//!
//! *Mapped files that are written to have no name.* They end with the process, however it ends, so
//! that a kill at any moment leaves nothing behind that could be read as if it were whole: the
//! truth is in the snapshot and the log. What outlives the process never changes once it is there:
//! `cold`, `sealed`.
//!
//! *Blocks of the disk are taken before they are written to.* A store through a mapping cannot fail
//! but by a signal, so a full disk has to be seen earlier: when slots are handed out
//! ([`Area::extend_to`]). What gets no block lies in memory, at the same addresses, and is counted
//! there; then `maxmemory` is what evicts, as without files.
//!
//! *A page that cannot be read* holds zeros from then on, and its space is
//! [damaged](Space::is_damaged): see `faults`.

mod area;
mod balance;
mod cold;
mod faults;
mod fetch;
mod file_id;
mod kept;
mod overlay;
mod pace;
mod sealed;
mod waits;

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

pub use self::area::Area;
pub use self::balance::{Balance, TierPolicy};
pub use self::cold::{ColdFile, ColdFiles, ColdReader, ColdWriter, Outline, files_in};
pub use self::fetch::fetch;
pub use self::file_id::FileId;
pub use self::pace::{Haste, Pace};
pub use self::sealed::{
    Checks, Mapped, Part, PartWriter, Sealed, SealedSets, SealedWriter, ValueSpan, Verified, check_sealed,
    sealed_in,
};
pub use self::waits::Waits;

/// In the directory, locked by the server that uses it.
const LOCK: &str = "nearhit.lock";

/// Where a block is.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Tier {
    /// In memory.
    #[default]
    Hot,
    /// In a file, whose pages the kernel keeps in memory as it likes.
    Warm,
}

/// Where the large parts of a vector set lie.
#[derive(Clone, Debug, Default)]
pub enum Residence {
    /// In memory.
    #[default]
    Memory,
    /// In files.
    Files(Arc<Space>),
    /// The finer code of each element in memory or in a file, and all else in memory.
    Either(Arc<Space>),
}

impl Residence {
    /// Of a new set, where there is this directory for files.
    pub fn of(dir: Option<&Arc<TierDir>>, is_warm: bool) -> Self {
        match dir {
            None => Self::Memory,
            Some(dir) if is_warm => Self::Files(dir.space()),
            Some(dir) => Self::Either(dir.space()),
        }
    }

    /// The same of another set.
    pub fn another(&self) -> Self {
        match self {
            Self::Memory => Self::Memory,
            Self::Files(space) => Self::Files(space.dir().space()),
            Self::Either(space) => Self::Either(space.dir().space()),
        }
    }

    /// The space that it uses.
    pub fn space(&self) -> Option<&Arc<Space>> {
        match self {
            Self::Memory => None,
            Self::Files(space) | Self::Either(space) => Some(space),
        }
    }

    /// Where what is new in a set is to be, if there is a choice.
    pub fn tier_of_new(&self) -> Tier {
        if let Self::Either(space) = self { space.dir().balance().tier_of_new() } else { Tier::Hot }
    }

    /// The space in which all large parts lie.
    pub fn files(&self) -> Option<&Arc<Space>> {
        if let Self::Files(space) = self { Some(space) } else { None }
    }
}

/// A directory for files, of one server.
#[derive(Debug)]
pub struct TierDir {
    path: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
    /// The most bytes of the disk; 0: as many as there are.
    max_bytes: AtomicU64,
    /// Bytes of the disk that were taken.
    bytes: AtomicU64,
    peak_bytes: AtomicU64,
    /// Bytes for which there was no room, and that are in memory.
    refused_bytes: AtomicU64,
    spaces: AtomicU64,
    /// How often room was refused, and the last reason.
    refusals: AtomicU64,
    disk_is_full: AtomicBool,
    balance: Balance,
    cold: ColdFiles,
    sealed: SealedSets,
    /// Bytes a second that work of the background reads and writes; 0: as many as it can.
    io_limit: AtomicU64,
    /// Files of areas that are open, and how many there may be.
    open_files: AtomicU64,
    most_files: AtomicU64,
}

/// Files of areas that may be open, where nothing else is said.
const MOST_FILES: u64 = 1024;

/// Why a directory cannot be used.
#[derive(Debug)]
pub enum Unusable {
    /// Another process uses it.
    InUse,
    /// It cannot be made, written to or locked, or its file system lacks what is needed.
    Io(io::Error),
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::InUse => out.write_str("another process uses this folder"),
            Self::Io(error) => write!(out, "files for vector sets cannot be made there: {error}"),
        }
    }
}

impl std::error::Error for Unusable {}

impl From<io::Error> for Unusable {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl TierDir {
    /// The directory of this path, which is made if there is none.
    ///
    /// # Errors
    /// It cannot be used, by the reason given: nothing of it shows only later.
    pub fn open(path: &Path) -> Result<Arc<Self>, Unusable> {
        fs::create_dir_all(path)?;
        let lock = File::options().create(true).truncate(false).write(true).open(path.join(LOCK))?;
        lock.try_lock().map_err(|why| match why {
            TryLockError::WouldBlock => Unusable::InUse,
            TryLockError::Error(error) => Unusable::Io(error),
        })?;
        area::try_out(path)?;
        faults::handle()?;
        cold::ENDINGS.remove_partial(path, kept::remove_file)?;
        sealed::ENDINGS.remove_partial(path, kept::remove_folder)?;
        Ok(Arc::new(Self {
            path: path.to_owned(),
            _lock: lock,
            max_bytes: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            peak_bytes: AtomicU64::new(0),
            refused_bytes: AtomicU64::new(0),
            spaces: AtomicU64::new(0),
            refusals: AtomicU64::new(0),
            disk_is_full: AtomicBool::new(false),
            balance: Balance::default(),
            cold: ColdFiles::default(),
            sealed: SealedSets::default(),
            io_limit: AtomicU64::new(0),
            open_files: AtomicU64::new(0),
            most_files: AtomicU64::new(MOST_FILES),
        }))
    }

    /// Which elements are in memory.
    pub fn balance(&self) -> &Balance {
        &self.balance
    }

    /// Counts blocks that have come into a tier, or gone.
    pub(crate) fn count_blocks(&self, tier: Tier, change: i64) {
        self.balance.count(tier, change);
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bounds what is taken of the disk from now on; 0: no bound.
    pub fn set_max_bytes(&self, bytes: u64) {
        self.max_bytes.store(bytes, Ordering::Relaxed);
        self.balance.try_again();
    }

    /// Bounds how much work of the background reads and writes in a second; 0: no bound.
    pub fn set_io_limit(&self, bytes_per_s: u64) {
        self.io_limit.store(bytes_per_s, Ordering::Relaxed);
    }

    /// Bounds how many files areas may have open, beside those over files of a sealed set: what
    /// would need more lies in memory.
    pub fn set_most_files(&self, files: u64) {
        self.most_files.store(files, Ordering::Relaxed);
    }

    fn io_limit(&self) -> u64 {
        self.io_limit.load(Ordering::Relaxed)
    }

    /// Bytes of the disk that are taken.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Bytes that may be taken within the bound.
    pub fn room(&self) -> u64 {
        match self.max_bytes.load(Ordering::Relaxed) {
            0 => u64::MAX,
            max => max.saturating_sub(self.bytes()),
        }
    }

    /// The most that were taken at a time.
    pub fn peak_bytes(&self) -> u64 {
        self.peak_bytes.load(Ordering::Relaxed)
    }

    /// Bytes for which there was no room on the disk, or not within the bound: they are in memory.
    pub fn refused_bytes(&self) -> u64 {
        self.refused_bytes.load(Ordering::Relaxed)
    }

    /// How often room was refused.
    pub fn refusals(&self) -> u64 {
        self.refusals.load(Ordering::Relaxed)
    }

    /// True if the disk had no room the last time, and not only the bound.
    pub fn is_disk_full(&self) -> bool {
        self.disk_is_full.load(Ordering::Relaxed)
    }

    /// Spaces that there are.
    pub fn spaces(&self) -> u64 {
        self.spaces.load(Ordering::Relaxed)
    }

    /// Pages of all directories of the process that could not be read.
    pub fn unreadable_pages() -> u64 {
        faults::pages()
    }

    /// A new space, in which nothing lies yet.
    pub fn space(self: &Arc<Self>) -> Arc<Space> {
        self.spaces.fetch_add(1, Ordering::Relaxed);
        Arc::new(Space {
            dir: Arc::clone(self),
            bytes: AtomicU64::new(0),
            damaged: Arc::new(AtomicBool::new(false)),
            sealed: None,
        })
    }

    /// A new space, of a set that begins with these files.
    pub fn space_over(self: &Arc<Self>, sealed: Arc<Sealed>) -> Arc<Space> {
        self.spaces.fetch_add(1, Ordering::Relaxed);
        let damaged = Arc::clone(sealed.damaged_flag());
        Arc::new(Space { dir: Arc::clone(self), bytes: AtomicU64::new(0), damaged, sealed: Some(sealed) })
    }

    /// From now on, files that can outlive the process stay on the disk when they are dropped: the
    /// next server may use them.
    pub fn keep_files(&self) {
        self.cold.kept.keep();
        self.sealed.kept.keep();
    }

    /// Removes files that no value has: to be called when all that may name one has been loaded.
    /// Returns how many.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn remove_unclaimed(&self) -> io::Result<usize> {
        let cold = self.cold.kept.remove_unclaimed(&self.path, cold::ENDINGS, kept::remove_file)?;
        let sealed = self.sealed.kept.remove_unclaimed(&self.path, sealed::ENDINGS, kept::remove_folder)?;
        Ok(cold + sealed)
    }

    /// Counts bytes that are about to be taken, if they are within the bound.
    fn reserve(&self, bytes: u64) -> bool {
        let max = self.max_bytes.load(Ordering::Relaxed);
        let within = |taken: u64| Some(taken + bytes).filter(|&sum| max == 0 || sum <= max);
        let before = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within);
        before.is_ok_and(|before| {
            self.peak_bytes.fetch_max(before + bytes, Ordering::Relaxed);
            true
        })
    }

    /// The same for a file; what is beyond the bound is noted as refused.
    fn take(&self, bytes: u64) -> io::Result<()> {
        if self.reserve(bytes) {
            return Ok(());
        }
        self.note_refusal(false);
        Err(io::Error::new(io::ErrorKind::StorageFull, "tier-max-bytes are used up"))
    }

    /// Takes bytes and writes them to a file; if it fails, they are given back.
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        self.take(bytes.len() as u64)?;
        file.write_all(bytes).inspect_err(|error| {
            self.give_back(bytes.len() as u64);
            if error.kind() == io::ErrorKind::StorageFull {
                self.note_refusal(true);
            }
        })
    }

    fn give_back(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.balance.try_again();
    }

    fn note_refusal(&self, disk_is_full: bool) {
        self.refusals.fetch_add(1, Ordering::Relaxed);
        self.balance.note_refusal();
        self.disk_is_full.store(disk_is_full, Ordering::Relaxed);
    }
}

/// The areas of one vector set.
#[derive(Debug)]
pub struct Space {
    dir: Arc<TierDir>,
    /// Of the disk.
    bytes: AtomicU64,
    damaged: Arc<AtomicBool>,
    /// The files that the set began with: they stay as long as it uses them.
    sealed: Option<Arc<Sealed>>,
}

impl Space {
    /// The directory that it is in.
    pub fn dir(&self) -> &Arc<TierDir> {
        &self.dir
    }

    /// Bytes of the disk that its areas have, and the files that it began with.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed) + self.sealed.as_ref().map_or(0, |sealed| sealed.bytes())
    }

    /// The files that the set began with.
    pub fn sealed(&self) -> Option<&Arc<Sealed>> {
        self.sealed.as_ref()
    }

    /// What is wrong with which block, if that was found.
    pub fn damage(&self) -> Option<&str> {
        self.sealed.as_ref().and_then(|sealed| sealed.damage())
    }

    /// True if some of its bytes could not be read: what was read since may be wrong.
    pub fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Acquire)
    }

    /// As if a page could not be read.
    #[cfg(test)]
    pub(crate) fn be_damaged(&self) {
        self.damaged.store(true, Ordering::Release);
    }

    /// Addresses for so many bytes, none of which may be used yet. None if the system gives none,
    /// or if as many files are open as may be.
    pub fn area(self: &Arc<Self>, len: usize) -> Option<Area> {
        let may_open =
            self.dir.open_files.load(Ordering::Relaxed) < self.dir.most_files.load(Ordering::Relaxed);
        if may_open { Area::new(Arc::clone(self), len).ok() } else { None }
    }

    /// The same, of which the first bytes are those of a part of the files that it began with, and
    /// are usable.
    ///
    /// # Errors
    /// The system gives none, or the part is not there.
    pub fn area_over(self: &Arc<Self>, part: Part, len: usize) -> io::Result<Area> {
        let sealed = self.sealed.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let (file, bytes) = sealed.file(part)?;
        Area::over(Arc::clone(self), (&file, usize::try_from(bytes).unwrap_or(usize::MAX)), len)
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        self.dir.spaces.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
