//! Bytes in use, and the most that were.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::Category;
use super::allocator::allocator;
use super::estimate::correct;
use super::tracked::held_bytes;

static PEAK: AtomicU64 = AtomicU64::new(0);
/// When the peak was, in Unix seconds.
static PEAK_AT_S: AtomicU64 = AtomicU64::new(0);

/// Bytes in use now: those of live allocations, and those of mappings, which are not in the
/// allocator's figures. Costs some hundred microseconds. Also notes the peak and corrects the
/// estimate, so the thread that watches the memory calls it regularly.
pub fn used_bytes() -> u64 {
    let mapped = if cfg!(feature = "jemalloc") { held_bytes(Category::Mappings) } else { 0 };
    let allocated = allocator().allocated;
    correct(allocated);
    let used = allocated + mapped;
    if PEAK.fetch_max(used, Ordering::Relaxed) < used {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        PEAK_AT_S.store(since.as_secs(), Ordering::Relaxed);
    }
    used
}

/// The most that [`used_bytes`] has returned since the peak was reset.
pub fn peak_bytes() -> u64 {
    PEAK.load(Ordering::Relaxed)
}

/// When that was, in Unix seconds.
pub fn peak_unix_s() -> u64 {
    PEAK_AT_S.load(Ordering::Relaxed)
}

/// Forgets the peak.
pub fn reset_peak() {
    PEAK.store(0, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_never_below_the_use_it_saw() {
        let used = used_bytes();
        assert!(used > 0 && peak_bytes() >= used && peak_unix_s() > 0);
    }
}
