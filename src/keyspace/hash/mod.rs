//! Hashes: fields with values, of which each may expire on its own.
//!
//! Keys are not used here. Small hashes are packed bytes in the block of their key; large ones are
//! tables.

mod frozen;
mod packed;
mod slots;
mod stored;
mod table;
mod value;

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use self::frozen::{FieldAtCut, FrozenFields};
pub(super) use self::packed::{Packed, PackedRef};
pub(super) use self::stored::StoredTable;
use self::table::FieldTable;
use super::Deadline;
use crate::arena::Visited;
use crate::compressed::Stored;

/// A hash outside of the keyspace, or during an edit: expired fields are absent.
#[derive(Clone, Debug)]
pub struct Hash {
    form: HashForm,
    limits: PackedLimits,
    now_ms: i64,
    /// Expired fields that were replaced by new fields of the same names.
    replaced: Vec<Box<[u8]>>,
}

/// How the fields are stored.
#[expect(
    clippy::large_enum_variant,
    reason = "it is on the stack: a box would be an allocation for each edit"
)]
#[derive(Clone, Debug)]
enum HashForm {
    Packed(Packed),
    Table(Visited<FieldTable>),
}

/// The hash of a key, in place.
#[derive(Clone, Copy, Debug)]
pub struct HashRef<'h>(Fields<'h>);

/// A hash as it is at one moment.
#[derive(Clone, Copy, Debug)]
pub struct HashView<'h> {
    fields: Fields<'h>,
    now_ms: i64,
    /// Set if a field is looked for that has expired.
    met_expired: Option<&'h Cell<bool>>,
}

#[derive(Clone, Copy, Debug)]
enum Fields<'h> {
    Packed(PackedRef<'h>),
    Table(&'h FieldTable),
}

/// A field.
#[derive(Clone, Copy, Debug)]
struct Field<'h> {
    name: &'h [u8],
    value: Stored<'h>,
    deadline: Deadline,
}

/// The limits up to which a hash is packed. One that has become a table stays a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedLimits {
    /// The most fields (`hash-max-listpack-entries`).
    pub fields: usize,
    /// The longest name, and the longest value (`hash-max-listpack-value`).
    pub len: usize,
}

/// Redis' defaults.
impl Default for PackedLimits {
    fn default() -> Self {
        Self { fields: 512, len: 64 }
    }
}

/// The limits of a keyspace, which may change at any time.
#[derive(Debug)]
pub(super) struct SharedLimits {
    fields: AtomicUsize,
    len: AtomicUsize,
}

impl Default for SharedLimits {
    fn default() -> Self {
        let PackedLimits { fields, len } = PackedLimits::default();
        Self { fields: fields.into(), len: len.into() }
    }
}

impl SharedLimits {
    pub(super) fn get(&self) -> PackedLimits {
        let load = |limit: &AtomicUsize| limit.load(Ordering::Relaxed);
        PackedLimits { fields: load(&self.fields), len: load(&self.len) }
    }

    pub(super) fn set(&self, limits: PackedLimits) {
        self.fields.store(limits.fields, Ordering::Relaxed);
        self.len.store(limits.len, Ordering::Relaxed);
    }
}

/// The most bytes that are packed, whatever the limits: the block of a key has few bits for the
/// length of its value, and a search reads all of them.
const MAX_PACKED_BYTES: usize = 1024 * 1024;

/// The most fields that are packed, whatever the limits: their count is stored in two bytes.
const MAX_PACKED_FIELDS: usize = u16::MAX as usize;

/// More than a field takes beside its name and its value.
const FIELD_OVERHEAD: usize = 20;

impl Default for Hash {
    fn default() -> Self {
        Self::new()
    }
}

impl Hash {
    /// A hash without fields, with a time before all deadlines. No key may have such a hash.
    pub fn new() -> Self {
        Self::empty(PackedLimits::default(), i64::MIN)
    }

    /// As [`Self::new`], for a keyspace with these limits.
    pub fn within(limits: PackedLimits) -> Self {
        Self::empty(limits, i64::MIN)
    }

    /// A hash without fields that becomes a table beyond the limits.
    pub(super) fn empty(limits: PackedLimits, now_ms: i64) -> Self {
        Self { form: HashForm::Packed(Packed::new()), limits, now_ms, replaced: Vec::new() }
    }

    /// Sets the limits and the moment for which it is edited.
    pub(super) fn set_moment(&mut self, limits: PackedLimits, now_ms: i64) {
        self.limits = limits;
        self.now_ms = now_ms;
    }

    /// The hash as it is at this moment.
    pub fn view(&self, now_ms: i64) -> HashView<'_> {
        self.by_ref().view(now_ms)
    }

    /// Gives a field this value and this deadline, whatever it had before; true if the field is
    /// new.
    pub fn set(&mut self, field: &[u8], value: &[u8], deadline: Deadline) -> bool {
        let was_absent = self.view(self.now_ms).deadline(field).is_none();
        if was_absent && self.has_expired(field) {
            self.replaced.push(field.into());
        }
        self.make_room(field, value);
        let field = Field { name: field, value: Stored::Plain(value), deadline };
        match &mut self.form {
            HashForm::Packed(packed) => packed.set(field),
            HashForm::Table(table) => table.change().set(field),
        };
        was_absent
    }

    /// As [`Self::set`] for a new field: a packed hash is not searched for it. The caller must not
    /// add the same field twice: a packed hash would then be invalid. (A table has it once.)
    pub fn add(&mut self, field: &[u8], value: &[u8], deadline: Deadline) {
        self.make_room(field, value);
        let field = Field { name: field, value: Stored::Plain(value), deadline };
        match &mut self.form {
            HashForm::Packed(packed) => packed.insert(field),
            HashForm::Table(table) => _ = table.change().set(field),
        }
    }

    /// Adds room for a deadline to each field, as Redis' `listpackex` has it, also for fields
    /// without one.
    pub fn make_timed(&mut self) {
        if let HashForm::Packed(packed) = &mut self.form {
            packed.make_timed();
        }
    }

    /// Sets the deadline of a field; false if there is no such field.
    pub fn set_deadline(&mut self, field: &[u8], deadline: Deadline) -> bool {
        self.view(self.now_ms).deadline(field).is_some()
            && match &mut self.form {
                HashForm::Packed(packed) => packed.set_deadline(field, deadline),
                HashForm::Table(table) => table.change().set_deadline(field, deadline),
            }
    }

    /// Removes a field; false if there was none.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        self.view(self.now_ms).deadline(field).is_some()
            && match &mut self.form {
                HashForm::Packed(packed) => packed.remove(field),
                HashForm::Table(table) => table.change().remove(field),
            }
    }

    /// Removes the expired fields; returns how many.
    pub fn remove_due(&mut self, now_ms: i64) -> usize {
        self.remove_some_due(now_ms, usize::MAX, |_| ())
    }

    /// As [`Self::remove_due`], but a table loses no more than `limit` fields. `on_removed` is
    /// called with their names.
    pub(super) fn remove_some_due(
        &mut self,
        now_ms: i64,
        limit: usize,
        on_removed: impl FnMut(&[u8]),
    ) -> usize {
        match &mut self.form {
            HashForm::Packed(packed) => packed.remove_due(now_ms, on_removed),
            HashForm::Table(table) => table.change().remove_due(now_ms, limit, on_removed),
        }
    }

    /// The names of expired fields that were still stored when [`set`](Self::set) replaced them.
    pub(super) fn take_replaced(&mut self) -> Vec<Box<[u8]>> {
        std::mem::take(&mut self.replaced)
    }

    /// True for a field that has expired and is not removed yet.
    fn has_expired(&self, field: &[u8]) -> bool {
        self.next_deadline().is_past(self.now_ms)
            && self.view(i64::MIN).deadline(field).is_some_and(|deadline| deadline.is_past(self.now_ms))
    }

    /// The first deadline of a field; `NEVER` if there is none.
    pub fn next_deadline(&self) -> Deadline {
        self.by_ref().next_deadline()
    }

    /// True if no field is left.
    pub fn is_empty(&self) -> bool {
        self.view(self.now_ms).is_empty()
    }

    /// Bytes of the fields, beyond the size of the value itself.
    pub fn heap_bytes(&self) -> usize {
        match &self.form {
            HashForm::Packed(packed) => packed.as_bytes().len(),
            HashForm::Table(table) => table.heap_bytes(),
        }
    }

    pub(super) fn by_ref(&self) -> HashRef<'_> {
        HashRef(match &self.form {
            HashForm::Packed(packed) => Fields::Packed(packed.view()),
            HashForm::Table(table) => Fields::Table(table),
        })
    }

    /// Becomes a table if this field takes the hash over the limits.
    fn make_room(&mut self, name: &[u8], value: &[u8]) {
        let HashForm::Packed(packed) = &self.form else { return };
        let longest = name.len().max(value.len());
        let view = packed.view();
        let is_full = view.len() >= self.limits.fields.min(MAX_PACKED_FIELDS) && view.find(name).is_none();
        let bytes = view.bytes() + name.len() + value.len() + FIELD_OVERHEAD;
        if is_full || longest > self.limits.len || bytes > MAX_PACKED_BYTES {
            let mut table = FieldTable::new();
            view.iter().for_each(|field| _ = table.set(field));
            self.form = HashForm::Table(Visited::new(table));
        }
    }
}

impl<'h> HashRef<'h> {
    /// The hash in the bytes that a [`Packed`] returned.
    pub(super) fn of_packed(bytes: &'h [u8]) -> Self {
        Self(Fields::Packed(PackedRef::new(bytes)))
    }

    /// The hash as it is at this moment.
    pub fn view(self, now_ms: i64) -> HashView<'h> {
        HashView { fields: self.0, now_ms, met_expired: None }
    }

    /// A copy as a hash outside of the keyspace.
    pub fn to_hash(self) -> Hash {
        let form = match self.0 {
            Fields::Packed(packed) => HashForm::Packed(Packed::of(packed)),
            Fields::Table(table) => HashForm::Table(Visited::new(table.clone())),
        };
        Hash { form, ..Hash::new() }
    }

    /// The first deadline of a field, past or not; `NEVER` if there is none.
    pub(super) fn next_deadline(self) -> Deadline {
        match self.0 {
            Fields::Packed(packed) => packed.next_deadline(),
            Fields::Table(table) => table.next_deadline(),
        }
    }
}

impl<'h> HashView<'h> {
    /// The same view, which sets `met_expired` if a field is looked for that has expired.
    pub(super) fn noting(self, met_expired: &'h Cell<bool>) -> Self {
        Self { met_expired: Some(met_expired), ..self }
    }

    /// How many fields there are.
    pub fn len(self) -> usize {
        match self.fields {
            Fields::Packed(packed) => packed.len() - packed.count_due(self.now_ms),
            Fields::Table(table) => table.len() - table.count_due(self.now_ms),
        }
    }

    /// True if there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The value of a field.
    pub fn get(self, field: &[u8]) -> Option<Stored<'h>> {
        let found = self.find_stored(field)?;
        if found.deadline.is_past(self.now_ms) {
            self.met_expired.inspect(|met| met.set(true));
            return None;
        }
        Some(found.value)
    }

    /// The deadline of a field; none if there is no such field.
    pub fn deadline(self, field: &[u8]) -> Option<Deadline> {
        self.find(field).map(|field| field.deadline)
    }

    /// Names, values and deadlines of all fields.
    pub fn iter(self) -> impl Iterator<Item = (&'h [u8], Stored<'h>, Deadline)> {
        let (packed, table) = match self.fields {
            Fields::Packed(packed) => (Some(packed.iter()), None),
            Fields::Table(table) => (None, Some(table.iter())),
        };
        let fields = packed.into_iter().flatten().chain(table.into_iter().flatten());
        let alive = fields.filter(move |field| !field.deadline.is_past(self.now_ms));
        alive.map(|field| (field.name, field.value, field.deadline))
    }

    /// The field at a position below [`len`](Self::len), in the order of [`iter`](Self::iter): for
    /// random choices.
    pub fn nth(self, position: usize) -> Option<(&'h [u8], Stored<'h>)> {
        if let Fields::Table(table) = self.fields
            && table.count_due(self.now_ms) == 0
        {
            let field = (position < table.len()).then(|| table.at(position))?;
            return Some((field.name, field.value));
        }
        self.iter().nth(position).map(|(name, value, _)| (name, value))
    }

    /// Calls `visit` with about `count` fields from `cursor` on, and returns where to go on: 0 at
    /// the start, and again at the end. A field that exists from the first call to the last is
    /// visited. Small hashes are visited whole.
    ///
    /// A table is passed from its end to its start, and the cursor is the number of positions that
    /// are left. When a field is removed, the last field moves to its position. That is a move
    /// towards the start, so no field moves past the cursor unvisited.
    pub fn scan(self, cursor: u64, count: usize, mut visit: impl FnMut(&'h [u8], Stored<'h>)) -> u64 {
        let Fields::Table(table) = self.fields else {
            self.iter().for_each(|(name, value, _)| visit(name, value));
            return 0;
        };
        let len = table.len();
        let from = if cursor == 0 { len } else { usize::try_from(cursor).unwrap_or(len).min(len) };
        let until = from.saturating_sub(count.max(1));
        let fields = (until..from).rev().map(|position| table.at(position));
        fields
            .filter(|field| !field.deadline.is_past(self.now_ms))
            .for_each(|field| visit(field.name, field.value));
        until as u64
    }

    /// The reply of OBJECT ENCODING.
    pub fn encoding(self) -> &'static str {
        match self.fields {
            Fields::Packed(packed) if packed.is_timed() => "listpackex",
            Fields::Packed(_) => "listpack",
            Fields::Table(_) => "hashtable",
        }
    }

    fn find(self, name: &[u8]) -> Option<Field<'h>> {
        self.find_stored(name).filter(|field| !field.deadline.is_past(self.now_ms))
    }

    /// As [`Self::find`], expired or not.
    fn find_stored(self, name: &[u8]) -> Option<Field<'h>> {
        match self.fields {
            Fields::Packed(packed) => packed.find(name),
            Fields::Table(table) => table.find(name),
        }
    }
}

#[cfg(test)]
mod tests;
