//! Entries that were evicted, with a code of one byte a component each.

use super::Metric;
use crate::certainty::Threshold;
use crate::memory::allocated_bytes;
use crate::quantization::{BATCH, Code, Format};

/// An entry that was evicted.
pub(super) struct Ghost {
    pub(super) id: u64,
    /// When it was evicted, or would have been used since.
    pub(super) used: u64,
    pub(super) bytes: u32,
    pub(super) deadline_ms: Option<i64>,
    /// It needs confirmations.
    pub(super) is_cool: bool,
    /// What was known of its threshold.
    pub(super) threshold: Option<Threshold>,
    /// None if it was too long.
    pub(super) attribute: Option<Box<[u8]>>,
}

/// All of them, and their codes in the same order.
pub(super) struct Ghosts {
    ghosts: Vec<Ghost>,
    codes: Vec<u8>,
    head: usize,
    stride: usize,
    bytes: u64,
    attribute_bytes: usize,
    metric: Metric,
}

impl Ghosts {
    pub(super) fn new(format: &Format) -> Self {
        Self {
            ghosts: Vec::new(),
            codes: Vec::new(),
            head: format.head_bytes(),
            stride: format.code_bytes(),
            bytes: 0,
            attribute_bytes: 0,
            metric: format.metric(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ghosts.len()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = u64> + '_ {
        self.ghosts.iter().map(|ghost| ghost.id)
    }

    pub(super) fn id(&self, at: usize) -> u64 {
        self.ghosts[at].id
    }

    pub(super) fn add(&mut self, ghost: Ghost, code: Code<'_>) {
        self.drop_one(ghost.id);
        self.bytes += u64::from(ghost.bytes);
        self.attribute_bytes += attribute_bytes(&ghost);
        self.ghosts.push(ghost);
        self.codes.extend_from_slice(code.head);
        self.codes.extend_from_slice(code.body);
    }

    /// The places of those that would be served to a vector.
    pub(super) fn near(
        &self,
        format: &Format,
        vector: &[f32],
        serves: impl Fn(&Ghost, f64) -> bool,
    ) -> Vec<usize> {
        let mut found = Vec::new();
        if self.ghosts.is_empty() {
            return found;
        }
        let query = format.query(vector);
        let mut at = 0;
        for codes in self.codes.chunks(self.stride * BATCH) {
            let (mut heads, mut bodies): ([&[u8]; BATCH], [&[u8]; BATCH]) = ([&[]; BATCH], [&[]; BATCH]);
            let mut len = 0;
            for code in codes.chunks(self.stride) {
                (heads[len], bodies[len]) = code.split_at(self.head);
                len += 1;
            }
            let mut distances = [0.0; BATCH];
            format.distances(&query, &heads[..len], &bodies[..len], &mut distances[..len]);
            for distance in &distances[..len] {
                if serves(&self.ghosts[at], self.metric.score(*distance)) {
                    found.push(at);
                }
                at += 1;
            }
        }
        found
    }

    /// Bytes of those that were evicted, or would have been used, after one, and its own.
    pub(super) fn bytes_after(&self, at: usize) -> u64 {
        let used = self.ghosts[at].used;
        self.ghosts.iter().filter(|ghost| ghost.used >= used).map(|ghost| u64::from(ghost.bytes)).sum()
    }

    /// One would have been used. Returns what it is.
    pub(super) fn touch(&mut self, at: usize, used: u64) -> u64 {
        self.ghosts[at].used = used;
        self.ghosts[at].id
    }

    pub(super) fn drop_one(&mut self, id: u64) {
        if let Some(at) = self.ghosts.iter().position(|ghost| ghost.id == id) {
            self.remove(at);
        }
    }

    pub(super) fn retain(&mut self, is_kept: impl Fn(u64) -> bool) {
        for at in (0..self.ghosts.len()).rev() {
            if !is_kept(self.ghosts[at].id) {
                self.remove(at);
            }
        }
    }

    /// Drops the oldest until the others have no more bytes than this.
    pub(super) fn keep_bytes(&mut self, most: u64) {
        while self.bytes > most {
            let oldest = (0..self.ghosts.len()).min_by_key(|&at| self.ghosts[at].used);
            let Some(oldest) = oldest else { return };
            self.remove(oldest);
        }
    }

    fn remove(&mut self, at: usize) {
        let ghost = self.ghosts.swap_remove(at);
        self.bytes -= u64::from(ghost.bytes);
        self.attribute_bytes -= attribute_bytes(&ghost);
        let last = self.codes.len() - self.stride;
        self.codes.copy_within(last.., at * self.stride);
        self.codes.truncate(last);
    }

    pub(super) fn heap_bytes(&self) -> usize {
        allocated_bytes(self.ghosts.capacity() * size_of::<Ghost>())
            + allocated_bytes(self.codes.capacity())
            + self.attribute_bytes
    }
}

fn attribute_bytes(ghost: &Ghost) -> usize {
    let len = ghost.attribute.as_ref().map_or(0, |text| text.len());
    if len == 0 { 0 } else { allocated_bytes(len) }
}
