//! What is in a packed value? Small collections are one string in a file: items in a row, as Redis
//! kept them in memory.
//!
//! Knows neither files nor values. Each form is an iterator that checks what it passes: bytes that
//! are not of the form end it with [`Corrupt`], and no length is believed beyond the bytes that are
//! there.

mod listpack;
mod ziplist;
mod zipmap;

use std::borrow::Cow;

pub(super) use self::listpack::{Listpack, ListpackBuilder};
pub(super) use self::ziplist::Ziplist;
pub(super) use self::zipmap::Zipmap;

/// One item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item<'p> {
    Text(&'p [u8]),
    Integer(i64),
}

/// The bytes are not of the form; the words say in which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Corrupt(pub(super) &'static str);

impl<'p> Item<'p> {
    /// The item as text: an integer was one in its canonical form.
    pub(super) fn text(self) -> Cow<'p, [u8]> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Integer(number) => Cow::Owned(number.to_string().into_bytes()),
        }
    }
}

/// Takes `N` bytes from the front.
fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

/// Takes `len` bytes from the front.
fn take_slice<'p>(bytes: &mut &'p [u8], len: usize) -> Option<&'p [u8]> {
    let (taken, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(taken)
}

/// A little-endian integer of 1 to 8 bytes, with its sign.
fn integer<const N: usize>(bytes: [u8; N]) -> i64 {
    let mut wide = [0; 8];
    wide[8 - N..].copy_from_slice(&bytes);
    i64::from_le_bytes(wide) >> (64 - 8 * N)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_keep_their_sign() {
        assert_eq!(integer([0xff]), -1);
        assert_eq!(integer([0x80, 0xff]), -128);
        assert_eq!(integer([0xff, 0xff, 0x7f]), 0x7f_ffff);
        assert_eq!(integer([0, 0, 0x80]), -0x80_0000);
        assert_eq!(integer(i64::MIN.to_le_bytes()), i64::MIN);
    }
}
