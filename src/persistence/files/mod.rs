//! Files that are replaced as a whole, and files without a name.
//!
//! ```text
//! replacement.rs   write a temporary file, make it safe, and let it take the place of another
//! skipped.rs       files that are kept under another name, as parts of them were not loaded
//! spill.rs         bytes that a snapshot keeps for a while
//! ```

mod replacement;
mod skipped;
mod spill;

pub use self::replacement::{Replacement, remove_leftovers};
pub use self::skipped::SkippedFiles;
pub use self::spill::SpillFile;

#[cfg(test)]
pub(crate) mod testing {
    //! A folder that goes with the test.

    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicU32, Ordering};

    pub(crate) struct Folder(PathBuf);

    impl Folder {
        pub(crate) fn new() -> Self {
            static NUMBER: AtomicU32 = AtomicU32::new(0);
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("nearhit-files-{}-{number}", std::process::id()));
            std::fs::create_dir_all(&path).expect("the temporary folder is writable");
            Self(path)
        }

        pub(crate) fn path(&self) -> &Path {
            &self.0
        }

        pub(in crate::persistence) fn names(&self) -> Vec<String> {
            let entries = std::fs::read_dir(&self.0).expect("it is there");
            entries
                .map(|entry| entry.expect("it is readable").file_name().into_string().expect("text"))
                .collect()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}
