//! Old logs: before there were bases and increments, one file in the folder of the data was the
//! log.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::{Entry, Manifest, Names};

/// Makes the log of an older Redis the base of the one that is kept here, if there is one in
/// `folder` and none here. True if there was.
///
/// It may end between any two steps, and be done again: the manifest names the file before it is
/// moved.
///
/// # Errors
/// The file system does not let it.
pub fn adopt(folder: &Path, names: &Names, manifest: &mut Manifest) -> io::Result<bool> {
    let old = folder.join(names.stem());
    let new = names.path(names.stem());
    let is_begun = |base: &Entry| base.name == names.stem() && manifest.increments.is_empty();
    let is_free = manifest.base.as_ref().is_none_or(is_begun) && manifest.increments.is_empty();
    if !is_free || !old.is_file() || new.exists() {
        return Ok(false);
    }
    fs::create_dir_all(names.folder())?;
    manifest.base = Some(Entry::new(names.stem(), 1));
    manifest.store(names)?;
    fs::rename(&old, &new)?;
    File::open(names.folder())?.sync_all()?;
    File::open(folder)?.sync_all()?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persistence::files::testing::Folder;

    fn adopt_in(folder: &Folder) -> (bool, Manifest) {
        let names = Names::new(folder.path().join("appendonlydir"), "a.aof");
        let mut manifest = Manifest::load(&names).expect("it is one, or none");
        let adopted = adopt(folder.path(), &names, &mut manifest).expect("the folder is writable");
        assert_eq!(manifest, Manifest::load(&names).expect("it is one, or none"));
        (adopted, manifest)
    }

    #[test]
    fn an_old_log_becomes_the_base_once() {
        let folder = Folder::new();
        assert_eq!(adopt_in(&folder), (false, Manifest::default()));
        fs::write(folder.path().join("a.aof"), "old").expect("it is writable");
        let (adopted, manifest) = adopt_in(&folder);
        assert_eq!((adopted, manifest.base), (true, Some(Entry::new("a.aof", 1))));
        assert_eq!(fs::read(folder.path().join("appendonlydir/a.aof")).expect("it is there"), b"old");
        fs::write(folder.path().join("a.aof"), "another").expect("it is writable");
        assert!(!adopt_in(&folder).0, "there is one here");
    }

    #[test]
    fn an_adoption_that_was_cut_off_is_done_again() {
        let folder = Folder::new();
        fs::write(folder.path().join("a.aof"), "old").expect("it is writable");
        assert!(adopt_in(&folder).0);
        fs::rename(folder.path().join("appendonlydir/a.aof"), folder.path().join("a.aof"))
            .expect("both are ours");
        assert!(adopt_in(&folder).0);
    }
}
