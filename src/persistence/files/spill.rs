//! A file without a name: it goes when it is closed, however that comes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::system::unnamed_file;
use crate::vector_set::{Place, Spill};

/// What a snapshot keeps for a while beside the file that it writes. Made when something is kept
/// first.
#[derive(Debug)]
pub struct SpillFile {
    folder: PathBuf,
    file: Option<File>,
    len: u64,
}

impl SpillFile {
    /// One that will lie in this folder.
    pub fn in_folder_of(target: &Path) -> Self {
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        Self { folder: folder.unwrap_or(Path::new(".")).to_owned(), file: None, len: 0 }
    }

    /// Bytes kept so far.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// True if nothing was ever kept.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn file(&mut self) -> io::Result<&File> {
        if self.file.is_none() {
            self.file = Some(unnamed_file(&self.folder)?);
        }
        self.file.as_ref().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Spill for SpillFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<Place> {
        let place = Place { at: self.len, len: bytes.len() };
        self.file()?.write_all_at(bytes, place.at)?;
        self.len += bytes.len() as u64;
        Ok(place)
    }

    fn read(&mut self, place: Place, into: &mut Vec<u8>) -> io::Result<()> {
        let before = into.len();
        into.resize(before + place.len, 0);
        self.file()?.read_exact_at(&mut into[before..], place.at)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Folder;
    use super::*;

    #[test]
    fn what_is_kept_comes_back_and_nothing_is_seen_of_it() {
        let folder = Folder::new();
        let mut spill = SpillFile::in_folder_of(&folder.path().join("dump.rdb"));
        assert!(spill.is_empty());
        let places = [&b"one"[..], b"", b"three"].map(|bytes| spill.append(bytes).expect("there is room"));
        assert_eq!((spill.len(), folder.names()), (8, vec![]));
        let mut back = b"and ".to_vec();
        for place in [places[2], places[1], places[0]] {
            spill.read(place, &mut back).expect("it was kept");
        }
        assert_eq!(back, b"and threeone");
        assert!(spill.read(Place { at: 7, len: 2 }, &mut back).is_err());
    }
}
