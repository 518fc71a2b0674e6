//! LZF, the compression of strings: literals, and copies of what came up to 8 KiB before.
//!
//! ```text
//! block    literal: 000lllll            l + 1 bytes follow
//!        | copy:    nnnddddd dddddddd            n in 1 … 6: n + 2 bytes from d + 1 back
//!        | copy:    111ddddd nnnnnnnn dddddddd   n + 9 bytes from d + 1 back
//! ```
//!
//! The bytes of a copy may be some that it makes itself.

/// The most bytes in a block of literals.
const MAX_LITERALS: usize = 32;
/// The shortest copy: a block of two bytes makes three.
const MIN_COPY: usize = 3;
/// The longest copy.
const MAX_COPY: usize = 264;
/// Bytes of the block that makes the longest copy.
const MAX_COPY_BLOCK: usize = 3;
/// How far back a copy reaches.
const MAX_DISTANCE: usize = 1 << 13;
/// In the three bits of a length: that a byte with the rest follows.
const LONG: usize = 7;

const TABLE_BITS: u32 = 13;

/// What is remembered while compressing: where the last three bytes of each hash were. For one
/// string after the other.
#[derive(Debug, Default)]
pub(super) struct Compressor {
    /// Made for the first text.
    seen: Vec<u32>,
}

/// A block does not mean anything, or the text has another length than was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Corrupt;

impl Compressor {
    /// Puts the compressed text into `out`; false, with anything in it, if that is more than
    /// `max_len` bytes.
    ///
    /// Positions that an earlier text left in the table do no harm, as what is there is compared;
    /// clearing them would cost more than most texts.
    pub(super) fn compress(&mut self, text: &[u8], max_len: usize, out: &mut Vec<u8>) -> bool {
        out.clear();
        self.seen.resize(1 << TABLE_BITS, 0);
        let mut at = 0;
        let mut literals = 0;
        while at < text.len() && out.len() <= max_len {
            let Some((distance, len)) = self.find_copy(text, at) else {
                at += 1;
                continue;
            };
            put_literals(&text[literals..at], out);
            put_copy(distance, len, out);
            at += len;
            literals = at;
        }
        put_literals(&text[literals..], out);
        out.len() <= max_len
    }

    /// How far back, and for how long, there is the same as from `at` on.
    fn find_copy(&mut self, text: &[u8], at: usize) -> Option<(usize, usize)> {
        let head = text[at..].first_chunk()?;
        let before = std::mem::replace(&mut self.seen[hash(*head)], at as u32) as usize;
        if before >= at || at - before > MAX_DISTANCE {
            return None;
        }
        let pairs = text[before..].iter().zip(&text[at..]).take(MAX_COPY);
        let len = pairs.take_while(|(one, other)| one == other).count();
        (len >= MIN_COPY).then_some((at - before, len))
    }
}

fn hash(head: [u8; MIN_COPY]) -> usize {
    let [a, b, c] = head.map(u32::from);
    ((a | b << 8 | c << 16).wrapping_mul(0x9e37_79b1) >> (u32::BITS - TABLE_BITS)) as usize
}

fn put_literals(text: &[u8], out: &mut Vec<u8>) {
    for block in text.chunks(MAX_LITERALS) {
        out.push(block.len() as u8 - 1);
        out.extend_from_slice(block);
    }
}

fn put_copy(distance: usize, len: usize, out: &mut Vec<u8>) {
    let distance = distance - 1;
    let len = len - 2;
    out.push((len.min(LONG) << 5 | distance >> 8) as u8);
    if len >= LONG {
        out.push((len - LONG) as u8);
    }
    out.push(distance as u8);
}

/// True if blocks of so many bytes can make a text of so many. To be called before room is made for
/// it.
pub(super) fn is_possible(compressed_len: u64, text_len: u64) -> bool {
    text_len.div_ceil(MAX_COPY as u64) <= compressed_len.div_ceil(MAX_COPY_BLOCK as u64)
}

/// Puts the text of `len` bytes into `out`.
pub(super) fn decompress(mut blocks: &[u8], len: usize, out: &mut Vec<u8>) -> Result<(), Corrupt> {
    out.clear();
    out.reserve_exact(len);
    while let Some((&first, rest)) = blocks.split_first() {
        let high = usize::from(first >> 5);
        let low = usize::from(first & 31);
        blocks = rest;
        if high == 0 {
            let (literals, rest) = blocks.split_at_checked(low + 1).ok_or(Corrupt)?;
            out.extend_from_slice(literals);
            blocks = rest;
        } else {
            let longer = if high == LONG { take(&mut blocks)? } else { 0 };
            let distance = (low << 8 | take(&mut blocks)?) + 1;
            copy(distance, high + longer + 2, out)?;
        }
        // Before the next block, so that no more than one goes beyond the room.
        if out.len() > len {
            return Err(Corrupt);
        }
    }
    if out.len() == len { Ok(()) } else { Err(Corrupt) }
}

fn take(blocks: &mut &[u8]) -> Result<usize, Corrupt> {
    let (&byte, rest) = blocks.split_first().ok_or(Corrupt)?;
    *blocks = rest;
    Ok(usize::from(byte))
}

fn copy(distance: usize, len: usize, out: &mut Vec<u8>) -> Result<(), Corrupt> {
    let from = out.len().checked_sub(distance).ok_or(Corrupt)?;
    if distance >= len {
        out.extend_from_within(from..from + len);
    } else {
        (from..from + len).for_each(|at| out.push(out[at]));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compressed(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        assert!(Compressor::default().compress(text, text.len() * 2, &mut out));
        out
    }

    fn decompressed(blocks: &[u8], len: usize) -> Result<Vec<u8>, Corrupt> {
        let mut out = Vec::new();
        decompress(blocks, len, &mut out)?;
        Ok(out)
    }

    #[test]
    fn copies_may_overlap_themselves_and_are_as_long_as_can_be() {
        assert_eq!(compressed(&[b'x'; 1 + MAX_COPY]), [0, b'x', 0xe0, 255, 0]);
        assert_eq!(decompressed(&[0, b'x', 0xe0, 255, 0], 265), Ok(vec![b'x'; 265]));
    }

    #[test]
    fn blocks_that_mean_nothing_are_refused() {
        let cases: [&[u8]; 6] =
            [b"\x02ab", b"\x00a\x20", b"\x00a\x20\x01", b"\x20\x00", b"\x00a\xe0", b"\x00"];
        for blocks in cases {
            assert_eq!(decompressed(blocks, 4), Err(Corrupt), "{blocks:?}");
        }
        assert_eq!(decompressed(b"\x01ab", 1), Err(Corrupt));
        assert_eq!(decompressed(b"\x01ab", 3), Err(Corrupt));
    }

    #[test]
    fn what_cannot_be_is_told_from_the_lengths() {
        assert!(is_possible(5, 265) && is_possible(0, 0));
        assert!(!is_possible(0, 1) && !is_possible(3, 265) && !is_possible(2, u64::MAX));
    }

    #[test]
    fn a_table_serves_many_texts() {
        let mut compressor = Compressor::default();
        let mut out = Vec::new();
        for text in [&b"abcabcabcabcabc"[..], b"xabcabcabcabcabcabc", b"abc", b"", b"abcabcabcabc"] {
            assert!(compressor.compress(text, 100, &mut out));
            assert_eq!(decompressed(&out, text.len()), Ok(text.to_vec()));
        }
        assert!(!compressor.compress(b"abcdefgh", 8, &mut out));
    }

    proptest! {
        /// Another implementation reads ours, and the other way round.
        #[test]
        fn texts_come_back(text in "[a-d]{0,20}(xyz){0,200}[a-d]{0,2000}") {
            let text = text.into_bytes();
            let blocks = compressed(&text);
            prop_assert!(is_possible(blocks.len() as u64, text.len() as u64));
            prop_assert_eq!(decompressed(&blocks, text.len()), Ok(text.clone()));
            if !text.is_empty() {
                prop_assert_eq!(lzf::decompress(&blocks, text.len()), Ok(text.clone()));
            }
            if let Ok(blocks) = lzf::compress(&text) {
                prop_assert_eq!(decompressed(&blocks, text.len()), Ok(text));
            }
        }

        #[test]
        fn no_blocks_break_it(blocks in proptest::collection::vec(any::<u8>(), 0..100), len in 0..10_000_usize) {
            if let Ok(text) = decompressed(&blocks, len) {
                prop_assert!(is_possible(blocks.len() as u64, text.len() as u64));
            }
        }
    }
}
