//! The allocator's own figures, and what it is told to do.

use crate::system;

/// Bytes as the allocator sees them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allocator {
    /// In live allocations.
    pub allocated: u64,
    /// In pages that hold some.
    pub active: u64,
    /// In memory, pages kept for later included.
    pub resident: u64,
    /// In pages that the system may take back, and has not yet.
    pub muzzy: u64,
}

/// The allocator's name for `INFO`.
pub const ALLOCATOR: &str = if cfg!(feature = "jemalloc") { "jemalloc-5.3.1" } else { "libc" };

/// The figures of now, from jemalloc.
#[cfg(feature = "jemalloc")]
pub fn allocator() -> Allocator {
    use tikv_jemalloc_ctl::{epoch, stats};
    let _ = epoch::advance();
    let read = |value: tikv_jemalloc_ctl::Result<usize>| value.map_or(0, |bytes| bytes as u64);
    Allocator {
        allocated: read(stats::allocated::read()),
        active: read(stats::active::read()),
        resident: read(stats::resident::read()),
        muzzy: muzzy_pages() * system::page_bytes(),
    }
}

#[cfg(feature = "jemalloc")]
fn muzzy_pages() -> u64 {
    /// jemalloc's `MALLCTL_ARENAS_ALL`.
    const OF_ALL_ARENAS: &[u8] = b"stats.arenas.4096.pmuzzy\0";
    // SAFETY: the name ends with a NUL, and the value of this control is a size_t.
    let pages = unsafe { tikv_jemalloc_ctl::raw::read::<usize>(OF_ALL_ARENAS) };
    pages.map_or(0, |pages| pages as u64)
}

/// Without jemalloc no live bytes are counted: the resident set stands for them.
#[cfg(not(feature = "jemalloc"))]
pub fn allocator() -> Allocator {
    let resident = system::resident_bytes().unwrap_or(0);
    Allocator { allocated: resident, active: resident, resident, muzzy: 0 }
}

/// Returns the pages that the allocator keeps for later to the system; false if that failed.
#[cfg(feature = "jemalloc")]
pub fn purge() -> bool {
    /// jemalloc's `MALLCTL_ARENAS_ALL`.
    const ALL_ARENAS: &std::ffi::CStr = c"arena.4096.purge";
    // SAFETY: the name ends with a NUL, and this control takes neither an old nor a new value.
    let failed = unsafe {
        tikv_jemalloc_sys::mallctl(
            ALL_ARENAS.as_ptr(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            0,
        )
    };
    failed == 0
}

/// Returns the pages that the allocator keeps for later to the system; false if that failed.
#[cfg(all(not(feature = "jemalloc"), target_os = "linux", target_env = "gnu"))]
pub fn purge() -> bool {
    // SAFETY: malloc_trim may be called at any time, and touches no allocation. It says whether
    // there was something to return; nothing is no failure.
    unsafe { libc::malloc_trim(0) };
    true
}

/// Returns the pages that the allocator keeps for later to the system; false if that failed, as it
/// does with this allocator, which has no such call.
#[cfg(all(not(feature = "jemalloc"), not(all(target_os = "linux", target_env = "gnu"))))]
pub fn purge() -> bool {
    false
}

/// Lets the allocator give freed pages back from threads of its own, not only when some thread
/// allocates. Does nothing with another allocator than jemalloc.
///
/// # Errors
/// jemalloc has no such threads on this system.
pub fn purge_in_background() -> Result<(), String> {
    #[cfg(feature = "jemalloc")]
    tikv_jemalloc_ctl::background_thread::write(true).map_err(|error| error.to_string())?;
    Ok(())
}

/// Bytes that the thread that made it has allocated since then, less those that it has freed. To
/// read it costs two reads of memory.
#[cfg(feature = "jemalloc")]
pub(super) struct ThreadBytes {
    counts: Option<[tikv_jemalloc_ctl::thread::ThreadLocal<u64>; 2]>,
}

#[cfg(feature = "jemalloc")]
impl ThreadBytes {
    /// Of the calling thread.
    pub(super) fn of_this_thread() -> Self {
        use tikv_jemalloc_ctl::thread::{allocatedp, deallocatedp};
        let both = || Some([allocatedp::read().ok()?, deallocatedp::read().ok()?]);
        Self { counts: both() }
    }

    /// Negative if it has freed more, for instance what others had allocated. Always 0 where the
    /// allocator does not count.
    #[inline]
    pub(super) fn net(&self) -> i64 {
        self.counts.map_or(0, |[allocated, freed]| allocated.get().wrapping_sub(freed.get()) as i64)
    }
}

/// Other allocators do not count for each thread.
#[cfg(not(feature = "jemalloc"))]
pub(super) struct ThreadBytes;

#[cfg(not(feature = "jemalloc"))]
impl ThreadBytes {
    /// Of the calling thread.
    pub(super) fn of_this_thread() -> Self {
        Self
    }

    /// Always 0.
    pub(super) fn net(&self) -> i64 {
        0
    }
}

/// What the allocator says of itself, if it is one that does.
#[cfg(feature = "jemalloc")]
pub fn allocator_report() -> Option<String> {
    use tikv_jemalloc_ctl::stats_print::{Options, stats_print};
    let mut text = Vec::new();
    stats_print(&mut text, Options::default()).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// What the allocator says of itself, if it is one that does.
#[cfg(not(feature = "jemalloc"))]
pub fn allocator_report() -> Option<String> {
    None
}

/// Bytes that the allocator takes for a request of so many: jemalloc's size classes, 8, multiples
/// of 16 up to 128, then four to each doubling up to 16 KiB, and then whole pages.
pub fn allocated_bytes(requested: usize) -> usize {
    const SMALLEST: usize = 8;
    const SMALLEST_STEP: usize = 16;
    const PAGE: usize = 4096;
    if (1..=SMALLEST).contains(&requested) {
        return SMALLEST;
    }
    let Some(last) = requested.checked_sub(1) else { return 0 };
    let step = last.checked_ilog2().map_or(1, |log| 1 << log) / 4;
    requested.next_multiple_of(step.clamp(SMALLEST_STEP, PAGE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_allocated_is_the_next_class() {
        let classes = [
            (0, 0),
            (1, 8),
            (9, 16),
            (16, 16),
            (17, 32),
            (113, 128),
            (129, 160),
            (161, 192),
            (256, 256),
            (257, 320),
        ];
        for (requested, allocated) in classes {
            assert_eq!(allocated_bytes(requested), allocated, "{requested}");
        }
        assert_eq!(allocated_bytes(4097), 5120);
    }

    #[test]
    #[cfg(feature = "jemalloc")]
    fn the_classes_are_those_of_the_allocator() {
        for requested in (1..70_000).chain((17..30).map(|bits| (1 << bits) + 1)) {
            // SAFETY: it computes a size, and touches no memory.
            let class = unsafe { tikv_jemalloc_sys::nallocx(requested, 0) };
            assert_eq!(allocated_bytes(requested), class, "{requested}");
        }
    }
}
