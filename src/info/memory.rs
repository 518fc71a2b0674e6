//! How much memory is in use, and how much of it the system counts.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::arena::mapped_bytes;

static PEAK: AtomicU64 = AtomicU64::new(0);

/// Bytes as the allocator sees them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allocator {
    /// In live allocations.
    pub allocated: u64,
    /// In pages that hold some.
    pub active: u64,
    /// In memory, pages kept for later included.
    pub resident: u64,
}

/// The allocator's name for `INFO`.
pub const ALLOCATOR: &str = if cfg!(feature = "jemalloc") { "jemalloc-5.3.1" } else { "libc" };

/// Asks jemalloc.
#[cfg(feature = "jemalloc")]
pub fn allocator() -> Allocator {
    use tikv_jemalloc_ctl::{epoch, stats};
    let _ = epoch::advance();
    let read = |value: tikv_jemalloc_ctl::Result<usize>| value.map_or(0, |bytes| bytes as u64);
    Allocator {
        allocated: read(stats::allocated::read()),
        active: read(stats::active::read()),
        resident: read(stats::resident::read()),
    }
}

/// Without jemalloc nobody counts live bytes: the resident set stands for them.
#[cfg(not(feature = "jemalloc"))]
pub fn allocator() -> Allocator {
    let resident = resident_bytes();
    Allocator { allocated: resident, active: resident, resident }
}

/// Bytes in use now: the allocator's live ones, and those of the arenas, which it does not know of. Also notes the
/// peak, so it is asked now and then by the housekeeper.
pub fn used_bytes() -> u64 {
    let mapped = if cfg!(feature = "jemalloc") { mapped_bytes() as u64 } else { 0 };
    let used = allocator().allocated + mapped;
    PEAK.fetch_max(used, Ordering::Relaxed);
    used
}

/// The most that [`used_bytes`] has seen.
pub fn peak_bytes() -> u64 {
    PEAK.load(Ordering::Relaxed)
}

/// Forgets the peak.
pub fn reset_peak() {
    PEAK.store(0, Ordering::Relaxed);
}

/// The resident set, as the system counts it; 0 where it does not say.
pub fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_ascii_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * page_bytes()
}

/// The memory of this machine; 0 where it does not say.
pub fn system_bytes() -> u64 {
    // SAFETY: sysconf takes any number and touches no memory of ours.
    let pages = unsafe { libc::sysconf(libc::_SC_PHYS_PAGES) };
    u64::try_from(pages).unwrap_or(0) * page_bytes()
}

fn page_bytes() -> u64 {
    // SAFETY: sysconf takes any number and touches no memory of ours.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(bytes).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_never_below_the_use_it_saw() {
        let used = used_bytes();
        assert!(used > 0 && peak_bytes() >= used);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_system_tells_sizes() {
        assert!(resident_bytes() > 0 && system_bytes() > resident_bytes());
    }
}
