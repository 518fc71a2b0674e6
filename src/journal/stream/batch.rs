//! What a reader was given.

use bytes::Bytes;

/// Bytes of the stream in their order: parts of segments, which are shared, and behind them a copy
/// of what was in the open segment. It keeps its room when it is cleared.
#[derive(Debug, Default)]
pub struct Batch {
    shared: Vec<Bytes>,
    copied: Vec<u8>,
    len: usize,
}

/// How far a reader has come by what it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The place of the stream behind the last byte given.
    pub end: u64,
    /// A division follows these bytes: what comes later belongs to another piece, which begins with
    /// no database selected.
    pub is_divided: bool,
}

impl Batch {
    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes, in consecutive slices, none of them empty.
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let copied = (!self.copied.is_empty()).then_some(self.copied.as_slice());
        self.shared.iter().map(|part| &part[..]).chain(copied)
    }

    /// The bytes as one.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len);
        self.slices().for_each(|slice| bytes.extend_from_slice(slice));
        bytes
    }

    /// Removes all bytes, and gives back its share of the segments.
    pub fn clear(&mut self) {
        self.shared.clear();
        self.copied.clear();
        self.len = 0;
    }

    /// Adds a part of a segment; only while nothing is copied.
    pub(super) fn share(&mut self, part: Bytes) {
        debug_assert!(self.copied.is_empty());
        self.len += part.len();
        self.shared.push(part);
    }

    /// Adds a copy.
    pub(super) fn copy(&mut self, bytes: &[u8]) {
        self.len += bytes.len();
        self.copied.extend_from_slice(bytes);
    }
}

impl From<Vec<u8>> for Batch {
    fn from(bytes: Vec<u8>) -> Self {
        Self { len: bytes.len(), copied: bytes, shared: Vec::new() }
    }
}
