//! New indexes of fields: of a set that has elements, step by step in the background; of one that
//! is loaded, at once.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock, Weak};
use std::thread;

use super::{Field, FieldSpec, Indexes, MAX_FIELDS, Progress};
use crate::epoch::pin;
use crate::field_index::Builder;
use crate::index::State;
use crate::journal::Record;
use crate::vector_set::commit::Commit;
use crate::vector_set::write::{Hold, Refused};
use crate::vector_set::{Present, VectorSet};

/// Attributes that a step reads: writers wait for some hundred microseconds.
const STEP: u32 = 128;

/// Why a set did not get an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAdded {
    /// It has one of this name.
    Exists,
    /// It has [`MAX_FIELDS`].
    TooMany,
}

impl Present<'_> {
    /// Gives the set an index of a field, which [`build_in_background`] has to fill; that of an
    /// empty set is complete.
    pub fn add_field<'r>(
        &self,
        hold: Hold,
        spec: FieldSpec,
        record: Record<'r>,
    ) -> Result<Result<(), NotAdded>, Refused<'r>> {
        let Some(commit) = Commit::begin(*self, hold, &record) else {
            return Err(Refused::Unbound(record));
        };
        let is_empty = commit.elements().len() == 0;
        let progress = if is_empty { Progress::Complete } else { Progress::Built { to: 0 } };
        let outcome = self.set.fields.add(spec, progress, commit.exclusive());
        match outcome {
            Ok(()) => commit.finish(record),
            Err(_) => drop(commit),
        }
        Ok(outcome)
    }

    /// Removes the index of a field. False if there is none.
    pub fn drop_field<'r>(&self, hold: Hold, name: &[u8], record: Record<'r>) -> Result<bool, Refused<'r>> {
        let Some(commit) = Commit::begin(*self, hold, &record) else {
            return Err(Refused::Unbound(record));
        };
        let is_dropped = self.set.fields.drop_field(name, commit.exclusive());
        if is_dropped {
            commit.finish(record);
        } else {
            drop(commit);
        }
        Ok(is_dropped)
    }
}

impl VectorSet {
    /// Reads some attributes for indexes that are not complete. False if there are none.
    pub fn build_fields(&self) -> bool {
        if !self.fields.exist() {
            return false;
        }
        let pin = pin();
        // No change is made meanwhile.
        let _elements = self.elements.read();
        let slots = self.vectors.graph().slots();
        let end = slots.end();
        let mut indexes = self.fields.all.write();
        let Some(from) = indexes.built_to() else { return false };
        let to = end.min(from.saturating_add(STEP));
        for slot in (from..to).filter(|&slot| slots.state(slot) == State::Live) {
            if let Some(attribute) = self.attributes.get(slot, &pin) {
                indexes.add_read(slot, &attribute.text());
            }
        }
        indexes.advance(from, to, end)
    }

    /// The same set with complete indexes of these fields.
    pub fn with_fields(self, specs: Vec<FieldSpec>) -> Self {
        if specs.is_empty() {
            return self;
        }
        let mut indexes = Indexes::default();
        for spec in specs.into_iter().take(MAX_FIELDS) {
            indexes.add(spec, Progress::Complete);
        }
        let slots = self.vectors.graph().slots();
        let pin = pin();
        let mut builders: Vec<Builder> = indexes.fields.iter().map(Field::builder).collect();
        for slot in (0..slots.end()).filter(|&slot| slots.state(slot) == State::Live) {
            let Some(attribute) = self.attributes.get(slot, &pin) else { continue };
            let text = attribute.text();
            indexes.attributed.insert(slot);
            let values = indexes.reader.read(&text);
            for (field, builder) in indexes.fields.iter().zip(&mut builders) {
                field.read(&values, |value| builder.insert(slot, value));
            }
        }
        for (field, builder) in indexes.fields.iter_mut().zip(builders) {
            field.index = builder.finish();
        }
        indexes.count_bytes();
        self.fields.replace(indexes);
        self
    }
}

impl Indexes {
    /// The first slot that an incomplete index has not read; none if all are complete.
    fn built_to(&self) -> Option<u32> {
        let incomplete = self.fields.iter().filter_map(|field| match field.progress {
            Progress::Built { to } => Some(to),
            Progress::Complete => None,
        });
        incomplete.min()
    }

    /// Stores what the element in a slot has for the indexes that are not complete.
    fn add_read(&mut self, slot: u32, attribute: &[u8]) {
        self.attributed.insert(slot);
        let values = self.reader.read(attribute);
        for field in self.fields.iter_mut().filter(|field| !field.is_complete()) {
            field.insert(slot, &values);
        }
    }

    /// The slots from `from` to `to` were read. False if all indexes are complete now.
    fn advance(&mut self, from: u32, to: u32, end: u32) -> bool {
        for field in &mut self.fields {
            if matches!(field.progress, Progress::Built { to } if to == from) {
                field.progress = if to >= end { Progress::Complete } else { Progress::Built { to } };
            }
        }
        self.count_bytes();
        self.built_to().is_some()
    }
}

impl Field {
    fn builder(&self) -> Builder {
        Builder::new(self.spec.kind, self.spec.language)
    }
}

/// Fills the indexes of a set that are not complete, on the one thread that does this for all sets.
/// It ends early if the set is gone. If there can be no such thread, it is done at once.
pub fn build_in_background(set: &Arc<VectorSet>) {
    static QUEUE: OnceLock<Option<Sender<Weak<VectorSet>>>> = OnceLock::new();
    let start = || {
        let (sender, receiver) = channel::<Weak<VectorSet>>();
        let run = move || receiver.iter().for_each(|set| while build_some(&set) {});
        let thread = thread::Builder::new().name("field-builder".into()).spawn(run);
        thread.is_ok().then_some(sender)
    };
    let queue = QUEUE.get_or_init(start).as_ref();
    let is_queued = queue.is_some_and(|queue| queue.send(Arc::downgrade(set)).is_ok());
    if !is_queued {
        while set.build_fields() {}
    }
}

/// A step; false if there is nothing left to do.
fn build_some(set: &Weak<VectorSet>) -> bool {
    let is_more = set.upgrade().is_some_and(|set| set.build_fields());
    // Between steps, writers that wait for the lock get it.
    thread::yield_now();
    is_more
}
