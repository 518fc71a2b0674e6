//! A file that takes the place of another when it is complete and safe: at every moment there is
//! the old one or the new.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::system::{await_writeback, begin_writeback, is_running};

/// Writing to the disk begins as soon as there are so many bytes, and before the next as many it is
/// waited for: so neither the cache fills with what is not written, nor is there much left for the
/// end (Redis: `rdb-save-incremental-fsync`).
const WRITEBACK_LEN: u64 = 4 * 1024 * 1024;

/// The names of temporary files: `temp-<process>.rdb`, as Redis'.
const PREFIX: &str = "temp-";
const SUFFIX: &str = ".rdb";

/// Such a file. Dropped before [`finish`](Self::finish), it leaves nothing behind.
#[derive(Debug)]
pub struct Replacement {
    /// None when it has taken its place.
    file: Option<File>,
    temporary: PathBuf,
    target: PathBuf,
    written: u64,
    /// Bytes that are on their way to the disk.
    begun: u64,
}

impl Replacement {
    /// Makes a temporary file in the folder of `target`.
    ///
    /// # Errors
    /// The folder is not there, or not writable.
    pub fn begin(target: &Path) -> io::Result<Self> {
        let temporary = folder_of(target).join(format!("{PREFIX}{}{SUFFIX}", std::process::id()));
        let file = Some(File::create(&temporary)?);
        Ok(Self { file, temporary, target: target.to_owned(), written: 0, begun: 0 })
    }

    /// Makes it safe, lets it take the place of the target, and makes that safe. Its length.
    ///
    /// # Errors
    /// The file system does not let it; if it was the last step, the new file is in place.
    pub fn finish(mut self) -> io::Result<u64> {
        if let Some(file) = self.file.take() {
            let made = file.sync_all().and_then(|()| fs::rename(&self.temporary, &self.target));
            if let Err(error) = made {
                self.file = Some(file);
                return Err(error);
            }
            File::open(folder_of(&self.target))?.sync_all()?;
        }
        Ok(self.written)
    }

    fn write_back(&mut self, file: &File) -> io::Result<()> {
        let before = self.begun.saturating_sub(WRITEBACK_LEN)..self.begun;
        await_writeback(file, before)?;
        begin_writeback(file, self.begun..self.written)?;
        self.begun = self.written;
        Ok(())
    }
}

impl Write for Replacement {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(mut file) = self.file.take() else { return Err(io::ErrorKind::NotConnected.into()) };
        let written = file.write(bytes);
        self.written += written.as_ref().map_or(0, |len| *len as u64);
        let written_back =
            if self.written - self.begun >= WRITEBACK_LEN { self.write_back(&file) } else { Ok(()) };
        self.file = Some(file);
        written_back.and(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if self.file.is_some() {
            // It is of no use to anybody, and removed at the next start if it cannot be now.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// The folder that a path is in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Removes temporary files of processes that have ended before they were complete.
///
/// # Errors
/// The folder cannot be read. A file that cannot be removed is only logged.
pub fn remove_leftovers(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX));
        if process.and_then(|process| process.parse().ok()).is_some_and(has_ended) {
            match fs::remove_file(entry.path()) {
                Ok(()) => tracing::info!("removed {}, which was never completed", entry.path().display()),
                Err(error) => tracing::warn!("cannot remove {}: {error}", entry.path().display()),
            }
        }
    }
    Ok(())
}

/// True if the process that had this number is not there any more: this one has just begun.
fn has_ended(process: u32) -> bool {
    process == std::process::id() || !is_running(process)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Folder;
    use super::*;

    fn replace(target: &Path, bytes: &[u8]) -> u64 {
        let mut file = Replacement::begin(target).expect("the folder is writable");
        bytes.chunks(100_000).for_each(|chunk| file.write_all(chunk).expect("there is room"));
        file.finish().expect("the folder is writable")
    }

    #[test]
    fn the_new_file_takes_the_place_of_the_old_one_at_the_end() {
        let folder = Folder::new();
        let target = folder.path().join("dump.rdb");
        assert_eq!(replace(&target, b"one"), 3);
        let long = vec![7; WRITEBACK_LEN as usize * 3 + 5];
        assert_eq!(replace(&target, &long), long.len() as u64);
        assert_eq!(fs::read(&target).expect("it is there"), long);
        assert_eq!(folder.names(), ["dump.rdb"]);
    }

    #[test]
    fn one_that_is_not_finished_changes_nothing_and_leaves_nothing() {
        let folder = Folder::new();
        let target = folder.path().join("dump.rdb");
        replace(&target, b"one");
        let mut file = Replacement::begin(&target).expect("the folder is writable");
        file.write_all(b"two").expect("there is room");
        assert_eq!(folder.names().len(), 2);
        drop(file);
        assert_eq!(
            (folder.names(), fs::read(&target).ok()),
            (vec!["dump.rdb".into()], Some(b"one".to_vec()))
        );
        assert!(Replacement::begin(&folder.path().join("none/dump.rdb")).is_err());
    }

    #[test]
    fn one_whose_place_cannot_be_taken_is_removed() {
        let folder = Folder::new();
        let target = folder.path().join("dump.rdb");
        fs::create_dir(&target).expect("the folder is writable");
        let file = Replacement::begin(&target).expect("the folder is writable");
        assert!(file.finish().is_err());
        assert_eq!(folder.names(), ["dump.rdb"]);
    }

    #[test]
    fn leftovers_are_removed_and_nothing_else() {
        let folder = Folder::new();
        // No system has so many processes.
        for name in ["temp-4294967295.rdb", "temp-1.rdb", "temp-.rdb", "temp-a.rdb", "dump.rdb", "temp-1.aof"]
        {
            fs::write(folder.path().join(name), "x").expect("the folder is writable");
        }
        remove_leftovers(folder.path()).expect("the folder is readable");
        let mut names = folder.names();
        names.sort();
        assert_eq!(names, ["dump.rdb", "temp-.rdb", "temp-1.aof", "temp-1.rdb", "temp-a.rdb"]);
    }
}
