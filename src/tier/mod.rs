//! Which bytes need not be in memory? Those of arenas that lie in mapped files. Knows no slot, no
//! set and no key.
//!
//! ```text
//! mod.rs     the directory, its share of the disk, and spaces in it: one for each vector set
//! area.rs    a run of addresses, of which the first part lies in a file
//! balance.rs which elements are in memory: the policy, its counters, and how cold is cold
//! faults.rs  pages of such files that cannot be read
//! fetch.rs   pages that are needed soon
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
//! *Mapped files have no name.* They end with the process, however it ends, so that a kill at any
//! moment leaves nothing behind that could be read as if it were whole: the truth is in the
//! snapshot and the log, and a restart makes the set anew from those. (Cold sets are another
//! matter: see `cold`.)
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

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

pub use self::area::Area;
pub use self::balance::{Balance, TierPolicy};
pub use self::cold::{ColdFile, ColdFiles, ColdId, ColdReader, ColdWriter, Haste, Outline, files_in};
pub use self::fetch::fetch;

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
}

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
        cold::remove_partial(path)?;
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

    /// Bytes of the disk that are taken.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
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
        })
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
}

impl Space {
    /// The directory that it is in.
    pub fn dir(&self) -> &Arc<TierDir> {
        &self.dir
    }

    /// Bytes of the disk that its areas have.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// True if some of its bytes could not be read: what was read since may be wrong.
    pub fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Acquire)
    }

    /// As if a page could not be read.
    #[cfg(test)]
    pub(crate) fn damage(&self) {
        self.damaged.store(true, Ordering::Release);
    }

    /// Addresses for so many bytes, none of which may be used yet. None if the system gives none.
    pub fn area(self: &Arc<Self>, len: usize) -> Option<Area> {
        Area::new(Arc::clone(self), len).ok()
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        self.dir.spaces.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
