//! What the system says that this process holds.

use crate::Failure;

/// Bytes of memory that are no file's.
pub(crate) fn bytes() -> Result<u64, Failure> {
    sum(&std::fs::read_to_string("/proc/self/status")?).ok_or_else(|| "the system tells no RssAnon".into())
}

fn sum(status: &str) -> Option<u64> {
    let kilobytes = |name| -> Option<u64> {
        status.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
    };
    Some((kilobytes("RssAnon:")? + kilobytes("RssShmem:")?) * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_files_out() {
        let status =
            "VmRSS:\t  77 kB\nRssAnon:\t      20 kB\nRssFile:\t      50 kB\nRssShmem:\t       7 kB\n";
        assert_eq!(sum(status), Some(27 * 1024));
        assert_eq!(sum("RssAnon:\t 20 kB\n"), None);
    }
}
