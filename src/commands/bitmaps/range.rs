//! A range of the bits of a string, as BITCOUNT and BITPOS have it.

use std::ops::Range;

use super::FIRST_BIT;
use crate::resp::{Args, Error};

/// What positions count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Byte,
    Bit,
}

impl Unit {
    /// Takes the word for a unit.
    pub(super) fn parse(args: &mut Args) -> Result<Self, Error> {
        args.keyword_of(&[("BYTE", Self::Byte), ("BIT", Self::Bit)]).ok_or(Error::syntax())
    }

    fn bits(self) -> i64 {
        match self {
            Self::Byte => 8,
            Self::Bit => 1,
        }
    }
}

/// The bits from `start` to `end`, both included, of a text of so many bytes. Negative positions
/// count from its end; none is before the first unit.
pub(super) fn bits_between(start: i64, end: i64, unit: Unit, len: usize) -> Range<usize> {
    // A text has less than 2^31 bytes.
    let units = i64::try_from(len).unwrap_or(i64::MAX / 8) * 8 / unit.bits();
    let from_front = |at: i64| if at < 0 { at + units } else { at }.max(0);
    let first = from_front(start);
    let last = from_front(end).min(units - 1);
    if first > last {
        return 0..0;
    }
    (first * unit.bits()) as usize..((last + 1) * unit.bits()) as usize
}

/// How many bits of a range are 1.
pub(super) fn count_ones(text: &[u8], bits: Range<usize>) -> usize {
    let Some((first, middle, last)) = split(text, bits) else { return 0 };
    let words = middle.chunks_exact(8);
    let rest = words.remainder().iter().map(|byte| byte.count_ones() as usize).sum::<usize>();
    let word = |bytes: &[u8]| bytes.try_into().map_or(0, |bytes| u64::from_ne_bytes(bytes).count_ones());
    let whole = words.map(|bytes| word(bytes) as usize).sum::<usize>();
    rest + whole + (first.count_ones() + last.count_ones()) as usize
}

/// The number of the first bit of a range that is 1.
pub(super) fn first_one(text: &[u8], bits: Range<usize>) -> Option<usize> {
    first_not(text, bits, 0)
}

/// The number of the first bit of a range that is 0.
pub(super) fn first_zero(text: &[u8], bits: Range<usize>) -> Option<usize> {
    first_not(text, bits, 0xff)
}

/// The number of the first bit of a range that is not as all bits of `skipped`, which are equal.
fn first_not(text: &[u8], bits: Range<usize>, skipped: u8) -> Option<usize> {
    let start = bits.start / 8;
    let in_range = |byte: usize| {
        let other = (text[byte] ^ skipped) & mask(byte, &bits);
        (other != 0).then(|| byte * 8 + other.leading_zeros() as usize)
    };
    let (_, middle, _) = split(text, bits.clone())?;
    let after = start + 1;
    let last = (bits.end - 1) / 8;
    let whole = || first_byte_not(middle, skipped).and_then(|at| in_range(after + at));
    in_range(start).or_else(whole).or_else(|| in_range(last))
}

fn first_byte_not(text: &[u8], skipped: u8) -> Option<usize> {
    /// Compared at once.
    const STEP: usize = 64;
    let equal = [skipped; STEP];
    let same = text.chunks_exact(STEP).take_while(|bytes| **bytes == equal).count() * STEP;
    text[same..].iter().position(|byte| *byte != skipped).map(|at| same + at)
}

/// The bits of the first byte of a range, the whole bytes between, and the bits of the last byte;
/// bits outside of the range are 0 there. None if the range is empty.
fn split(text: &[u8], bits: Range<usize>) -> Option<(u8, &[u8], u8)> {
    if bits.is_empty() {
        return None;
    }
    let (start, last) = (bits.start / 8, (bits.end - 1) / 8);
    let first = text[start] & mask(start, &bits);
    if start == last {
        return Some((first, &[], 0));
    }
    Some((first, &text[start + 1..last], text[last] & mask(last, &bits)))
}

/// The bits of a byte that are in a range which has some of them.
fn mask(byte: usize, bits: &Range<usize>) -> u8 {
    let behind_start = if byte == bits.start / 8 { 0xff >> (bits.start % 8) } else { 0xff };
    let last = bits.end - 1;
    let before_end = if byte == last / 8 { !((FIRST_BIT >> (last % 8)) - 1) } else { 0xff };
    behind_start & before_end
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_positions_leave_the_text() {
        let edges = [i64::MIN, -90, -89, -88, -12, -11, -1, 0, 1, 10, 11, 87, 88, i64::MAX];
        for (start, end) in edges.into_iter().flat_map(|start| edges.map(|end| (start, end))) {
            for (len, unit) in [(0, Unit::Bit), (1, Unit::Bit), (11, Unit::Bit), (11, Unit::Byte)] {
                let bits = bits_between(start, end, unit, len);
                assert!(bits.start <= bits.end && bits.end <= 8 * len, "{start} {end} {unit:?} {len}");
            }
        }
    }

    proptest! {
        #[test]
        fn bits_are_what_a_look_at_each_finds(
            noise in prop::collection::vec(any::<u8>(), 0..20),
            (fill, filled) in (prop::sample::select(&[0, 0xff_u8][..]), 0..200_usize),
            (a, b) in (0..1800_usize, 0..1800_usize),
        ) {
            let text = [&noise[..], &vec![fill; filled][..], &noise[..]].concat();
            let end = b.min(text.len() * 8);
            let bits = a.min(end)..end;
            let is_set = |bit: &usize| text[bit / 8] & FIRST_BIT >> (bit % 8) != 0;
            prop_assert_eq!(count_ones(&text, bits.clone()), bits.clone().filter(is_set).count());
            prop_assert_eq!(first_one(&text, bits.clone()), bits.clone().find(is_set));
            prop_assert_eq!(first_zero(&text, bits.clone()), bits.clone().find(|bit| !is_set(bit)));
        }
    }
}
