//! Pages of mapped files that cannot be read: the disk has failed, or the file was cut.
//!
//! The thread that reads such a page gets SIGBUS from the kernel, and whatever it was doing could
//! go no further. Reading all through `pread` instead would cost each distance of a search a system
//! call and a copy. So the signal has a handler, which puts a page of zeros into the place of the
//! one that cannot be read, and marks its [`Space`](super::Space) as damaged; the thread then goes
//! on, and what it returns is looked at together with that mark. Zeros are harmless to readers: a
//! list of no links, a code of some other vector.
//!
//! *The handler* may run at any instruction that reads or writes an area. It takes no lock and no
//! memory: it reads the table of watched addresses, which is static, and makes one system call,
//! `mmap`, which is not on POSIX' list of calls for handlers, but takes no lock of this process
//! either (libc passes it straight on). SIGBUS at any other address is given back to the handler
//! that was there before.

use std::io;
use std::ops::Range;
use std::ptr::null_mut;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};

use crate::system::page_bytes;

/// Areas that can be watched at a time: a set has some dozens.
const WATCHED: usize = 64 << 10;

/// What the handler reads of an area. Free if `start` is 0.
struct Entry {
    start: AtomicUsize,
    end: AtomicUsize,
    /// Lives as long as the entry is not free.
    damaged: AtomicPtr<AtomicBool>,
    /// Taken by an area, whether it can be seen yet or not.
    is_taken: AtomicBool,
}

static TABLE: [Entry; WATCHED] = [const {
    Entry {
        start: AtomicUsize::new(0),
        end: AtomicUsize::new(0),
        damaged: AtomicPtr::new(null_mut()),
        is_taken: AtomicBool::new(false),
    }
}; WATCHED];
/// Entries from here on were never taken.
static END: AtomicUsize = AtomicUsize::new(0);
static PAGES: AtomicU64 = AtomicU64::new(0);
static PAGE_BYTES: AtomicUsize = AtomicUsize::new(0);
static BEFORE: OnceLock<Before> = OnceLock::new();

struct Before(libc::sigaction);

// SAFETY: an action is two numbers and a function; nothing of it belongs to a thread.
unsafe impl Send for Before {}
// SAFETY: as above.
unsafe impl Sync for Before {}

/// Pages that could not be read so far.
pub(super) fn pages() -> u64 {
    PAGES.load(Ordering::Relaxed)
}

/// Addresses in the handler's table, until the drop, which comes before they become those of
/// something else.
#[derive(Debug)]
pub(super) struct Watched {
    entry: usize,
    /// The entry points to it.
    _damaged: Arc<AtomicBool>,
}

impl Watched {
    /// None if there are too many.
    pub(super) fn new(addresses: Range<usize>, damaged: &Arc<AtomicBool>) -> Option<Self> {
        let is_free = |entry: &Entry| {
            let taken = entry.is_taken.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed);
            taken.is_ok()
        };
        let entry = TABLE.iter().position(is_free)?;
        END.fetch_max(entry + 1, Ordering::AcqRel);
        let Entry { start, end, damaged: flag, .. } = &TABLE[entry];
        end.store(addresses.end, Ordering::Relaxed);
        flag.store(Arc::as_ptr(damaged).cast_mut(), Ordering::Relaxed);
        start.store(addresses.start, Ordering::Release);
        Some(Self { entry, _damaged: Arc::clone(damaged) })
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let entry = &TABLE[self.entry];
        entry.start.store(0, Ordering::Release);
        entry.is_taken.store(false, Ordering::Release);
    }
}

/// Lets the handler have SIGBUS, once.
pub(super) fn handle() -> io::Result<()> {
    static RESULT: OnceLock<i32> = OnceLock::new();
    let failed = *RESULT.get_or_init(|| {
        PAGE_BYTES.store(page_bytes() as usize, Ordering::Relaxed);
        // SAFETY: all zeros is a valid action, and the two live through the call. The handler does
        // what handlers may do: see above.
        unsafe {
            let mut before: libc::sigaction = std::mem::zeroed();
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = on_bus_error as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigemptyset(&raw mut action.sa_mask);
            // What was there before is kept before the handler can run.
            if libc::sigaction(libc::SIGBUS, std::ptr::null(), &raw mut before) != 0 {
                return -1;
            }
            BEFORE.get_or_init(|| Before(before));
            libc::sigaction(libc::SIGBUS, &raw const action, null_mut())
        }
    });
    if failed == 0 { Ok(()) } else { Err(io::Error::other("SIGBUS cannot be handled")) }
}

extern "C" fn on_bus_error(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the kernel gives a handler with SA_SIGINFO a valid siginfo, that of SIGBUS has an
    // address.
    let address = unsafe { (*info).si_addr() } as usize;
    // SAFETY: where errno lies is valid for the thread; what was in it is not to be changed.
    let before = unsafe { *errno() };
    if !mend(address)
        && let Some(Before(before)) = BEFORE.get()
    {
        // Returning runs the same instruction again, which then meets the other handler.
        // SAFETY: the action is one that the system gave.
        unsafe { libc::sigaction(libc::SIGBUS, before, null_mut()) };
    }
    // SAFETY: as above.
    unsafe { *errno() = before };
}

#[cfg(target_os = "linux")]
unsafe fn errno() -> *mut libc::c_int {
    // SAFETY: a call without conditions.
    unsafe { libc::__errno_location() }
}

#[cfg(not(target_os = "linux"))]
unsafe fn errno() -> *mut libc::c_int {
    // SAFETY: a call without conditions.
    unsafe { libc::__error() }
}

/// Puts zeros into the place of a page, if it is one of an area.
fn mend(address: usize) -> bool {
    let entries = &TABLE[..END.load(Ordering::Acquire)];
    let watched = entries.iter().find(|entry| {
        let start = entry.start.load(Ordering::Acquire);
        start != 0 && (start..entry.end.load(Ordering::Relaxed)).contains(&address)
    });
    let Some(entry) = watched else { return false };
    let page = PAGE_BYTES.load(Ordering::Relaxed);
    let start = address / page * page;
    // SAFETY: the page is one of an area that is in use, so that it is mapped; its bytes cannot be
    // read.
    if !unsafe { put_memory(start..start + page) } {
        return false;
    }
    PAGES.fetch_add(1, Ordering::Relaxed);
    // SAFETY: the thread that was interrupted uses the area, so the area lives, and with it what
    // the entry points to.
    unsafe { &*entry.damaged.load(Ordering::Relaxed) }.store(true, Ordering::Release);
    true
}

/// Puts zeroed memory in the place of what is at these addresses. False if the system refuses.
///
/// # Safety
/// The addresses are whole pages of a mapping of the caller's, and what is there is not needed.
pub(super) unsafe fn put_memory(addresses: Range<usize>) -> bool {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
    let (start, len) = (addresses.start as *mut libc::c_void, addresses.end - addresses.start);
    // SAFETY: the caller guarantees it.
    len == 0 || unsafe { libc::mmap(start, len, protection, flags, -1, 0) } != libc::MAP_FAILED
}
