//! A snapshot of the keyspace → a whole file.
//!
//! ```text
//! keys.rs       one key after the other, each in its database
//! aside.rs      keys that come while a large value is being written
//! fields.rs     the fields of a large hash
//! commands.rs   the same as commands: for a base of a log that is no snapshot
//! progress.rs   how far it has come, for other threads
//! ```
//!
//! Keys come in any order, so databases are selected as often as it takes. Redis reads that as it
//! reads its own files.
//!
//! Writers are held when too many bytes of before-images wait. A large set or hash takes seconds to
//! write, and no other key can come between its elements or fields; so the before-images of keys
//! that are made meanwhile are written *aside*, and from there into the file behind it. Other sets
//! put theirs aside themselves ([`VectorSet::relieve`]), and fields of other hashes are put aside
//! by hash.

mod aside;
pub(super) mod commands;
mod fields;
mod keys;
mod progress;

use std::io::{self, Write};
use std::sync::{Arc, Weak};

use self::aside::Aside;
use self::commands::Dumped;
use self::fields::Waiting;
use self::keys::{Keys, UseFigures};
pub use self::progress::Progress;
use super::format::ValueType;
pub use super::vector_set::sealed::Adoption;
use super::vector_set::sealed::Sealing;
use super::vector_set::{self, Between};
use super::writer::Writer;
use crate::keyspace::{Census, ColdSet, KeyAtCut, Snapshot, ValueRef};
use crate::vector_set::{Frozen, Haste, Spill, TierDir, VectorSet};

/// Bytes that may wait in all sets and hashes together before they are put aside: well below where
/// writers are held.
const RELIEF: usize = crate::journal::MAX_BEFORE_IMAGE_BYTES / 4;

/// What a file is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Form {
    /// Redis' snapshot format.
    #[default]
    Snapshot,
    /// Commands, as in a log.
    Commands {
        /// Whether it begins with the time at which it was made.
        is_dated: bool,
    },
}

/// What the file says of itself: its auxiliary fields, and its form.
#[derive(Clone, Debug, Default)]
pub struct FileInfo {
    /// The version of Redis whose files these are.
    pub version: &'static str,
    /// When it was made, in Unix seconds.
    pub made_s: u64,
    /// Bytes in use then.
    pub used_bytes: u64,
    /// True for the base of a log.
    pub is_base: bool,
    /// How it is encoded.
    pub form: Form,
}

impl FileInfo {
    /// In Redis' order.
    fn fields(&self) -> [(&'static str, String); 5] {
        [
            ("redis-ver", self.version.to_owned()),
            ("redis-bits", "64".to_owned()),
            ("ctime", self.made_s.to_string()),
            ("used-mem", self.used_bytes.to_string()),
            ("aof-base", u8::from(self.is_base).to_string()),
        ]
    }
}

/// Writes all keys of a snapshot to `out`, which is returned, with the sealed files that it names:
/// to be adopted once the snapshot has its own name. `sizes` are the present sizes of the
/// databases, approximately: hints for readers. `haste`: with which sealed files are written.
///
/// # Errors
/// `out` or `spill` cannot be written, or [`Progress::cancel`] was called.
pub fn save<W: Write>(
    snapshot: Snapshot<'_>,
    out: Writer<W>,
    info: &FileInfo,
    sizes: &[Census],
    spill: &mut dyn Spill,
    (progress, haste): (&Progress, Haste),
) -> io::Result<(W, Vec<Adoption>)> {
    let uses = UseFigures::of(snapshot.keyspace());
    let tier = snapshot.keyspace().tier().cloned().map(|dir| (dir, haste));
    let mut keys = Keys::new(out, info.form, uses, sizes.to_vec());
    keys.head(info)?;
    let sets = snapshot.vector_sets().iter().map(Arc::downgrade).collect();
    let aside = Aside::new(info.form, uses);
    let waiting = Vec::new();
    let (form, sealings) = (info.form, Vec::new());
    let mut saver = Saver { snapshot, sets, form, aside, waiting, progress, tier, sealings };
    let mut batch = Vec::new();
    while saver.snapshot.next(&mut batch) {
        for old in batch.drain(..) {
            saver.key_or_wait(old, &mut keys)?;
        }
        while let Some(waiting) = saver.waiting.pop() {
            saver.large(waiting, &mut keys, spill)?;
        }
        saver.look_around(spill)?;
    }
    let Saver { snapshot, sealings, progress, .. } = saver;
    // Files are completed when no writer keeps anything for the snapshot any more.
    drop(snapshot);
    let goes_on = || progress.note(0);
    let adoptions = sealings.into_iter().filter_map(|sealing| sealing.finish(&goes_on)).collect();
    goes_on()?;
    Ok((keys.finish()?, adoptions))
}

struct Saver<'s> {
    snapshot: Snapshot<'s>,
    /// Those that may have something to put aside.
    sets: Vec<Weak<VectorSet>>,
    form: Form,
    aside: Aside,
    /// Sets and large hashes behind the keys with which they came.
    waiting: Vec<Waiting>,
    progress: &'s Progress,
    tier: Option<(Arc<TierDir>, Haste)>,
    /// Sets whose files are not complete.
    sealings: Vec<Sealing>,
}

/// A vector set as it was at the cut.
enum SetAtCut<'c> {
    InMemory(Box<Frozen>, Option<&'c mut Sealing>),
    /// Copied, and not made.
    InFile(&'c ColdSet),
}

impl SetAtCut<'_> {
    fn write<W: Write>(
        &mut self,
        out: &mut Writer<W>,
        spill: &mut dyn Spill,
        between: &mut Between<'_>,
    ) -> io::Result<()> {
        match self {
            Self::InMemory(frozen, None) => vector_set::write(out, frozen, spill, between),
            Self::InMemory(frozen, Some(sealing)) => sealing.write(out, frozen, spill, between),
            Self::InFile(cold) => vector_set::cold::copy(out, cold, spill, between),
        }
    }
}

impl Saver<'_> {
    /// Writes a key with a small value. One with a large value waits, so that it can be relieved
    /// while others are written.
    fn key_or_wait<W: Write>(&mut self, old: KeyAtCut, keys: &mut Keys<W>) -> io::Result<()> {
        match self.wait_if_large(old) {
            Some(small) => {
                self.progress.count_key();
                keys.key(&small)
            }
            None => Ok(()),
        }
    }

    fn wait_if_large(&mut self, old: KeyAtCut) -> Option<KeyAtCut> {
        if let Ok(set) = old.entry.value().as_vector_set() {
            self.sets.push(Arc::downgrade(set));
        } else if old.fields.is_none() && old.entry.value().as_cold_set().is_none() {
            return Some(old);
        }
        self.waiting.push(Waiting::new(old));
        None
    }

    fn large<W: Write>(
        &mut self,
        waiting: Waiting,
        keys: &mut Keys<W>,
        spill: &mut dyn Spill,
    ) -> io::Result<()> {
        self.progress.count_key();
        match waiting.old.entry.value() {
            ValueRef::VectorSet(set) => {
                let linked = vector_set::linked(set);
                let mut frozen = set.freeze(self.snapshot.cut(), self.snapshot.journal(), linked);
                let dir = self.tier.as_ref().filter(|_| self.form == Form::Snapshot);
                let place = (waiting.old.db, waiting.old.entry.key());
                let mut sealing = dir
                    .filter(|_| set.is_to_be_sealed())
                    .and_then(|(dir, haste)| Sealing::begin(set, place, &mut frozen, (dir, *haste), spill));
                let at_cut = SetAtCut::InMemory(Box::new(frozen), sealing.as_mut());
                self.set(&waiting.old, at_cut, keys, spill)?;
                self.sealings.extend(sealing);
                Ok(())
            }
            ValueRef::ColdSet(cold) => self.set(&waiting.old, SetAtCut::InFile(cold), keys, spill),
            ValueRef::String(_) | ValueRef::Hash(_) => self.hash(waiting, keys, spill),
        }
    }

    fn hash<W: Write>(
        &mut self,
        waiting: Waiting,
        keys: &mut Keys<W>,
        spill: &mut dyn Spill,
    ) -> io::Result<()> {
        let form = keys.form();
        let out = keys.begin(&waiting.old)?;
        waiting.write(form, out, spill, &mut |spill| self.look_around_within(spill))?;
        self.aside.write_to(keys, spill)
    }

    fn set<W: Write>(
        &mut self,
        old: &KeyAtCut,
        mut set: SetAtCut<'_>,
        keys: &mut Keys<W>,
        spill: &mut dyn Spill,
    ) -> io::Result<()> {
        if let SetAtCut::InMemory(_, Some(sealing)) = &set {
            keys.name_sealed(old, &sealing.words())?;
        }
        let out = keys.begin(old)?;
        match self.form {
            Form::Snapshot => {
                set.write(out, spill, &mut |spill| self.look_around_within(spill))?;
            }
            Form::Commands { .. } => {
                let (mut dumped, mut dump) = Dumped::begin(ValueType::Module2)?;
                set.write(&mut dump, spill, &mut |spill| {
                    dumped.relieve(spill)?;
                    self.look_around_within(spill)
                })?;
                dumped.finish(dump, old, out, spill)?;
            }
        }
        drop(set);
        self.aside.write_to(keys, spill)
    }

    /// Between two keys.
    fn look_around(&mut self, spill: &mut dyn Spill) -> io::Result<()> {
        let before_images = self.snapshot.journal().before_image_bytes();
        self.progress.note(before_images)?;
        if before_images > RELIEF { self.relieve(spill) } else { Ok(()) }
    }

    /// Between two parts of a large value.
    fn look_around_within(&mut self, spill: &mut dyn Spill) -> io::Result<()> {
        let mut batch = Vec::new();
        self.snapshot.take_before_images(&mut batch);
        for old in batch {
            if let Some(small) = self.wait_if_large(old) {
                self.progress.count_key();
                self.aside.key(&small, spill)?;
            }
        }
        self.look_around(spill)
    }

    fn relieve(&mut self, spill: &mut dyn Spill) -> io::Result<()> {
        let form = self.form;
        self.waiting.iter_mut().try_for_each(|waiting| waiting.relieve(form, spill))?;
        let cut = self.snapshot.cut();
        let journal = Arc::clone(self.snapshot.journal());
        self.sets.retain(|set| set.strong_count() > 0);
        self.sets.iter().filter_map(Weak::upgrade).try_for_each(|set| set.relieve(cut, &journal, spill))
    }
}

#[cfg(test)]
mod tests;
