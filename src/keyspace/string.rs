//! A string: an integer in eight bytes, or its bytes, or many bytes that replies share; bytes that
//! compress well are kept compressed until they are edited.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use super::entry::{Kind, Layout};
use super::value::{Allocated, Large, Owned, Value, ValueRef, Viewed};
use crate::compressed::{Compressed, Savings, Stored, compress};
use crate::memory::{Category, Held, allocated_bytes};

/// Bytes of a key and its text that Redis 8.6 stores in one block with their header: the encoding
/// of such a text is `embstr`.
const MAX_EMBEDDED_LEN: usize = 41;

/// No integer is longer than `-9223372036854775808`.
const MAX_INTEGER_LEN: usize = 20;

/// Texts up to this length are on the stack before they are stored.
const STACK_LEN: usize = 64;

/// From this length on a reply shares the bytes of the value; below, a copy costs less than
/// sharing.
const MIN_SHARED_LEN: usize = 16 * 1024;

/// A long text that is edited doubles its room when it grows, but gets no more than this in
/// addition (Redis' `SDS_MAX_PREALLOC`).
const MAX_SPARE: usize = 1024 * 1024;

/// A string outside of the keyspace: to be stored, or copied out so that a reader holds no lock.
#[derive(Clone, Debug)]
pub struct StringValue(OwnedForm);

/// The form of a [`StringValue`].
#[derive(Clone, Debug)]
enum OwnedForm {
    Integer(i64),
    Text {
        bytes: SmallVec<[u8; STACK_LEN]>,
        edited: bool,
    },
    /// A text below [`MIN_SHARED_LEN`].
    Compressed(Box<[u8]>),
    Long(LongText),
}

/// The string of a key, in place.
#[derive(Clone, Copy, Debug)]
pub struct StringRef<'s>(pub(super) Form<'s>);

/// The form of a [`StringRef`].
#[derive(Clone, Copy, Debug)]
pub(super) enum Form<'s> {
    Integer(i64),
    Text {
        bytes: &'s [u8],
        /// The result of an edit: Redis' encoding of these is `raw` whatever their length.
        edited: bool,
    },
    /// A text below [`MIN_SHARED_LEN`].
    Compressed(Compressed<'s>),
    Long(&'s LongText),
}

/// A text that is shared with replies that are not sent yet, with spare room once it has been
/// edited.
#[derive(Clone, Debug)]
pub(super) struct LongText {
    bytes: Arc<SharedBytes>,
    form: LongForm,
}

/// What the bytes of a [`LongText`] are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LongForm {
    Plain,
    Edited,
    Compressed,
}

/// The text of a reply, of which [`into_bytes`](Self::into_bytes) is to be called when no lock is
/// held: long texts that are compressed are decompressed then.
#[derive(Debug)]
pub struct ReplyText(ReplyForm);

#[derive(Debug)]
enum ReplyForm {
    Bytes(Bytes),
    Long(LongText),
}

impl ReplyText {
    /// The text.
    pub fn into_bytes(self) -> Bytes {
        match self.0 {
            ReplyForm::Bytes(bytes) => bytes,
            ReplyForm::Long(long) => long.to_bytes(),
        }
    }
}

/// The bytes of a long text, counted for as long as a value or a reply has them.
#[derive(Debug)]
struct SharedBytes {
    bytes: Vec<u8>,
    held: Held,
}

/// The text of a key while it is changed in place.
#[derive(Debug)]
pub struct TextEdit<'t>(&'t mut Vec<u8>);

impl StringValue {
    /// A string as SET stores it: text that is the canonical form of an integer is stored as an
    /// integer.
    pub fn new(text: &[u8]) -> Self {
        let text_value = || Self::compressed(text).unwrap_or_else(|| Self::of_text(text, false));
        canonical_integer(text).map_or_else(text_value, Self::integer)
    }

    /// As [`Self::new`], of a text that need not be copied if it is long.
    pub fn of_vec(text: Vec<u8>) -> Self {
        if text.len() < MIN_SHARED_LEN {
            return Self::new(&text);
        }
        Self::compressed(&text).unwrap_or_else(|| Self(OwnedForm::Long(LongText::new(text, LongForm::Plain))))
    }

    /// A text that is stored as text, also if it is the form of an integer: the results of
    /// INCRBYFLOAT.
    pub fn written(text: &[u8]) -> Self {
        Self::of_text(text, false)
    }

    /// A string that APPEND or SETRANGE made.
    pub fn edited(text: &[u8]) -> Self {
        Self::of_text(text, true)
    }

    /// The decimal text of `number`.
    pub fn integer(number: i64) -> Self {
        Self(OwnedForm::Integer(number))
    }

    /// The form in which readers see the string.
    pub fn view(&self) -> StringRef<'_> {
        StringRef(match &self.0 {
            OwnedForm::Integer(number) => Form::Integer(*number),
            OwnedForm::Text { bytes, edited } => Form::Text { bytes, edited: *edited },
            OwnedForm::Compressed(bytes) => Form::Compressed(Compressed::new(bytes)),
            OwnedForm::Long(long) => Form::Long(long),
        })
    }

    /// The number, if the text is the canonical form of one.
    pub fn as_integer(&self) -> Option<i64> {
        self.view().as_integer()
    }

    /// The text.
    pub fn text(&self) -> Cow<'_, [u8]> {
        self.view().text()
    }

    /// The text for a reply; shared if it is long.
    pub fn to_bytes(&self) -> Bytes {
        self.view().to_bytes()
    }

    /// Bytes in the text.
    pub fn len(&self) -> usize {
        self.view().len()
    }

    /// True if the text has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True if both are the same text in the same form. Long texts are compared by where they are:
    /// one that is held cannot be edited in place.
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (OwnedForm::Integer(one), OwnedForm::Integer(other)) => one == other,
            (OwnedForm::Text { bytes: one, .. }, OwnedForm::Text { bytes: other, .. }) => one == other,
            (OwnedForm::Compressed(one), OwnedForm::Compressed(other)) => one == other,
            (OwnedForm::Long(one), OwnedForm::Long(other)) => Arc::ptr_eq(&one.bytes, &other.bytes),
            _ => false,
        }
    }

    /// The reply of OBJECT ENCODING for it under a key of so many bytes.
    pub fn encoding(&self, key_len: usize) -> &'static str {
        self.view().encoding(key_len)
    }

    /// The text compressed, if it is long enough and shrinks.
    fn compressed(text: &[u8]) -> Option<Self> {
        let bytes = compress(text)?;
        Some(Self(if text.len() < MIN_SHARED_LEN {
            OwnedForm::Compressed(bytes)
        } else {
            OwnedForm::Long(LongText::new(bytes.into_vec(), LongForm::Compressed))
        }))
    }

    fn of_text(text: &[u8], edited: bool) -> Self {
        if text.len() >= MIN_SHARED_LEN {
            let form = if edited { LongForm::Edited } else { LongForm::Plain };
            return Self(OwnedForm::Long(LongText::new(text.to_vec(), form)));
        }
        Self(OwnedForm::Text { bytes: SmallVec::from_slice(text), edited })
    }

    /// As [`Self::edited`], of a text that need not be copied if it is long.
    pub fn of_edit(text: Vec<u8>) -> Self {
        if text.len() < MIN_SHARED_LEN {
            return Self::edited(&text);
        }
        Self(OwnedForm::Long(LongText::new(text, LongForm::Edited)))
    }
}

impl<'s> StringRef<'s> {
    /// The number, if the text is the canonical form of one.
    pub fn as_integer(self) -> Option<i64> {
        match self.0 {
            Form::Integer(number) => Some(number),
            Form::Text { bytes, .. } => canonical_integer(bytes),
            // No number is long.
            Form::Compressed(_) | Form::Long(_) => None,
        }
    }

    /// The text.
    pub fn text(self) -> Cow<'s, [u8]> {
        match self.0 {
            Form::Integer(number) => Cow::Owned(number.to_string().into_bytes()),
            Form::Text { bytes, .. } => Cow::Borrowed(bytes),
            Form::Compressed(compressed) => Cow::Owned(compressed.text()),
            Form::Long(long) => long.stored().text(),
        }
    }

    /// The text for a reply; shared if it is long.
    pub fn to_bytes(self) -> Bytes {
        match self.0 {
            Form::Integer(number) => Bytes::from(number.to_string()),
            Form::Text { bytes, .. } => Bytes::copy_from_slice(bytes),
            Form::Compressed(compressed) => Bytes::from(compressed.text()),
            Form::Long(long) => long.to_bytes(),
        }
    }

    /// The text for a reply, to be completed when no lock is held.
    pub fn for_reply(self) -> ReplyText {
        ReplyText(match self.0 {
            Form::Long(long) => ReplyForm::Long(long.clone()),
            _ => ReplyForm::Bytes(self.to_bytes()),
        })
    }

    /// A string of its own, which shares the bytes if they are many.
    pub fn to_value(self) -> StringValue {
        StringValue(match self.0 {
            Form::Integer(number) => OwnedForm::Integer(number),
            Form::Text { bytes, edited } => OwnedForm::Text { bytes: SmallVec::from_slice(bytes), edited },
            Form::Compressed(compressed) => OwnedForm::Compressed(compressed.as_stored().into()),
            Form::Long(long) => OwnedForm::Long(long.clone()),
        })
    }

    /// Bytes in the text.
    pub fn len(self) -> usize {
        match self.0 {
            Form::Integer(number) => decimal_len(number),
            Form::Text { bytes, .. } => bytes.len(),
            Form::Compressed(compressed) => compressed.len(),
            Form::Long(long) => long.stored().len(),
        }
    }

    /// True if the text has to be decompressed before it can be read.
    pub fn is_compressed(self) -> bool {
        match self.0 {
            Form::Integer(_) | Form::Text { .. } => false,
            Form::Compressed(_) => true,
            Form::Long(long) => long.form == LongForm::Compressed,
        }
    }

    /// True if the text has no bytes.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The reply of OBJECT ENCODING for it under a key of so many bytes.
    pub fn encoding(self, key_len: usize) -> &'static str {
        match self.0 {
            Form::Integer(_) => "int",
            Form::Text { bytes, edited: false } if key_len + bytes.len() <= MAX_EMBEDDED_LEN => "embstr",
            // A compressed text is too long to be embedded.
            Form::Text { .. } | Form::Compressed(_) | Form::Long(_) => "raw",
        }
    }
}

impl LongText {
    fn new(bytes: Vec<u8>, form: LongForm) -> Self {
        Self { bytes: Arc::new(SharedBytes::new(bytes)), form }
    }

    fn stored(&self) -> Stored<'_> {
        Stored::new(&self.bytes, self.form == LongForm::Compressed)
    }

    /// The text for a reply; shared unless it is compressed.
    fn to_bytes(&self) -> Bytes {
        match self.stored() {
            Stored::Plain(_) => Bytes::from_owner(SharedText(Arc::clone(&self.bytes))),
            Stored::Compressed(compressed) => Bytes::from(compressed.text()),
        }
    }

    /// What compression saves.
    pub(super) fn savings(&self) -> Savings {
        self.stored().savings()
    }

    /// Runs `edit` on the bytes; on a copy, if a reply still shares them. A compressed text is
    /// decompressed and stays so: it may be edited again soon.
    pub(super) fn edit<R>(&mut self, edit: impl FnOnce(&mut TextEdit<'_>) -> R) -> R {
        if let Stored::Compressed(compressed) = self.stored() {
            self.bytes = Arc::new(SharedBytes::new(compressed.text()));
        }
        self.form = LongForm::Edited;
        let shared = Arc::make_mut(&mut self.bytes);
        let outcome = edit(&mut TextEdit(&mut shared.bytes));
        shared.count();
        outcome
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.bytes.held.bytes()
    }
}

impl SharedBytes {
    fn new(bytes: Vec<u8>) -> Self {
        let mut shared = Self { bytes, held: Held::nothing(Category::Strings) };
        shared.count();
        shared
    }

    fn count(&mut self) {
        /// The counters of an `Arc`, and what is in it.
        const BLOCK: usize = 2 * size_of::<usize>() + size_of::<SharedBytes>();
        self.held.set(allocated_bytes(BLOCK) + allocated_bytes(self.bytes.capacity()));
    }
}

/// Other bytes, with room of their own.
impl Clone for SharedBytes {
    fn clone(&self) -> Self {
        Self::new(self.bytes.clone())
    }
}

impl Deref for SharedBytes {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.bytes
    }
}

impl<'t> TextEdit<'t> {
    pub(super) fn new(text: &'t mut Vec<u8>) -> Self {
        Self(text)
    }

    /// Adds bytes at the end.
    pub fn append(&mut self, bytes: &[u8]) {
        self.reserve(self.0.len() + bytes.len());
        self.0.extend_from_slice(bytes);
    }

    /// Writes bytes over those from `offset` on. A text that is too short gets zeros up to there.
    pub fn overwrite(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if end > self.0.len() {
            self.reserve(end);
            self.0.resize(end, 0);
        }
        self.0[offset..end].copy_from_slice(bytes);
    }

    /// A text that outgrows its room gets more than it needs, so that growing by a few bytes at a
    /// time copies each byte a bounded number of times.
    fn reserve(&mut self, len: usize) {
        if len > self.0.capacity() {
            self.0.reserve_exact(len + len.min(MAX_SPARE) - self.0.len());
        }
    }
}

/// The text as it is now.
impl Deref for TextEdit<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0
    }
}

/// The owner of the text in a `Bytes`.
struct SharedText(Arc<SharedBytes>);

impl AsRef<[u8]> for SharedText {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Owned for StringValue {
    fn value_ref(&self) -> ValueRef<'_> {
        ValueRef::String(self.view())
    }

    fn store<R>(self, put: impl FnOnce(Layout<'_>) -> R) -> R {
        match self.0 {
            OwnedForm::Integer(number) => put(Layout::Bytes(Kind::Integer, &number.to_ne_bytes())),
            OwnedForm::Text { bytes, edited: false } => put(Layout::Bytes(Kind::Text, &bytes)),
            OwnedForm::Text { bytes, edited: true } => put(Layout::Bytes(Kind::EditedText, &bytes)),
            OwnedForm::Compressed(bytes) => put(Layout::Bytes(Kind::CompressedText, &bytes)),
            OwnedForm::Long(long) => put(Layout::Large(Large::String(long))),
        }
    }
}

impl Viewed for StringRef<'_> {
    const NAME: &'static str = "string";
    const SIZES: &'static str = "strings_sizes";
    const NUMBER: u32 = 0;

    fn encoding(self, key_len: usize) -> &'static str {
        StringRef::encoding(self, key_len)
    }

    fn size(self, _now_ms: i64) -> usize {
        self.len()
    }

    fn copied(self) -> Value {
        Value::String(self.to_value())
    }
}

impl Allocated for LongText {
    fn value_ref(&self) -> ValueRef<'_> {
        ValueRef::String(StringRef(Form::Long(self)))
    }

    fn into_value(self) -> Value {
        Value::String(StringValue(OwnedForm::Long(self)))
    }

    fn heap_bytes(&self) -> usize {
        LongText::heap_bytes(self)
    }

    fn savings(&self) -> Savings {
        LongText::savings(self)
    }
}

/// The integer whose decimal form is exactly `text` (Redis' `string2ll`): no plus, no blank, no
/// leading zero.
pub fn canonical_integer(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let canonical = text.len() <= MAX_INTEGER_LEN
        && digits.first().is_some_and(u8::is_ascii_digit)
        && (digits[0] != b'0' || text == b"0");
    canonical.then(|| std::str::from_utf8(text).ok()?.parse().ok())?
}

fn decimal_len(number: i64) -> usize {
    let digits = number.unsigned_abs().checked_ilog10().unwrap_or(0) as usize + 1;
    digits + usize::from(number < 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compressed::{random, repetitive};

    #[test]
    fn only_canonical_integers_are_integers() {
        for text in ["0", "-1", "7", "9223372036854775807", "-9223372036854775808"] {
            let value = StringValue::new(text.as_bytes());
            assert_eq!(value.encoding(1), "int", "{text}");
            assert_eq!(value.text(), text.as_bytes());
            assert_eq!(value.len(), text.len());
            assert_eq!(value.as_integer(), text.parse().ok());
        }
        for text in ["", "-", "+1", "01", "-0", "-01", " 1", "1 ", "1.0", "9223372036854775808", "--1"] {
            assert_eq!(StringValue::new(text.as_bytes()).encoding(1), "embstr", "{text}");
            assert_eq!(StringValue::new(text.as_bytes()).as_integer(), None, "{text}");
        }
    }

    #[test]
    fn encodings_are_those_of_redis() {
        assert_eq!(StringValue::new(&[b'x'; 40]).encoding(1), "embstr");
        assert_eq!(StringValue::new(&[b'x'; 41]).encoding(1), "raw");
        assert_eq!(StringValue::new(&[b'x'; 22]).encoding(20), "raw");
        assert_eq!(StringValue::edited(b"12").encoding(1), "raw");
        assert_eq!(StringValue::edited(b"12").as_integer(), Some(12));
        assert_eq!(StringValue::written(b"12").encoding(1), "embstr");
        assert_eq!(StringValue::written(b"12").as_integer(), Some(12));
    }

    #[test]
    fn long_texts_are_shared_and_short_ones_copied() {
        for len in [0, 1, STACK_LEN, STACK_LEN + 1, MIN_SHARED_LEN - 1, MIN_SHARED_LEN, MIN_SHARED_LEN + 1] {
            let text = random(len);
            let value = StringValue::new(&text);
            assert_eq!(StringValue::of_vec(text.clone()).text(), value.text());
            assert_eq!(value.to_bytes(), text);
            assert_eq!(value.len(), len);
            let shares = value.to_bytes().as_ptr() == value.text().as_ptr();
            assert_eq!(shares, len >= MIN_SHARED_LEN);
        }
    }

    #[test]
    fn texts_that_compress_are_the_same_for_readers() {
        for len in [300, 1000, MIN_SHARED_LEN - 1, MIN_SHARED_LEN, 1_000_000] {
            let text = repetitive(len);
            for value in [StringValue::new(&text), StringValue::of_vec(text.clone())] {
                assert!(matches!(&value.0, OwnedForm::Compressed(_) | OwnedForm::Long(_)));
                assert_eq!((value.len(), value.encoding(1), value.as_integer()), (len, "raw", None));
                assert_eq!(*value.text(), text);
                assert_eq!(value.to_bytes(), text);
                assert_eq!(value.view().for_reply().into_bytes(), text);
                assert_eq!(*value.view().to_value().text(), text);
            }
        }
    }

    #[test]
    fn an_edit_of_a_compressed_text_leaves_it_decompressed() {
        let StringValue(OwnedForm::Long(mut long)) = StringValue::new(&repetitive(MIN_SHARED_LEN)) else {
            panic!("it is long");
        };
        assert!(long.savings().bytes > MIN_SHARED_LEN / 2);
        long.edit(|text| text.append(b"end"));
        assert_eq!(**long.bytes, [&repetitive(MIN_SHARED_LEN)[..], b"end"].concat());
        assert_eq!(long.savings(), Savings::default());
    }

    #[test]
    fn an_edit_does_not_change_a_reply_that_shares_the_text() {
        let mut long = LongText::new(vec![b'x'; MIN_SHARED_LEN], LongForm::Plain);
        let reply = StringRef(Form::Long(&long)).to_bytes();
        long.edit(|text| text.overwrite(0, b"y"));
        assert_eq!(reply[0], b'x');
        assert_eq!(long.bytes[0], b'y');
        assert_eq!(long.form, LongForm::Edited);
    }

    #[test]
    fn a_text_that_grows_in_small_steps_is_moved_rarely() {
        let mut long = LongText::new(vec![b'x'; MIN_SHARED_LEN], LongForm::Plain);
        let mut rooms = std::collections::BTreeSet::new();
        for _ in 0..100_000 {
            long.edit(|text| text.append(b"0123456789"));
            rooms.insert(long.heap_bytes());
        }
        assert_eq!(long.bytes.len(), MIN_SHARED_LEN + 1_000_000);
        assert!(rooms.len() < 10);
        let len = long.bytes.len();
        assert!(long.heap_bytes() <= 2 * len + MAX_SPARE);
    }

    #[test]
    fn writing_behind_the_end_fills_with_zeros() {
        let mut text = b"ab".to_vec();
        let mut edit = TextEdit::new(&mut text);
        edit.overwrite(4, b"cd");
        edit.overwrite(1, b"B");
        edit.append(b"e");
        assert_eq!(*edit, *b"aB\0\0cde");
    }
}
