//! Tracked allocation: how many bytes each large kind of structure holds, always current and cheap
//! to read.
//!
//! The allocator knows only one sum, and to read it costs some microseconds. Here each structure
//! counts what it takes, at the place where it allocates, by one of two means:
//!
//! - a [`Held`] in the structure, for what grows in few steps: segments, search marks, training. It
//!   gives everything back when it is dropped;
//! - [`take`] and [`give_back`] around the allocation, for small blocks of which there are
//!   millions: blobs and thin blocks, whose size the block itself knows.
//!
//! Both are the place where a limit can be checked: before the memory is allocated.
//!
//! A thread adds up its own changes and passes them on when they come to [`SLACK`] bytes, or when
//! it ends. So a change is an addition to a thread-local number, no cache line moves between cores,
//! and a search takes part only when a thread's search marks grow.
//!
//! What is *not* tracked, since the allocator's figure has it and it is either small or has figures
//! of its own: long strings and tables of hashes, the key table, client buffers, the log's buffer
//! (`MEMORY STATS` shows the last two), the vectors of a search's results, codebooks once they are
//! learnt. Memory of slots that wait for their readers is part of the segments; it is never given
//! back alone.

use std::cell::Cell;
use std::sync::atomic::{AtomicIsize, Ordering};

/// Bytes that a thread may have taken or given back in each category without passing it on.
pub const SLACK: usize = 16 << 10;

/// What tracked bytes are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// Large segments of arenas: vectors, links, slots. Mapped, so the allocator does not know of
    /// them; counted as far as their slots are in use.
    Mappings,
    /// Small segments of arenas, which come from the allocator.
    Segments,
    /// Names and attributes of elements.
    Blobs,
    /// Names and attributes that were replaced or removed, until the last reader that may hold them
    /// has gone.
    Retired,
    /// Keys with their values, and fields of hashes.
    Blocks,
    /// Marks by which searches know the slots that they have visited, kept by each thread.
    SearchMarks,
    /// Vectors from which codebooks are being learnt.
    Training,
}

impl Category {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 7] = [
        Self::Mappings,
        Self::Segments,
        Self::Blobs,
        Self::Retired,
        Self::Blocks,
        Self::SearchMarks,
        Self::Training,
    ];
}

const CATEGORIES: usize = Category::ALL.len();

static HELD: [AtomicIsize; CATEGORIES] = [const { AtomicIsize::new(0) }; CATEGORIES];

thread_local! {
    /// For speed: allocations of all threads would otherwise contend for the same few totals.
    static PENDING: Pending = const { Pending([const { Cell::new(0) }; CATEGORIES]) };
}

/// Changes of one thread that were not passed on yet.
struct Pending([Cell<isize>; CATEGORIES]);

impl Pending {
    #[inline]
    fn add(&self, category: Category, change: isize) {
        let pending = &self.0[category as usize];
        let sum = pending.get() + change;
        if sum.unsigned_abs() < SLACK {
            pending.set(sum);
        } else {
            pending.set(0);
            pass_on(category, sum);
        }
    }

    fn pass_all_on(&self) {
        for (category, pending) in Category::ALL.into_iter().zip(&self.0) {
            pass_on(category, pending.take());
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.pass_all_on();
    }
}

#[cold]
fn pass_on(category: Category, change: isize) {
    HELD[category as usize].fetch_add(change, Ordering::Relaxed);
}

#[inline]
fn add(category: Category, change: isize) {
    // A thread that is ending may free memory when its pending changes have been dropped.
    if PENDING.try_with(|pending| pending.add(category, change)).is_err() {
        pass_on(category, change);
    }
}

/// Counts bytes that are about to be allocated.
#[inline]
pub fn take(category: Category, bytes: usize) {
    add(category, bytes as isize);
}

/// Counts bytes that were freed.
#[inline]
pub fn give_back(category: Category, bytes: usize) {
    add(category, -(bytes as isize));
}

/// Bytes held now: exact but for [`SLACK`] bytes of each other thread.
pub fn held_bytes(category: Category) -> u64 {
    let _ = PENDING.try_with(Pending::pass_all_on);
    // What one thread took and another gave back may arrive in the other order.
    HELD[category as usize].load(Ordering::Relaxed).max(0) as u64
}

/// Bytes that a structure holds, until it is dropped.
#[derive(Debug)]
pub struct Held {
    category: Category,
    bytes: usize,
}

impl Held {
    /// None yet.
    pub const fn nothing(category: Category) -> Self {
        Self { category, bytes: 0 }
    }

    /// So many.
    pub fn new(category: Category, bytes: usize) -> Self {
        let mut held = Self::nothing(category);
        held.set(bytes);
        held
    }

    /// So many from now on.
    #[inline]
    pub fn set(&mut self, bytes: usize) {
        add(self.category, bytes as isize - self.bytes as isize);
        self.bytes = bytes;
    }

    /// So many more.
    #[inline]
    pub fn grow(&mut self, bytes: usize) {
        self.set(self.bytes + bytes);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        give_back(self.category, self.bytes);
    }
}
