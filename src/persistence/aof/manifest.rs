//! Which files are the log, and in which order? The manifest, a text of one line for each file:
//!
//! ```text
//! file appendonly.aof.2.base.rdb seq 2 type b                    the data at some moment; at most one
//! file appendonly.aof.1.incr.aof seq 1 type h                    history: of no use any more, to be deleted
//! file appendonly.aof.3.incr.aof seq 3 type i startoffset 1      changes since then; in rising order
//! ```
//!
//! Keys that are not known are skipped; `#` begins a comment. Names with blanks or quotes are
//! quoted as in redis.conf. The offsets are those of Redis' replication: they are kept, and mean
//! nothing here.

use std::fmt::{self, Write as _};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use super::names::{Names, is_base_name};
use crate::{bounded, words};

/// Longest line, its end included.
const MAX_LINE: usize = 1024;
/// Longest manifest: room for thousands of files, of which a log has a handful.
const MAX_LEN: u64 = 1024 * 1024;
const TOO_LONG: Fault = Fault { line: 0, text: String::new(), what: "The AOF manifest file is too long" };
/// Words of a line with all that must be there.
const MIN_WORDS: usize = 6;

/// The files of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The data at some moment.
    pub base: Option<Entry>,
    /// Files of no use any more.
    pub history: Vec<Entry>,
    /// The changes since then, in order.
    pub increments: Vec<Entry>,
}

/// One file of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name in the folder.
    pub name: String,
    /// Its number, at least 1.
    pub seq: u64,
    /// Where Redis' replication was when it began.
    pub start_offset: Option<i64>,
    /// Where it was when it ended.
    pub end_offset: Option<i64>,
}

impl Entry {
    /// A file that has nothing to do with replication.
    pub fn new(name: impl Into<String>, seq: u64) -> Self {
        Self { name: name.into(), seq, start_offset: None, end_offset: None }
    }
}

/// Why there is no manifest.
#[derive(Debug)]
pub enum ManifestError {
    /// It cannot be read.
    Io(PathBuf, io::Error),
    /// It is not one.
    Invalid(PathBuf, Fault),
}

/// What is wrong with a text, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// Number of the line, from 1.
    pub line: usize,
    /// The line.
    pub text: String,
    /// As Redis words it.
    pub what: &'static str,
}

impl fmt::Display for ManifestError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(path, error) => {
                write!(out, "can't read the AOF manifest file {}: {error}", path.display())
            }
            Self::Invalid(path, Fault { line, text, what }) => write!(
                out,
                "*** FATAL AOF MANIFEST FILE ERROR *** Reading the manifest file {}, at line {line} >>> '{text}' {what}",
                path.display(),
            ),
        }
    }
}

impl std::error::Error for ManifestError {}

impl Manifest {
    /// Reads the manifest of a log; one without files if there is none.
    ///
    /// # Errors
    /// It cannot be read, or is not one.
    pub fn load(names: &Names) -> Result<Self, ManifestError> {
        let path = names.path(&names.manifest());
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(ManifestError::Io(path, error)),
        };
        match bounded::read(file, MAX_LEN) {
            Ok(Some(text)) => Self::parse(&text).map_err(|fault| ManifestError::Invalid(path, fault)),
            Ok(None) => Err(ManifestError::Invalid(path, TOO_LONG)),
            Err(error) => Err(ManifestError::Io(path, error)),
        }
    }

    /// Reads a text.
    ///
    /// # Errors
    /// It is no manifest.
    pub fn parse(text: &[u8]) -> Result<Self, Fault> {
        let fault = |line, text: &[u8], what| {
            Err(Fault { line, text: String::from_utf8_lossy(text).into_owned(), what })
        };
        if text.is_empty() {
            return fault(0, b"", "Found an empty AOF manifest");
        }
        if text.len() as u64 > MAX_LEN {
            return Err(TOO_LONG);
        }
        let mut manifest = Self::default();
        for (number, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
            if line.starts_with(b"#") {
                continue;
            }
            let Some(content) = line.strip_suffix(b"\n").filter(|_| line.len() <= MAX_LINE) else {
                let start = &line[..line.len().min(MAX_LINE)];
                return fault(number + 1, start, "The AOF manifest file contains too long line");
            };
            if let Err(what) = manifest.add_line(content) {
                return fault(number + 1, content.trim_ascii(), what);
            }
        }
        Ok(manifest)
    }

    fn add_line(&mut self, line: &[u8]) -> Result<(), &'static str> {
        const INVALID: &str = "Invalid AOF manifest file format";
        let line = std::str::from_utf8(line).map_err(|_| INVALID)?;
        let words = words::split(line).map_err(|_| INVALID)?;
        if words.len() < MIN_WORDS || words.len() % 2 != 0 {
            return Err(INVALID);
        }
        let mut entry = Entry::new("", 0);
        let mut kind = None;
        for pair in words.chunks_exact(2) {
            let key = pair[0].to_ascii_lowercase();
            let value = pair[1].as_str();
            match key.as_str() {
                "file" if is_base_name(value) => entry.name = value.to_owned(),
                "file" => return Err("File can't be a path, just a filename"),
                "seq" => entry.seq = value.parse().map_err(|_| INVALID)?,
                "type" => kind = value.chars().next(),
                "startoffset" => entry.start_offset = value.parse().ok(),
                "endoffset" => entry.end_offset = value.parse().ok(),
                _ => {}
            }
        }
        match kind {
            Some(kind) if entry.seq > 0 && !entry.name.is_empty() => self.add(entry, kind),
            _ => Err(INVALID),
        }
    }

    fn add(&mut self, entry: Entry, kind: char) -> Result<(), &'static str> {
        match kind {
            'b' if self.base.is_some() => return Err("Found duplicate base file information"),
            'b' => self.base = Some(entry),
            'h' => self.history.push(entry),
            'i' if entry.seq <= self.last_increment_seq() => {
                return Err("Found a non-monotonic sequence number");
            }
            'i' => self.increments.push(entry),
            _ => return Err("Unknown AOF file type"),
        }
        Ok(())
    }

    fn last_increment_seq(&self) -> u64 {
        self.increments.last().map_or(0, |entry| entry.seq)
    }

    /// True if it names nothing that is to be loaded.
    pub fn is_empty(&self) -> bool {
        self.base.is_none() && self.increments.is_empty()
    }

    /// What the next base is called.
    pub fn next_base(&self, names: &Names, is_snapshot: bool) -> Entry {
        let seq = self.base.as_ref().map_or(0, |base| base.seq) + 1;
        Entry::new(names.base(seq, is_snapshot), seq)
    }

    /// What the next increment is called.
    pub fn next_increment(&self, names: &Names) -> Entry {
        let last = self.increments.iter().chain(&self.history).map(|entry| entry.seq).max().unwrap_or(0);
        Entry::new(names.increment(last + 1), last + 1)
    }

    /// Puts a new base in place of the old one and of the increments before number `from`, which
    /// are history now.
    pub fn rebase(&mut self, base: Entry, from: u64) {
        self.history.extend(self.base.replace(base));
        let (past, kept) = self.increments.drain(..).partition(|entry: &Entry| entry.seq < from);
        self.increments = kept;
        self.history.extend::<Vec<_>>(past);
    }

    /// Its text.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        self.base.iter().for_each(|entry| entry.write(&mut text, 'b'));
        self.history.iter().for_each(|entry| entry.write(&mut text, 'h'));
        self.increments.iter().for_each(|entry| entry.write(&mut text, 'i'));
        text
    }

    /// Puts it in place of the manifest of the log, wholly or not at all, and so that it is there
    /// after a power failure.
    ///
    /// # Errors
    /// The file system does not let it.
    pub fn store(&self, names: &Names) -> io::Result<()> {
        let path = names.path(&names.new_manifest());
        let mut file = File::create(&path)?;
        file.write_all(self.to_text().as_bytes())?;
        file.sync_all()?;
        fs::rename(&path, names.path(&names.manifest()))?;
        sync_folder(names)
    }
}

impl Entry {
    fn write(&self, text: &mut String, kind: char) {
        let is_plain = words::split(&self.name).is_ok_and(|words| words == [self.name.as_str()])
            && self.name.bytes().all(|byte| byte.is_ascii_graphic());
        let name = if is_plain { self.name.clone() } else { words::quote(&self.name) };
        // Writing to a String cannot fail.
        let _ = write!(text, "file {name} seq {} type {kind}", self.seq);
        for (key, offset) in [("startoffset", self.start_offset), ("endoffset", self.end_offset)] {
            let _ = offset.map(|offset| write!(text, " {key} {offset}"));
        }
        text.push('\n');
    }
}

/// Makes the names of new and removed files safe.
pub(super) fn sync_folder(names: &Names) -> io::Result<()> {
    File::open(names.folder())?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "file appendonly.aof.2.base.rdb seq 2 type b\n\
                        file appendonly.aof.1.incr.aof seq 1 type h\n\
                        file appendonly.aof.3.incr.aof seq 3 type i startoffset 1\n\
                        file \"a b\\\"\\xc3.aof\" seq 4 type i startoffset 1 endoffset 9\n";

    fn fault(text: &str) -> (usize, &'static str) {
        let fault = Manifest::parse(text.as_bytes()).expect_err(text);
        (fault.line, fault.what)
    }

    #[test]
    fn what_is_read_is_written_back() {
        let text = TEXT.replace("\\xc3", "\\xc3\\xa4");
        let manifest = Manifest::parse(text.as_bytes()).unwrap();
        assert_eq!(manifest.base, Some(Entry::new("appendonly.aof.2.base.rdb", 2)));
        assert_eq!((manifest.history.len(), manifest.increments.len()), (1, 2));
        assert_eq!(manifest.increments[1].name, "a b\"ä.aof");
        assert_eq!(manifest.to_text(), text);
    }

    #[test]
    fn comments_blanks_and_unknown_keys_are_skipped() {
        let manifest = Manifest::parse(b"# by hand\n  SEQ 7 colour blue TYPE incr file x \n").unwrap();
        assert_eq!(manifest.to_text(), "file x seq 7 type i\n");
        assert_eq!(Manifest::parse(b"# nothing\n").map(|manifest| manifest.is_empty()), Ok(true));
    }

    #[test]
    fn what_is_no_manifest_is_refused_with_the_line() {
        let line = "file a seq 1 type i\n";
        let invalid = "Invalid AOF manifest file format";
        assert_eq!(fault(""), (0, "Found an empty AOF manifest"));
        assert_eq!(fault("\n"), (1, invalid));
        assert_eq!(fault(&format!("{line}file a seq 2\n")), (2, invalid));
        assert_eq!(fault(&format!("{line}file a seq 2 type i more\n")), (2, invalid));
        for wrong in
            ["file a seq 0 type i", "file a seq x type i", "file \"a seq 1 type i", "x a seq 1 type i"]
        {
            assert_eq!(fault(&format!("{wrong}\n")), (1, invalid), "{wrong}");
        }
        assert_eq!(fault("file ../a seq 1 type i\n"), (1, "File can't be a path, just a filename"));
        assert_eq!(fault(&format!("{line}{line}")), (2, "Found a non-monotonic sequence number"));
        assert_eq!(fault("file a seq 1 type x\n"), (1, "Unknown AOF file type"));
        let two = "file a seq 1 type b\nfile b seq 2 type b\n";
        assert_eq!(fault(two), (2, "Found duplicate base file information"));
        let long = "The AOF manifest file contains too long line";
        assert_eq!(fault("file a seq 1 type i"), (1, long));
        assert_eq!(fault(&format!("file {} seq 1 type i\n", "a".repeat(MAX_LINE))), (1, long));
    }

    #[test]
    fn a_new_base_makes_the_files_before_it_history() {
        let names = Names::new("folder", "log");
        let mut manifest = Manifest::default();
        assert_eq!(manifest.next_increment(&names), Entry::new("log.1.incr.aof", 1));
        manifest.base = Some(manifest.next_base(&names, true));
        for _ in 0..3 {
            let next = manifest.next_increment(&names);
            manifest.increments.push(next);
        }
        manifest.rebase(manifest.next_base(&names, true), 3);
        let text = "file log.2.base.rdb seq 2 type b\nfile log.1.base.rdb seq 1 type h\n\
                    file log.1.incr.aof seq 1 type h\nfile log.2.incr.aof seq 2 type h\nfile log.3.incr.aof seq 3 type i\n";
        assert_eq!(manifest.to_text(), text);
        assert_eq!(manifest.next_increment(&names).seq, 4);
    }
}
