//! Vector sets ⇄ cold files: what such a file has is the value that a snapshot would have.

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use super::{Between, linked};
use crate::keyspace::{ColdSet, NotCooled, View};
use crate::persistence::rdb::fault::{Fault, ReadError};
use crate::persistence::rdb::format::ValueType;
use crate::persistence::rdb::reader::Reader;
use crate::persistence::rdb::skip::skip_module_fields;
use crate::persistence::rdb::value::Written;
use crate::persistence::rdb::writer::Writer;
pub use crate::vector_set::cold_files_in as files_in;
use crate::vector_set::{ColdFile, ColdOutline, ColdWriter, FileId, Haste, Spill, TierDir, VectorSet};

/// Bytes that are copied at once.
const PART: usize = 64 * 1024;

/// Why a set is still in memory.
#[derive(Debug)]
pub enum CannotCool {
    /// The file could not be written.
    Io(io::Error),
    /// The set is not what was written.
    NotCooled(NotCooled),
}

impl std::fmt::Display for CannotCool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::NotCooled(NotCooled::Replaced) => f.write_str("the key has another value by now"),
            Self::NotCooled(NotCooled::Changed) => f.write_str("the set was changed meanwhile"),
        }
    }
}

/// Puts the set of a key into a file, if it is not changed meanwhile.
///
/// # Errors
/// The set stays as it is.
pub fn cool(
    db: View<'_>,
    key: &[u8],
    set: &Arc<VectorSet>,
    dir: &Arc<TierDir>,
    haste: Haste,
) -> Result<(), CannotCool> {
    let counters = &dir.cold().counters;
    // Counted first: what changes after this makes the file too old.
    let changes = set.changes();
    let outcome = file_of(set, changes, dir, haste)
        .and_then(|file| db.cool(key, set, changes, file).map_err(CannotCool::NotCooled));
    let counter = if outcome.is_ok() { &counters.cooled } else { &counters.not_cooled };
    counter.add(1);
    outcome
}

/// The file of a set that has seen so many changes.
fn file_of(
    set: &Arc<VectorSet>,
    changes: u64,
    dir: &Arc<TierDir>,
    haste: Haste,
) -> Result<Arc<ColdFile>, CannotCool> {
    let written = write_file(set, changes, dir, haste);
    written.map_err(|error| match set.changes() == changes {
        true => CannotCool::Io(error),
        false => CannotCool::NotCooled(NotCooled::Changed),
    })
}

fn write_file(
    set: &Arc<VectorSet>,
    changes: u64,
    dir: &Arc<TierDir>,
    haste: Haste,
) -> io::Result<Arc<ColdFile>> {
    let mut out = Writer::new(ColdWriter::begin(dir, haste)?, true, false);
    let mut frozen = set.freeze_now(linked(set));
    let elements = frozen.len();
    super::write(&mut out, &mut frozen, &mut Vec::new(), &mut |_| match set.changes() == changes {
        true => Ok(()),
        // In vain: and what writers change would be kept for this.
        false => Err(io::ErrorKind::Interrupted.into()),
    })?;
    let dim = set.params().dim();
    out.end()?.finish(dim as u32, elements as u64, set.ends_ms().unwrap_or(i64::MAX))
}

/// The set of a file.
///
/// # Errors
/// The words say which file, and what is wrong with it.
pub fn open(file: &ColdFile, dir: &Arc<TierDir>) -> Result<VectorSet, String> {
    let named = |error: ReadError| match error.fault {
        // Names the file.
        Fault::Io(error) => error.to_string(),
        _ => format!("{}: {error}", file.path().display()),
    };
    let total = file.outline().bytes;
    let source = file.read().map_err(|error| error.to_string())?;
    let mut input = Reader::with_total(source, total).without_checksum();
    let id = input.length().map_err(named)?;
    let set = super::read(&mut input, id, Some(dir)).map_err(named)?;
    set.ok_or_else(|| format!("{}: it has no vector set", file.path().display()))
}

/// Copies the value out of a file. `between` is called again and again.
pub fn copy<W: Write>(
    out: &mut Writer<W>,
    cold: &ColdSet,
    spill: &mut dyn Spill,
    between: &mut Between<'_>,
) -> io::Result<()> {
    let mut source = cold.file().read()?;
    let mut left = cold.file().outline().bytes;
    let mut part = vec![0; PART];
    while left > 0 {
        let len = PART.min(usize::try_from(left).unwrap_or(PART));
        source.read_exact(&mut part[..len])?;
        out.raw(&part[..len])?;
        left -= len as u64;
        between(spill)?;
    }
    Ok(())
}

/// Reads all of a file, and whether it has the fields of a value.
///
/// # Errors
/// The words say what is wrong with it.
pub fn check(path: &Path) -> Result<ColdOutline, String> {
    let (outline, source) = ColdFile::examine(path).map_err(|error| error.to_string())?;
    let mut input = Reader::with_total(source, outline.bytes).without_checksum();
    let read = input.length().and_then(|_| skip_module_fields(&mut input));
    match read {
        Ok(()) if input.offset() == outline.bytes => Ok(outline),
        Ok(()) => Err(format!("{}: its value ends too early", path.display())),
        Err(ReadError { fault: Fault::Io(error), .. }) => Err(error.to_string()),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

/// What a snapshot says of a file beside the value: which it is, and what the file says of itself.
pub fn words(file: &ColdFile) -> String {
    let ColdOutline { dim, elements, ends_ms, bytes, sum } = file.outline();
    format!("{} {dim} {elements} {ends_ms} {bytes} {sum}", file.id())
}

/// The file that a snapshot names, if this server has it.
pub fn claim(words: &[u8], dir: &Arc<TierDir>) -> Option<Arc<ColdFile>> {
    let mut words = std::str::from_utf8(words).ok()?.split(' ');
    let id = words.next()?.parse::<FileId>().ok()?;
    let outline = ColdOutline {
        dim: words.next()?.parse().ok()?,
        elements: words.next()?.parse().ok()?,
        ends_ms: words.next()?.parse().ok()?,
        bytes: words.next()?.parse().ok()?,
        sum: words.next()?.parse().ok()?,
    };
    dir.claim(id, &outline).filter(|_| words.next().is_none())
}

impl Written for &Arc<ColdSet> {
    fn value_type(self) -> ValueType {
        ValueType::Module2
    }

    fn write<W: Write>(self, out: &mut Writer<W>) -> io::Result<()> {
        copy(out, self, &mut Vec::new(), &mut |_| Ok(()))
    }
}
