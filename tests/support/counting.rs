//! An allocator that counts: how often it was called, and how many bytes are allocated.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use nearhit::memory::allocated_bytes;

/// The system's allocator. Bytes are those that jemalloc would take, as the server counts them.
pub(crate) struct Counting;

static BYTES: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

/// Bytes that are allocated now, by all threads.
pub(crate) fn bytes() -> usize {
    BYTES.load(Ordering::SeqCst)
}

/// Allocations of the calling thread so far.
pub(crate) fn calls() -> usize {
    CALLS.get()
}

fn class(layout: Layout) -> usize {
    allocated_bytes(layout.pad_to_align().size())
}

// SAFETY: all is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is ending may allocate when its count was dropped.
        let _ = CALLS.try_with(|calls| calls.set(calls.get() + 1));
        BYTES.fetch_add(class(layout), Ordering::SeqCst);
        // SAFETY: the caller guarantees what `alloc` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        BYTES.fetch_sub(class(layout), Ordering::SeqCst);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}
