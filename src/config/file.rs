//! A configuration file in the syntax of redis.conf: `name value …` lines, `#` comments, quotes,
//! `include`.

use std::collections::VecDeque;
use std::io::{Error, ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;

use super::directive::{Directive, Fault, Place, Refusal, Source};
use super::include;
use crate::{bounded, words};

/// Longest configuration file; a longer one is surely another kind of file.
const MAX_FILE_LEN: u64 = 1 << 20;
/// How deep files may include each other.
const MAX_INCLUDE_DEPTH: usize = 16;
/// Files that are included in all: depth alone would not stop one that includes itself twice.
const MAX_INCLUDED_FILES: usize = 256;

/// A directive with the number of files around it.
type Nested = (usize, Result<Directive, Box<Refusal>>);

/// The text of a file, or why it cannot be read.
pub(super) fn read(path: &Path) -> Result<String, String> {
    let told = |error: std::io::Error| format!("{}: {error}", path.display());
    read_text(std::fs::File::open(path).map_err(told)?)
        .map_err(told)?
        .ok_or_else(|| format!("{} is longer than {MAX_FILE_LEN} bytes: not a configuration", path.display()))
}

/// All text; None if it is too long.
pub(super) fn read_text(from: impl Read) -> std::io::Result<Option<String>> {
    let bytes = bounded::read(from, MAX_FILE_LEN)?;
    bytes.map(String::from_utf8).transpose().map_err(|error| Error::new(ErrorKind::InvalidData, error))
}

/// The directives of a text, in order: those of an included file take the place of its `include`.
pub(super) fn directives(name: &str, text: &str) -> Result<Vec<Directive>, Box<Refusal>> {
    expand(lines(name, text, 0))
}

/// The same for directives from elsewhere.
pub(super) fn with_included(directives: Vec<Directive>) -> Result<Vec<Directive>, Box<Refusal>> {
    expand(directives.into_iter().map(|directive| (0, Ok(directive))))
}

fn expand(directives: impl Iterator<Item = Nested>) -> Result<Vec<Directive>, Box<Refusal>> {
    let mut queue: VecDeque<Nested> = directives.collect();
    let mut found = Vec::new();
    let mut files = 0;
    while let Some((depth, directive)) = queue.pop_front() {
        let directive = directive?;
        if directive.name != "include" {
            found.push(directive);
            continue;
        }
        let included = included(&directive, depth, &mut files);
        let included = included.map_err(|fault| Refusal::new(directive.place, fault))?;
        included.into_iter().rev().for_each(|line| queue.push_front(line));
    }
    Ok(found)
}

fn included(directive: &Directive, depth: usize, files: &mut usize) -> Result<Vec<Nested>, Fault> {
    let [pattern] = directive.values.as_slice() else { return Err(Fault::WrongNumberOfValues) };
    let mut found = Vec::new();
    for path in include::files(pattern) {
        *files += 1;
        if depth >= MAX_INCLUDE_DEPTH || *files > MAX_INCLUDED_FILES {
            return Err(Fault::TooManyIncludes);
        }
        let text = read(&path).map_err(Fault::Unreadable)?;
        found.extend(lines(&path.display().to_string(), &text, depth + 1));
    }
    Ok(found)
}

fn lines<'t>(name: &str, text: &'t str, depth: usize) -> impl Iterator<Item = Nested> + use<'t> {
    let name: Arc<str> = name.into();
    text.lines().zip(1..).filter_map(move |(line, number)| {
        let line = line.trim_ascii();
        let place = || Place { source: Source::File(Arc::clone(&name), number), text: line.to_owned() };
        match words::split(line) {
            _ if line.starts_with('#') => None,
            Ok(mut values) if !values.is_empty() => {
                let name = values.remove(0).to_ascii_lowercase();
                Some((depth, Ok(Directive { name, values, place: place() })))
            }
            Ok(_) => None,
            Err(why) => {
                let fault = Fault::Words(why);
                Some((depth, Err(Refusal::new(place(), fault))))
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::Folder;

    fn read_lines(text: &str) -> Vec<String> {
        let directives = directives("x", text).expect("the text is fine");
        directives.into_iter().map(|found| format!("{} {}", found.name, found.values.join("|"))).collect()
    }

    #[test]
    fn comments_quotes_and_blank_lines_are_read() {
        let text =
            "# a\n\n  PORT 7000\r\nrequirepass \"a b#c\"\n\tbind 127.0.0.1 ::1\n   # b\nsave \"\"\nport 1";
        assert_eq!(
            read_lines(text),
            ["port 7000", "requirepass a b#c", "bind 127.0.0.1|::1", "save ", "port 1"]
        );
        assert_eq!(read_lines("timeout 5 # five"), ["timeout 5|#|five"]);
    }

    #[test]
    fn a_fault_names_its_line() {
        let refusal = directives("x.conf", "port 1\nport \"2").expect_err("a quote is open");
        assert_eq!(refusal.place.source.to_string(), "x.conf, at line 2");
        assert_eq!(refusal.fault.to_string(), "Unbalanced quotes in configuration line");
    }

    #[test]
    fn included_files_stand_where_they_are_included() {
        let folder = Folder::new("include");
        folder.write("b.inc", "timeout 2\n");
        folder.write("a.inc", "timeout 1\n");
        let deep = folder.write("deep.conf", &format!("port 2\ninclude {}\nport 3\n", folder.path("*.inc")));
        let text = format!("port 1\ninclude {deep}\nport 4\ninclude {}", folder.path("*.none"));
        assert_eq!(read_lines(&text), ["port 1", "port 2", "timeout 1", "timeout 2", "port 3", "port 4"]);
    }

    #[test]
    fn includes_end() {
        let folder = Folder::new("includes-end");
        let own = folder.path("twice.conf");
        let text = format!("include {own}\ninclude {own}\n");
        folder.write("twice.conf", &text);
        let fault = |text: &str| directives("x", text).expect_err("it is refused").fault;
        assert_eq!(fault(&text), Fault::TooManyIncludes);
        assert!(matches!(fault("include /no/such.conf"), Fault::Unreadable(_)));
        assert_eq!(fault("include"), Fault::WrongNumberOfValues);
    }

    #[test]
    fn a_file_that_is_too_long_is_no_configuration() {
        assert_eq!(read_text(std::io::repeat(b'x')).expect("it can be read"), None);
    }
}
