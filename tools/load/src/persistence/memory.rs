//! What a server and its children take of the memory, each shared page counted once.

use std::fs;

use crate::Failure;

/// Bytes of a process and of all below it.
pub(crate) fn of_tree(pid: u32) -> Result<u64, Failure> {
    let mut total = of(pid).ok_or("the server is gone")?;
    let mut todo = children(pid);
    while let Some(child) = todo.pop() {
        // It may have ended by now.
        total += of(child).unwrap_or(0);
        todo.extend(children(child));
    }
    Ok(total)
}

/// The proportional set size: a page that two processes share counts half in each.
fn of(pid: u32) -> Option<u64> {
    field(&fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?, "Pss:")
}

fn field(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(rest.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// Children of any of its threads.
fn children(pid: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let texts = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    texts
        .flat_map(|text| text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_kilobytes() {
        assert_eq!(field("Rss:  9 kB\nPss:     12 kB\nPss_Dirty: 1 kB\n", "Pss:"), Some(12 * 1024));
        assert_eq!(field("Rss: 9 kB\n", "Pss:"), None);
    }

    #[test]
    fn counts_children() {
        let own = std::process::id();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let (found, all) = (children(own), of_tree(own));
        child.kill().and_then(|()| child.wait()).unwrap();
        assert_eq!(found, [child.id()]);
        assert!(all.unwrap() > 0);
    }
}
