//! Indexes of fields of attributes: which slots match a filter, without reading an attribute.
//!
//! An attribute is read once, when it is written: the values of all indexed fields go into their
//! indexes (see [`crate::field_index`]) inside the critical section of the change, and leave them
//! by slot. So what an index says is the truth of one moment, and a search that asks it once, when
//! it has begun, returns no element that did not match at a moment of the search.
//!
//! Readers hold the lock of the indexes while they look slots up, some microseconds, and never
//! while they search. A new index is built in the background by steps between which writers run;
//! until it is complete, filters do as if it were not there.
//!
//! *Lock order:* the set's `elements` → this lock. Searches take this one alone.

mod answer;
mod build;
mod select;
mod slots;
mod spec;
mod uses;
mod value;

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{RwLock, RwLockReadGuard};
use roaring::RoaringBitmap;
use smallvec::SmallVec;

pub use self::build::{NotAdded, build_in_background};
pub use self::select::Knowledge;
pub use self::spec::{FieldSpec, InvalidField, MAX_FIELDS};
pub use self::uses::{FacetValue, Removed, Scanned, TooManyValues, values_of};

use super::VectorSet;
use super::commit::Exclusive;
use super::filter::{FieldReader, Values};
use crate::field_index::{FieldIndex, Kind, Value as Indexed};
use crate::memory::{Category, Held};

/// The indexes of a set.
#[derive(Default)]
pub(super) struct FieldIndexes {
    /// False if there are none: what every write asks first.
    exist: AtomicBool,
    all: RwLock<Indexes>,
}

/// All indexes, and what they share.
pub(super) struct Indexes {
    fields: Vec<Field>,
    /// Of all paths of all fields.
    reader: FieldReader,
    /// Slots of elements with an attribute, as far as the indexes that are furthest have read.
    attributed: RoaringBitmap,
    held: Held,
}

/// The index of one field.
struct Field {
    spec: FieldSpec,
    /// Where the values at its paths are in what the reader finds.
    values: SmallVec<[usize; 2]>,
    index: FieldIndex,
    progress: Progress,
}

/// How far the index of a field is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Progress {
    /// Slots from this one on were not read yet.
    Built { to: u32 },
    /// It has all that there is.
    Complete,
}

/// What an index is, for people.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldState {
    /// What it was made as.
    pub spec: FieldSpec,
    /// The share of slots that was read, from 0 to 1; 1: it is used.
    pub progress: f64,
    /// Different keys, numbers, words or cells.
    pub cardinality: usize,
    /// Pairs of such and a slot.
    pub entries: usize,
    /// Slots with a value that an index of this kind does not hold; filters read those attributes.
    pub others: usize,
    /// Bytes on the heap.
    pub bytes: usize,
}

impl Default for Indexes {
    fn default() -> Self {
        Self {
            fields: Vec::new(),
            reader: FieldReader::new([]),
            attributed: RoaringBitmap::new(),
            held: Held::nothing(Category::AttributeIndexes),
        }
    }
}

impl FieldIndexes {
    /// True if there are any.
    #[inline]
    pub(super) fn exist(&self) -> bool {
        self.exist.load(Ordering::Relaxed)
    }

    /// The element in a slot has this attribute now; empty: none.
    pub(super) fn update(&self, slot: u32, attribute: &[u8], _: &Exclusive) {
        if self.exist() {
            self.all.write().update(slot, attribute);
        }
    }

    /// An element with this attribute gets another slot when `publish` is called, while no slots
    /// are looked up.
    pub(super) fn exchange(
        &self,
        old: u32,
        new: u32,
        attribute: &[u8],
        publish: impl FnOnce(),
        _: &Exclusive,
    ) {
        let mut all = self.all.write();
        all.update(new, attribute);
        publish();
        all.remove(old);
    }

    /// The element has left its slot.
    pub(super) fn leave(&self, slot: u32, _: &Exclusive) {
        if self.exist() {
            self.all.write().remove(slot);
        }
    }

    /// Adds an index.
    fn add(&self, spec: FieldSpec, progress: Progress, _: &Exclusive) -> Result<(), NotAdded> {
        let mut all = self.all.write();
        if all.field(&spec.name).is_some() {
            return Err(NotAdded::Exists);
        }
        if all.fields.len() == MAX_FIELDS {
            return Err(NotAdded::TooMany);
        }
        all.add(spec, progress);
        self.exist.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Removes an index. False if there is none of this name.
    fn drop_field(&self, name: &[u8], _: &Exclusive) -> bool {
        let mut all = self.all.write();
        let is_dropped = all.drop_field(name);
        self.exist.store(!all.fields.is_empty(), Ordering::Relaxed);
        is_dropped
    }

    /// Puts indexes in place of those that there are. Only while the set is not shared.
    fn replace(&self, indexes: Indexes) {
        *self.all.write() = indexes;
        self.exist.store(true, Ordering::Relaxed);
    }

    /// For looking slots up.
    pub(super) fn read(&self) -> RwLockReadGuard<'_, Indexes> {
        self.all.read()
    }

    /// What there is, in the order in which the indexes were made.
    pub(super) fn specs(&self) -> Vec<FieldSpec> {
        if !self.exist() {
            return Vec::new();
        }
        self.all.read().fields.iter().map(|field| field.spec.clone()).collect()
    }

    /// Bytes held.
    pub(super) fn heap_bytes(&self) -> usize {
        if self.exist() { self.all.read().heap_bytes() } else { 0 }
    }
}

impl Indexes {
    /// Adds an index that has nothing yet.
    fn add(&mut self, spec: FieldSpec, progress: Progress) {
        let index = FieldIndex::new(spec.kind, spec.language);
        self.fields.push(Field { spec, values: SmallVec::new(), index, progress });
        self.arrange();
    }

    /// Removes an index. False if there is none of this name.
    fn drop_field(&mut self, name: &[u8]) -> bool {
        let before = self.fields.len();
        self.fields.retain(|field| *field.spec.name != *name);
        if self.fields.is_empty() {
            *self = Self::default();
        } else {
            self.arrange();
        }
        self.fields.len() < before
    }

    /// Makes the reader that the fields need.
    fn arrange(&mut self) {
        let paths = self.fields.iter().flat_map(|field| field.spec.paths.iter().cloned());
        self.reader = FieldReader::new(paths);
        for field in &mut self.fields {
            let position = |path| self.reader.paths().iter().position(|known| known == path);
            field.values = field.spec.paths.iter().filter_map(position).collect();
        }
    }

    fn field(&self, name: &[u8]) -> Option<&Field> {
        self.fields.iter().find(|field| *field.spec.name == *name)
    }

    fn update(&mut self, slot: u32, attribute: &[u8]) {
        self.remove(slot);
        if !attribute.is_empty() {
            self.attributed.insert(slot);
            let values = self.reader.read(attribute);
            self.fields.iter_mut().for_each(|field| field.insert(slot, &values));
        }
        self.count_bytes();
    }

    fn remove(&mut self, slot: u32) {
        if self.attributed.remove(slot) {
            self.fields.iter_mut().for_each(|field| field.index.remove(slot));
        }
        self.count_bytes();
    }

    /// True if an index has read all that there is, so that [`attributed`](Self::attributed) is
    /// known, too.
    fn is_any_complete(&self) -> bool {
        self.fields.iter().any(Field::is_complete)
    }

    fn count_bytes(&mut self) {
        // As the bitmap stores it.
        self.held.set(self.attributed.serialized_size());
    }

    fn heap_bytes(&self) -> usize {
        self.held.bytes() + self.fields.iter().map(|field| field.index.heap_bytes()).sum::<usize>()
    }
}

impl Field {
    fn is_complete(&self) -> bool {
        self.progress == Progress::Complete
    }

    fn insert(&mut self, slot: u32, values: &Values<'_>) {
        read(self.spec.kind, &self.values, values, |value| self.index.insert(slot, value));
    }

    /// Lets an index take what the field has among these values, if it has something.
    fn read(&self, values: &Values<'_>, take: impl FnOnce(Indexed<'_>)) {
        read(self.spec.kind, &self.values, values, take);
    }

    /// `end`: slots of the set are below this.
    fn state(&self, end: u32) -> FieldState {
        FieldState {
            spec: self.spec.clone(),
            progress: match self.progress {
                Progress::Complete => 1.0,
                Progress::Built { to } => f64::from(to) / f64::from(end.max(to).max(1)),
            },
            cardinality: self.index.cardinality(),
            entries: self.index.entries(),
            others: self.index.presence().others().len() as usize,
            bytes: self.index.heap_bytes(),
        }
    }
}

fn read(kind: Kind, numbers: &[usize], values: &Values<'_>, take: impl FnOnce(Indexed<'_>)) {
    match (kind, numbers) {
        (Kind::Geo, &[lat, lon]) => {
            if let Some(place) = value::place(values[lat], values[lon]) {
                take(place);
            }
        }
        (_, &[number]) => {
            if let Some(value) = values[number] {
                value::with_indexed(value, take);
            }
        }
        _ => {}
    }
}

impl VectorSet {
    /// What its indexes of fields are, in the order in which they were made.
    pub fn field_specs(&self) -> Vec<FieldSpec> {
        self.fields.specs()
    }

    /// The same, with their states.
    pub fn field_states(&self) -> Vec<FieldState> {
        let end = self.vectors.end();
        self.fields.read().fields.iter().map(|field| field.state(end)).collect()
    }
}
