//! *Listpack*: the packed form of today.
//!
//! ```text
//! listpack   bytes: 4   items: 2 (65535: not counted)   item …   ff
//! item       head   back length: 1-5
//! head       0nnnnnnn                  integer 0 … 127
//!          | 10llllll, text            6 bits of length
//!          | 110nnnnn + 1              integer of 13 bits, signed, the high ones first
//!          | 1110llll + 1, text        12 bits of length, the high ones first
//!          | f0 + 4, text              length
//!          | f1 + 2, f2 + 3, f3 + 4, f4 + 8      integer
//! ```
//!
//! The back length is the length of the head, in groups of seven bits, the low ones last; all but
//! the first byte have the top bit set. So it can be read from behind.

use super::{Corrupt, Item, integer, take, take_slice};
use crate::keyspace::canonical_integer;

const HEADER_LEN: usize = 6;
const END: u8 = 0xff;
/// The count of items that says that they have not been counted.
const UNCOUNTED: u16 = u16::MAX;

/// The items of a listpack.
#[derive(Debug)]
pub(in super::super) struct Listpack<'p> {
    /// From the next item up to the end, which is left out.
    rest: &'p [u8],
    /// Items still to come, if they were counted.
    counted: Option<u16>,
}

impl<'p> Listpack<'p> {
    pub(in super::super) fn new(bytes: &'p [u8]) -> Result<Self, Corrupt> {
        let mut header = bytes;
        let (Some(len), Some(count)) = (take(&mut header), take(&mut header)) else {
            return Err(Corrupt("a listpack without a header"));
        };
        if u32::from_le_bytes(len) as usize != bytes.len() {
            return Err(Corrupt("a listpack with another length than it says"));
        }
        let Some((&END, rest)) = header.split_last() else {
            return Err(Corrupt("a listpack without an end"));
        };
        let count = u16::from_le_bytes(count);
        Ok(Self { rest, counted: (count != UNCOUNTED).then_some(count) })
    }

    fn item(&mut self) -> Result<Item<'p>, Corrupt> {
        let before = self.rest;
        let item = head(&mut self.rest).ok_or(Corrupt("an item of a listpack that is none"))?;
        let len = before.len() - self.rest.len();
        let mut back = [0; 5];
        let back = back_len(len, &mut back);
        if !self.rest.starts_with(back) {
            return Err(Corrupt("an item of a listpack with another length than it says"));
        }
        self.rest = &self.rest[back.len()..];
        if let Some(counted) = &mut self.counted {
            *counted = counted.checked_sub(1).ok_or(Corrupt("a listpack with more items than it says"))?;
        }
        Ok(item)
    }
}

impl<'p> Iterator for Listpack<'p> {
    type Item = Result<Item<'p>, Corrupt>;

    fn next(&mut self) -> Option<Self::Item> {
        if !self.rest.is_empty() {
            return Some(self.item().inspect_err(|_| (self.rest, self.counted) = (&[], None)));
        }
        let missing = self.counted.take().is_some_and(|counted| counted > 0);
        missing.then_some(Err(Corrupt("a listpack with fewer items than it says")))
    }
}

fn head<'p>(bytes: &mut &'p [u8]) -> Option<Item<'p>> {
    let [first] = take(bytes)?;
    Some(match first {
        0..0x80 => Item::Integer(first.into()),
        0x80..0xc0 => Item::Text(take_slice(bytes, usize::from(first & 0x3f))?),
        0xc0..0xe0 => {
            let [low] = take(bytes)?;
            let sign_at_top = u16::from_be_bytes([first << 3, 0]) | u16::from(low) << 3;
            Item::Integer((sign_at_top.cast_signed() >> 3).into())
        }
        0xe0..0xf0 => {
            let [low] = take(bytes)?;
            Item::Text(take_slice(bytes, usize::from(first & 0xf) << 8 | usize::from(low))?)
        }
        0xf0 => {
            let len = u32::from_le_bytes(take(bytes)?);
            Item::Text(take_slice(bytes, len as usize)?)
        }
        0xf1 => Item::Integer(integer(take::<2>(bytes)?)),
        0xf2 => Item::Integer(integer(take::<3>(bytes)?)),
        0xf3 => Item::Integer(integer(take::<4>(bytes)?)),
        0xf4 => Item::Integer(integer(take::<8>(bytes)?)),
        0xf5..=END => return None,
    })
}

/// The back length of an item; the bounds of its forms are those of Redis.
fn back_len(len: usize, bytes: &mut [u8; 5]) -> &[u8] {
    let groups = match len {
        0..128 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    };
    for (place, byte) in bytes[..groups].iter_mut().enumerate() {
        let continued = if place == 0 { 0 } else { 0x80 };
        *byte = (len >> (7 * (groups - 1 - place))) as u8 & 0x7f | continued;
    }
    &bytes[..groups]
}

/// Puts a listpack together.
#[derive(Debug)]
pub(in super::super) struct ListpackBuilder {
    bytes: Vec<u8>,
    items: usize,
}

impl ListpackBuilder {
    pub(in super::super) fn new() -> Self {
        Self { bytes: vec![0; HEADER_LEN], items: 0 }
    }

    /// Adds a text; as an integer if it is the canonical form of one.
    pub(in super::super) fn push_text(&mut self, text: &[u8]) {
        if let Some(number) = canonical_integer(text) {
            return self.push_integer(number);
        }
        let len = text.len();
        let mut head = [0; 5];
        let head: &[u8] = match len {
            0..64 => &[0x80 | len as u8],
            64..4096 => &[0xe0 | (len >> 8) as u8, len as u8],
            _ => {
                head[0] = 0xf0;
                head[1..].copy_from_slice(&(len as u32).to_le_bytes());
                &head
            }
        };
        self.push(head, text);
    }

    /// Adds an integer.
    pub(in super::super) fn push_integer(&mut self, number: i64) {
        let bytes = number.to_le_bytes();
        match number {
            0..=127 => self.push(&[number as u8], &[]),
            -4096..=4095 => self.push(&[0xc0 | (number >> 8) as u8 & 0x1f, number as u8], &[]),
            -0x8000..=0x7fff => self.push(&[0xf1], &bytes[..2]),
            -0x80_0000..=0x7f_ffff => self.push(&[0xf2], &bytes[..3]),
            -0x8000_0000..=0x7fff_ffff => self.push(&[0xf3], &bytes[..4]),
            _ => self.push(&[0xf4], &bytes),
        }
    }

    /// The listpack. Its length fits into four bytes: packed values are small.
    pub(in super::super) fn finish(mut self) -> Vec<u8> {
        self.bytes.push(END);
        let len = u32::try_from(self.bytes.len()).expect("packed values are small");
        let items = u16::try_from(self.items).unwrap_or(UNCOUNTED);
        self.bytes[..4].copy_from_slice(&len.to_le_bytes());
        self.bytes[4..HEADER_LEN].copy_from_slice(&items.to_le_bytes());
        self.bytes
    }

    fn push(&mut self, head: &[u8], data: &[u8]) {
        let mut back = [0; 5];
        let back = back_len(head.len() + data.len(), &mut back);
        for part in [head, data, back] {
            self.bytes.extend_from_slice(part);
        }
        self.items += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packed(texts: &[Vec<u8>]) -> Vec<u8> {
        let mut builder = ListpackBuilder::new();
        texts.iter().for_each(|text| builder.push_text(text));
        builder.finish()
    }

    fn unpacked(bytes: &[u8]) -> Result<Vec<Vec<u8>>, Corrupt> {
        Listpack::new(bytes)?.map(|item| Ok(item?.text().into_owned())).collect()
    }

    #[test]
    fn items_have_the_shortest_of_their_forms() {
        let item = |text: &[u8]| {
            let packed = packed(&[text.to_vec()]);
            packed[HEADER_LEN..packed.len() - 1].to_vec()
        };
        assert_eq!(item(b"127"), [127, 1]);
        assert_eq!(item(b"128"), [0xc0, 128, 2]);
        assert_eq!(item(b"-1"), [0xdf, 0xff, 2]);
        assert_eq!(item(b"-4096"), [0xd0, 0, 2]);
        assert_eq!(item(b"4096"), [0xf1, 0, 16, 3]);
        assert_eq!(item(b"-32769"), [0xf2, 0xff, 0x7f, 0xff, 4]);
        assert_eq!(item(b"-2147483648"), [0xf3, 0, 0, 0, 0x80, 5]);
        assert_eq!(item(b"2147483648"), [0xf4, 0, 0, 0, 0x80, 0, 0, 0, 0, 9]);
        assert_eq!(item(b"-0"), [0x82, b'-', b'0', 3]);
        assert_eq!(item(&[b'x'; 200])[..2], [0xe0, 200]);
        assert_eq!(item(&[b'x'; 200])[202..], [1, 0x80 | 74]);
    }

    #[test]
    fn texts_of_all_lengths_come_back() {
        for len in [0, 63, 64, 125, 126, 4095, 4096, 16_380, 16_381, 2_097_145, 2_097_146, 2_097_147] {
            let texts = vec![vec![b'x'; len], b"7".to_vec()];
            assert_eq!(unpacked(&packed(&texts)), Ok(texts));
        }
    }

    #[test]
    fn items_that_are_too_many_to_be_counted_come_back() {
        let texts: Vec<_> = (0..70_000_u32).map(|number| number.to_string().into_bytes()).collect();
        assert_eq!(unpacked(&packed(&texts)), Ok(texts));
    }

    #[test]
    fn what_the_header_says_must_hold() {
        let good = packed(&[b"a".to_vec(), b"1".to_vec()]);
        let changed = |at: usize, byte: u8| {
            let mut bad = good.clone();
            bad[at] = byte;
            unpacked(&bad).map_err(|corrupt| corrupt.0)
        };
        assert_eq!(changed(0, 99), Err("a listpack with another length than it says"));
        assert_eq!(changed(4, 1), Err("a listpack with more items than it says"));
        assert_eq!(changed(4, 3), Err("a listpack with fewer items than it says"));
        assert_eq!(changed(HEADER_LEN, 0xff), Err("an item of a listpack that is none"));
        assert_eq!(changed(HEADER_LEN + 2, 9), Err("an item of a listpack with another length than it says"));
        assert_eq!(unpacked(&good[..5]).map_err(|corrupt| corrupt.0), Err("a listpack without a header"));
        assert_eq!(
            unpacked(&[6, 0, 0, 0, 0, 0]).map_err(|corrupt| corrupt.0),
            Err("a listpack without an end")
        );
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(mut bytes in proptest::collection::vec(any::<u8>(), 7..100)) {
            let len = bytes.len();
            bytes[..4].copy_from_slice(&(len as u32).to_le_bytes());
            bytes[len - 1] = END;
            _ = unpacked(&bytes);
        }
    }
}
