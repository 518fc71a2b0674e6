//! How much memory is in use, how much of it the system counts, and how much is left.

mod left;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::arena::mapped_bytes;
use crate::commands::Server;

static PEAK: AtomicU64 = AtomicU64::new(0);
/// When the peak was, in Unix seconds.
static PEAK_AT_S: AtomicU64 = AtomicU64::new(0);

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
        muzzy: muzzy_pages() * page_bytes(),
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

/// Without jemalloc nobody counts live bytes: the resident set stands for them.
#[cfg(not(feature = "jemalloc"))]
pub fn allocator() -> Allocator {
    let resident = resident_bytes();
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
    // SAFETY: malloc_trim may be called at any time, and touches no allocation. It says whether there was something to
    // return; nothing is no failure.
    unsafe { libc::malloc_trim(0) };
    true
}

/// Returns the pages that the allocator keeps for later to the system; false if that failed, as it does here: this
/// allocator cannot be asked.
#[cfg(all(not(feature = "jemalloc"), not(all(target_os = "linux", target_env = "gnu"))))]
pub fn purge() -> bool {
    false
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

/// How often `part` holds `whole`; 0 of nothing.
pub fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Bytes in use now: the allocator's live ones, and those of the arenas, which it does not know of. Also notes the
/// peak, so it is asked now and then by the cron.
pub fn used_bytes() -> u64 {
    let mapped = if cfg!(feature = "jemalloc") { mapped_bytes() as u64 } else { 0 };
    let used = allocator().allocated + mapped;
    if PEAK.fetch_max(used, Ordering::Relaxed) < used {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        PEAK_AT_S.store(since.as_secs(), Ordering::Relaxed);
    }
    used
}

/// The most that [`used_bytes`] has seen.
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

/// What the bytes in use are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uses {
    /// All of them.
    pub used: u64,
    /// Those that were in use before there were data.
    pub startup: u64,
    /// Buffers of clients.
    pub clients: u64,
    /// What waits to be written to the log.
    pub log_buffer: u64,
}

impl Uses {
    /// Now, when `used` bytes are in use.
    pub fn of(server: &Server, used: u64) -> Self {
        let clients = server.clients.list();
        Self {
            used,
            startup: server.startup_bytes,
            clients: clients.iter().map(|client| client.buffer_bytes() as u64).sum(),
            log_buffer: server.keyspace.journal().buffered_bytes() as u64,
        }
    }

    /// What is not data.
    pub fn overhead(&self) -> u64 {
        self.startup + self.clients + self.log_buffer
    }

    /// All else counts as data, the index of keys included.
    pub fn data(&self) -> u64 {
        self.used.saturating_sub(self.overhead())
    }

    /// The data's share of what came since the start.
    pub fn share_of_data(&self) -> f64 {
        ratio(self.data(), self.since_start())
    }

    /// What came since the start.
    pub fn since_start(&self) -> u64 {
        self.used.saturating_sub(self.startup)
    }
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

/// The bytes that this process could still get; all of the machine where the system does not say.
pub fn left_bytes() -> u64 {
    left::bytes().unwrap_or_else(system_bytes)
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
        assert!(used > 0 && peak_bytes() >= used && peak_unix_s() > 0);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_system_tells_sizes() {
        assert!(resident_bytes() > 0 && system_bytes() > resident_bytes());
        assert!(left_bytes() > 0 && left_bytes() < system_bytes());
    }
}
