//! Keys: strings and numbers that are equal only to themselves.

use std::sync::OnceLock;

use ahash::RandomState;

use crate::memory::allocated_bytes;

/// A key of an index.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Key<'k> {
    /// A number other than NaN; -0 is 0.
    Number(f64),
    /// A string.
    Text(&'k [u8]),
}

impl Key<'_> {
    /// Keyed at random when the process starts: keys come from outside, and must not be made to
    /// collide.
    pub(super) fn hash(self) -> u64 {
        static STATE: OnceLock<RandomState> = OnceLock::new();
        let state = STATE.get_or_init(RandomState::new);
        match self {
            Self::Number(number) => state.hash_one((number + 0.0).to_bits()),
            Self::Text(text) => state.hash_one(text),
        }
    }
}

const MOST_INLINE: usize = 22;

/// A key that is kept: 24 bytes, and what does not fit in them.
#[derive(Clone, Debug)]
pub(super) enum KeptKey {
    Number(f64),
    Short { len: u8, bytes: [u8; MOST_INLINE] },
    Long(Box<[u8]>),
}

impl KeptKey {
    pub(super) fn new(key: Key) -> Self {
        match key {
            // -0 + 0 is 0.
            Key::Number(number) => Self::Number(number + 0.0),
            Key::Text(text) if text.len() <= MOST_INLINE => {
                let mut bytes = [0; MOST_INLINE];
                bytes[..text.len()].copy_from_slice(text);
                Self::Short { len: text.len() as u8, bytes }
            }
            Key::Text(text) => Self::Long(text.into()),
        }
    }

    pub(super) fn key(&self) -> Key<'_> {
        match self {
            Self::Number(number) => Key::Number(*number),
            Self::Short { len, bytes } => Key::Text(&bytes[..usize::from(*len)]),
            Self::Long(text) => Key::Text(text),
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::Long(text) => allocated_bytes(text.len()),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_kept_as_they_are() {
        assert_eq!(size_of::<KeptKey>(), 24);
        for key in [Key::Number(-1.5), Key::Number(f64::INFINITY), Key::Text(b""), Key::Text(b"abc\0")] {
            assert_eq!(KeptKey::new(key).key(), key);
        }
        for len in [21, 22, 23, 1000] {
            let text = vec![b'x'; len];
            let kept = KeptKey::new(Key::Text(&text));
            assert_eq!((kept.key(), kept.heap_bytes() > 0), (Key::Text(&text), len > MOST_INLINE));
        }
    }

    #[test]
    fn both_zeros_are_one() {
        assert_eq!(Key::Number(0.0).hash(), Key::Number(-0.0).hash());
        assert!(matches!(KeptKey::new(Key::Number(-0.0)), KeptKey::Number(zero) if zero.is_sign_positive()));
    }
}
