//! For tests: a folder that is removed at the end of its test.

use std::path::PathBuf;

pub(super) struct Folder(PathBuf);

impl Folder {
    /// `name` is the test's own.
    pub(super) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("nearhit-config-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the temporary folder is writable");
        Self(path)
    }

    pub(super) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("the path is text").to_owned()
    }

    /// The path of a new file with this text.
    pub(super) fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().expect("it is in the folder")).expect("the folder is writable");
        std::fs::write(&path, text).expect("the folder is writable");
        self.path(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A file left in the temporary folder does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
