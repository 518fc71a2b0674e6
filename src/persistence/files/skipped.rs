//! Files of which parts were passed over when they were loaded: they hold what no later file has,
//! so they are kept under another name before anything replaces or removes them.
//!
//! A file is known by its device and inode, whatever path leads to it, so a changed `dir` or
//! `dbfilename` makes no difference.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use super::replacement::folder_of;
use crate::system::has_no_links;

/// Names that are tried for one second. Beyond, the file is not kept, and so not replaced.
const MAX_NAMES: u32 = 1000;

/// The files that must not be lost.
#[derive(Debug, Default)]
pub struct SkippedFiles(Mutex<Vec<FileId>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    fn of(known: &Metadata) -> Self {
        Self { device: known.dev(), inode: known.ino() }
    }
}

impl SkippedFiles {
    /// Parts of this file were passed over.
    ///
    /// # Errors
    /// The file cannot be looked at.
    pub fn note(&self, path: &Path) -> io::Result<()> {
        let id = FileId::of(&fs::metadata(path)?);
        let mut files = self.0.lock();
        if !files.contains(&id) {
            files.push(id);
        }
        Ok(())
    }

    /// To be called before the file of this name is replaced or removed: if parts of it were passed
    /// over, it gets a second name, `<name>.skipped-<unix seconds>`, which is returned. The first
    /// name stays until the caller takes it away, so there is a whole file under one of them at
    /// every moment.
    ///
    /// # Errors
    /// There can be no second name. The file must not be replaced then.
    pub fn keep(&self, path: &Path) -> io::Result<Option<PathBuf>> {
        let id = match fs::metadata(path) {
            Ok(known) => FileId::of(&known),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut files = self.0.lock();
        let Some(place) = files.iter().position(|file| *file == id) else { return Ok(None) };
        let kept = keep_under_free_name(path)?;
        files.swap_remove(place);
        let from = path.display();
        let to = kept.display();
        tracing::warn!("Parts of {from} were passed over when it was loaded: that file is kept as {to}");
        Ok(Some(kept))
    }
}

impl SkippedFiles {
    /// To be called before something is cut off a file of which parts were passed over: keeps a
    /// copy.
    ///
    /// # Errors
    /// It cannot be made. The file must not be cut then.
    pub fn keep_copy(&self, path: &Path) -> io::Result<()> {
        let kept = under_free_name(path, copy)?;
        let from = path.display();
        let to = kept.display();
        tracing::warn!("Parts of {from} were passed over, and it is to be cut: a copy is kept as {to}");
        Ok(())
    }
}

fn keep_under_free_name(path: &Path) -> io::Result<PathBuf> {
    under_free_name(path, link_or_copy)
}

fn under_free_name(path: &Path, make: fn(&Path, &Path) -> io::Result<()>) -> io::Result<PathBuf> {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    for number in 0..MAX_NAMES {
        let name = kept_name(path, now_s, number);
        match make(path, &name) {
            Ok(()) => {
                // The new name is safe before the old one is taken away.
                File::open(folder_of(path))?.sync_all()?;
                return Ok(name);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn kept_name(path: &Path, now_s: u64, number: u32) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".skipped-{now_s}"));
    if number > 0 {
        name.push(format!("-{number}"));
    }
    name.into()
}

/// A second name for the file; or a copy, on file systems that give no file two names.
fn link_or_copy(path: &Path, name: &Path) -> io::Result<()> {
    match fs::hard_link(path, name) {
        Err(error) if !has_no_links(&error) => Err(error),
        Err(_) => copy(path, name),
        Ok(()) => Ok(()),
    }
}

/// A copy that is removed again if it cannot be made whole.
fn copy(path: &Path, name: &Path) -> io::Result<()> {
    let mut from = File::open(path)?;
    let mut to = OpenOptions::new().write(true).create_new(true).open(name)?;
    let copied = io::copy(&mut from, &mut to).and_then(|_| to.sync_all());
    copied.inspect_err(|_| _ = fs::remove_file(name))
}

#[cfg(test)]
mod tests {
    use super::super::testing::Folder;
    use super::*;

    fn sorted_names(folder: &Folder) -> Vec<String> {
        let mut names = folder.names();
        names.sort();
        names
    }

    #[test]
    fn a_noted_file_is_kept_once_and_others_never() {
        let folder = Folder::new();
        let skipped = SkippedFiles::default();
        let path = folder.path().join("dump.rdb");
        let other = folder.path().join("other.rdb");
        fs::write(&path, "list").expect("the folder is writable");
        fs::write(&other, "other").expect("the folder is writable");
        skipped.note(&path).expect("it is there");
        skipped.note(&path).expect("it is there");
        assert_eq!(skipped.keep(&other).expect("it is there"), None);
        assert_eq!(skipped.keep(&folder.path().join("none.rdb")).expect("no file is no error"), None);
        let kept = skipped.keep(&path).expect("the folder is writable").expect("it was noted");
        assert_eq!(
            (fs::read(&path).ok(), fs::read(&kept).ok()),
            (Some(b"list".into()), Some(b"list".into()))
        );
        assert_eq!(skipped.keep(&path).expect("it is there"), None, "it is safe already");
    }

    #[test]
    fn an_older_kept_file_is_never_overwritten() {
        let folder = Folder::new();
        let skipped = SkippedFiles::default();
        let path = folder.path().join("dump.rdb");
        let mut kept = Vec::new();
        for content in ["1", "2", "3"] {
            fs::remove_file(&path).ok();
            fs::write(&path, content).expect("the folder is writable");
            skipped.note(&path).expect("it is there");
            kept.push(skipped.keep(&path).expect("the folder is writable").expect("it was noted"));
        }
        let contents: Vec<_> =
            kept.iter().map(|name| fs::read_to_string(name).expect("it is kept")).collect();
        assert_eq!(contents, ["1", "2", "3"]);
        assert_eq!(sorted_names(&folder).len(), 4);
    }

    #[test]
    fn a_file_is_known_by_itself_and_not_by_its_name() {
        let folder = Folder::new();
        let skipped = SkippedFiles::default();
        let path = folder.path().join("dump.rdb");
        let moved = folder.path().join("moved.rdb");
        fs::write(&path, "list").expect("the folder is writable");
        skipped.note(&path).expect("it is there");
        fs::rename(&path, &moved).expect("the folder is writable");
        fs::write(&path, "new").expect("the folder is writable");
        assert_eq!(skipped.keep(&path).expect("it is there"), None);
        assert!(skipped.keep(&moved).expect("it is there").is_some());
    }

    #[test]
    fn where_no_file_has_two_names_a_copy_is_made() {
        let folder = Folder::new();
        let path = folder.path().join("dump.rdb");
        let name = folder.path().join("kept");
        fs::write(&path, "list").expect("the folder is writable");
        copy(&path, &name).expect("there is room");
        assert_eq!(fs::read(&name).ok(), Some(b"list".into()));
        let again = copy(&path, &name).expect_err("the name is taken");
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert!(name.exists(), "what has the name stays");
    }
}
