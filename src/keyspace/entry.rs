//! One key with its value, its deadline, and when it was last used: 16 bytes, and one block on the
//! heap.

use std::sync::Arc;

use super::expiry::HEAP_BYTES_EACH;
use super::hash::{FrozenFields, Hash, HashRef, PackedLimits};
use super::policy::Policy;
use super::string::{Form, StringRef, StringValue, TextEdit};
use super::usage::{KnownUse, Usage};
use super::value::Large;
use super::{Deadline, Value, ValueRef, WrongType};
use crate::arena::{Purpose, ThinBlock};
use crate::compressed::{Compressed, Savings};
use crate::frequency::Lfu;
use crate::journal::Journal;
use crate::kernels::prefetch_at;
use crate::memory::Category;

/// A key with its value and all that is stored about it.
///
/// The tail of the block is `[deadline: 8 bytes, if there is room for one][key][value]`, with the
/// value last because it is what changes its length. A value that is not bytes is at the front, as
/// the block's `Large`.
#[derive(Debug)]
pub struct Entry {
    block: ThinBlock<Large>,
    /// The hash for the index; stored here, so that neither growing nor a false match reads keys.
    hash: u32,
    usage: Usage,
}

/// How a value is stored in an entry.
pub(super) enum Layout<'b> {
    /// As bytes of its block.
    Bytes(Kind, &'b [u8]),
    /// In memory of its own.
    Large(Large),
}

/// What the bytes of the value stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Integer,
    Text,
    EditedText,
    CompressedText,
    /// The fields of a small hash.
    PackedHash,
    /// None: the value is the block's [`Large`].
    Large,
}

/// The tag of a block: the kind, whether there is room for a deadline, whether the key is blessed,
/// and the length of the value in the tail.
#[derive(Clone, Copy)]
struct Tag {
    kind: Kind,
    has_deadline: bool,
    is_blessed: bool,
    value_len: usize,
}

/// Most blocks of small keys with small values are no longer.
const SMALL_BLOCK: usize = 64;

/// All kinds, in the order of their declaration.
const KINDS: [Kind; 6] =
    [Kind::Integer, Kind::Text, Kind::EditedText, Kind::CompressedText, Kind::PackedHash, Kind::Large];

const KIND_BITS: u32 = 3;
const DEADLINE_BIT: u32 = 1 << KIND_BITS;
const BLESSED_BIT: u32 = DEADLINE_BIT << 1;
const VALUE_LEN_SHIFT: u32 = KIND_BITS + 2;
const DEADLINE_BYTES: usize = size_of::<Deadline>();

impl Tag {
    fn from_bits(bits: u32) -> Self {
        Self {
            kind: KINDS[(bits & (DEADLINE_BIT - 1)) as usize],
            has_deadline: bits & DEADLINE_BIT != 0,
            is_blessed: bits & BLESSED_BIT != 0,
            value_len: (bits >> VALUE_LEN_SHIFT) as usize,
        }
    }

    fn to_bits(self) -> u32 {
        let deadline = if self.has_deadline { DEADLINE_BIT } else { 0 };
        let blessed = if self.is_blessed { BLESSED_BIT } else { 0 };
        self.kind as u32 | deadline | blessed | (self.value_len as u32) << VALUE_LEN_SHIFT
    }
}

/// A block belongs to its value, or to the table of keys if the value is elsewhere.
impl Purpose for Large {
    fn category(tag: u32) -> Category {
        match Tag::from_bits(tag).kind {
            Kind::Integer | Kind::Text | Kind::EditedText | Kind::CompressedText => Category::Strings,
            Kind::PackedHash => Category::Hashes,
            Kind::Large => Category::Keys,
        }
    }
}

/// Long texts and sets are shared.
impl Clone for Entry {
    fn clone(&self) -> Self {
        Self { block: self.block.clone(), hash: self.hash, usage: self.usage.clone() }
    }
}

impl Entry {
    pub(super) fn new(key: &[u8], value: Value, deadline: Deadline, now_ms: i64) -> Self {
        let at = deadline.to_bytes();
        let has_deadline = deadline != Deadline::NEVER;
        let block = value.store(|layout| {
            let (kind, bytes, large) = layout.parts();
            let tag = Tag { kind, has_deadline, is_blessed: false, value_len: bytes.len() };
            ThinBlock::new(tag.to_bits(), large, &[if has_deadline { &at } else { &[] }, key, bytes])
        });
        Self { block, hash: 0, usage: Usage::new(now_ms) }
    }

    /// Prefetches the bytes that a lookup of a small entry reads.
    pub(super) fn prefetch(&self) {
        prefetch_at(self.block.address(), SMALL_BLOCK);
    }

    /// The key.
    pub fn key(&self) -> &[u8] {
        let tag = self.tag();
        let tail = self.block.tail();
        &tail[if tag.has_deadline { DEADLINE_BYTES } else { 0 }..tail.len() - tag.value_len]
    }

    /// The value of the key.
    pub fn value(&self) -> ValueRef<'_> {
        let kind = self.tag().kind;
        let bytes = self.value_bytes();
        match (kind, self.block.value()) {
            (_, Some(large)) => large.value_ref(),
            (Kind::Integer, None) => {
                let number = i64::from_ne_bytes(bytes.try_into().expect("an integer has eight bytes"));
                ValueRef::String(StringRef(Form::Integer(number)))
            }
            (Kind::CompressedText, None) => {
                ValueRef::String(StringRef(Form::Compressed(Compressed::new(bytes))))
            }
            (Kind::PackedHash, None) => ValueRef::Hash(HashRef::of_packed(bytes)),
            (kind, None) => {
                ValueRef::String(StringRef(Form::Text { bytes, edited: kind == Kind::EditedText }))
            }
        }
    }

    /// The deadline of the key.
    pub fn deadline(&self) -> Deadline {
        if !self.tag().has_deadline {
            return Deadline::NEVER;
        }
        let bytes = self.block.tail().first_chunk().expect("the tag has the bit of a deadline");
        Deadline::from_bytes(*bytes)
    }

    /// Seconds since a command last used the key, or modified it if only that counts as a use.
    pub fn idle_s(&self, now_ms: i64) -> u32 {
        self.usage.idle_s(now_ms)
    }

    /// The logarithmic counter of uses, as it has decayed until now.
    pub fn frequency(&self, now_ms: i64, lfu: Lfu) -> u8 {
        self.usage.frequency(now_ms, lfu)
    }

    /// Makes the use that of a key that is loaded under this policy.
    pub(super) fn restore_use(&self, known: KnownUse, policy: Policy, now_ms: i64) {
        self.usage.restore(known, policy, now_ms);
    }

    /// Sets the time of the last use to so many seconds ago, at most half a year.
    pub fn set_idle_s(&self, idle_s: u32, now_ms: i64) {
        self.usage.set_idle_s(idle_s, now_ms);
    }

    /// Sets the counter of uses, and the time of the last use to now.
    pub fn set_frequency(&self, frequency: u8, now_ms: i64) {
        self.usage.set_frequency(frequency, now_ms);
    }

    /// True if the key is never evicted.
    pub fn is_blessed(&self) -> bool {
        self.tag().is_blessed
    }

    /// An estimate of the bytes that the key costs: its slot, its bucket in the index, its block,
    /// and the memory that this points to.
    pub fn memory_bytes(&self) -> usize {
        let deadline = if self.deadline() == Deadline::NEVER { 0 } else { HEAP_BYTES_EACH };
        size_of::<Self>() + INDEX_BYTES + deadline + self.heap_bytes()
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.block.heap_bytes() + self.block.value().map_or(0, Large::heap_bytes)
    }

    /// What compression of the value saves.
    pub(super) fn savings(&self) -> Savings {
        match (self.tag().kind, self.block.value()) {
            (_, Some(large)) => large.savings(),
            (Kind::CompressedText, None) => Compressed::new(self.value_bytes()).savings(),
            (_, None) => Savings::default(),
        }
    }

    /// Bytes that a copy for a snapshot takes or keeps allocated. A set stays allocated for other
    /// reasons too, and counts its own before-images, as a large hash does.
    pub(super) fn snapshot_bytes(&self) -> usize {
        let is_counted = self.block.value().is_some_and(Large::is_counted_elsewhere);
        size_of::<Self>() + if is_counted { self.block.heap_bytes() } else { self.heap_bytes() }
    }

    /// A copy for a snapshot. The copy of a large hash has no fields; they are returned beside it.
    pub(super) fn freeze(&self, journal: &Arc<Journal>) -> (Self, Option<FrozenFields>) {
        match self.block.value() {
            Some(Large::Hash(table)) if table.is_frozen_for_snapshots() => {
                let no_field = Value::Hash(Box::default());
                let mut entry = Self::new(self.key(), no_field, self.deadline(), 0);
                entry.usage = self.usage.clone();
                entry.set_blessed(self.is_blessed());
                (entry, Some(table.freeze(journal)))
            }
            _ => (self.clone(), None),
        }
    }

    /// Makes the use that of a new key.
    pub(super) fn renew_usage(&self, now_ms: i64) {
        self.usage.renew(now_ms);
    }

    /// Counts a use.
    pub(super) fn mark_used(&self, now_ms: i64, lfu: Lfu) {
        self.usage.mark(now_ms, lfu);
    }

    pub(super) fn set_blessed(&mut self, is_blessed: bool) {
        self.block.set_tag(Tag { is_blessed, ..self.tag() }.to_bits());
    }

    /// The hash for the index.
    pub(super) fn hash(&self) -> u32 {
        self.hash
    }

    pub(super) fn set_hash(&mut self, hash: u32) {
        self.hash = hash;
    }

    /// Sets the deadline. Once there is room for a deadline, it stays.
    pub(super) fn set_deadline(&mut self, deadline: Deadline) {
        let tag = self.tag();
        if tag.has_deadline {
            self.block.tail_mut()[..DEADLINE_BYTES].copy_from_slice(&deadline.to_bytes());
        } else if deadline != Deadline::NEVER {
            let len = self.block.tail().len();
            self.block.resize(len + DEADLINE_BYTES);
            let tail = self.block.tail_mut();
            tail.copy_within(..len, DEADLINE_BYTES);
            tail[..DEADLINE_BYTES].copy_from_slice(&deadline.to_bytes());
            self.block.set_tag(Tag { has_deadline: true, ..tag }.to_bits());
        }
    }

    /// Gives the key another value. Returns the large part of the old one, to be freed outside of
    /// the locks.
    pub(super) fn set_value(&mut self, value: Value) -> Option<Large> {
        value.store(|layout| self.write(layout))
    }

    /// Changes the hash as it is at this moment, if it is one: a table in place, others by a copy.
    pub(super) fn edit_hash<R>(
        &mut self,
        limits: PackedLimits,
        now_ms: i64,
        edit: impl FnOnce(&mut Hash) -> R,
    ) -> Result<R, WrongType> {
        if let Some(Large::Hash(table)) = self.block.value_mut() {
            return Ok(table.edit(limits, now_ms, edit));
        }
        let mut hash = self.value().as_hash()?.to_hash();
        hash.set_moment(limits, now_ms);
        let outcome = edit(&mut hash);
        hash.store(|layout| self.write(layout));
        Ok(outcome)
    }

    /// The first deadline of the fields of a hash, past or not; `NEVER` for all other values.
    pub(super) fn next_field_deadline(&self) -> Deadline {
        self.value().as_hash().map_or(Deadline::NEVER, HashRef::next_deadline)
    }

    /// True unless the key has expired, or all the fields of its hash or all the elements of its
    /// vector set have.
    pub(super) fn is_live(&self, now_ms: i64) -> bool {
        let has_due_fields = self.next_field_deadline().is_past(now_ms);
        let has_expired = self.deadline().is_past(now_ms)
            || has_due_fields && self.is_empty_hash(now_ms)
            || self.is_spent_set(now_ms);
        !has_expired
    }

    /// True for a vector set of which all elements have expired, and that may not be empty.
    pub(super) fn is_spent_set(&self, now_ms: i64) -> bool {
        match self.value() {
            ValueRef::VectorSet(set) => set.is_spent(now_ms),
            ValueRef::ColdSet(cold) => cold.is_spent(now_ms),
            ValueRef::String(_) | ValueRef::Hash(_) => false,
        }
    }

    /// True for a hash of which all fields have expired.
    pub(super) fn is_empty_hash(&self, now_ms: i64) -> bool {
        self.value().as_hash().is_ok_and(|hash| hash.view(now_ms).is_empty())
    }

    /// Changes the text, if it is one: a long one in place, others by a copy.
    pub(super) fn edit_string<R>(
        &mut self,
        edit: impl FnOnce(&mut TextEdit<'_>) -> R,
    ) -> Result<R, WrongType> {
        if let Some(Large::String(long)) = self.block.value_mut() {
            return Ok(long.edit(edit));
        }
        let mut text = self.value().as_string()?.text().into_owned();
        let outcome = edit(&mut TextEdit::new(&mut text));
        self.set_value(Value::String(StringValue::of_edit(text)));
        Ok(outcome)
    }

    /// The value, by value.
    pub(super) fn into_value(self) -> Value {
        match self.block.value() {
            None => self.value().to_value(),
            Some(_) => self.into_large().expect("the block has a large value").into_value(),
        }
    }

    /// The large part of the value; the rest is freed.
    pub(super) fn into_large(self) -> Option<Large> {
        self.block.into_value()
    }

    /// Those in the tail; none if the value is large.
    fn value_bytes(&self) -> &[u8] {
        let tail = self.block.tail();
        &tail[tail.len() - self.tag().value_len..]
    }

    fn tag(&self) -> Tag {
        Tag::from_bits(self.block.tag())
    }

    /// If both the old value and the new one are bytes, the block is resized and not replaced.
    fn write(&mut self, layout: Layout<'_>) -> Option<Large> {
        let (kind, bytes, large) = layout.parts();
        let old = self.tag();
        let tag = Tag { kind, value_len: bytes.len(), ..old }.to_bits();
        let before = self.block.tail().len() - old.value_len;
        if large.is_none() && self.block.value().is_none() {
            self.block.resize(before + bytes.len());
            self.block.tail_mut()[before..].copy_from_slice(bytes);
            self.block.set_tag(tag);
            return None;
        }
        let block = ThinBlock::new(tag, large, &[&self.block.tail()[..before], bytes]);
        std::mem::replace(&mut self.block, block).into_value()
    }
}

impl<'b> Layout<'b> {
    fn parts(self) -> (Kind, &'b [u8], Option<Large>) {
        match self {
            Self::Bytes(kind, bytes) => (kind, bytes, None),
            Self::Large(large) => (Kind::Large, &[], Some(large)),
        }
    }
}

/// A bucket in the index, at a load of about two thirds.
const INDEX_BYTES: usize = size_of::<u32>() * 3 / 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compressed::{random, repetitive};

    fn text(len: usize) -> Value {
        Value::String(StringValue::new(&random(len)))
    }

    fn compressible(len: usize) -> Value {
        Value::String(StringValue::new(&repetitive(len)))
    }

    fn entry(value: Value) -> Entry {
        Entry::new(b"key", value, Deadline::NEVER, 0)
    }

    #[test]
    fn an_entry_takes_two_words_and_one_block() {
        assert_eq!(size_of::<Option<Entry>>(), 16);
        assert_eq!(size_of::<Large>(), 16);
        assert_eq!(Entry::new(&[b'k'; 16], text(32), Deadline::NEVER, 0).heap_bytes(), 64);
        assert_eq!(Entry::new(&[b'k'; 16], text(32), Deadline::at(5), 0).heap_bytes(), 64);
        let integer = Value::String(StringValue::integer(i64::MAX));
        assert_eq!(Entry::new(&[b'k'; 16], integer, Deadline::NEVER, 0).heap_bytes(), 32);
    }

    #[test]
    fn a_blessing_stays_while_value_and_deadline_change() {
        let mut entry = entry(text(5));
        for is_blessed in [true, false] {
            entry.set_blessed(is_blessed);
            let hash = Value::Hash(Box::default());
            for value in [text(100_000), hash, text(3), Value::String(StringValue::integer(4))] {
                entry.set_value(value);
                entry.set_deadline(Deadline::at(9));
                assert_eq!((entry.is_blessed(), entry.clone().is_blessed()), (is_blessed, is_blessed));
                assert_eq!((entry.key(), entry.deadline()), (&b"key"[..], Deadline::at(9)));
            }
        }
    }

    #[test]
    fn memory_grows_with_key_and_value() {
        let bytes = |key: &[u8], value| Entry::new(key, value, Deadline::NEVER, 0).memory_bytes();
        assert!(bytes(&[b'k'; 40], text(1)) > bytes(b"k", text(1)));
        for len in [100, 10_000, 100_000] {
            assert!(bytes(b"k", text(len)) >= bytes(b"k", text(1)) + len - 32);
        }
    }

    #[test]
    fn a_value_of_any_kind_replaces_one_of_any_kind() {
        let lens = [0, 1, 20, 100, 16 * 1024 - 1, 16 * 1024, 100_000];
        let mut values: Vec<Value> = lens.into_iter().map(text).collect();
        values.push(Value::String(StringValue::integer(-7)));
        values.push(Value::String(StringValue::edited(b"-7")));
        values.extend([300, 1000, 100_000].map(compressible));
        for old in &values {
            for new in &values {
                let mut entry = entry(old.clone());
                entry.set_deadline(Deadline::at(9));
                let large = entry.set_value(new.clone());
                let is_large = old.clone().store(|layout| matches!(layout, Layout::Large(_)));
                assert_eq!(large.is_some(), is_large);
                assert_eq!((entry.key(), entry.deadline()), (&b"key"[..], Deadline::at(9)));
                let Value::String(new) = new else { unreachable!("all are strings") };
                let held = entry.value().as_string().expect("a string");
                assert_eq!(held.text(), new.text());
                assert_eq!(held.encoding(3), new.encoding(3));
                assert_eq!(entry.into_value().to_string_text(), *new.text());
            }
        }
    }

    impl Value {
        fn to_string_text(&self) -> Vec<u8> {
            let Self::String(string) = self else { unreachable!("all are strings") };
            string.text().into_owned()
        }
    }

    #[test]
    fn setting_and_clearing_a_deadline_changes_nothing_else() {
        let mut entry = entry(text(5));
        let before = entry.block.tail().len();
        for deadline in [Deadline::at(1), Deadline::NEVER, Deadline::at(i64::MAX), Deadline::at(-1)] {
            entry.set_deadline(deadline);
            assert_eq!(entry.deadline(), deadline);
            assert_eq!(entry.key(), b"key");
            assert_eq!(entry.value().as_string().expect("a string").text(), &random(5)[..]);
            assert_eq!(entry.block.tail().len(), before + DEADLINE_BYTES);
        }
    }

    #[test]
    fn a_compressed_text_takes_less_and_an_edit_decompresses_it() {
        for len in [300, 1000, 15_000, 16 * 1024, 100_000] {
            let mut entry = entry(compressible(len));
            let Savings { values, bytes } = entry.savings();
            assert_eq!(values, 1);
            assert!(bytes >= len / 5 && bytes < len);
            assert!(entry.heap_bytes() < len - len / 10, "{} bytes for {len}", entry.heap_bytes());
            let copy = entry.clone();
            let text = entry.edit_string(|text| {
                text.append(b"end");
                text.to_vec()
            });
            assert_eq!(text.expect("a string"), [&repetitive(len)[..], b"end"].concat());
            assert_eq!(entry.savings(), Savings::default());
            assert_eq!(copy.value().as_string().expect("a string").text(), repetitive(len));
        }
        assert_eq!(entry(text(1000)).savings(), Savings::default());
    }

    #[test]
    fn an_edited_text_becomes_long_and_has_the_same_bytes() {
        let mut entry = entry(text(10));
        let mut expected = random(10);
        for _ in 0..30 {
            let piece = [b'y'; 1000];
            expected.extend(piece);
            let len = entry.edit_string(|text| {
                text.append(&piece);
                text.len()
            });
            assert_eq!(len, Ok(expected.len()));
            assert_eq!(entry.value().as_string().expect("a string").text(), &expected[..]);
        }
        assert!(entry.block.value().is_some());
        assert_eq!(entry.value().encoding(3), "raw");
    }
}
