//! An estimate of the bytes in use, for the check before each write.
//!
//! To ask the allocator costs some hundred microseconds, as it goes through all its arenas. Between
//! two such measurements each thread adds what it has allocated since, less what it has freed, to a
//! total: after each command, when it comes to [`SLACK`] bytes. So the estimate is late by
//! [`SLACK`] bytes for each thread that runs commands, and by all that threads allocate which never
//! report, until the next measurement. Mapped memory, which the allocator does not see, is counted
//! by [`tracked`](super::tracked).
//!
//! With another allocator than jemalloc only measurements and mappings change the estimate.

use std::cell::Cell;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::Category;
use super::allocator::ThreadBytes;
use super::tracked::{SLACK, held_roughly};
use super::used::used_bytes;

/// Bytes of live allocations at the last measurement, and what threads have reported since.
static ALLOCATED: AtomicI64 = AtomicI64::new(0);
/// When the last measurement began, in microseconds since [`BEGAN`]; 0 if there was none.
static MEASURED_US: AtomicU64 = AtomicU64::new(0);
static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

thread_local! {
    static REPORTED: Reported =
        Reported { bytes: ThreadBytes::of_this_thread(), until: Cell::new(0) };
}

/// What a thread has reported.
struct Reported {
    bytes: ThreadBytes,
    /// Its net bytes at the last report.
    until: Cell<i64>,
}

/// Reports what the calling thread has allocated or freed since its last report, if it is much; to
/// be called after each command. Costs some nanoseconds.
#[inline]
pub fn report_growth() {
    report(SLACK as u64);
}

/// Reports what comes to `least` bytes. A thread that is ending need not report.
#[inline]
fn report(least: u64) {
    let _ = REPORTED.try_with(|reported| {
        let net = reported.bytes.net();
        let grown = net.wrapping_sub(reported.until.get());
        if grown.unsigned_abs() >= least {
            reported.until.set(net);
            ALLOCATED.fetch_add(grown, Ordering::Relaxed);
        }
    });
}

/// The bytes in use by the last measurement and all that was reported since: some reads of memory.
#[inline]
pub fn estimated_bytes() -> u64 {
    let mapped = if cfg!(feature = "jemalloc") { held_roughly(Category::Mappings) } else { 0 };
    (ALLOCATED.load(Ordering::Relaxed) + mapped).max(0) as u64
}

/// The bytes in use: measured if the last measurement is older than `age`, else the estimate, with
/// all that the calling thread has not reported yet. Of several threads at once one measures.
pub fn recently_used_bytes(age: Duration) -> u64 {
    let last = MEASURED_US.load(Ordering::Relaxed);
    let now = now_us();
    let is_old = last == 0 || u128::from(now.saturating_sub(last)) > age.as_micros();
    if is_old && MEASURED_US.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
        return used_bytes();
    }
    report(1);
    estimated_bytes()
}

/// Never 0.
fn now_us() -> u64 {
    BEGAN.elapsed().as_micros() as u64 + 1
}

/// Corrects the estimate by a measurement of live allocations that this thread has made. What other
/// threads took or freed before it, and report later, counts twice until the next one: at most what
/// each has to do with one request.
pub(super) fn correct(allocated: u64) {
    let _ = REPORTED.try_with(|reported| reported.until.set(reported.bytes.net()));
    ALLOCATED.store(i64::try_from(allocated).unwrap_or(i64::MAX), Ordering::Relaxed);
    MEASURED_US.store(now_us(), Ordering::Relaxed);
}
