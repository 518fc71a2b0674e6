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

/// Processor time of the thread with which the process began, in hundredths of a second; None where
/// the system does not say.
pub fn cpu_time_of_main_thread() -> Option<CpuTime> {
    let process = std::process::id();
    CpuTime::in_stat(&std::fs::read_to_string(format!("/proc/self/task/{process}/stat")).ok()?)
}

impl CpuTime {
    /// Reads a `stat` of `/proc`. The name of the thread, in parentheses, may have any characters.
    fn in_stat(stat: &str) -> Option<Self> {
        /// Of the fields behind the name.
        const USER: usize = 11;
        let (_, fields) = stat.rsplit_once(") ")?;
        let mut times = fields.split_ascii_whitespace().skip(USER).map(|ticks| ticks.parse::<u64>().ok());
        let per_second = rustix::param::clock_ticks_per_second().max(1);
        let mut next = || Some(Duration::from_nanos(times.next()?? * (1_000_000_000 / per_second)));
        Some(Self { user: next()?, system: next()? })
    }

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

/// What the process has in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resident {
    /// Bytes in all.
    pub all: u64,
    /// Bytes of mapped files among them: the program's own, and others.
    pub of_files: u64,
}

/// What the process has in memory; None where the system does not say.
pub fn resident() -> Option<Resident> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let mut pages = statm.split_ascii_whitespace().skip(1).map_while(|field| field.parse::<u64>().ok());
    Some(Resident { all: pages.next()? * page_bytes(), of_files: pages.next()? * page_bytes() })
}

/// Bytes of the process in memory; None where the system does not say.
pub fn resident_bytes() -> Option<u64> {
    resident().map(|resident| resident.all)
}

/// How often the process had to wait for a page from a disk.
pub fn major_page_faults() -> u64 {
    usage_of(libc::RUSAGE_SELF).map_or(0, |usage| usage.ru_majflt as u64)
}

/// How often the calling thread had to; 0 where the system does not say. A system call, of some
/// hundred nanoseconds.
pub fn major_page_faults_of_thread() -> u64 {
    #[cfg(target_os = "linux")]
    return usage_of(libc::RUSAGE_THREAD).map_or(0, |usage| usage.ru_majflt as u64);
    #[cfg(not(target_os = "linux"))]
    return 0;
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
    fn the_times_of_a_thread_stand_behind_its_name() {
        let stat = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 250 125 0 0 20";
        let time = CpuTime::in_stat(stat).expect("it has all fields");
        assert_eq!(time.user, 2 * time.system);
        assert!(CpuTime::in_stat("7 (a) S 1 2").is_none());
        assert_eq!(cpu_time_of_main_thread().is_some(), cfg!(target_os = "linux"));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_resident_is_no_more_than_its_peak() {
        let resident = resident_bytes().expect("Linux says it");
        let peak = peak_resident_bytes().expect("Linux says it");
        assert!(resident > 0 && resident <= peak + (64 << 20), "{resident} {peak}");
    }
}
