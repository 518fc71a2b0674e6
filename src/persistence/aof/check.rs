//! Are the files of a log in order, and what is in them? Each is read to its end, and nothing is
//! carried out.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use super::reader::{BrokenOff, Fault, Requests};
use super::{Manifest, ManifestError};
use crate::persistence::loading::{Loading, grouped};
use crate::persistence::rdb::check::{Contents, Damaged};
use crate::persistence::rdb::format::{MAGIC, VALKEY_MAGIC};
use crate::persistence::rdb::{Reader, check as rdb};
use crate::resp::Request;

/// Names of commands that are counted one by one.
const MAX_NAMES: usize = 200;
/// The longest name of a command; what is longer is none.
const MAX_NAME: usize = 32;
/// What the name of a manifest ends with.
const MANIFEST_END: &str = "manifest";

/// What is in a file.
#[derive(Debug, Default)]
pub struct FileContents {
    /// The snapshot at its beginning.
    pub snapshot: Option<Contents>,
    requests: u64,
    transactions: u64,
    /// By name.
    commands: BTreeMap<String, u64>,
    bytes: u64,
}

/// How a file ends.
#[derive(Debug)]
pub enum Verdict {
    /// As it should.
    Whole,
    /// Up to this offset it is whole.
    BrokenOff {
        /// Bytes up to the end of the last request, or of the last transaction.
        whole: u64,
        /// What comes then.
        fault: Fault,
    },
    /// The snapshot at its beginning is damaged: this cannot be mended.
    Damaged(Box<Damaged>),
}

/// Why nothing can be said.
#[derive(Debug)]
pub enum CheckError {
    /// A file cannot be read.
    Io(PathBuf, io::Error),
    /// The manifest is none.
    Manifest(ManifestError),
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            Self::Manifest(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CheckError {}

/// The files of a log in their order: those that a manifest names, or the one file itself.
///
/// # Errors
/// The manifest cannot be read, or is not one.
pub fn files_of(path: &Path) -> Result<Vec<PathBuf>, CheckError> {
    let is_manifest = path.extension().is_some_and(|end| end == MANIFEST_END);
    if !is_manifest {
        return Ok(vec![path.to_owned()]);
    }
    let text = fs::read(path).map_err(|error| CheckError::Io(path.to_owned(), error))?;
    let manifest = Manifest::parse(&text)
        .map_err(|fault| CheckError::Manifest(ManifestError::Invalid(path.to_owned(), fault)))?;
    let entries = manifest.base.iter().chain(&manifest.increments);
    Ok(entries.map(|entry| path.with_file_name(&entry.name)).collect())
}

/// Reads a file.
///
/// # Errors
/// The file cannot be opened.
pub fn check(path: &Path, loading: &Loading, now_ms: i64) -> Result<(FileContents, Verdict), CheckError> {
    let cannot = |error| CheckError::Io(path.to_owned(), error);
    let mut file = File::open(path).map_err(cannot)?;
    let len = file.metadata().map_err(cannot)?.len();
    let has_snapshot = begins_with_snapshot(&mut file).map_err(cannot)?;
    let source = loading.watch(file);
    let mut contents = FileContents { bytes: len, ..FileContents::default() };
    if !has_snapshot {
        let verdict = contents.read(Requests::new(source, 0));
        return Ok((contents, verdict));
    }
    match rdb::check(Reader::with_total(source, len), now_ms) {
        Ok((snapshot, rest)) => {
            let offset = rest.offset();
            contents.snapshot = Some(snapshot);
            let verdict = contents.read(Requests::new(rest.into_rest(), offset));
            Ok((contents, verdict))
        }
        Err(damaged) => Ok((contents, Verdict::Damaged(Box::new(damaged)))),
    }
}

/// True if a file begins with a snapshot; it is at its beginning afterwards.
///
/// # Errors
/// It cannot be read.
pub fn begins_with_snapshot(file: &mut File) -> io::Result<bool> {
    let mut start = Vec::new();
    (&mut *file).take(VALKEY_MAGIC.len() as u64).read_to_end(&mut start)?;
    file.rewind()?;
    Ok(start.starts_with(MAGIC) || start == VALKEY_MAGIC)
}

/// Cuts a file off, and waits until that is safe.
///
/// # Errors
/// The file system does not let it.
pub fn truncate(path: &Path, len: u64) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(len)?;
    file.sync_all()
}

impl FileContents {
    fn read<R: Read>(&mut self, mut requests: Requests<R>) -> Verdict {
        let mut whole = requests.offset();
        let mut in_transaction = false;
        loop {
            match requests.next() {
                Ok(Some(logged)) => match self.count(&logged.request, in_transaction) {
                    Ok(is_in) => in_transaction = is_in,
                    Err(found) => return Verdict::BrokenOff { whole, fault: Fault::NoRequest(found) },
                },
                Ok(None) if in_transaction => {
                    return Verdict::BrokenOff { whole, fault: Fault::Truncated };
                }
                Ok(None) => return Verdict::Whole,
                Err(BrokenOff { fault, .. }) => return Verdict::BrokenOff { whole, fault },
            }
            if !in_transaction {
                whole = requests.offset();
            }
        }
    }

    /// Says whether a transaction has begun and not ended.
    fn count(&mut self, request: &Request, in_transaction: bool) -> Result<bool, String> {
        self.requests += 1;
        let name = request.arg(0);
        let name = name[..name.len().min(MAX_NAME)].to_ascii_uppercase().escape_ascii().to_string();
        let is_in = match (name.as_str(), in_transaction) {
            ("MULTI", true) => return Err("a MULTI in a transaction".into()),
            ("EXEC", false) => return Err("an EXEC without MULTI".into()),
            ("MULTI", false) => true,
            ("EXEC", true) => false,
            (_, was_in) => was_in,
        };
        self.transactions += u64::from(is_in && !in_transaction);
        let known = if self.commands.len() < MAX_NAMES || self.commands.contains_key(&name) {
            name
        } else {
            "others".into()
        };
        *self.commands.entry(known).or_default() += 1;
        Ok(is_in)
    }
}

impl fmt::Display for FileContents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(snapshot) = &self.snapshot {
            snapshot.fmt(f)?;
            if self.requests == 0 {
                return Ok(());
            }
        }
        let requests = grouped(self.requests);
        let bytes = grouped(self.bytes);
        writeln!(f, "{requests} commands, {} transactions, {bytes} bytes", grouped(self.transactions))?;
        let mut commands: Vec<_> = self.commands.iter().collect();
        commands.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        commands.into_iter().try_for_each(|(name, count)| writeln!(f, "  {name}: {}", grouped(*count)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> (String, Verdict) {
        let mut contents = FileContents { bytes: bytes.len() as u64, ..FileContents::default() };
        let verdict = contents.read(Requests::new(bytes, 0));
        (contents.to_string(), verdict)
    }

    fn log(lines: &[&str]) -> Vec<u8> {
        let request = |line: &&str| Request::from_args(&line.split(' ').collect::<Vec<_>>()).wire().to_vec();
        lines.iter().flat_map(request).collect()
    }

    #[test]
    fn contents_are_told() {
        let (told, verdict) = read(&log(&["SELECT 0", "set a 1", "MULTI", "SET a 2", "EXEC"]));
        assert_eq!(
            told,
            "5 commands, 1 transactions, 106 bytes\n  SET: 2\n  EXEC: 1\n  MULTI: 1\n  SELECT: 1\n"
        );
        assert!(matches!(verdict, Verdict::Whole));
    }

    #[test]
    fn a_transaction_without_its_end_is_no_part_of_the_whole() {
        let whole = log(&["SELECT 0", "SET a 1"]);
        for (more, is_cut) in
            [(&["MULTI", "SET a 2"][..], true), (&["EXEC"], false), (&["MULTI", "MULTI"], false)]
        {
            let verdict = read(&[whole.clone(), log(more)].concat()).1;
            let Verdict::BrokenOff { whole: up_to, fault } = verdict else { panic!("{more:?}") };
            assert_eq!((up_to, matches!(fault, Fault::Truncated)), (whole.len() as u64, is_cut), "{more:?}");
        }
    }

    #[test]
    fn a_manifest_names_the_files_beside_it() {
        let folder = std::env::temp_dir().join(format!("nearhit-check-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("the temporary folder is writable");
        let manifest = folder.join("a.aof.manifest");
        fs::write(&manifest, "file b seq 1 type b\nfile i seq 1 type i\n").expect("it is writable");
        let files = files_of(&manifest).expect("it is one");
        fs::write(&manifest, "file\n").expect("it is writable");
        let refused = files_of(&manifest);
        fs::remove_dir_all(&folder).expect("it is ours");
        assert_eq!(files, [folder.join("b"), folder.join("i")]);
        assert!(matches!(refused, Err(CheckError::Manifest(_))));
        assert_eq!(files_of(Path::new("x.aof")).expect("it is itself"), [PathBuf::from("x.aof")]);
    }
}
