//! Things with small numbers that are used again.

use super::column::{Cell, Column};
use crate::memory::{Category, Held, allocated_bytes};

/// In a chunk: few, so that chunks become empty when most things are removed.
const CHUNK: usize = 64;

/// Things by number. Counts its own memory, not what things point to.
#[derive(Clone, Debug)]
pub(super) struct Slab<T> {
    things: Column<T, CHUNK>,
    /// Numbers below `end` that are free.
    free: Vec<u32>,
    end: u32,
    held: Held,
}

impl<T: Cell> Slab<T> {
    pub(super) const fn new(category: Category) -> Self {
        let held = Held::nothing(category);
        Self { things: Column::new(category), free: Vec::new(), end: 0, held }
    }

    /// Adds a thing and returns its number.
    pub(super) fn add(&mut self, thing: T) -> u32 {
        let number = self.free.pop().unwrap_or(self.end);
        self.end = self.end.max(number + 1);
        self.things.put(number, thing);
        number
    }

    pub(super) fn get(&self, number: u32) -> Option<&T> {
        self.things.get(number)
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        self.things.get_mut(number)
    }

    /// Removes a thing; its number may be used again.
    pub(super) fn remove(&mut self, number: u32) -> Option<T> {
        let thing = self.things.take(number)?;
        self.free.push(number);
        if self.free.len() == self.end as usize {
            (self.free, self.end) = (Vec::new(), 0);
        }
        self.held.set(allocated_bytes(self.free.capacity() * size_of::<u32>()));
        Some(thing)
    }

    /// Numbers and things.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.things.iter()
    }

    /// All numbers are below.
    pub(super) fn end(&self) -> u32 {
        self.end
    }

    pub(super) fn len(&self) -> usize {
        self.end as usize - self.free.len()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.things.heap_bytes() + self.held.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_used_again_and_memory_is_freed() {
        let mut slab = Slab::new(Category::AttributeIndexes);
        let numbers: Vec<u32> = (0..1000).map(|thing| slab.add(Some(thing))).collect();
        assert_eq!(slab.remove(7), Some(Some(7)));
        assert_eq!((slab.remove(7), slab.add(Some(1234)), slab.len()), (None, 7, 1000));
        assert_eq!(slab.get(7), Some(&Some(1234)));
        for number in numbers {
            slab.remove(number);
        }
        assert_eq!((slab.len(), slab.end(), slab.heap_bytes()), (0, 0, 0));
    }
}
