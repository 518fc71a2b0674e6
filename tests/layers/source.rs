//! Source files as syntax trees: which files are there, and what does each of them say?

use std::fs;
use std::path::Path;

use syn::punctuated::Punctuated;
use syn::{Attribute, File, Item, Meta, Token};

use super::facts::{Facts, facts};

/// One source file, without what only tests compile.
pub(super) struct Source {
    /// Its path below the root of the repository.
    pub(super) file: String,
    /// The module at the top of the crate that it belongs to.
    pub(super) layer: String,
    /// What it says.
    pub(super) facts: Facts,
}

impl Source {
    /// A file with this path below the root of the repository.
    pub(super) fn new(file: String, text: &str) -> Self {
        Self::of(file, &parsed(text))
    }

    fn of(file: String, tree: &File) -> Self {
        let module = module_of(&file);
        // The roots of the library and of the program are no modules below it.
        let layer = module.first().cloned().unwrap_or_else(|| stem_of(&file).to_owned());
        Self { layer, facts: facts(&module, tree), file }
    }

    /// True if it is the file or folder below `src/` that a list names: `info`, `arena/segments`.
    pub(super) fn is_in(&self, place: &str) -> bool {
        is_module_file(self.file.trim_start_matches("src/"), place)
    }
}

/// Every file below `src/` that is not compiled for tests alone.
pub(super) fn read_all(root: &Path) -> Vec<Source> {
    let trees: Vec<(String, File)> =
        texts(root, "src").into_iter().map(|(file, text)| (file, parsed(&text))).collect();
    let test_only: Vec<String> = trees.iter().flat_map(|(file, tree)| test_modules(file, tree)).collect();
    let is_test = |file: &str| test_only.iter().any(|stem| is_module_file(file, stem));
    let products = trees.into_iter().filter(|(file, _)| !is_test(file));
    products.map(|(file, tree)| Source::of(file, &tree)).collect()
}

/// Every file below a folder, by its path below the root of the repository.
pub(super) fn texts(root: &Path, folder: &str) -> Vec<(String, String)> {
    let mut paths = Vec::new();
    collect(&root.join(folder), &mut paths);
    let read = |path: String| {
        let text = fs::read_to_string(&path).expect("a source file is UTF-8");
        (path[root.to_str().expect("a path in UTF-8").len() + 1..].to_owned(), text)
    };
    paths.into_iter().map(read).collect()
}

fn parsed(text: &str) -> File {
    syn::parse_file(text).expect("a source file that compiles")
}

fn collect(folder: &Path, paths: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable folder").path();
        // What is built and installed is not ours.
        let is_ours = !path.ends_with("target") && !path.ends_with("node_modules");
        if path.is_dir() && is_ours {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path.to_str().expect("a path in UTF-8").to_owned());
        }
    }
    paths.sort_unstable();
}

/// The module of a file: `["keyspace", "clock"]`; of the roots of the library and the program none.
fn module_of(file: &str) -> Vec<String> {
    let parts = file.trim_start_matches("src/").trim_end_matches(".rs").split('/');
    parts.filter(|part| !matches!(*part, "mod" | "lib" | "main")).map(str::to_owned).collect()
}

fn stem_of(file: &str) -> &str {
    file.rsplit('/').next().unwrap_or(file).trim_end_matches(".rs")
}

/// The modules in files of their own that this file declares for tests, as paths without `.rs`.
fn test_modules(file: &str, tree: &File) -> Vec<String> {
    let module = module_of(file).iter().map(|part| format!("{part}/")).collect::<String>();
    let declared = |item: &Item| match item {
        Item::Mod(declared) if declared.content.is_none() && is_for_tests(&declared.attrs) => {
            Some(format!("src/{module}{}", declared.ident))
        }
        _ => None,
    };
    tree.items.iter().filter_map(declared).collect()
}

/// True if this is the file of that module, or of one below it.
fn is_module_file(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

/// True for `#[cfg(test)]` and `#[cfg(all(test, …))]`.
pub(super) fn is_for_tests(attributes: &[Attribute]) -> bool {
    let condition = |attribute: &Attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => list.parse_args::<Meta>().ok(),
        _ => None,
    };
    attributes.iter().filter_map(condition).any(|condition| needs_test(&condition))
}

fn needs_test(condition: &Meta) -> bool {
    match condition {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("all") => {
            let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
            parts.is_ok_and(|parts| parts.iter().any(needs_test))
        }
        _ => false,
    }
}
