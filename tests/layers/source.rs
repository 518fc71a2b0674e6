//! A source file as text: which modules at the top of the crate, and which other crates, does it name?

use std::fs;
use std::path::Path;

/// One source file, without comments, strings, and what only tests compile.
pub(super) struct Source {
    /// Its path below the root of the repository.
    pub(super) file: String,
    /// The module at the top of the crate that it belongs to.
    pub(super) layer: String,
    /// How many modules it is below the root of the crate.
    depth: usize,
    code: String,
}

/// A name, and the line it stands in.
pub(super) struct Mention {
    pub(super) line: usize,
    pub(super) name: String,
}

/// Every file below `src/` that is not compiled for tests alone.
pub(super) fn read_all(root: &Path) -> Vec<Source> {
    let mut paths = Vec::new();
    collect(&root.join("src"), &mut paths);
    let read = |path: &String| fs::read_to_string(path).expect("a source file is UTF-8");
    let texts: Vec<(String, String)> = paths.iter().map(|path| (path.clone(), read(path))).collect();
    let test_only: Vec<String> = texts.iter().flat_map(|(path, text)| test_modules(path, text)).collect();
    let is_test = |path: &str| test_only.iter().any(|stem| is_module_file(path, stem));
    let products = texts.iter().filter(|(path, _)| !is_test(path));
    let shown = |path: &str| path[root.to_str().expect("a path in UTF-8").len() + 1..].to_owned();
    products.map(|(path, text)| Source::new(shown(path), text)).collect()
}

fn collect(folder: &Path, paths: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path.to_str().expect("a path in UTF-8").to_owned());
        }
    }
    paths.sort_unstable();
}

/// The modules in files of their own that this file declares for tests, as paths without `.rs`.
fn test_modules(path: &str, text: &str) -> Vec<String> {
    let stem = path.trim_end_matches(".rs");
    let folder = match stem.rsplit_once('/') {
        Some((folder, "mod" | "lib" | "main")) => folder,
        _ => stem,
    };
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let declared = |pair: &[&str]| {
        let name = pair[1].trim_start_matches("pub(super) ").strip_prefix("mod ")?.strip_suffix(';')?;
        is_test_attribute(pair[0]).then(|| format!("{folder}/{name}"))
    };
    lines.windows(2).filter_map(declared).collect()
}

/// True if this is the file of that module, or of one below it.
fn is_module_file(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

fn is_test_attribute(line: &str) -> bool {
    line.starts_with("#[cfg(test)]") || line.starts_with("#[cfg(all(test")
}

impl Source {
    /// A file with this path below the root of the repository.
    pub(super) fn new(file: String, text: &str) -> Self {
        let parts: Vec<&str> = file.trim_start_matches("src/").trim_end_matches(".rs").split('/').collect();
        let depth = parts.iter().filter(|part| **part != "mod").count();
        Self { layer: parts[0].to_owned(), depth, code: code_of(text), file }
    }

    /// The modules at the top of the crate that are named, through `crate::`, `nearhit::` or enough of `super::`.
    pub(super) fn modules(&self) -> Vec<Mention> {
        let supers = "super::".repeat(self.depth);
        let roots = ["crate::", "nearhit::", supers.as_str()];
        roots.iter().flat_map(|root| self.names_after(root)).collect()
    }

    /// Where another crate is named.
    pub(super) fn mentions_of_crate(&self, name: &str) -> Vec<Mention> {
        let path = format!("{name}::");
        let places = self.places_of(&path);
        places.map(|at| Mention { line: self.line(at), name: name.to_owned() }).collect()
    }

    fn names_after(&self, root: &str) -> Vec<Mention> {
        let starts = self.places_of(root).map(|at| at + root.len());
        let names =
            starts.flat_map(|start| names_at(&self.code[start..]).into_iter().map(move |n| (start, n)));
        names.map(|(start, (at, name))| Mention { line: self.line(start + at), name }).collect()
    }

    /// Where a path begins with these words.
    fn places_of<'p>(&'p self, path: &'p str) -> impl Iterator<Item = usize> + 'p {
        let places = self.code.match_indices(path).map(|(at, _)| at);
        places.filter(|&at| !self.code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'))
    }

    fn line(&self, at: usize) -> usize {
        1 + self.code[..at].matches('\n').count()
    }
}

/// The first word of each path in `a::b` or `{a, b::{c, d}}`, with its place.
fn names_at(code: &str) -> Vec<(usize, String)> {
    let Some(group) = code.strip_prefix('{') else {
        return word(code).map(|name| (0, name)).into_iter().collect();
    };
    let (mut depth, mut begins, mut names) = (0, true, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            _ if begins && !c.is_whitespace() => {
                begins = false;
                names.extend(word(&group[at..]).map(|name| (1 + at, name)));
            }
            _ => {}
        }
    }
    names
}

fn word(code: &str) -> Option<String> {
    let end = code.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(code.len());
    (end > 0).then(|| code[..end].to_owned())
}

/// The text with every line kept, but without comments, test modules, and what is in strings that end on their line.
fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if is_test_attribute(line.trim()) {
            skip_item(&mut lines, &mut code);
        } else {
            push_code(line, &mut code);
        }
        code.push('\n');
    }
    code
}

/// Passes the item under an attribute: up to its `;`, or to the brace below its first line.
fn skip_item<'t>(lines: &mut impl Iterator<Item = &'t str>, code: &mut String) {
    let mut end = None;
    for line in lines {
        code.push('\n');
        let indent = &line[..line.len() - line.trim_start().len()];
        if end.is_none() && line.trim_end().ends_with(['{', '(']) {
            end = Some(indent.to_owned());
        } else if end.as_deref().is_none_or(|end| end == indent) && line.trim_end().ends_with(['}', ';', ','])
        {
            return;
        }
    }
}

/// The line up to its comment.
fn push_code(line: &str, code: &mut String) {
    let mut quoted = false;
    let mut before = ' ';
    for c in line.chars() {
        // A quote as a character, `'"'`, and an escaped one, do not begin or end a string.
        if c == '"' && before != '\\' && (quoted || before != '\'') {
            quoted = !quoted;
        } else if !quoted {
            code.push(c);
        }
        if code.ends_with("//") {
            return;
        }
        before = c;
    }
}
