//! What each slot has: cells in chunks, so that nothing large is moved when slots are added, and
//! chunks without cells take no memory.

use crate::memory::{Category, Held, allocated_bytes};

/// What can stand in a column: one value means that nothing does.
pub(super) trait Cell: Clone {
    /// That value.
    fn vacant() -> Self;
    /// Whether this is that value.
    fn is_vacant(&self) -> bool;
}

impl<T: Clone> Cell for Option<T> {
    fn vacant() -> Self {
        None
    }

    fn is_vacant(&self) -> bool {
        self.is_none()
    }
}

/// Numbers other than NaN.
impl Cell for f64 {
    fn vacant() -> Self {
        Self::NAN
    }

    fn is_vacant(&self) -> bool {
        self.is_nan()
    }
}

/// Cells by number, in chunks of `CHUNK`. Counts its own memory, not what cells point to.
#[derive(Clone, Debug)]
pub(super) struct Column<T, const CHUNK: usize> {
    /// The last one has a cell that is not vacant.
    chunks: Vec<Chunk<T>>,
    chunk_bytes: usize,
    held: Held,
}

#[derive(Clone, Debug)]
struct Chunk<T> {
    /// At most so many as a chunk has; those behind are vacant.
    cells: Vec<T>,
    /// How many are not vacant.
    taken: u32,
}

/// The first allocation of a chunk, in cells.
const FEWEST: usize = 8;

impl<T: Cell, const CHUNK: usize> Column<T, CHUNK> {
    pub(super) const fn new(category: Category) -> Self {
        Self { chunks: Vec::new(), chunk_bytes: 0, held: Held::nothing(category) }
    }

    #[inline]
    pub(super) fn get(&self, at: u32) -> Option<&T> {
        let (chunk, place) = place::<CHUNK>(at);
        self.chunks.get(chunk)?.cells.get(place).filter(|cell| !cell.is_vacant())
    }

    /// A cell to be changed; it must not become vacant.
    pub(super) fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        let (chunk, place) = place::<CHUNK>(at);
        self.chunks.get_mut(chunk)?.cells.get_mut(place).filter(|cell| !cell.is_vacant())
    }

    /// Fills a vacant cell.
    pub(super) fn put(&mut self, at: u32, cell: T) {
        debug_assert!(!cell.is_vacant() && self.get(at).is_none());
        let (number, place) = place::<CHUNK>(at);
        if number >= self.chunks.len() {
            self.chunks.resize_with(number + 1, || Chunk { cells: Vec::new(), taken: 0 });
        }
        let chunk = &mut self.chunks[number];
        if place >= chunk.cells.len() {
            let before = bytes_of(chunk);
            if place >= chunk.cells.capacity() {
                let room = (place + 1).next_power_of_two().clamp(FEWEST, CHUNK);
                chunk.cells.reserve_exact(room - chunk.cells.len());
            }
            chunk.cells.resize_with(place + 1, T::vacant);
            self.chunk_bytes = self.chunk_bytes + bytes_of(chunk) - before;
        }
        chunk.cells[place] = cell;
        chunk.taken += 1;
        self.count_bytes();
    }

    /// Makes a cell vacant and returns what it was.
    pub(super) fn take(&mut self, at: u32) -> Option<T> {
        let (number, place) = place::<CHUNK>(at);
        let chunk = self.chunks.get_mut(number)?;
        let cell = chunk.cells.get_mut(place).filter(|cell| !cell.is_vacant())?;
        let cell = std::mem::replace(cell, T::vacant());
        chunk.taken -= 1;
        if chunk.taken == 0 {
            self.chunk_bytes -= bytes_of(chunk);
            chunk.cells = Vec::new();
            self.drop_last();
        }
        Some(cell)
    }

    /// Drops the chunks at the end that have no cell.
    fn drop_last(&mut self) {
        let used = self.chunks.iter().rposition(|chunk| chunk.taken > 0).map_or(0, |last| last + 1);
        self.chunks.truncate(used);
        if self.chunks.len() * 4 <= self.chunks.capacity() {
            self.chunks.shrink_to(self.chunks.len() * 2);
        }
        self.count_bytes();
    }

    #[inline]
    fn count_bytes(&mut self) {
        self.held.set(self.chunk_bytes + allocated_bytes(self.chunks.capacity() * size_of::<Chunk<T>>()));
    }

    /// The cells, vacant ones too, in runs, each with the number of its first.
    pub(super) fn runs(&self) -> impl Iterator<Item = (u32, &[T])> {
        self.chunks.iter().enumerate().map(|(chunk, run)| ((chunk * CHUNK) as u32, run.cells.as_slice()))
    }

    /// Numbers and cells that are not vacant.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        let number = |first: u32| move |(place, cell)| (first + place as u32, cell);
        let cells = self.runs().flat_map(move |(first, run)| run.iter().enumerate().map(number(first)));
        cells.filter(|(_, cell)| !cell.is_vacant())
    }

    /// All cells have lower numbers.
    pub(super) fn end(&self) -> u32 {
        let last = self.chunks.last().map_or(0, |chunk| chunk.cells.len());
        (self.chunks.len().saturating_sub(1) * CHUNK + last) as u32
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.held.bytes()
    }
}

fn place<const CHUNK: usize>(at: u32) -> (usize, usize) {
    (at as usize / CHUNK, at as usize % CHUNK)
}

fn bytes_of<T>(chunk: &Chunk<T>) -> usize {
    allocated_bytes(chunk.cells.capacity() * size_of::<T>())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    type Small = Column<f64, 16>;

    fn computed_bytes(column: &Small) -> usize {
        let list = allocated_bytes(column.chunks.capacity() * size_of::<Chunk<f64>>());
        list + column.chunks.iter().map(bytes_of).sum::<usize>()
    }

    proptest! {
        #[test]
        fn a_column_agrees_with_a_map(changes in prop::collection::vec((0..300_u32, any::<bool>()), 0..400)) {
            let (mut column, mut model) = (Small::new(Category::AttributeIndexes), BTreeMap::new());
            for (at, puts) in changes {
                if puts && !model.contains_key(&at) {
                    column.put(at, f64::from(at));
                    model.insert(at, f64::from(at));
                } else {
                    prop_assert_eq!(column.take(at), model.remove(&at));
                }
                prop_assert_eq!(column.get(at), model.get(&at));
                prop_assert_eq!(column.heap_bytes(), computed_bytes(&column));
            }
            prop_assert!(column.iter().eq(model.iter().map(|(&at, cell)| (at, cell))));
            prop_assert!(model.keys().next_back().is_none_or(|&last| last < column.end()));
            for at in 0..300 {
                column.take(at);
            }
            prop_assert_eq!((column.heap_bytes(), column.end()), (0, 0));
        }
    }

    #[test]
    fn the_last_slot_of_all_has_a_cell() {
        let mut column = Column::<f64, 4096>::new(Category::AttributeIndexes);
        column.put((1 << 31) - 1, 1.0);
        assert_eq!((column.get((1 << 31) - 1), column.get(1 << 30)), (Some(&1.0), None));
        column.take((1 << 31) - 1);
        assert_eq!(column.heap_bytes(), 0);
    }
}
