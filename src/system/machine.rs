//! The machine and its kernel.

/// How the network threads wait for their sockets.
pub const MULTIPLEXING_API: &str = if cfg!(target_os = "linux") { "epoll" } else { "kqueue" };

/// `Linux 6.1.0 x86_64`: name and release of the kernel, and the processor.
pub fn kernel() -> String {
    let name = if cfg!(target_os = "linux") { "Linux" } else { std::env::consts::OS };
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    [name, &release, std::env::consts::ARCH].join(" ")
}

/// Bytes of memory that the machine has; None where the system does not say.
#[cfg(target_os = "linux")]
pub fn machine_memory() -> Option<u64> {
    let info = rustix::system::sysinfo();
    Some(info.totalram * u64::from(info.mem_unit))
}

/// Bytes of memory that the machine has; None where the system does not say.
#[cfg(not(target_os = "linux"))]
pub fn machine_memory() -> Option<u64> {
    None
}

/// Bytes of a page.
pub fn page_bytes() -> u64 {
    rustix::param::page_size() as u64
}

#[cfg(test)]
mod tests {
    use super::super::{available_memory, resident_bytes};
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_left_is_less_than_all_and_a_process_takes_less_than_all() {
        let all = machine_memory().expect("Linux says it");
        assert!(available_memory().is_some_and(|left| left > 0 && left < all));
        assert!(resident_bytes().is_some_and(|resident| resident < all));
        assert!(kernel().starts_with("Linux ") && page_bytes() >= 4096);
    }
}
