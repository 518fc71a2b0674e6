//! Vector sets ⇄ sealed files: written beside the value of a snapshot, and mapped instead of
//! reading it.
//!
//! ```text
//! mod.rs       a set → its files, and files → their set
//! adoption.rs  the set of the files takes the place of the one in memory
//! merge.rs     the same without a snapshot, when much has changed
//! ```
//!
//! The words of such files, which only this module knows, are what our own form has before its
//! elements. A snapshot says which files they are and a token, by which the files know how long the
//! value in it is.

use std::io::{self, Write};
use std::sync::Arc;

mod adoption;
mod merge;

pub use self::adoption::Adoption;
pub use self::merge::merge;
use super::{Between, own};
use crate::persistence::rdb::reader::Reader;
use crate::persistence::rdb::writer::{Mark, Writer};
use crate::vector_set::{
    Changed, Element, EndedSet, FileId, Frozen, Haste, LentIndex, Pace, Ranks, Sealed, SetOptions, SetWriter,
    Spill, TierDir, ValueSpan, VectorSet,
};
pub use crate::vector_set::{check_sealed, sealed_in};

/// The files of a set, on their way.
pub struct Sealing {
    set: Arc<VectorSet>,
    place: Place,
    /// Changes of the set before the cut.
    changes: u64,
    /// Its elements that have changed since.
    changed: Arc<Changed>,
    dir: Arc<TierDir>,
    id: FileId,
    token: u64,
    /// What is to be known of the set besides.
    words: Vec<u8>,
    files: Files,
    /// Of the value, once it is written.
    span: Option<ValueSpan>,
    /// Of the elements, as they are written.
    pace: Pace,
}

/// How far they are.
enum Files {
    /// Elements are being written.
    Writing(Box<SetWriter>),
    /// All elements are written.
    Written(EndedSet),
    /// They are there since an earlier snapshot.
    Kept(Arc<Sealed>),
    /// They could not be written.
    None,
}

/// Writes an element where a snapshot has it.
type WriteElement<'w> = dyn FnMut(&Element<'_>) -> io::Result<()> + 'w;

/// Under which key a set is, and in which database.
struct Place {
    db: usize,
    key: Box<[u8]>,
}

impl Sealing {
    /// Begins to seal a set that was frozen just now, and has something. None if the disk does not
    /// let it: a snapshot does without.
    pub fn begin(
        set: &Arc<VectorSet>,
        (db, key): (usize, &[u8]),
        frozen: &mut Frozen,
        (dir, haste): (&Arc<TierDir>, Haste),
        spill: &mut dyn Spill,
    ) -> Option<Self> {
        let changed = frozen.changed().filter(|_| !frozen.is_empty())?.clone();
        let place = Place { db, key: key.into() };
        let begun = Self::try_begin(set, place, changed, frozen, (dir, haste), spill);
        begun.map_err(|error| failed(dir, &error)).ok()
    }

    fn try_begin(
        set: &Arc<VectorSet>,
        place: Place,
        changed: Arc<Changed>,
        frozen: &mut Frozen,
        (dir, haste): (&Arc<TierDir>, Haste),
        spill: &mut dyn Spill,
    ) -> io::Result<Self> {
        let mut token = [0; 8];
        crate::system::fill_with_random(&mut token)?;
        let changes = frozen.changes();
        let words = words_of(frozen)?;
        let (id, files) = match set.sealed_at(changes).filter(|sealed| sealed.words() == words) {
            Some(sealed) => (sealed.id(), Files::Kept(sealed)),
            None => {
                let writer = SetWriter::begin(dir, frozen, spill)?;
                (writer.id(), Files::Writing(Box::new(writer)))
            }
        };
        let (set, dir, token) = (Arc::clone(set), Arc::clone(dir), u64::from_ne_bytes(token));
        let pace = Pace::new(haste);
        Ok(Self { set, place, changes, changed, dir, id, token, words, files, span: None, pace })
    }

    /// What the snapshot says of the files, before the key.
    pub fn words(&self) -> String {
        format!("{} {}", self.id, self.token)
    }

    /// Writes the value, as [`write`](super::write) does, and the files beside it.
    pub fn write<W: Write>(
        &mut self,
        out: &mut Writer<W>,
        frozen: &mut Frozen,
        spill: &mut dyn Spill,
        between: &mut Between<'_>,
    ) -> io::Result<()> {
        let mark: Mark = out.mark()?;
        out.length(own::ID)?;
        let form = own::write_head(out, frozen, self.set.options())?;
        let mut write = |element: &Element<'_>| form.write_element(out, element);
        self.take_elements(frozen, spill, between, Some(&mut write))?;
        out.module_end()?;
        self.span = Some(out.span_since(&mark)?);
        Ok(())
    }

    /// Writes the elements into the files, and with `write` elsewhere. Without that, it ends when
    /// the disk does not take them.
    fn take_elements(
        &mut self,
        frozen: &mut Frozen,
        spill: &mut dyn Spill,
        between: &mut Between<'_>,
        mut write: Option<&mut WriteElement<'_>>,
    ) -> io::Result<()> {
        let mut bytes = 0;
        while frozen.next_block(spill, &mut |element| {
            bytes += self.take(&element);
            match &mut write {
                Some(write) => write(&element),
                None if matches!(self.files, Files::None) => Err(io::ErrorKind::Interrupted.into()),
                None => Ok(()),
            }
        })? {
            // Between blocks no reader is pinned, and nothing waits for this thread.
            self.pace.keep(std::mem::take(&mut bytes), &self.dir, || false);
            between(spill)?;
        }
        self.files = match std::mem::replace(&mut self.files, Files::None) {
            Files::Writing(writer) => {
                let ended = writer.end().map_err(|error| failed(&self.dir, &error));
                ended.map_or(Files::None, Files::Written)
            }
            other => other,
        };
        Ok(())
    }

    /// Writes an element into the files, if they are being written, and returns about how many
    /// bytes those were.
    fn take(&mut self, element: &Element<'_>) -> u64 {
        let Files::Writing(writer) = &mut self.files else { return 0 };
        if let Err(error) = writer.add(element) {
            self.files = Files::None;
            failed(&self.dir, &error);
        }
        let texts = [element.name, element.attribute, element.entry];
        let texts: usize = texts.iter().map(|text| text.len()).sum();
        (self.set.params().bytes_per_slot() + texts) as u64
    }

    /// Completes the files, when the snapshot needs the set no more: names are sorted. `goes_on` is
    /// asked now and then.
    pub fn finish(self, goes_on: &dyn Fn() -> io::Result<()>) -> Option<Adoption> {
        let Self { set, place, changes, changed, dir, token, words, files, span, .. } = self;
        let complete = || -> io::Result<Option<(Arc<Sealed>, Option<Ranks>)>> {
            let counters = &dir.sealed().counters;
            let ((sealed, ranks), counter) = match files {
                Files::Kept(sealed) => ((sealed, None), &counters.reused),
                Files::Written(set) => {
                    let (sealed, ranks) = set.finish(words, goes_on)?;
                    ((sealed, Some(ranks)), &counters.sealed)
                }
                Files::Writing(_) | Files::None => return Ok(None),
            };
            if let Some(span) = span {
                sealed.add_value(token, span)?;
            }
            counter.add(1);
            Ok(Some((sealed, ranks)))
        };
        let (sealed, ranks) = complete().map_err(|error| failed(&dir, &error)).ok().flatten()?;
        let ranks = ranks.map(Arc::new);
        Some(Adoption { set, sealed, ranks, changes, changed, place, by: None })
    }
}

fn failed(dir: &TierDir, error: &io::Error) {
    // It was not to go on.
    if error.kind() == io::ErrorKind::Interrupted {
        return;
    }
    dir.sealed().counters.not_sealed.add(1);
    tracing::warn!(
        "a vector set stays where it is, and a warm one will have to be read from its snapshot, as files \
         cannot be written: {error}"
    );
}

/// What our own form has before the elements, of the set that the files make: a warm one. If the
/// set was in memory, it is so since memory is scarce.
fn words_of(frozen: &Frozen) -> io::Result<Vec<u8>> {
    let mut words = Writer::new(Vec::new(), false, false);
    let options = frozen.set().options();
    let is_demoted = options.is_demoted || !options.is_warm;
    own::write_head(&mut words, frozen, SetOptions { is_warm: true, is_demoted, ..options })?;
    words.end()
}

/// The files that a snapshot names, and the value that it has, if this server has such files.
pub fn claim(words: &[u8], dir: &Arc<TierDir>) -> Option<(Arc<Sealed>, ValueSpan)> {
    let mut words = std::str::from_utf8(words).ok()?.split(' ');
    let (id, token) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let sealed = dir.claim_sealed(id).filter(|_| words.next().is_none())?;
    let span = sealed.value(token)?;
    Some((sealed, span))
}

/// The set of these files.
///
/// # Errors
/// The words say which files, and what is wrong with them.
pub fn open(sealed: &Arc<Sealed>) -> Result<VectorSet, String> {
    let named = |what: String| format!("{}: {what}", sealed.path().display());
    let bytes = sealed.words();
    let mut input = Reader::with_total(bytes, bytes.len() as u64).without_checksum();
    let head = own::read_head(&mut input).map_err(|error| named(error.to_string()))?;
    let own::Head { params, options, seed, reserved, limits, fields, codebook, matrix, cache, .. } = head;
    let index = LentIndex { seed, codebook, matrix: matrix.as_deref(), reserved };
    let set = VectorSet::of_sealed(sealed, params, options, index, cache);
    let set = set.map_err(|error| named(error.to_string()))?;
    sealed.dir().sealed().counters.mapped.add(1);
    Ok(set.with_limits(limits).with_fields(fields))
}

#[cfg(test)]
mod tests;
