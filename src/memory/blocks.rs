//! A list of short lists, with the memory that they take: what long sorted orders are kept in, so
//! that an insertion moves one short list.

use std::ops::{Deref, Range};

use super::{Category, Held, allocated_bytes};

/// Blocks of items. They are read as a slice of blocks.
#[derive(Clone, Debug)]
pub struct Blocks<T> {
    blocks: Vec<Vec<T>>,
    /// Bytes of all blocks.
    block_bytes: usize,
    /// Those, and the list of blocks.
    held: Held,
}

impl<T> Blocks<T> {
    /// None yet.
    pub const fn none(category: Category) -> Self {
        Self { blocks: Vec::new(), block_bytes: 0, held: Held::nothing(category) }
    }

    /// Runs `change`, which changes the blocks of this range, cuts them, or joins them to one
    /// another, and counts the memory that it takes or frees. The range may end behind the last
    /// block; blocks that are added there belong to it.
    pub fn change(&mut self, range: Range<usize>, change: impl FnOnce(&mut Vec<Vec<T>>)) {
        let range = range.start..range.end.min(self.blocks.len());
        let behind = self.blocks.len() - range.end;
        let before = bytes_of(&self.blocks[range.clone()]);
        change(&mut self.blocks);
        let after = bytes_of(&self.blocks[range.start..self.blocks.len() - behind]);
        if after != before {
            self.block_bytes = self.block_bytes + after - before;
            self.held.set(self.block_bytes + list_bytes(&self.blocks));
        }
    }

    /// The items of a block, to be changed in their places.
    pub fn items_mut(&mut self, block: usize) -> &mut [T] {
        &mut self.blocks[block]
    }

    /// Bytes that the allocator gives for them.
    pub fn heap_bytes(&self) -> usize {
        self.held.bytes()
    }

    /// The same, computed from the blocks.
    #[cfg(test)]
    pub fn computed_bytes(&self) -> usize {
        bytes_of(&self.blocks) + list_bytes(&self.blocks)
    }
}

impl<T> Deref for Blocks<T> {
    type Target = [Vec<T>];

    fn deref(&self) -> &[Vec<T>] {
        &self.blocks
    }
}

/// Takes an item out of a block, and makes the block smaller if most of it is empty.
pub fn take_out<T>(block: &mut Vec<T>, place: usize) {
    block.remove(place);
    if block.len() * 4 < block.capacity() {
        block.shrink_to(block.len() * 2);
    }
}

/// Joins a block that has become small with the one behind it, if both have fewer items than
/// `least`; an empty one goes.
pub fn join<T>(blocks: &mut Vec<Vec<T>>, block: usize, least: usize) {
    let small = blocks[block].len();
    match blocks.get(block + 1).map(Vec::len) {
        Some(next) if small + next < least => {
            let next = blocks.remove(block + 1);
            blocks[block].extend(next);
        }
        _ if small == 0 => drop(blocks.remove(block)),
        _ => return,
    }
    if blocks.len() * 4 <= blocks.capacity() {
        blocks.shrink_to(blocks.len() * 2);
    }
}

fn bytes_of<T>(blocks: &[Vec<T>]) -> usize {
    blocks.iter().map(|block| allocated_bytes(block.capacity() * size_of::<T>())).sum()
}

fn list_bytes<T>(blocks: &Vec<Vec<T>>) -> usize {
    allocated_bytes(blocks.capacity() * size_of::<Vec<T>>())
}
