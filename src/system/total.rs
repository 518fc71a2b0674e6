//! How much memory there is for this process.

use super::cgroups::memory_limit;
use super::machine::machine_memory;

/// What bounds the memory of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// What the machine has.
    Machine,
    /// The limit of a control group around the process.
    ControlGroup,
}

/// The memory that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Total {
    /// Bytes.
    pub bytes: u64,
    /// Why not more.
    pub bound: Bound,
}

/// The least of what the machine has and of all limits of the control groups around the process;
/// None where the system does not say. Reads some small files: limits change while the process
/// runs.
pub fn total_memory() -> Option<Total> {
    least(machine_memory(), memory_limit())
}

fn least(machine: Option<u64>, group: Option<u64>) -> Option<Total> {
    let machine = machine.map(|bytes| Total { bytes, bound: Bound::Machine });
    let group = group.map(|bytes| Total { bytes, bound: Bound::ControlGroup });
    machine.into_iter().chain(group).min_by_key(|total| total.bytes)
}

#[cfg(test)]
mod tests {
    use super::super::cgroups::{limit_under, testing::Root};
    use super::*;

    const GIGABYTE: u64 = 1 << 30;

    #[test]
    fn the_least_of_machine_and_groups_counts() {
        let machine = Some(Total { bytes: GIGABYTE, bound: Bound::Machine });
        assert_eq!(least(Some(GIGABYTE), None), machine);
        assert_eq!(least(Some(GIGABYTE), Some(2 * GIGABYTE)), machine);
        let group = Total { bytes: 512, bound: Bound::ControlGroup };
        assert_eq!(least(Some(GIGABYTE), Some(512)), Some(group));
        assert_eq!((least(None, Some(512)), least(None, None)), (Some(group), None));
    }

    #[test]
    fn groups_of_both_versions_count_and_changes_are_seen() {
        let limit = "sys/fs/cgroup/outer/memory.max";
        let inner = ("sys/fs/cgroup/outer/inner/memory.max", "9000\n");
        let two = Root::new("total-2", &[("proc/self/cgroup", "0::/outer/inner\n"), inner, (limit, "max\n")]);
        let bytes = |root: &Root| least(Some(GIGABYTE), limit_under(root.path())).map(|total| total.bytes);
        assert_eq!(bytes(&two), Some(9000));
        std::fs::write(two.path().join(limit), "7000\n").expect("it is writable");
        assert_eq!(bytes(&two), Some(7000));
        let one = Root::new(
            "total-1",
            &[
                ("proc/self/cgroup", "4:memory:/a\n"),
                ("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "5000\n"),
                ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ],
        );
        assert_eq!(bytes(&one), Some(5000));
    }
}
