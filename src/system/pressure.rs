//! Pressure stall information: how much time was lost waiting for memory.

use std::path::Path;

use super::cgroups;

/// Time lost, in percent of the last ten seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pressure {
    /// While at least one task waited.
    pub some_avg10: f64,
    /// While all tasks waited that had something to do.
    pub full_avg10: f64,
}

/// Of the innermost control group around the process for which it is counted, else of the machine.
/// None where the kernel does not count it.
pub fn memory_pressure() -> Option<Pressure> {
    pressure_under(Path::new("/"))
}

fn pressure_under(root: &Path) -> Option<Pressure> {
    let groups = cgroups::groups_around(root).into_iter().map(|group| group.join("memory.pressure"));
    let files = groups.chain([root.join("proc/pressure/memory")]);
    files.filter_map(|file| std::fs::read_to_string(file).ok()).find_map(|text| Pressure::read(&text))
}

impl Pressure {
    /// From lines like `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`.
    fn read(text: &str) -> Option<Self> {
        let avg10 = |name| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.split(' ').find_map(|field| field.strip_prefix("avg10="))?.parse().ok()
        };
        Some(Self { some_avg10: avg10("some ")?, full_avg10: avg10("full ")? })
    }
}

#[cfg(test)]
mod tests {
    use super::super::cgroups::testing::Root;
    use super::*;

    const MACHINE: (&str, &str) = (
        "proc/pressure/memory",
        "some avg10=12.50 avg60=1.00 avg300=0.00 total=7\nfull avg10=3.25 avg60=0.00 avg300=0.00 total=5\n",
    );

    #[test]
    fn the_group_counts_before_the_machine() {
        let root = Root::new("pressure-machine", &[MACHINE, ("proc/self/cgroup", "0::/own\n")]);
        let machine = Pressure { some_avg10: 12.5, full_avg10: 3.25 };
        assert_eq!(pressure_under(root.path()), Some(machine));
        let group = "some avg10=1.00 avg60=0.00\nfull avg10=0.50 avg60=0.00\n";
        let own = ("sys/fs/cgroup/own/memory.pressure", group);
        let root = Root::new("pressure-group", &[MACHINE, ("proc/self/cgroup", "0::/own\n"), own]);
        assert_eq!(pressure_under(root.path()), Some(Pressure { some_avg10: 1.0, full_avg10: 0.5 }));
        assert_eq!(pressure_under(Path::new("/no/such/folder")), None);
    }

    #[test]
    fn other_text_is_no_pressure() {
        assert_eq!(["", "some", "some avg10=x\nfull avg10=0"].map(Pressure::read), [None; 3]);
    }
}
