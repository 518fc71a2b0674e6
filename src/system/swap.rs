//! Memory that was swapped out.

use super::cgroups::number_in_line;

/// Bytes of the process that are swapped out; None where the system does not say.
pub fn process_swap_bytes() -> Option<u64> {
    swapped(&std::fs::read_to_string("/proc/self/status").ok()?)
}

/// From the line `VmSwap:     128 kB`.
fn swapped(status: &str) -> Option<u64> {
    Some(number_in_line(status, "VmSwap:")? * 1024)
}

/// Bytes of all processes that are swapped out; None where the system does not say.
#[cfg(target_os = "linux")]
pub fn system_swap_bytes() -> Option<u64> {
    let info = rustix::system::sysinfo();
    Some(info.totalswap.saturating_sub(info.freeswap) * u64::from(info.mem_unit))
}

/// Bytes of all processes that are swapped out; None where the system does not say.
#[cfg(not(target_os = "linux"))]
pub fn system_swap_bytes() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swap_is_read_from_its_line() {
        assert_eq!(swapped("VmRSS:\t  5 kB\nVmSwap:\t    12 kB\nThreads: 1\n"), Some(12 << 10));
        assert_eq!((swapped("VmRSS: 5 kB\n"), swapped("VmSwap: x kB\n")), (None, None));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_system_says_it() {
        assert!(process_swap_bytes().is_some() && system_swap_bytes().is_some());
    }
}
