//! *Ziplist*: the packed form before listpacks.
//!
//! ```text
//! ziplist   bytes: 4   offset of the last item: 4   items: 2 (65535: not counted)   item …   ff
//! item      length of the item before: 1, or fe + 4   head
//! head      00llllll, text                   6 bits of length
//!         | 01llllll + 1, text               14 bits of length, the high ones first
//!         | 80 + 4, text                     length, big-endian
//!         | fe + 1, c0 + 2, f0 + 3, d0 + 4, e0 + 8      integer
//!         | f1 … fd                          integer 0 … 12
//! ```

use super::{Corrupt, Item, integer, take, take_slice};

const HEADER_LEN: usize = 10;
const END: u8 = 0xff;
/// The first byte of a length before an item that has four more.
const LONG: u8 = 0xfe;
/// The count of items that says that they have not been counted.
const UNCOUNTED: u16 = u16::MAX;

/// The items of a ziplist.
#[derive(Debug)]
pub(in super::super) struct Ziplist<'p> {
    /// From the next item up to the end, which is left out.
    rest: &'p [u8],
    /// Bytes of the item before.
    before: usize,
    /// Where the last item begins, counted from the end.
    last: usize,
    /// Items still to come, if they were counted.
    counted: Option<u16>,
}

impl<'p> Ziplist<'p> {
    pub(in super::super) fn new(bytes: &'p [u8]) -> Result<Self, Corrupt> {
        let mut header = bytes;
        let (Some(len), Some(last), Some(count)) = (take(&mut header), take(&mut header), take(&mut header))
        else {
            return Err(Corrupt("a ziplist without a header"));
        };
        if u32::from_le_bytes(len) as usize != bytes.len() {
            return Err(Corrupt("a ziplist with another length than it says"));
        }
        let Some((&END, rest)) = header.split_last() else {
            return Err(Corrupt("a ziplist without an end"));
        };
        let last = u32::from_le_bytes(last) as usize;
        let Some(last) = (bytes.len() - 1).checked_sub(last).filter(|_| last >= HEADER_LEN) else {
            return Err(Corrupt("a ziplist with its last item outside of it"));
        };
        let count = u16::from_le_bytes(count);
        Ok(Self { rest, before: 0, last, counted: (count != UNCOUNTED).then_some(count) })
    }

    fn item(&mut self) -> Result<Item<'p>, Corrupt> {
        let start = self.rest.len();
        if len_before(&mut self.rest) != Some(self.before) {
            return Err(Corrupt("an item of a ziplist with another length than the next one says"));
        }
        let item = head(&mut self.rest).ok_or(Corrupt("an item of a ziplist that is none"))?;
        self.before = start - self.rest.len();
        if self.rest.is_empty() && start != self.last {
            return Err(Corrupt("a ziplist with its last item elsewhere than it says"));
        }
        if let Some(counted) = &mut self.counted {
            *counted = counted.checked_sub(1).ok_or(Corrupt("a ziplist with more items than it says"))?;
        }
        Ok(item)
    }
}

impl<'p> Iterator for Ziplist<'p> {
    type Item = Result<Item<'p>, Corrupt>;

    fn next(&mut self) -> Option<Self::Item> {
        if !self.rest.is_empty() {
            return Some(self.item().inspect_err(|_| (self.rest, self.counted) = (&[], None)));
        }
        let missing = self.counted.take().is_some_and(|counted| counted > 0);
        missing.then_some(Err(Corrupt("a ziplist with fewer items than it says")))
    }
}

fn len_before(bytes: &mut &[u8]) -> Option<usize> {
    let [first] = take(bytes)?;
    match first {
        LONG => Some(u32::from_le_bytes(take(bytes)?) as usize),
        END => None,
        short => Some(short.into()),
    }
}

fn head<'p>(bytes: &mut &'p [u8]) -> Option<Item<'p>> {
    let [first] = take(bytes)?;
    Some(match first {
        0..0x40 => Item::Text(take_slice(bytes, first.into())?),
        0x40..0x80 => {
            let [low] = take(bytes)?;
            Item::Text(take_slice(bytes, usize::from(first & 0x3f) << 8 | usize::from(low))?)
        }
        0x80 => {
            let len = u32::from_be_bytes(take(bytes)?);
            Item::Text(take_slice(bytes, len as usize)?)
        }
        0xc0 => Item::Integer(integer(take::<2>(bytes)?)),
        0xd0 => Item::Integer(integer(take::<4>(bytes)?)),
        0xe0 => Item::Integer(integer(take::<8>(bytes)?)),
        0xf0 => Item::Integer(integer(take::<3>(bytes)?)),
        0xf1..=0xfd => Item::Integer(i64::from(first) - 0xf1),
        0xfe => Item::Integer(integer(take::<1>(bytes)?)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unpacked(bytes: &[u8]) -> Result<Vec<Vec<u8>>, &'static str> {
        let items = Ziplist::new(bytes).map_err(|corrupt| corrupt.0)?;
        items.map(|item| item.map(|item| item.text().into_owned()).map_err(|corrupt| corrupt.0)).collect()
    }

    /// Puts the header in front of the heads, and the lengths between them.
    fn packed(heads: &[&[u8]]) -> Vec<u8> {
        let mut items = Vec::new();
        let mut before = 0;
        let mut last = HEADER_LEN;
        for head in heads {
            last = HEADER_LEN + items.len();
            if before < usize::from(LONG) {
                items.push(before as u8);
            } else {
                items.push(LONG);
                items.extend_from_slice(&(before as u32).to_le_bytes());
            }
            items.extend_from_slice(head);
            before = HEADER_LEN + items.len() - last;
        }
        let len = (HEADER_LEN + items.len() + 1) as u32;
        let count = heads.len() as u16;
        let header = [&len.to_le_bytes()[..], &(last as u32).to_le_bytes(), &count.to_le_bytes()].concat();
        [header, items, vec![END]].concat()
    }

    #[test]
    fn items_of_all_forms_are_read() {
        let long = [&[0x41, 0x2c][..], &[b'x'; 300]].concat();
        let longer = [&[0x80, 0, 0, 0x40, 0][..], &[b'y'; 16_384]].concat();
        let bytes = packed(&[
            b"\x02ab",
            &long,
            &longer,
            &[0xc0, 0, 0x80],
            &[0xd0, 0, 0, 0, 0x80],
            &[0xe0, 0, 0, 0, 0, 0, 0, 0, 0x80],
            &[0xf0, 0, 0, 0x80],
            &[0xfe, 0x80],
            &[0xf1],
            &[0xfd],
        ]);
        let expected: [&[u8]; 10] = [
            b"ab",
            &[b'x'; 300],
            &[b'y'; 16_384],
            b"-32768",
            b"-2147483648",
            b"-9223372036854775808",
            b"-8388608",
            b"-128",
            b"0",
            b"12",
        ];
        assert_eq!(unpacked(&bytes).expect("a ziplist"), expected);
        assert_eq!(unpacked(&packed(&[])), Ok(vec![]));
    }

    #[test]
    fn what_header_and_lengths_say_must_hold() {
        let good = packed(&[b"\x02ab", &[0xf1]]);
        let changed = |at: usize, byte: u8| {
            let mut bad = good.clone();
            bad[at] = byte;
            unpacked(&bad)
        };
        assert_eq!(changed(0, 99), Err("a ziplist with another length than it says"));
        assert_eq!(changed(4, 11), Err("a ziplist with its last item elsewhere than it says"));
        assert_eq!(changed(4, 200), Err("a ziplist with its last item outside of it"));
        assert_eq!(changed(8, 1), Err("a ziplist with more items than it says"));
        assert_eq!(changed(8, 3), Err("a ziplist with fewer items than it says"));
        let wrong_len = "an item of a ziplist with another length than the next one says";
        assert_eq!(changed(HEADER_LEN + 4, 5), Err(wrong_len));
        assert_eq!(changed(HEADER_LEN + 5, 0xff), Err("an item of a ziplist that is none"));
        assert_eq!(unpacked(&good[..8]), Err("a ziplist without a header"));
        assert_eq!(unpacked(&[10, 0, 0, 0, 10, 0, 0, 0, 0, 0]), Err("a ziplist without an end"));
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(mut bytes in proptest::collection::vec(any::<u8>(), 11..100)) {
            let len = bytes.len();
            bytes[..4].copy_from_slice(&(len as u32).to_le_bytes());
            bytes[4..8].copy_from_slice(&10_u32.to_le_bytes());
            bytes[len - 1] = END;
            _ = unpacked(&bytes);
        }
    }
}
