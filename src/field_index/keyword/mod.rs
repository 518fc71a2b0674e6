//! Which slots have this string or number, or an array with it?

mod facets;
#[cfg(test)]
mod tests;

use roaring::RoaringBitmap;
use smallvec::SmallVec;

use super::Value;
use super::bitmap::CountedBitmap;
use super::column::{Cell, Column};
use super::dictionary::Dictionary;
use super::id_list::IdList;
use super::key::Key;
use super::postings::Postings;
use super::presence::{Presence, State};
use super::slab::Slab;
use crate::memory::{Category, Held};

/// Longest string that is a key, in bytes.
pub const MAX_KEY_BYTES: usize = 1024;
/// Most items of an array whose items are keys.
pub const MAX_ITEMS: usize = 1024;

/// Keys, and the slots that have them. Strings and numbers, and arrays of such, are held; strings
/// of more than [`MAX_KEY_BYTES`], arrays of more than [`MAX_ITEMS`] or with anything else in them,
/// and all other values are [`others`](super::Presence::others).
///
/// Equality of keys is exact: strings byte for byte, numbers by value (-0 is 0), and no number is a
/// string. Scalars and items of arrays are apart, as they mean different things to a language of
/// filters.
#[derive(Clone, Debug)]
pub struct KeywordIndex {
    scalars: Dictionary,
    items: Dictionary,
    presence: Presence,
    column: Column<Has, 1024>,
    /// Ids of items, by what stands in the column.
    lists: Slab<Option<IdList>>,
    /// Bytes on the heap of those.
    list_bytes: usize,
    arrays: CountedBitmap,
    /// Of both.
    held: Held,
}

/// What a slot has: the id of a key, or the number of a list of ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Has(u32);

impl Has {
    const LIST: u32 = 1 << 31;

    fn list(self) -> Option<u32> {
        (self.0 & Self::LIST != 0).then_some(self.0 & !Self::LIST)
    }

    fn scalar(self) -> Option<u32> {
        (self.0 & Self::LIST == 0).then_some(self.0)
    }
}

impl Cell for Has {
    fn vacant() -> Self {
        Self(u32::MAX)
    }

    fn is_vacant(&self) -> bool {
        self.0 == u32::MAX
    }
}

/// The keys of one array.
type Items<'v> = SmallVec<[Key<'v>; 8]>;

enum Read<'v> {
    Scalar(Key<'v>),
    Array(Items<'v>),
    Unheld(State),
}

fn key(value: Value) -> Option<Key> {
    match value {
        Value::Number(number) if !number.is_nan() => Some(Key::Number(number)),
        Value::Text(text) if text.len() <= MAX_KEY_BYTES => Some(Key::Text(text)),
        _ => None,
    }
}

fn read(value: Value) -> Read {
    let items = match value {
        Value::Null => return Read::Unheld(State::Null),
        Value::Array(items) if items.len() <= MAX_ITEMS => items,
        scalar => return key(scalar).map_or(Read::Unheld(State::Other), Read::Scalar),
    };
    let keys: Option<Items> = items.iter().map(|&item| key(item)).collect();
    keys.map_or(Read::Unheld(State::Other), Read::Array)
}

/// What a slot has, as [`KeywordIndex::value`] returns it.
#[derive(Clone, Debug)]
pub enum KeywordValue<'i, I> {
    /// Nothing that can be read.
    Absent,
    /// Null.
    Null,
    /// A value that the index does not hold.
    Other,
    /// A string or a number.
    Scalar(Key<'i>),
    /// The different items of an array, in no order.
    Array(I),
}

impl Default for KeywordIndex {
    fn default() -> Self {
        Self::new()
    }
}

impl KeywordIndex {
    /// An empty one.
    pub fn new() -> Self {
        let category = Category::AttributeIndexes;
        Self {
            scalars: Dictionary::new(),
            items: Dictionary::new(),
            presence: Presence::new(),
            column: Column::new(category),
            lists: Slab::new(category),
            list_bytes: 0,
            arrays: CountedBitmap::default(),
            held: Held::nothing(category),
        }
    }

    /// Stores what a slot has; what it had before is removed. Slots are below 2³¹.
    pub fn insert(&mut self, slot: u32, value: Value) {
        self.remove(slot);
        let has = match read(value) {
            Read::Unheld(state) => return self.presence.insert(slot, state),
            Read::Scalar(key) => Has(self.scalars.insert(key, slot)),
            Read::Array(keys) => self.insert_array(slot, &keys),
        };
        self.presence.insert(slot, State::Indexed);
        self.column.put(slot, has);
    }

    fn insert_array(&mut self, slot: u32, keys: &[Key]) -> Has {
        let mut ids: SmallVec<[u32; 16]> = keys.iter().map(|&key| self.items.insert(key, slot)).collect();
        ids.sort_unstable();
        ids.dedup();
        let list = IdList::new(&ids);
        self.arrays.insert(slot);
        self.list_bytes += list.heap_bytes();
        self.count_bytes();
        Has(self.lists.add(Some(list)) | Has::LIST)
    }

    /// Forgets what a slot has, if anything.
    pub fn remove(&mut self, slot: u32) {
        if self.presence.remove(slot) != State::Indexed {
            return;
        }
        let Some(has) = self.column.take(slot) else { return };
        let Some(list) = has.list() else { return self.scalars.remove(has.0, slot) };
        self.arrays.remove(slot);
        if let Some(list) = self.lists.remove(list).flatten() {
            self.list_bytes -= list.heap_bytes();
            list.iter().for_each(|id| self.items.remove(id, slot));
        }
        self.count_bytes();
    }

    fn count_bytes(&mut self) {
        self.held.set(self.list_bytes + self.arrays.heap_bytes());
    }

    /// Which slots have a value, and which of them one that is not held here.
    pub fn presence(&self) -> &Presence {
        &self.presence
    }

    /// Slots with an array that is held here, an empty one included.
    pub fn arrays(&self) -> &RoaringBitmap {
        self.arrays.bits()
    }

    /// Slots whose value is this string or number: exact. Takes about 0.1 µs.
    pub fn scalar(&self, key: Key) -> Option<&Postings> {
        self.scalars.get(key)
    }

    /// Slots whose value is an array with this item: exact. Takes about 0.1 µs.
    pub fn item(&self, key: Key) -> Option<&Postings> {
        self.items.get(key)
    }

    /// Each different string or number that is a value, with its slots, in no order.
    pub fn scalars(&self) -> impl Iterator<Item = (Key<'_>, &Postings)> {
        self.scalars.iter().map(|(_, key, postings)| (key, postings))
    }

    /// Each different item of arrays, with the slots of the arrays, in no order.
    pub fn items(&self) -> impl Iterator<Item = (Key<'_>, &Postings)> {
        self.items.iter().map(|(_, key, postings)| (key, postings))
    }

    /// A number below [`key_ids`](Self::key_ids) that stands for the string or number of a slot:
    /// the same for slots with the same one, until a change. `None` for arrays, null, others and
    /// nothing.
    #[inline]
    pub fn key_id(&self, slot: u32) -> Option<u32> {
        self.column.get(slot)?.scalar()
    }

    /// All numbers of keys are below.
    pub fn key_ids(&self) -> u32 {
        self.scalars.end()
    }

    /// The string or number for which a number stands.
    pub fn key_of_id(&self, id: u32) -> Option<Key<'_>> {
        self.scalars.key(id)
    }

    /// What a slot has: a few reads of memory.
    pub fn value(&self, slot: u32) -> KeywordValue<'_, impl Iterator<Item = Key<'_>>> {
        let Some(&has) = self.column.get(slot) else {
            return match self.presence.state(slot) {
                State::Null => KeywordValue::Null,
                State::Other => KeywordValue::Other,
                State::Absent | State::Indexed => KeywordValue::Absent,
            };
        };
        if let Some(key) = has.scalar().and_then(|id| self.scalars.key(id)) {
            return KeywordValue::Scalar(key);
        }
        KeywordValue::Array(self.ids_of_items(has).filter_map(|id| self.items.key(id)))
    }

    /// None for scalars.
    fn ids_of_items(&self, has: Has) -> impl Iterator<Item = u32> + '_ {
        let list = has.list().and_then(|list| self.lists.get(list));
        list.and_then(Option::as_ref).into_iter().flat_map(IdList::iter)
    }

    /// How many different keys: of scalars and of items, so that what is both counts twice.
    pub fn cardinality(&self) -> usize {
        self.scalars.len() + self.items.len()
    }

    /// How many pairs of a key and a slot.
    pub fn entries(&self) -> usize {
        self.scalars.postings() + self.items.postings()
    }

    /// Bytes that it takes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.scalars.heap_bytes()
            + self.items.heap_bytes()
            + self.presence.heap_bytes()
            + self.column.heap_bytes()
            + self.lists.heap_bytes()
            + self.held.bytes()
    }
}
