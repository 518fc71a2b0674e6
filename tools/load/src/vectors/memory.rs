//! What the loaded set costs in memory, as the server says and as the system says.

use super::Bench;
use crate::Failure;
use crate::figures;

/// Bytes in use at one moment.
pub(super) struct Memory {
    used: f64,
    resident: f64,
}

impl Memory {
    /// Asks INFO and the system.
    pub(super) fn of(bench: &mut Bench) -> Result<Self, Failure> {
        let reply = bench.control.call(&[b"INFO", b"memory"])?;
        let info = String::from_utf8_lossy(reply.bulks().next().unwrap_or_default()).into_owned();
        let used = field(&info, "used_memory:").ok_or("INFO memory has no used_memory")?;
        let status = std::fs::read_to_string(format!("/proc/{}/status", bench.pid))?;
        let resident = field(&status, "VmRSS:").ok_or("the system tells no VmRSS")? * 1024.0;
        Ok(Self { used, resident })
    }

    /// Prints by how many bytes an element both have grown.
    pub(super) fn print_growth(&self, before: &Self, elements: usize) {
        figures::print("memory/used_per_element", (self.used - before.used) / elements as f64);
        figures::print("memory/rss_per_element", (self.resident - before.resident) / elements as f64);
    }
}

/// The number that follows `name` at the start of a line.
fn field(text: &str, name: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_forms() {
        let info = "# Memory\r\nused_memory:1024\r\nused_memory_human:1K\r\n";
        assert_eq!(field(info, "used_memory:"), Some(1024.0));
        assert_eq!(field("VmPeak:\t 9 kB\nVmRSS:\t  77 kB\n", "VmRSS:"), Some(77.0));
        assert_eq!(field(info, "absent:"), None);
    }
}
