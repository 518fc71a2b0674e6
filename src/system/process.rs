//! What the system says of this process, and of others.

use std::time::Duration;

use rustix::process::{Pid, test_kill_process};

use super::page_bytes;

/// Processor time used so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuTime {
    /// In the process's own code.
    pub user: Duration,
    /// In the kernel for it.
    pub system: Duration,
}

/// Processor time of all threads.
pub fn cpu_time() -> CpuTime {
    usage_of(libc::RUSAGE_SELF).map(CpuTime::of).unwrap_or_default()
}

/// Processor time of child processes that have ended.
pub fn cpu_time_of_children() -> CpuTime {
    usage_of(libc::RUSAGE_CHILDREN).map(CpuTime::of).unwrap_or_default()
}

impl CpuTime {
    fn of(usage: libc::rusage) -> Self {
        Self { user: duration(usage.ru_utime), system: duration(usage.ru_stime) }
    }
}

fn duration(time: libc::timeval) -> Duration {
    Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64)
}

/// `rustix` does not have this call, and `/proc/self/stat` counts in hundredths of a second.
fn usage_of(who: libc::c_int) -> Option<libc::rusage> {
    // SAFETY: all zeros is a valid rusage.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is a rusage that lives through the call.
    let failed = unsafe { libc::getrusage(who, &mut usage) } != 0;
    (!failed).then_some(usage)
}

/// Bytes of the process in memory; None where the system does not say.
pub fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(pages * page_bytes())
}

/// How often the process had to wait for a page from a disk.
pub fn major_page_faults() -> u64 {
    usage_of(libc::RUSAGE_SELF).map_or(0, |usage| usage.ru_majflt as u64)
}

/// The most bytes that were in memory so far; None where the system does not say.
pub fn peak_resident_bytes() -> Option<u64> {
    /// Linux counts in kilobytes, macOS in bytes.
    const UNIT: u64 = if cfg!(target_vendor = "apple") { 1 } else { 1024 };
    usage_of(libc::RUSAGE_SELF).map(|usage| usage.ru_maxrss as u64 * UNIT)
}

/// Path of the program.
pub fn executable() -> String {
    std::env::current_exe().map_or(String::new(), |path| path.display().to_string())
}

/// True if there is a process of this number, of whatever user.
pub fn is_running(process: u32) -> bool {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_runs_and_impossible_ones_do_not() {
        assert!(is_running(std::process::id()) && is_running(1));
        assert!(!is_running(0) && !is_running(u32::MAX) && !is_running(i32::MAX as u32));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_resident_is_no_more_than_its_peak() {
        let resident = resident_bytes().expect("Linux says it");
        let peak = peak_resident_bytes().expect("Linux says it");
        assert!(resident > 0 && resident <= peak + (64 << 20), "{resident} {peak}");
    }
}
