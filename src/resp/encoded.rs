//! Replies as bytes on their way to a client: short ones side by side in blocks, long texts as
//! references.
//!
//! ```text
//! segments   [block][text of a value][block][text of a value]      complete, in order
//! tail       $7\r\nanother\r\n…                                     short replies are added here
//! ```
//!
//! No byte of a long text is copied, and blocks are filled one after the other, so nothing grows by
//! doubling beyond a block. What is sent is given back segment by segment.

use std::collections::VecDeque;
use std::mem;

use bytes::{Buf, Bytes, BytesMut};

/// From here on a text is referred to; below, a copy costs less than a segment of its own.
pub(super) const MIN_REFERRED_LEN: usize = 8 * 1024;

/// Short replies lie in blocks of this length, the last of which may be shorter. It is the longest
/// that jemalloc keeps ready for each thread.
const BLOCK_LEN: usize = 32 * 1024;

/// Shorter blocks, for fewer replies: some lines, and a pipeline of them. Connections keep these
/// between rounds, so a round of short replies allocates nothing.
const SMALL_BLOCK_LENS: [usize; 2] = [512, 4 * 1024];

/// Places for segments that are kept for the next replies.
const KEPT_SEGMENTS: usize = 16;

/// Encoded replies, in the order in which they are to be sent.
#[derive(Clone, Debug, Default)]
pub struct Encoded {
    segments: VecDeque<Segment>,
    tail: BytesMut,
    /// Bytes of the tail that were sent before all of it could be.
    sent: usize,
    /// Length of the block in which the tail lies: more than its capacity if segments were cut from
    /// the block.
    block_len: usize,
    /// Bytes in all of it.
    len: usize,
    /// Bytes of those segments that are shared: with the keyspace, or with other clients.
    shared: usize,
}

#[derive(Clone, Debug)]
struct Segment {
    bytes: Bytes,
    /// The bytes were shared when they were added, with the keyspace or with other clients.
    is_shared: bool,
}

impl Encoded {
    /// Bytes to be sent.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if nothing is to be sent.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes in memory for these replies alone: without texts that were shared when they were
    /// added.
    pub fn own_len(&self) -> usize {
        self.len - self.shared + self.tail.capacity() - (self.tail.len() - self.sent)
    }

    /// Adds a copy of these bytes.
    pub fn put(&mut self, bytes: &[u8]) {
        self.put_all([bytes]);
    }

    /// Adds copies of all these bytes.
    #[inline]
    pub fn put_all<const N: usize>(&mut self, parts: [&[u8]; N]) {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        if self.tail.len() + len > self.tail.capacity() && !self.grow(len) {
            return parts.into_iter().for_each(|part| self.put_in_blocks(part));
        }
        self.len += len;
        parts.into_iter().for_each(|part| self.tail.extend_from_slice(part));
    }

    /// Adds these bytes: a reference to them if they are many, else a copy.
    pub fn put_text(&mut self, bytes: Bytes) {
        if bytes.len() < MIN_REFERRED_LEN {
            return self.put(&bytes);
        }
        self.end_block();
        let is_shared = !bytes.is_unique();
        self.len += bytes.len();
        self.shared += if is_shared { bytes.len() } else { 0 };
        self.segments.push_back(Segment { bytes, is_shared });
    }

    /// Adds other replies behind these.
    pub fn append(&mut self, mut other: Self) {
        if other.segments.is_empty() {
            return self.put(&other.tail);
        }
        self.end_block();
        self.segments.append(&mut other.segments);
        let len = self.len + other.len;
        let shared = self.shared + other.shared;
        let segments = mem::take(&mut self.segments);
        *self = Self { segments, len, shared, ..other };
    }

    /// The bytes in pieces, in order; none is empty.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let segments = self.segments.iter().map(|segment| &*segment.bytes);
        segments.chain(Some(&self.tail[self.sent..]).filter(|tail| !tail.is_empty()))
    }

    /// Removes the first `count` bytes, which were sent.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn advance(&mut self, mut count: usize) {
        self.len -= count;
        while let Some(first) = self.segments.front_mut() {
            let sent = count.min(first.bytes.len());
            self.shared -= if first.is_shared { sent } else { 0 };
            count -= sent;
            if sent < first.bytes.len() {
                return first.bytes.advance(sent);
            }
            self.segments.pop_front();
        }
        self.sent += count;
        if self.sent == self.tail.len() {
            self.tail.clear();
            self.sent = 0;
        }
    }

    /// Frees memory that is not needed now, all but this much.
    pub fn shrink(&mut self, kept: usize) {
        if !self.is_empty() {
            return;
        }
        if self.block_len > kept {
            self.tail = BytesMut::new();
            self.block_len = 0;
        } else if self.tail.capacity() < self.block_len {
            // The block is empty, and is used again; if it cannot be, the next reply gets another.
            let _ = self.tail.try_reclaim(self.block_len);
        }
        self.segments.shrink_to(KEPT_SEGMENTS);
    }

    /// A copy of all bytes.
    pub fn to_vec(&self) -> Vec<u8> {
        self.pieces().flatten().copied().collect()
    }

    /// Makes room for so many bytes in the block of the tail; false if it cannot hold them.
    #[cold]
    fn grow(&mut self, len: usize) -> bool {
        let needed = self.tail.len() + len;
        if needed <= BLOCK_LEN {
            let small = SMALL_BLOCK_LENS.into_iter().find(|room| needed <= *room);
            self.reserve(small.unwrap_or(BLOCK_LEN));
        }
        needed <= BLOCK_LEN
    }

    /// Makes room for a tail of so many bytes.
    fn reserve(&mut self, len: usize) {
        if self.tail.capacity() < len {
            self.tail.reserve(len - self.tail.len());
            self.block_len = self.tail.capacity();
        }
    }

    /// The bytes fill the block to its end, and further blocks as far as needed.
    #[cold]
    fn put_in_blocks(&mut self, mut bytes: &[u8]) {
        self.len += bytes.len();
        while !bytes.is_empty() {
            self.reserve(BLOCK_LEN);
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK_LEN.saturating_sub(self.tail.len())));
            self.tail.extend_from_slice(now);
            bytes = later;
            if self.tail.len() >= BLOCK_LEN {
                self.end_block();
            }
        }
    }

    /// What is in the tail becomes a segment; the room behind it stays.
    fn end_block(&mut self) {
        if self.tail.is_empty() {
            return;
        }
        let mut bytes = self.tail.split().freeze();
        bytes.advance(mem::take(&mut self.sent));
        self.segments.push_back(Segment { bytes, is_shared: false });
    }
}

/// Equal if the bytes are, however they are split into segments.
impl PartialEq for Encoded {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.pieces().flatten().eq(other.pieces().flatten())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(len: usize) -> Bytes {
        (0..len).map(|n| n as u8).collect::<Vec<_>>().into()
    }

    #[test]
    fn long_texts_are_referred_to_and_short_ones_copied() {
        for len in [1, MIN_REFERRED_LEN - 1, MIN_REFERRED_LEN, BLOCK_LEN + 1] {
            let mut encoded = Encoded::default();
            let text = text(len);
            encoded.put(b"before");
            encoded.put_text(text.clone());
            encoded.put(b"after");
            let is_referred = encoded.pieces().any(|piece| piece.as_ptr() == text.as_ptr());
            assert_eq!(is_referred, len >= MIN_REFERRED_LEN, "{len}");
            assert_eq!(encoded.to_vec(), [b"before", &*text, b"after"].concat());
        }
    }

    #[test]
    fn short_replies_lie_in_one_piece() {
        let mut encoded = Encoded::default();
        (0..1000).for_each(|_| encoded.put(b"+OK\r\n"));
        assert_eq!(encoded.pieces().count(), 1);
    }

    #[test]
    fn many_short_replies_take_as_much_memory_as_they_are_long() {
        let mut encoded = Encoded::default();
        for _ in 0..1_000_000 {
            encoded.put(b"$5\r\nhello\r\n");
        }
        assert!(encoded.own_len() <= encoded.len() + BLOCK_LEN);
        let room: usize = encoded.segments.iter().map(|segment| segment.bytes.len()).sum();
        assert!(encoded.len() - room < BLOCK_LEN, "all but the last block are full");
    }

    #[test]
    fn only_texts_that_others_hold_are_not_counted_as_own() {
        let mut encoded = Encoded::default();
        let shared = text(1 << 20);
        encoded.put_text(shared.clone());
        encoded.put_text(text(1 << 20));
        assert_eq!((encoded.len(), encoded.own_len()), (2 << 20, 1 << 20));
        encoded.advance(1 << 19);
        assert_eq!((encoded.len(), encoded.own_len()), (3 << 19, 1 << 20));
        encoded.advance(1 << 20);
        assert_eq!((encoded.len(), encoded.own_len()), (1 << 19, 1 << 19));
    }

    #[test]
    fn what_was_sent_is_given_back() {
        let mut encoded = Encoded::default();
        encoded.put_text(text(1 << 20));
        encoded.put(&text(MIN_REFERRED_LEN - 1));
        encoded.advance(encoded.len());
        encoded.shrink(1024);
        assert_eq!((encoded.own_len(), encoded.segments.len()), (0, 0));
        encoded.put(b"x");
        encoded.advance(1);
        let kept = encoded.tail.capacity();
        encoded.shrink(1024);
        assert_eq!(encoded.tail.capacity(), kept, "a little room stays for the next reply");
    }

    /// What happens to encoded replies: bytes are copied or referred to, others are appended, some
    /// are sent.
    #[derive(Clone, Debug)]
    enum Step {
        Put(usize),
        Refer(usize),
        Append(usize, usize),
        Send(usize),
    }

    fn any_len() -> impl Strategy<Value = usize> {
        prop_oneof![0_usize..200, Just(MIN_REFERRED_LEN), Just(BLOCK_LEN - 1), 0..3 * BLOCK_LEN]
    }

    fn any_step() -> impl Strategy<Value = Step> {
        prop_oneof![
            any_len().prop_map(Step::Put),
            any_len().prop_map(Step::Refer),
            (any_len(), any_len()).prop_map(|(one, other)| Step::Append(one, other)),
            any_len().prop_map(Step::Send),
        ]
    }

    proptest! {
        #[test]
        fn what_is_put_comes_out_in_order(steps in prop::collection::vec(any_step(), 0..40)) {
            let mut encoded = Encoded::default();
            let mut expected = Vec::new();
            for step in steps {
                match step {
                    Step::Put(len) => encoded.put(&text(len)),
                    Step::Refer(len) => encoded.put_text(text(len)),
                    Step::Append(one, other) => {
                        let mut others = Encoded::default();
                        others.put_text(text(one));
                        others.put(&text(other));
                        encoded.append(others);
                    }
                    Step::Send(_) => {}
                }
                match step {
                    Step::Put(len) | Step::Refer(len) => expected.extend_from_slice(&text(len)),
                    Step::Append(one, other) => expected.extend([text(one), text(other)].concat()),
                    Step::Send(len) => {
                        let count = len.min(encoded.len());
                        encoded.advance(count);
                        expected.drain(..count);
                    }
                }
                prop_assert_eq!(encoded.len(), expected.len());
                prop_assert!(encoded.own_len() <= expected.len() + 2 * BLOCK_LEN);
                prop_assert!(encoded.pieces().all(|piece| !piece.is_empty()));
            }
            prop_assert_eq!(encoded.to_vec(), expected);
        }
    }
}
