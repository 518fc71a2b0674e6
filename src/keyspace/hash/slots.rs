//! A vector in chunks: growing never moves all elements.

use std::ops::{Index, IndexMut};

use crate::memory::{Category, Held, allocated_bytes};

/// Elements in a chunk: the most that growing copies.
const CHUNK: usize = 1024;

/// A vector that grows without a long step: a single block would be copied as a whole at each
/// doubling.
#[derive(Debug)]
pub(super) struct Slots<T> {
    /// All are full except the last one, which is not empty.
    chunks: Vec<Vec<T>>,
    held: Held,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), held: Held::nothing(Category::Hashes) }
    }
}

impl<T: Clone> Clone for Slots<T> {
    fn clone(&self) -> Self {
        let mut copy = Self { chunks: self.chunks.clone(), ..Self::default() };
        copy.count_bytes();
        copy
    }
}

impl<T> Slots<T> {
    pub(super) fn len(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    pub(super) fn push(&mut self, element: T) {
        match self.chunks.last_mut() {
            Some(last) if last.len() < last.capacity() => return last.push(element),
            Some(last) if last.len() < CHUNK => last.push(element),
            _ => self.chunks.push(vec![element]),
        }
        self.count_bytes();
    }

    /// Removes the element at a position; the last one takes its place.
    ///
    /// # Panics
    /// If there is no element.
    pub(super) fn swap_remove(&mut self, position: usize) -> T {
        let last = self.chunks.last_mut().and_then(Vec::pop).expect("a position is taken");
        if self.chunks.last().is_some_and(Vec::is_empty) {
            self.chunks.pop();
            self.count_bytes();
        }
        if position == self.len() { last } else { std::mem::replace(&mut self[position], last) }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }

    /// Bytes that the allocator uses for them.
    pub(super) fn heap_bytes(&self) -> usize {
        self.held.bytes()
    }

    /// To be called when chunks were allocated or freed.
    fn count_bytes(&mut self) {
        let of = |capacity: usize| allocated_bytes(capacity * size_of::<T>());
        let last = self.chunks.last().map_or(0, |last| of(last.capacity()));
        let full = self.chunks.len().saturating_sub(1) * of(CHUNK);
        self.held.set(full + last + allocated_bytes(self.chunks.capacity() * size_of::<Vec<T>>()));
    }
}

impl<T> Index<usize> for Slots<T> {
    type Output = T;

    fn index(&self, position: usize) -> &T {
        &self.chunks[position / CHUNK][position % CHUNK]
    }
}

impl<T> IndexMut<usize> for Slots<T> {
    fn index_mut(&mut self, position: usize) -> &mut T {
        &mut self.chunks[position / CHUNK][position % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn they_are_a_plain_vector(rounds in prop::collection::vec((0..3000_usize, 0..3000_usize, any::<usize>()), 1..12)) {
            let mut slots = Slots::default();
            let mut model = Vec::new();
            let mut next = 0;
            for (pushes, removals, seed) in rounds {
                for _ in 0..pushes {
                    slots.push(next);
                    model.push(next);
                    next += 1;
                }
                for removal in 0..removals.min(model.len()) {
                    let position = seed.wrapping_mul(removal + 1) % model.len();
                    prop_assert_eq!(slots.swap_remove(position), model.swap_remove(position));
                }
                prop_assert_eq!(slots.len(), model.len());
                prop_assert!(slots.iter().eq(model.iter()));
                prop_assert!((0..model.len()).all(|position| slots[position] == model[position]));
                prop_assert!(slots.heap_bytes() <= 2 * 8 * model.len() + 2 * 8 * CHUNK);
            }
        }
    }

    #[test]
    fn the_memory_of_removed_elements_is_freed() {
        let mut slots = Slots::default();
        (0..10 * CHUNK).for_each(|number| slots.push(number));
        (0..10 * CHUNK).for_each(|_| _ = slots.swap_remove(0));
        assert!(slots.chunks.is_empty());
    }
}
