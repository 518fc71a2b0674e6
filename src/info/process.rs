//! What the system says of this process.

use std::time::Duration;

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
    cpu_time_of(libc::RUSAGE_SELF)
}

/// Processor time of child processes that have ended.
pub(super) fn cpu_time_of_children() -> CpuTime {
    cpu_time_of(libc::RUSAGE_CHILDREN)
}

fn cpu_time_of(who: libc::c_int) -> CpuTime {
    // SAFETY: all zeros is a valid rusage.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is a rusage that lives through the call.
    let failed = unsafe { libc::getrusage(who, &mut usage) } != 0;
    if failed {
        CpuTime::default()
    } else {
        CpuTime { user: duration(usage.ru_utime), system: duration(usage.ru_stime) }
    }
}

fn duration(time: libc::timeval) -> Duration {
    Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64)
}

/// How the network threads wait for their sockets.
pub(super) const MULTIPLEXING_API: &str = if cfg!(target_os = "linux") { "epoll" } else { "kqueue" };

/// Path of the program.
pub(super) fn executable() -> String {
    std::env::current_exe().map_or(String::new(), |path| path.display().to_string())
}

/// `Linux 6.1.0 x86_64`, as far as the system says.
pub(super) fn system() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let name = if cfg!(target_os = "linux") { "Linux" } else { std::env::consts::OS };
    [name, release.trim(), std::env::consts::ARCH].join(" ")
}
