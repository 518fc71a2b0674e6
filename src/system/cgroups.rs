//! The control groups around this process: how much memory they allow, and how much is left.

use std::path::{Path, PathBuf};

/// Where Linux shows the limits of control groups: of version 2, and the memory of version 1.
const VERSIONS: [Version; 2] = [
    Version {
        folder: "sys/fs/cgroup",
        controller: "",
        limit: "memory.max",
        used: "memory.current",
        reclaimable: "inactive_file ",
    },
    Version {
        folder: "sys/fs/cgroup/memory",
        controller: "memory",
        limit: "memory.limit_in_bytes",
        used: "memory.usage_in_bytes",
        reclaimable: "total_inactive_file ",
    },
];

/// Limits from here on are none: version 1 writes the largest multiple of a page in 63 bits.
const UNLIMITED: u64 = 1 << 62;

/// The names of one version's files.
struct Version {
    folder: &'static str,
    /// As `/proc/self/cgroup` calls it.
    controller: &'static str,
    limit: &'static str,
    used: &'static str,
    /// In `memory.stat`: what of `used` is given back when it is needed.
    reclaimable: &'static str,
}

/// Bytes that the process could still get without swapping: the least of what the machine has and
/// of what the control groups around it would give. None where the system does not say.
pub fn available_memory() -> Option<u64> {
    available_under(Path::new("/"))
}

fn available_under(root: &Path) -> Option<u64> {
    let groups = VERSIONS.iter().flat_map(|version| version.each(root, Version::available_in));
    available_of_machine(root).into_iter().chain(groups).min()
}

fn available_of_machine(root: &Path) -> Option<u64> {
    let kilobytes = number_behind(&root.join("proc/meminfo"), "MemAvailable:")?;
    Some(kilobytes.saturating_mul(1024))
}

/// The least limit of the control groups around the process; None where they have none.
pub fn memory_limit() -> Option<u64> {
    limit_under(Path::new("/"))
}

pub(super) fn limit_under(root: &Path) -> Option<u64> {
    VERSIONS.iter().flat_map(|version| version.each(root, Version::limit_in)).min()
}

/// The groups of version 2 around the process, from the innermost.
pub(super) fn groups_around(root: &Path) -> Vec<PathBuf> {
    VERSIONS[0].each(root, |_, group| Some(group.to_owned()))
}

impl Version {
    /// A figure of the process' group and of all groups around it, of those that have it. In a
    /// container the path may be one of the host, of which only the outermost folder is there.
    fn each<T>(&self, root: &Path, figure: impl Fn(&Self, &Path) -> Option<T>) -> Vec<T> {
        let text = std::fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
        let path = text.lines().find_map(|line| self.path(line)).unwrap_or_default();
        let folder = root.join(self.folder);
        let around = Path::new(path.trim_start_matches('/')).ancestors();
        around.filter_map(|group| figure(self, &folder.join(group))).collect()
    }

    /// From a line like `4:memory,hugetlb:/path`.
    fn path<'l>(&self, line: &'l str) -> Option<&'l str> {
        let mut parts = line.splitn(3, ':').skip(1);
        parts.next()?.split(',').any(|controller| controller == self.controller).then(|| parts.next())?
    }

    fn available_in(&self, group: &Path) -> Option<u64> {
        let used = number_in(&group.join(self.used))?;
        let reclaimable = number_behind(&group.join("memory.stat"), self.reclaimable).unwrap_or(0);
        Some(self.limit_in(group)?.saturating_sub(used.saturating_sub(reclaimable)))
    }

    /// A group of version 2 without a limit has the word `max` there; one of version 1 has a number
    /// beyond all memory.
    fn limit_in(&self, group: &Path) -> Option<u64> {
        number_in(&group.join(self.limit)).filter(|limit| *limit < UNLIMITED)
    }
}

/// The number that a file consists of.
fn number_in(file: &Path) -> Option<u64> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// The number in the line of a file that begins so.
fn number_behind(file: &Path, name: &str) -> Option<u64> {
    number_in_line(&std::fs::read_to_string(file).ok()?, name)
}

/// The number in the line of a text that begins so.
pub(super) fn number_in_line(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
pub(super) mod testing {
    //! A folder that stands for the root of the file system.

    use std::path::{Path, PathBuf};

    pub(in super::super) struct Root(PathBuf);

    impl Root {
        /// With these files.
        pub(in super::super) fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let root = std::env::temp_dir().join(format!("nearhit-system-{name}-{}", std::process::id()));
            for (path, text) in files {
                let path = root.join(path);
                std::fs::create_dir_all(path.parent().expect("it has a folder")).expect("it can be made");
                std::fs::write(path, text).expect("it can be written");
            }
            Self(root)
        }

        pub(in super::super) fn path(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for Root {
        fn drop(&mut self) {
            drop(std::fs::remove_dir_all(&self.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::Root;
    use super::*;

    const MEMINFO: (&str, &str) =
        ("proc/meminfo", "MemTotal:  9000 kB\nMemFree: 1 kB\nMemAvailable:   800 kB\n");

    #[test]
    fn the_machine_alone() {
        assert_eq!(available_under(Root::new("machine", &[MEMINFO]).path()), Some(800 << 10));
        assert_eq!(available_under(Path::new("/no/such/folder")), None);
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
        assert_eq!((available_under(root.path()), limit_under(root.path())), (Some(2700), Some(5000)));
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
        assert_eq!(available_under(root.path()), Some(3000));
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
        assert_eq!((available_under(root.path()), limit_under(root.path())), (Some(800 << 10), None));
    }
}
