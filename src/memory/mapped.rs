//! Bytes of mappings: the allocator does not know of them.

use std::sync::atomic::{AtomicUsize, Ordering};

static MAPPED: AtomicUsize = AtomicUsize::new(0);

/// Bytes of mappings that have been handed out, in all arenas of the process.
pub fn mapped_bytes() -> usize {
    MAPPED.load(Ordering::Relaxed)
}

/// So many bytes more have been handed out.
pub fn add_mapped(bytes: usize) {
    MAPPED.fetch_add(bytes, Ordering::Relaxed);
}

/// So many bytes have been unmapped.
pub fn subtract_mapped(bytes: usize) {
    MAPPED.fetch_sub(bytes, Ordering::Relaxed);
}
