//! The nearest of candidates that come in any order, of which many may be kept.

use std::collections::BinaryHeap;

use super::Candidate;

/// At most `count` candidates: the nearest of all that were offered.
#[derive(Default)]
pub struct Nearest {
    count: usize,
    /// Farthest first.
    heap: BinaryHeap<Candidate>,
}

impl Nearest {
    /// None yet.
    pub fn new(count: usize) -> Self {
        Self { count, heap: BinaryHeap::new() }
    }

    /// The same, with room for so many: growing up to there allocates nothing.
    pub fn with_room(count: usize, room: usize) -> Self {
        Self { count, heap: BinaryHeap::with_capacity(room) }
    }

    /// How far a candidate may be to be kept.
    #[inline]
    pub fn limit(&self) -> f32 {
        if self.heap.len() < self.count {
            f32::INFINITY
        } else {
            self.heap.peek().map_or(f32::INFINITY, |worst| worst.distance())
        }
    }

    /// Keeps a candidate, if it is near enough, in place of the farthest.
    #[inline]
    pub fn offer(&mut self, candidate: Candidate) {
        if self.heap.len() < self.count {
            self.heap.push(candidate);
        } else if let Some(mut worst) = self.heap.peek_mut()
            && candidate < *worst
        {
            *worst = candidate;
        }
    }

    /// All of them, nearest first.
    pub fn into_sorted(self) -> Vec<Candidate> {
        self.heap.into_sorted_vec()
    }
}
