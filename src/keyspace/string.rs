//! A string: an integer in eight bytes, or its bytes.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

/// Bytes of a key and its text that Redis 8.6 keeps in one block with their header: such a text it calls `embstr`.
const MAX_EMBEDDED_LEN: usize = 41;

/// No integer is longer than `-9223372036854775808`.
const MAX_INTEGER_LEN: usize = 20;

/// What fits beside a tag and a length in the three words of a value.
const MAX_SHORT_LEN: usize = 22;

/// From here on a reply shares the bytes of the value; below, a copy costs less than the sharing.
const MIN_SHARED_LEN: usize = 16 * 1024;

/// The two counters in front of the bytes of an `Arc`.
const ARC_HEADER_BYTES: usize = 16;

/// A string value. A clone shares the bytes, so a reader holds no lock while it copies them.
#[derive(Clone, Debug)]
pub struct StringValue(Form);

#[derive(Clone, Debug)]
enum Form {
    Integer(i64),
    Short(Short),
    Written(Arc<[u8]>),
    /// Any text that is the outcome of an edit: Redis calls these `raw` whatever their length.
    Edited(Arc<[u8]>),
}

/// A text that takes no more room than the other forms do.
#[derive(Clone, Debug)]
struct Short {
    len: u8,
    bytes: [u8; MAX_SHORT_LEN],
}

impl Short {
    fn new(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; MAX_SHORT_LEN];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        Some(Self { len: text.len() as u8, bytes })
    }

    fn text(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl Form {
    fn written(text: &[u8]) -> Self {
        Short::new(text).map_or_else(|| Self::Written(text.into()), Self::Short)
    }
}

impl StringValue {
    /// A string as SET stores it: text that is the canonical form of an integer is kept as one.
    pub fn new(text: &[u8]) -> Self {
        Self(canonical_integer(text).map_or_else(|| Form::written(text), Form::Integer))
    }

    /// A text that is kept as it is, also if it is the form of an integer: what INCRBYFLOAT makes.
    pub fn written(text: &[u8]) -> Self {
        Self(Form::written(text))
    }

    /// A string that APPEND or SETRANGE made.
    pub fn edited(text: &[u8]) -> Self {
        Self(Form::Edited(text.into()))
    }

    /// The decimal text of `number`.
    pub fn integer(number: i64) -> Self {
        Self(Form::Integer(number))
    }

    /// The number, if the text is the canonical form of one.
    pub fn as_integer(&self) -> Option<i64> {
        match &self.0 {
            Form::Integer(number) => Some(*number),
            Form::Short(short) => canonical_integer(short.text()),
            Form::Written(text) | Form::Edited(text) => canonical_integer(text),
        }
    }

    /// The text.
    pub fn text(&self) -> Cow<'_, [u8]> {
        match &self.0 {
            Form::Integer(number) => Cow::Owned(number.to_string().into_bytes()),
            Form::Short(short) => Cow::Borrowed(short.text()),
            Form::Written(text) | Form::Edited(text) => Cow::Borrowed(text),
        }
    }

    /// The text for a reply; shared if it is long.
    pub fn to_bytes(&self) -> Bytes {
        match &self.0 {
            Form::Written(text) | Form::Edited(text) if text.len() >= MIN_SHARED_LEN => {
                Bytes::from_owner(Arc::clone(text))
            }
            _ => Bytes::from(self.text().into_owned()),
        }
    }

    /// Bytes in the text.
    pub fn len(&self) -> usize {
        self.text().len()
    }

    /// True if the text has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What OBJECT ENCODING says of it under a key of so many bytes.
    pub fn encoding(&self, key_len: usize) -> &'static str {
        match &self.0 {
            Form::Integer(_) => "int",
            Form::Short(_) | Form::Written(_) if key_len + self.len() <= MAX_EMBEDDED_LEN => "embstr",
            _ => "raw",
        }
    }

    /// Bytes behind the value, beyond its own size.
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Form::Integer(_) | Form::Short(_) => 0,
            Form::Written(text) | Form::Edited(text) => ARC_HEADER_BYTES + text.len(),
        }
    }
}

/// The integer whose decimal form is exactly `text` (Redis' `string2ll`): no plus, no blank, no leading zero.
fn canonical_integer(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let canonical = text.len() <= MAX_INTEGER_LEN
        && digits.first().is_some_and(u8::is_ascii_digit)
        && (digits[0] != b'0' || text == b"0");
    canonical.then(|| std::str::from_utf8(text).ok()?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_integers_are_integers() {
        for text in ["0", "-1", "7", "9223372036854775807", "-9223372036854775808"] {
            let value = StringValue::new(text.as_bytes());
            assert_eq!(value.encoding(1), "int", "{text}");
            assert_eq!(value.text(), text.as_bytes());
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
        for len in
            [0, 1, MAX_SHORT_LEN, MAX_SHORT_LEN + 1, MIN_SHARED_LEN - 1, MIN_SHARED_LEN, MIN_SHARED_LEN + 1]
        {
            let text = vec![b'x'; len];
            assert_eq!(StringValue::new(&text).to_bytes(), text);
            assert_eq!(StringValue::new(&text).len(), len);
            assert_eq!(StringValue::new(&text).heap_bytes() > 0, len > MAX_SHORT_LEN);
        }
    }
}
