//! Where are the blocks of files that had to be changed? Each is a copy, in a place of its own.
//!
//! An insertion changes the lists of dozens of nodes, anywhere in the graph. To copy all that lies
//! around each of them is megabytes for one insertion, until most has been copied; a copy of the
//! list alone is a hundred bytes, behind a table that says where it is:
//!
//! ```text
//! pages   [0]──► 256 places, of slots   0 … 255
//!         [1]    none was copied of     256 … 511
//! ```
//!
//! So a set takes 4 bytes of memory for each slot near one that was changed, until its files are
//! written anew.

use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::segments::Segments;
use crate::memory::{Category, Held, allocated_bytes};
use crate::tier::Space;

/// Slots of a page: the pointers to the pages of 10,000,000 slots fit into a second-level cache.
const PAGE: usize = 256;

/// Of each slot its place + 1, or 0 if it was not copied.
type Page = [AtomicU32; PAGE];

/// The copies of some slots' blocks.
pub(super) struct Copied {
    /// Made with the first copy.
    pages: OnceLock<Box<[AtomicPtr<Page>]>>,
    /// How many slots there are.
    slots: u32,
    blocks: Segments,
    /// The bytes of pages. Locked while a copy is made.
    held: Mutex<Held>,
}

impl Copied {
    /// No copies yet of so many blocks, of `stride` bytes. `space`: where they are to be.
    pub(super) fn new(stride: usize, category: Category, space: &Arc<Space>, slots: u32) -> Self {
        Self {
            pages: OnceLock::new(),
            slots,
            blocks: Segments::in_space(stride, category, Arc::clone(space)),
            held: Mutex::new(Held::nothing(category)),
        }
    }

    /// The copy of a slot's block, if there is one. It does not move any more.
    #[inline]
    pub(super) fn get(&self, slot: u32) -> Option<*mut u8> {
        let page = NonNull::new(self.pages.get()?[slot as usize / PAGE].load(Ordering::Acquire))?;
        // SAFETY: pages are freed with `self` alone.
        let place = unsafe { &page.as_ref()[slot as usize % PAGE] };
        // Acquire: what was copied is seen with its place.
        Some(self.blocks.fixed_block(place.load(Ordering::Acquire).checked_sub(1)?))
    }

    /// Makes a copy of a slot's block, if there is none.
    pub(super) fn add(&self, slot: u32, block: &[u8]) {
        let mut held = self.held.lock();
        if self.get(slot).is_some() {
            return;
        }
        let place = self.blocks.len();
        self.blocks.grow_to(place + 1);
        // SAFETY: the block is as long as this one, and nothing knows it yet.
        unsafe { self.blocks.fixed_block(place).copy_from_nonoverlapping(block.as_ptr(), block.len()) };
        self.page(slot, &mut held)[slot as usize % PAGE].store(place + 1, Ordering::Release);
    }

    fn page(&self, slot: u32, held: &mut Held) -> &Page {
        let pages = self.pages.get_or_init(|| {
            let count = (self.slots as usize).div_ceil(PAGE);
            held.grow(allocated_bytes(count * size_of::<AtomicPtr<Page>>()));
            (0..count).map(|_| AtomicPtr::new(null_mut())).collect()
        });
        let page = &pages[slot as usize / PAGE];
        if page.load(Ordering::Relaxed).is_null() {
            held.grow(allocated_bytes(size_of::<Page>()));
            let made: Box<Page> = Box::new([const { AtomicU32::new(0) }; PAGE]);
            page.store(Box::into_raw(made), Ordering::Release);
        }
        // SAFETY: it is not null, and freed with `self` alone.
        unsafe { &*page.load(Ordering::Relaxed) }
    }

    /// Bytes of memory held.
    pub(super) fn heap_bytes(&self) -> usize {
        self.held.lock().bytes() + self.blocks.heap_bytes()
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        for page in self.pages.get_mut().into_iter().flatten() {
            if let Some(page) = NonNull::new(*page.get_mut()) {
                // SAFETY: `page` made it of a box, and nothing uses it any more.
                drop(unsafe { Box::from_raw(page.as_ptr()) });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persistence::files::testing::Folder;
    use crate::tier::TierDir;

    fn copied(stride: usize, slots: u32, max_bytes: u64) -> (Copied, Arc<Space>, Folder) {
        let folder = Folder::new();
        let dir = TierDir::open(folder.path()).expect("it can be used");
        dir.set_max_bytes(max_bytes);
        let space = dir.space();
        (Copied::new(stride, Category::Graph, &space, slots), space, folder)
    }

    fn block_of(copied: &Copied, slot: u32, stride: usize) -> Option<Vec<u8>> {
        // SAFETY: a block has `stride` bytes, which nothing changes here.
        copied.get(slot).map(|block| unsafe { std::slice::from_raw_parts(block, stride) }.to_vec())
    }

    #[test]
    fn a_copy_is_made_once_and_stays_where_it_is() {
        let (copied, space, _folder) = copied(24, 1_000, 0);
        assert_eq!((copied.get(999), copied.heap_bytes()), (None, 0));
        copied.add(999, &[1; 24]);
        let first = copied.get(999);
        copied.add(999, &[2; 24]);
        (0..998).for_each(|slot| copied.add(slot, &[3; 24]));
        assert_eq!(block_of(&copied, 999, 24), Some(vec![1; 24]));
        assert!((0..998).all(|slot| block_of(&copied, slot, 24) == Some(vec![3; 24])));
        assert_eq!((copied.get(998), copied.get(999)), (None, first));
        assert!(copied.heap_bytes() >= 4_000 && copied.heap_bytes() < 6_000, "blocks lie in files");
        assert!(space.bytes() >= 999 * 24);
    }

    #[test]
    fn what_gets_no_room_lies_in_memory() {
        let (copied, space, _folder) = copied(1 << 10, 1 << 10, 128 << 10);
        (0..1 << 10).for_each(|slot| copied.add(slot, &[slot as u8; 1 << 10]));
        assert!((0..1 << 10).all(|slot| block_of(&copied, slot, 1) == Some(vec![slot as u8])));
        assert!(space.bytes() <= 128 << 10 && copied.heap_bytes() >= 896 << 10);
        assert!(space.dir().refused_bytes() > 0);
    }
}
