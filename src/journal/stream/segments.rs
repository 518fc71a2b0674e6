//! The bytes of the stream that are kept: full segments, which readers share without a copy, and
//! the open one, which is being filled and of which readers are given copies.
//!
//! ```text
//! start              start + SEGMENT     start + 2 * SEGMENT        end
//!   |  full segment 0   |  full segment 1   |  open segment          |
//! ```
//!
//! A copy out of the open segment is at most [`SEGMENT`] bytes, so the lock under which it is made
//! is held no longer than an append of that size would hold it.

use std::collections::VecDeque;

use bytes::Bytes;

use super::Batch;
use crate::memory::{Category, Held, allocated_bytes};

/// Bytes of a segment. Memory of the stream is given back in such steps.
pub(super) const SEGMENT: usize = 16 * 1024;

#[derive(Debug)]
pub(super) struct Segments {
    /// Each of exactly `SEGMENT` bytes.
    full: VecDeque<Bytes>,
    /// Of fewer than that.
    open: Vec<u8>,
    /// The place of the first byte that is kept.
    start: u64,
    held: Held,
}

impl Default for Segments {
    fn default() -> Self {
        Self { full: VecDeque::new(), open: Vec::new(), start: 0, held: Held::nothing(Category::Log) }
    }
}

impl Segments {
    pub(super) fn start(&self) -> u64 {
        self.start
    }

    pub(super) fn end(&self) -> u64 {
        self.start + self.len() as u64
    }

    fn len(&self) -> usize {
        self.full.len() * SEGMENT + self.open.len()
    }

    /// Full segments that are kept.
    pub(super) fn full(&self) -> usize {
        self.full.len()
    }

    /// Bytes of memory for what is kept.
    pub(super) fn heap_bytes(&self) -> usize {
        self.full.len() * SEGMENT + self.open.capacity()
    }

    /// To be called when segments were allocated or freed. A segment that a reader still has is not
    /// counted once it is released here.
    fn count_bytes(&mut self) {
        let list = allocated_bytes(self.full.capacity() * size_of::<Bytes>());
        self.held.set(self.heap_bytes() + list);
    }

    #[inline]
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let has_room = self.open.capacity() > 0 && bytes.len() < SEGMENT - self.open.len();
        if has_room {
            self.open.extend_from_slice(bytes);
        } else {
            self.push_across(bytes);
        }
    }

    /// Adds bytes of which the last ones are for another segment, or for the first one.
    #[cold]
    fn push_across(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            self.open.reserve_exact(SEGMENT - self.open.len());
            let (now, later) = bytes.split_at(bytes.len().min(SEGMENT - self.open.len()));
            self.open.extend_from_slice(now);
            if self.open.len() == SEGMENT {
                self.full.push_back(std::mem::take(&mut self.open).into());
            }
            bytes = later;
        }
        self.count_bytes();
    }

    /// Gives the bytes between two places that are kept.
    pub(super) fn read(&self, from: u64, to: u64, batch: &mut Batch) {
        if from == to {
            return;
        }
        let mut at = (from - self.start) as usize;
        let to = (to - self.start) as usize;
        while at < to {
            let index = at / SEGMENT;
            let from = at % SEGMENT;
            let len = (SEGMENT - from).min(to - at);
            match self.full.get(index) {
                Some(segment) => batch.share(segment.slice(from..from + len)),
                None => batch.copy(&self.open[from..from + len]),
            }
            at += len;
        }
    }

    /// The bytes before this place need not be kept.
    pub(super) fn release(&mut self, place: u64) {
        while !self.full.is_empty() && self.start + SEGMENT as u64 <= place {
            self.full.pop_front();
            self.start += SEGMENT as u64;
        }
        self.count_bytes();
        if place == self.end() {
            debug_assert!(self.full.is_empty());
            self.start = place;
            self.open.clear();
        }
    }

    /// Gives back the room for changes to come, if nothing is kept.
    pub(super) fn shrink(&mut self) {
        if self.open.is_empty() {
            self.open = Vec::new();
            self.count_bytes();
        }
    }
}
