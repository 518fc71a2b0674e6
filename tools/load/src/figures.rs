//! What was measured: rates and exact percentiles, and the lines they are printed as.

use std::fmt::Display;
use std::io::Write;
use std::time::Duration;

/// The latency of each request of a run, and how long the run took.
#[derive(Default)]
pub(crate) struct Figures {
    latencies_ns: Vec<u64>,
    elapsed: Duration,
}

impl Figures {
    /// Notes one request's latency.
    pub(crate) fn note(&mut self, latency: Duration) {
        self.latencies_ns.push(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Ends a run that took so long.
    pub(crate) fn lasted(&mut self, elapsed: Duration) {
        self.elapsed += elapsed;
    }

    /// Adds another run, as if it had followed.
    pub(crate) fn extend(&mut self, other: Self) {
        self.latencies_ns.extend(other.latencies_ns);
        self.elapsed += other.elapsed;
    }

    /// How many requests were answered.
    pub(crate) fn count(&self) -> usize {
        self.latencies_ns.len()
    }

    /// Requests a second.
    pub(crate) fn rate(&self) -> f64 {
        self.count() as f64 / self.elapsed.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// The longest latency, in milliseconds.
    pub(crate) fn longest_ms(&self) -> f64 {
        self.latencies_ns.iter().max().map_or(0.0, |ns| *ns as f64 / 1e6)
    }

    /// The smallest latency that at least `share` of the requests did not exceed, in microseconds.
    fn percentile_us(&mut self, share: f64) -> f64 {
        if self.latencies_ns.is_empty() {
            return 0.0;
        }
        let rank = (self.count() as f64 * share).ceil() as usize;
        let index = rank.clamp(1, self.count()) - 1;
        *self.latencies_ns.select_nth_unstable(index).1 as f64 / 1e3
    }

    /// Prints rate, p50 and p99 under `name`.
    pub(crate) fn print(mut self, name: &str) {
        print(format_args!("{name}/rate"), self.rate());
        print(format_args!("{name}/p50_us"), self.percentile_us(0.50));
        print(format_args!("{name}/p99_us"), self.percentile_us(0.99));
    }
}

/// Prints one figure at once, so that what was measured is there even if a later measurement fails.
pub(crate) fn print(name: impl Display, value: f64) {
    let mut out = std::io::stdout().lock();
    // Whoever reads this may be gone; the measurement then ends by itself.
    let _ = writeln!(out, "{name} {value}").and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_exact() {
        let mut figures = Figures::default();
        (1..=200).rev().for_each(|us| figures.note(Duration::from_micros(us)));
        assert_eq!(figures.percentile_us(0.50), 100.0);
        assert_eq!(figures.percentile_us(0.99), 198.0);
        assert_eq!(figures.percentile_us(1.0), 200.0);
        assert_eq!((figures.longest_ms(), Figures::default().longest_ms()), (0.2, 0.0));
        assert_eq!(Figures::default().percentile_us(0.5), 0.0);
    }

    #[test]
    fn rates_span_runs() {
        let run = |count, seconds| {
            let mut figures = Figures::default();
            (0..count).for_each(|_| figures.note(Duration::ZERO));
            figures.lasted(Duration::from_secs(seconds));
            figures
        };
        let mut all = run(10, 1);
        all.extend(run(20, 2));
        assert_eq!(all.rate(), 10.0);
    }
}
