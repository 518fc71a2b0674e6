//! How much memory the system would still give this process.

use std::path::{Path, PathBuf};

/// Where Linux shows the limits of control groups: of version 2, and the memory of version 1.
const GROUPS: [Groups; 2] = [
    Groups {
        folder: "sys/fs/cgroup",
        controller: "",
        limit: "memory.max",
        used: "memory.current",
        reclaimable: "inactive_file ",
    },
    Groups {
        folder: "sys/fs/cgroup/memory",
        controller: "memory",
        limit: "memory.limit_in_bytes",
        used: "memory.usage_in_bytes",
        reclaimable: "total_inactive_file ",
    },
];

/// The names of one version's files.
struct Groups {
    folder: &'static str,
    /// As `/proc/self/cgroup` calls it.
    controller: &'static str,
    limit: &'static str,
    used: &'static str,
    /// In `memory.stat`: what of `used` is given back when it is needed.
    reclaimable: &'static str,
}

/// The least of what each of these would still give: the machine, and the control groups that the process is in. None
/// where nothing tells.
pub(super) fn bytes() -> Option<u64> {
    bytes_under(Path::new("/"))
}

fn bytes_under(root: &Path) -> Option<u64> {
    let groups = GROUPS.iter().flat_map(|groups| groups.left(root));
    available(root).into_iter().chain(groups).min()
}

/// What the kernel says that programs could get without swapping.
fn available(root: &Path) -> Option<u64> {
    let kilobytes = number_behind(&root.join("proc/meminfo"), "MemAvailable:")?;
    Some(kilobytes.saturating_mul(1024))
}

impl Groups {
    /// Of the process' group and of all groups around it. In a container the path may be one of the host, of which
    /// nothing but the outermost folder is there.
    fn left(&self, root: &Path) -> Vec<u64> {
        let text = std::fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
        let path = text.lines().find_map(|line| self.path(line)).unwrap_or_default();
        let folder = root.join(self.folder);
        let around = Path::new(path.trim_start_matches('/')).ancestors();
        around.filter_map(|group| self.left_in(folder.join(group))).collect()
    }

    /// From a line like `4:memory,hugetlb:/path`.
    fn path<'l>(&self, line: &'l str) -> Option<&'l str> {
        let mut parts = line.splitn(3, ':').skip(1);
        parts.next()?.split(',').any(|controller| controller == self.controller).then(|| parts.next())?
    }

    /// A group without a limit has none, or one beyond all memory.
    fn left_in(&self, group: PathBuf) -> Option<u64> {
        let number = |file| std::fs::read_to_string(group.join(file)).ok()?.trim().parse::<u64>().ok();
        let (limit, used) = (number(self.limit)?, number(self.used)?);
        let reclaimable = number_behind(&group.join("memory.stat"), self.reclaimable).unwrap_or(0);
        Some(limit.saturating_sub(used.saturating_sub(reclaimable)))
    }
}

/// The number in the line of a file that begins so.
fn number_behind(file: &Path, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with these files, that stands for `/`.
    struct Root(PathBuf);

    impl Root {
        fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let root = std::env::temp_dir().join(format!("nearhit-left-{name}-{}", std::process::id()));
            for (path, text) in files {
                let path = root.join(path);
                std::fs::create_dir_all(path.parent().expect("it has a folder")).expect("it can be made");
                std::fs::write(path, text).expect("it can be written");
            }
            Self(root)
        }
    }

    impl Drop for Root {
        fn drop(&mut self) {
            drop(std::fs::remove_dir_all(&self.0));
        }
    }

    const MEMINFO: (&str, &str) =
        ("proc/meminfo", "MemTotal:  9000 kB\nMemFree: 1 kB\nMemAvailable:   800 kB\n");

    #[test]
    fn the_machine_alone() {
        assert_eq!(bytes_under(&Root::new("machine", &[MEMINFO]).0), Some(800 << 10));
        assert_eq!(bytes_under(Path::new("/no/such/folder")), None);
    }

    #[test]
    fn the_tightest_of_the_groups_around() {
        let root = Root::new(
            "groups",
            &[
                MEMINFO,
                ("proc/self/cgroup", "0::/outer/inner\n"),
                ("sys/fs/cgroup/outer/inner/memory.max", "max\n"),
                ("sys/fs/cgroup/outer/inner/memory.current", "100\n"),
                ("sys/fs/cgroup/outer/memory.max", "5000\n"),
                ("sys/fs/cgroup/outer/memory.current", "3000\n"),
                ("sys/fs/cgroup/outer/memory.stat", "anon 1\ninactive_file 700\n"),
            ],
        );
        assert_eq!(bytes_under(&root.0), Some(2700));
    }

    #[test]
    fn a_container_that_sees_its_own_group_as_the_outermost() {
        let root = Root::new(
            "container",
            &[
                MEMINFO,
                ("proc/self/cgroup", "5:cpu:/other\n4:hugetlb,memory:/docker/123\n0::/\n"),
                ("sys/fs/cgroup/memory/memory.limit_in_bytes", "5000\n"),
                ("sys/fs/cgroup/memory/memory.usage_in_bytes", "6000\n"),
                ("sys/fs/cgroup/memory/memory.stat", "inactive_file 1\ntotal_inactive_file 4000\n"),
            ],
        );
        assert_eq!(bytes_under(&root.0), Some(3000));
    }

    #[test]
    fn a_group_without_a_limit_leaves_what_the_machine_has() {
        let root = Root::new(
            "unlimited",
            &[
                MEMINFO,
                ("proc/self/cgroup", "4:memory:/\n"),
                ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
                ("sys/fs/cgroup/memory/memory.usage_in_bytes", "6000\n"),
            ],
        );
        assert_eq!(bytes_under(&root.0), Some(800 << 10));
    }
}
