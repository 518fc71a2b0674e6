//! Many fields, or long ones: a block for each, found by hash, by position and by deadline. Long
//! values are compressed where that saves enough.

use ahash::RandomState;

use super::Field;
use super::frozen::SnapshotLink;
use super::slots::Slots;
use crate::arena::{Purpose, ThinBlock, Visited};
use crate::compressed::{Ready, Savings, Stored};
use crate::keyspace::Deadline;
use crate::keyspace::expiry::Deadlines;
use crate::keyspace::hash_index::HashIndex;
use crate::memory::{Category, Held, allocated_bytes};

/// The fields of a large hash.
///
/// Positions have no gaps, so that a random position gives a random field: the last field takes the
/// place of a removed one.
#[derive(Clone, Debug)]
pub(in crate::keyspace) struct FieldTable {
    index: HashIndex,
    slots: Slots<Slot>,
    deadlines: Deadlines,
    hasher: RandomState,
    /// Bytes of the blocks of all fields.
    block_bytes: usize,
    /// What compression of the values saves.
    savings: Savings,
    snapshot_link: SnapshotLink,
    /// The block of this table itself.
    held: Held,
}

/// One field: its block is `[deadline: 8 bytes, if it has one][name][value]`.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    /// The tag is the length of the name; its top bit is set if there is a deadline, the next one
    /// if the value is compressed.
    block: ThinBlock<NoValue>,
    /// The hash for the index.
    hash: u32,
}

/// What the block of a field has beside its bytes.
#[derive(Clone, Debug)]
enum NoValue {}

impl Purpose for NoValue {
    fn category(_: u32) -> Category {
        Category::Hashes
    }
}

const DEADLINE_BIT: u32 = 1 << 31;
const COMPRESSED_BIT: u32 = 1 << 30;

/// The bits of the tag that are the length of the name.
const NAME_LEN: u32 = COMPRESSED_BIT - 1;

const DEADLINE_BYTES: usize = size_of::<Deadline>();

impl Slot {
    fn new(hash: u32, field: Field<'_>) -> Self {
        let at = field.deadline.to_bytes();
        let (bit, at) =
            if field.deadline == Deadline::NEVER { (0, &[][..]) } else { (DEADLINE_BIT, &at[..]) };
        let (value, is_compressed) = field.value.parts();
        assert!(field.name.len() <= NAME_LEN as usize, "the name of a field is shorter than a gigabyte");
        let tag = field.name.len() as u32 | bit | compressed_bit(is_compressed);
        Self { block: ThinBlock::new(tag, None, &[at, field.name, value]), hash }
    }

    /// Bytes of the field.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.block.heap_bytes()
    }

    pub(super) fn field(&self) -> Field<'_> {
        let tag = self.block.tag();
        let tail = self.block.tail();
        let (deadline, tail) = match tail.split_first_chunk::<DEADLINE_BYTES>() {
            Some((at, rest)) if tag & DEADLINE_BIT != 0 => (Deadline::from_bytes(*at), rest),
            _ => (Deadline::NEVER, tail),
        };
        let (name, value) = tail.split_at((tag & NAME_LEN) as usize);
        Field { name, value: Stored::new(value, tag & COMPRESSED_BIT != 0), deadline }
    }

    /// Gives the field another value; it keeps its name and deadline.
    fn set_value(&mut self, value: Stored<'_>) {
        let (value, is_compressed) = value.parts();
        let before = self.block.tail().len() - self.field().value.parts().0.len();
        self.block.resize(before + value.len());
        self.block.tail_mut()[before..].copy_from_slice(value);
        self.block.set_tag(self.block.tag() & !COMPRESSED_BIT | compressed_bit(is_compressed));
    }
}

fn compressed_bit(is_compressed: bool) -> u32 {
    if is_compressed { COMPRESSED_BIT } else { 0 }
}

impl FieldTable {
    pub(super) fn new() -> Self {
        Self {
            index: HashIndex::new(Category::Hashes),
            slots: Slots::default(),
            deadlines: Deadlines::default(),
            hasher: RandomState::new(),
            block_bytes: 0,
            savings: Savings::default(),
            snapshot_link: SnapshotLink::default(),
            held: Held::new(
                Category::Hashes,
                allocated_bytes(size_of::<Self>() + Visited::<Self>::overhead()),
            ),
        }
    }

    /// How many fields there are, expired ones included.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn find(&self, name: &[u8]) -> Option<Field<'_>> {
        self.position(name).map(|position| self.at(position as usize))
    }

    /// The link to the snapshot that reads the fields, if there is one.
    pub(super) fn snapshot_link(&self) -> &SnapshotLink {
        &self.snapshot_link
    }

    pub(super) fn slot(&self, position: usize) -> &Slot {
        &self.slots[position]
    }

    /// The field at a position below the length.
    pub(super) fn at(&self, position: usize) -> Field<'_> {
        self.slots[position].field()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Field<'_>> {
        self.slots.iter().map(Slot::field)
    }

    /// How many fields have expired.
    pub(super) fn count_due(&self, now_ms: i64) -> usize {
        self.deadlines.count_due(now_ms)
    }

    pub(super) fn next_deadline(&self) -> Deadline {
        self.deadlines.first()
    }

    /// Gives a field this value, compressed if that saves enough, and this deadline; true if the
    /// field is new.
    pub(super) fn set(&mut self, field: Field<'_>) -> bool {
        let value = field.value.text();
        let value = Ready::new(&value);
        self.set_stored(Field { value: value.stored(), ..field })
    }

    fn set_stored(&mut self, field: Field<'_>) -> bool {
        let Some(position) = self.position(field.name) else {
            self.insert(field);
            return true;
        };
        if self.at(position as usize).deadline == field.deadline && !self.snapshot_link.is_in_use() {
            self.change(position, |slot| slot.set_value(field.value));
        } else {
            self.replace(position, field);
        }
        false
    }

    /// Sets the deadline of a field; false if there is no such field.
    pub(super) fn set_deadline(&mut self, name: &[u8], deadline: Deadline) -> bool {
        let Some(position) = self.position(name) else { return false };
        let present = self.at(position as usize);
        if present.deadline != deadline {
            let (value, is_compressed) = present.value.parts();
            let value = value.to_vec();
            self.replace(position, Field { name, value: Stored::new(&value, is_compressed), deadline });
        }
        true
    }

    /// Removes a field; false if there was none.
    pub(super) fn remove(&mut self, name: &[u8]) -> bool {
        let position = self.position(name);
        if let Some(position) = position {
            self.remove_at(position);
        }
        position.is_some()
    }

    /// Removes up to `limit` expired fields, and calls `on_removed` with their names; returns how
    /// many.
    pub(super) fn remove_due(
        &mut self,
        now_ms: i64,
        limit: usize,
        mut on_removed: impl FnMut(&[u8]),
    ) -> usize {
        for removed in 0..limit {
            let Some(position) = self.deadlines.first_due(now_ms) else { return removed };
            on_removed(self.at(position as usize).name);
            self.remove_at(position);
        }
        limit
    }

    /// What compression of the values saves.
    pub(super) fn savings(&self) -> Savings {
        self.savings
    }

    /// Bytes that the allocator gives for it, with its own block.
    pub(super) fn heap_bytes(&self) -> usize {
        let parts = self.index.heap_bytes() + self.slots.heap_bytes() + self.deadlines.heap_bytes();
        parts + self.block_bytes + self.held.bytes()
    }

    fn insert(&mut self, field: Field<'_>) {
        let position = u32::try_from(self.slots.len())
            .expect("four billion fields take more than the memory of the machine");
        let hash = self.hash(field.name);
        let slot = Slot::new(hash, field);
        self.block_bytes += slot.block.heap_bytes();
        self.savings += slot.field().value.savings();
        self.slots.push(slot);
        self.deadlines.add(field.deadline, position);
        self.index.insert(hash, position, |position| self.slots[position as usize].hash);
    }

    /// Puts another field with the same name at a position.
    fn replace(&mut self, position: u32, field: Field<'_>) {
        self.deadlines.remove(self.at(position as usize).deadline, position);
        self.deadlines.add(field.deadline, position);
        let old = self.change(position, |slot| {
            let new = Slot::new(slot.hash, field);
            std::mem::replace(slot, new)
        });
        self.snapshot_link.keep_before_image(position, || old);
    }

    fn change<R>(&mut self, position: u32, change: impl FnOnce(&mut Slot) -> R) -> R {
        let slot = &mut self.slots[position as usize];
        self.block_bytes -= slot.block.heap_bytes();
        self.savings -= slot.field().value.savings();
        let outcome = change(slot);
        self.block_bytes += slot.block.heap_bytes();
        self.savings += slot.field().value.savings();
        outcome
    }

    fn remove_at(&mut self, position: u32) {
        let last = self.slots.len() as u32 - 1;
        self.unindex(position);
        if position != last {
            let hash = self.slots[last as usize].hash;
            let deadline = self.at(last as usize).deadline;
            self.snapshot_link.keep_before_image(last, || self.slots[last as usize].clone());
            self.index.relocate(hash, last, position);
            self.deadlines.remove(deadline, last);
            self.deadlines.add(deadline, position);
        }
        let removed = self.slots.swap_remove(position as usize);
        self.block_bytes -= removed.block.heap_bytes();
        self.savings -= removed.field().value.savings();
        self.snapshot_link.keep_before_image(position, || removed);
    }

    /// Removes a position from the index and from the deadlines.
    fn unindex(&mut self, position: u32) {
        let hash = self.slots[position as usize].hash;
        self.index.remove(hash, position, |position| self.slots[position as usize].hash);
        self.deadlines.remove(self.at(position as usize).deadline, position);
    }

    fn position(&self, name: &[u8]) -> Option<u32> {
        let hash = self.hash(name);
        self.index.find(hash, |position| {
            let slot = &self.slots[position as usize];
            slot.hash == hash && slot.field().name == name
        })
    }

    fn hash(&self, name: &[u8]) -> u32 {
        self.hasher.hash_one(name) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compressed::{random, repetitive};

    fn table(fields: u32) -> FieldTable {
        let mut table = FieldTable::new();
        for number in 0..fields {
            let name = number.to_string();
            let deadline = if number % 3 == 0 { Deadline::at(i64::from(number)) } else { Deadline::NEVER };
            assert!(table.set(Field { name: name.as_bytes(), value: Stored::Plain(b"value"), deadline }));
        }
        table
    }

    fn field<'f>(name: &'f [u8], value: &'f [u8]) -> Field<'f> {
        Field { name, value: Stored::Plain(value), deadline: Deadline::NEVER }
    }

    #[test]
    fn long_values_are_compressed_and_their_savings_counted() {
        let mut table = table(10);
        let text = repetitive(1000);
        for (name, value) in [(b"a", &text), (b"b", &text), (b"c", &random(1000))] {
            table.set(field(name, value));
        }
        let saved = table.savings();
        assert!(saved.values == 2 && saved.bytes > 2 * 400);
        assert!(table.set_deadline(b"a", Deadline::at(5)));
        for name in [b"a", b"b"] {
            assert_eq!(table.find(name).expect("it was set").value.text(), text);
        }
        assert_eq!(table.savings(), saved);
        table.set(field(b"b", b"short"));
        assert_eq!(table.find(b"b").expect("it was set").value, Stored::Plain(b"short"));
        assert_eq!(table.savings().values, 1);
        table.set(field(b"b", &text));
        assert_eq!(table.find(b"b").expect("it was set").value.text(), text);
        assert_eq!(table.savings(), saved);
        assert!(table.remove(b"a") && table.remove(b"b"));
        assert_eq!(table.savings(), Savings::default());
    }

    #[test]
    fn a_slot_is_two_words() {
        assert_eq!(size_of::<Slot>(), 16);
    }

    #[test]
    fn removing_moves_the_last_field_with_its_hash_and_deadline() {
        let mut table = table(1000);
        for number in (0..1000).step_by(2) {
            assert!(table.remove(number.to_string().as_bytes()));
        }
        assert_eq!(table.len(), 500);
        for number in 0..1000_i64 {
            let name = number.to_string();
            let found = table.find(name.as_bytes()).map(|field| field.deadline);
            let expected = if number % 3 == 0 { Deadline::at(number) } else { Deadline::NEVER };
            assert_eq!(found, (number % 2 == 1).then_some(expected));
        }
        assert_eq!(table.next_deadline(), Deadline::at(3));
        assert_eq!(table.count_due(501), 83);
        assert_eq!((table.remove_due(501, 50, |_| ()), table.remove_due(501, 50, |_| ())), (50, 33));
        assert_eq!(table.len(), 417);
    }

    #[test]
    fn memory_is_counted_as_fields_are_added_changed_and_removed() {
        let mut table = table(5000);
        let full = table.heap_bytes();
        table.set(field(b"1", &random(100_000)));
        assert!(table.heap_bytes() > full + 90_000);
        for number in 0..5000 {
            assert!(table.set_deadline(number.to_string().as_bytes(), Deadline::at(1)));
        }
        assert_eq!(table.remove_due(2, usize::MAX, |_| ()), 5000);
        assert_eq!((table.block_bytes, table.len(), table.deadlines.len()), (0, 0, 0));
        assert!(table.heap_bytes() < full / 8);
    }
}
