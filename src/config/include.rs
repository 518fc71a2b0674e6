//! Which files an `include` means: one path, or all that fit a pattern.

use std::path::{Path, PathBuf};

use crate::glob;

/// The files of a pattern in alphabetical order, none if none fits; a path without a pattern as it
/// is.
pub(super) fn files(pattern: &str) -> Vec<PathBuf> {
    if !is_pattern(pattern) {
        return vec![PathBuf::from(pattern)];
    }
    let start = if pattern.starts_with('/') { "/" } else { "" };
    pattern.split('/').filter(|part| !part.is_empty()).fold(vec![PathBuf::from(start)], |folders, part| {
        folders.iter().flat_map(|at| step(at, part)).collect()
    })
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// What fits one part of a path in a folder. Hidden files fit only patterns that begin with a dot
/// too.
fn step(folder: &Path, part: &str) -> Vec<PathBuf> {
    if !is_pattern(part) {
        let path = folder.join(part);
        return if path.exists() { vec![path] } else { Vec::new() };
    }
    let listed = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = std::fs::read_dir(listed) else { return Vec::new() };
    let mut names: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
    names.retain(|name| {
        let name = name.as_encoded_bytes();
        glob::matches(part.as_bytes(), name) && name.starts_with(b".") == part.starts_with('.')
    });
    names.sort();
    names.into_iter().map(|name| folder.join(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::Folder;

    #[test]
    fn patterns_may_stand_in_every_part_of_a_path() {
        let folder = Folder::new("glob");
        for name in ["b.d/1.conf", "a.d/2.conf", "a.d/1.conf", "a.d/.hidden.conf", "a.d/x.txt"] {
            folder.write(name, "");
        }
        let found = |pattern: &str| -> Vec<String> {
            let paths = files(&folder.path(pattern)).into_iter();
            let root = folder.path("");
            paths.map(|path| path.display().to_string().replace(&root, "")).collect()
        };
        assert_eq!(found("?.d/*.conf"), ["a.d/1.conf", "a.d/2.conf", "b.d/1.conf"]);
        assert_eq!(found("a.d/[13-9].conf"), ["a.d/1.conf"]);
        assert_eq!(found("*/2.conf"), ["a.d/2.conf"]);
        assert_eq!(found("none/*"), [""; 0]);
        assert_eq!(found("a.d/1.conf"), ["a.d/1.conf"]);
    }
}
