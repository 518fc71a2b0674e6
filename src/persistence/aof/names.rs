//! Where the log lies, and what its files are called: as Redis calls them.

use std::path::{Path, PathBuf};

/// The folder of the log, and the name that the names of its files begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    folder: PathBuf,
    stem: String,
}

impl Names {
    /// Files `<stem>.…` in `folder`: `appenddirname` and `appendfilename`.
    pub fn new(folder: impl Into<PathBuf>, stem: impl Into<String>) -> Self {
        Self { folder: folder.into(), stem: stem.into() }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What an old log in a single file is called, and what all names begin with.
    pub fn stem(&self) -> &str {
        &self.stem
    }

    /// A file of the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// `appendonly.aof.manifest`
    pub fn manifest(&self) -> String {
        format!("{}.manifest", self.stem)
    }

    /// `temp-appendonly.aof.manifest`
    pub fn new_manifest(&self) -> String {
        format!("temp-{}", self.manifest())
    }

    /// `appendonly.aof.1.base.rdb`, or `….base.aof` if it is no snapshot
    pub fn base(&self, seq: u64, is_snapshot: bool) -> String {
        format!("{}.{seq}.base.{}", self.stem, if is_snapshot { "rdb" } else { "aof" })
    }

    /// `appendonly.aof.1.incr.aof`
    pub fn increment(&self, seq: u64) -> String {
        format!("{}.{seq}.incr.aof", self.stem)
    }

    /// The increment that no manifest names yet, since the base before it is being made.
    pub fn early_increment(&self) -> String {
        format!("temp-{}.incr", self.stem)
    }

    /// The base that is complete and has not its place yet.
    pub fn new_base(&self) -> String {
        format!("temp-{}.base", self.stem)
    }
}

/// True for a name of a file, which leads to no other folder.
pub(super) fn is_base_name(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', '\0'])
}
