//! How many cores of this machine have nothing to do.

/// Ticks of all cores until some time, as the system counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Ticks {
    all: u64,
    idle: u64,
}

/// How many cores were idle between two calls.
#[derive(Debug, Default)]
pub struct IdleCores(Ticks);

impl IdleCores {
    /// Idle cores since the call before, on average; None where the system does not say.
    pub fn since_last(&mut self) -> Option<f64> {
        let text = std::fs::read_to_string("/proc/stat").ok()?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let now = Ticks::read(&text)?;
        let before = std::mem::replace(&mut self.0, now);
        now.idle_part_since(before).map(|part| part * cores as f64)
    }
}

impl Ticks {
    /// From the first line of `/proc/stat`: `cpu user nice system idle iowait …`; some of what
    /// follows counts twice.
    fn read(text: &str) -> Option<Self> {
        let fields = text.lines().next()?.strip_prefix("cpu ")?;
        let ticks: Vec<u64> =
            fields.split_ascii_whitespace().take(8).map_while(|field| field.parse().ok()).collect();
        let idle = ticks.get(3)? + ticks.get(4)?;
        Some(Self { all: ticks.iter().sum(), idle })
    }

    fn idle_part_since(self, before: Self) -> Option<f64> {
        let all = self.all.checked_sub(before.all).filter(|all| *all > 0)?;
        Some(self.idle.saturating_sub(before.idle) as f64 / all as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_time_is_a_part_of_all_time() {
        let before =
            Ticks::read("cpu  10 0 10 20 0 0 0 0 5 5\ncpu0 1 1 1\n").expect("it is a line of the system's");
        assert_eq!(before, Ticks { all: 40, idle: 20 });
        let after = Ticks { all: 60, idle: 25 };
        assert_eq!(after.idle_part_since(before), Some(0.25));
        assert_eq!(after.idle_part_since(after), None);
        assert_eq!((Ticks::read(""), Ticks::read("cpu 1 2")), (None, None));
    }
}
