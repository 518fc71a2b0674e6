//! Tracked allocation: how many bytes each large kind of structure holds, always current and cheap
//! to read.
//!
//! The allocator knows only one sum, and to read it costs some microseconds. Here each structure
//! counts what it takes, at the place where it allocates, by one of two means:
//!
//! - a [`Held`] in the structure, for what grows in few steps: segments, tables, buffers. It gives
//!   everything back when it is dropped;
//! - [`take`] and [`give_back`] around the allocation, for small blocks of which there are
//!   millions: blobs and thin blocks, whose size the block itself knows.
//!
//! Sizes are those that the allocator takes ([`allocated_bytes`](super::allocated_bytes)), so that
//! the sum of all categories explains its figure.
//!
//! A thread adds up its own changes and passes them on when they come to [`SLACK`] bytes, or when
//! it ends. So a change is an addition to a thread-local number, no cache line moves between cores,
//! and a search takes part only when a thread's search marks grow.
//!
//! What is *not* tracked: values on their way into or out of the keyspace, replies that are being
//! made, and what each thread and each task of the network needs beside its buffers.

use std::cell::Cell;
use std::sync::atomic::{AtomicIsize, Ordering};

use super::Category;

/// Bytes that a thread may have taken or given back in each category without passing it on.
pub const SLACK: usize = 16 << 10;

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

/// Passes on all that the calling thread has counted: for threads that free much and then wait.
pub fn settle() {
    let _ = PENDING.try_with(Pending::pass_all_on);
}

/// Bytes held now: exact but for [`SLACK`] bytes of each other thread.
pub fn held_bytes(category: Category) -> u64 {
    settle();
    // What one thread took and another gave back may arrive in the other order.
    HELD[category as usize].load(Ordering::Relaxed).max(0) as u64
}

/// The same without what the calling thread has not passed on: one read of memory. May be a little
/// negative.
#[inline]
pub(super) fn held_roughly(category: Category) -> i64 {
    HELD[category as usize].load(Ordering::Relaxed) as i64
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

    /// How many.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// So many from now on. To be called before they are allocated, and after they are freed.
    #[inline]
    pub fn set(&mut self, bytes: usize) {
        if bytes != self.bytes {
            add(self.category, bytes as isize - self.bytes as isize);
            self.bytes = bytes;
        }
    }

    /// So many more.
    #[inline]
    pub fn grow(&mut self, bytes: usize) {
        self.set(self.bytes + bytes);
    }

    /// So many less.
    #[inline]
    pub fn shrink(&mut self, bytes: usize) {
        self.set(self.bytes - bytes);
    }
}

/// As many bytes once more: for copies of structures.
impl Clone for Held {
    fn clone(&self) -> Self {
        Self::new(self.category, self.bytes)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        give_back(self.category, self.bytes);
    }
}
