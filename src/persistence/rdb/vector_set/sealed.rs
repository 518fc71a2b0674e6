//! Vector sets ⇄ sealed files: written beside the value of a snapshot, and mapped instead of
//! reading it.
//!
//! The words of such files, which only this module knows, are what our own form has before its
//! elements. A snapshot says which files they are and a token, by which the files know how long the
//! value in it is.

use std::cell::Cell;
use std::io::{self, Write};
use std::sync::Arc;

use super::{Between, own, write_elements};
use crate::keyspace::Keyspace;
use crate::persistence::rdb::reader::Reader;
use crate::persistence::rdb::writer::{Mark, Writer};
use crate::vector_set::{
    EndedSet, FileId, Frozen, Haste, LentIndex, NamedBy, Pace, Sealed, SetWriter, Spill, TierDir, ValueSpan,
    VectorSet,
};
pub use crate::vector_set::{check_sealed, sealed_in};

/// The files of a set, on their way.
pub struct Sealing {
    set: Arc<VectorSet>,
    place: Place,
    /// Changes of the set before the cut.
    changes: u64,
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

/// Files that are complete: to be kept once the snapshot has its name.
pub struct Adoption {
    set: Arc<VectorSet>,
    sealed: Arc<Sealed>,
    changes: u64,
    place: Place,
}

impl std::fmt::Debug for Adoption {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Adoption of {}", self.sealed.path().display())
    }
}

/// Under which key a set is, and in which database.
struct Place {
    db: usize,
    key: Box<[u8]>,
}

impl Adoption {
    /// The snapshot that names them is there.
    pub fn adopt(&self, by: NamedBy) {
        self.set.keep_sealed(by, Arc::clone(&self.sealed), self.changes);
    }

    /// Lets the key mean the mapped set from now on, whose names and attributes take no memory, if
    /// it has not changed since the cut. That is no change: there is no event of it, and no line in
    /// the log.
    pub fn exchange(self, keyspace: &Keyspace) {
        let Self { set, sealed, changes, place: Place { db, key } } = self;
        let is_it =
            set.space().and_then(|space| space.sealed()).is_some_and(|base| Arc::ptr_eq(base, &sealed));
        if is_it || set.changes() != changes {
            return;
        }
        match open(&sealed) {
            Ok(mapped) => {
                mapped.use_as(&set);
                if keyspace.db(db).exchange_set(&key, &set, changes, mapped).is_ok() {
                    sealed.dir().sealed().counters.exchanged.add(1);
                }
            }
            Err(why) => tracing::warn!("a warm vector set goes on as it is: {why}"),
        }
    }
}

impl Sealing {
    /// Begins to seal a set that was frozen just now, if it is to be, and if there is a directory.
    /// None also if the disk does not let it: a snapshot does without.
    pub fn begin(
        set: &Arc<VectorSet>,
        (db, key): (usize, &[u8]),
        frozen: &mut Frozen,
        dir: Option<(&Arc<TierDir>, Haste)>,
        spill: &mut dyn Spill,
    ) -> Option<Self> {
        let (dir, haste) = dir.filter(|_| set.is_to_be_sealed() && !frozen.is_empty())?;
        let begun = Self::try_begin(set, Place { db, key: key.into() }, frozen, (dir, haste), spill);
        begun.map_err(|error| failed(dir, &error)).ok()
    }

    fn try_begin(
        set: &Arc<VectorSet>,
        place: Place,
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
        let (set, token) = (Arc::clone(set), u64::from_ne_bytes(token));
        Ok(Self { set, place, changes, id, token, words, files, span: None, pace: Pace::new(haste) })
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
        let form = own::write_head(out, frozen)?;
        let dir = Arc::clone(self.dir());
        let (bytes_each, unpaced) = (self.set.params().bytes_per_slot(), Cell::new(0));
        // Between blocks no reader is pinned, and nothing waits for this thread.
        let mut between = |spill: &mut dyn Spill| {
            self.pace.keep(unpaced.take(), &dir, || false);
            between(spill)
        };
        write_elements(out, frozen, spill, &mut between, |out, _, element| {
            if let Files::Writing(writer) = &mut self.files {
                unpaced
                    .set(unpaced.get() + (bytes_each + element.name.len() + element.attribute.len()) as u64);
                if let Err(error) = writer.add(element) {
                    self.files = Files::None;
                    failed(&dir, &error);
                }
            }
            form.write_element(out, element)
        })?;
        out.module_end()?;
        self.span = Some(out.span_since(&mark)?);
        self.files = match std::mem::replace(&mut self.files, Files::None) {
            Files::Writing(writer) => writer.end().map_or_else(
                |error| {
                    failed(&dir, &error);
                    Files::None
                },
                Files::Written,
            ),
            other => other,
        };
        Ok(())
    }

    fn dir(&self) -> &Arc<TierDir> {
        self.set.space().expect("a set that is sealed lies in files").dir()
    }

    /// Completes the files, when the snapshot needs the set no more: names are sorted. `goes_on` is
    /// asked now and then.
    pub fn finish(self, goes_on: &dyn Fn() -> io::Result<()>) -> Option<Adoption> {
        let dir = Arc::clone(self.dir());
        let Self { set, place, changes, token, words, files, span, .. } = self;
        let complete = || -> io::Result<Option<Arc<Sealed>>> {
            let counters = &dir.sealed().counters;
            let (sealed, counter) = match files {
                Files::Kept(sealed) => (sealed, &counters.reused),
                Files::Written(set) => (set.finish(words, goes_on)?, &counters.sealed),
                Files::Writing(_) | Files::None => return Ok(None),
            };
            if let Some(span) = span {
                sealed.add_value(token, span)?;
            }
            counter.add(1);
            Ok(Some(sealed))
        };
        let sealed = complete().map_err(|error| failed(&dir, &error)).ok().flatten()?;
        Some(Adoption { set, sealed, changes, place })
    }
}

fn failed(dir: &TierDir, error: &io::Error) {
    dir.sealed().counters.not_sealed.add(1);
    tracing::warn!(
        "a warm vector set will have to be read from its snapshot, as files cannot be written: {error}"
    );
}

/// What our own form has before the elements.
fn words_of(frozen: &Frozen) -> io::Result<Vec<u8>> {
    let mut words = Writer::new(Vec::new(), false, false);
    own::write_head(&mut words, frozen)?;
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
    let own::Head { params, options, seed, reserved, limits, fields, codebook, matrix, .. } = head;
    let index = LentIndex { seed, codebook, matrix: matrix.as_deref(), reserved };
    let set = VectorSet::of_sealed(sealed, params, options, index);
    let set = set.map_err(|error| named(error.to_string()))?;
    sealed.dir().sealed().counters.mapped.add(1);
    Ok(set.with_limits(limits).with_fields(fields))
}
