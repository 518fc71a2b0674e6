//! How busy the network threads are: the fields `eventloop_…` of `INFO`.
//!
//! A cycle is what a network thread does between two sleeps. While `busy-poll-us` lets it poll
//! instead of sleeping, that counts as busy too.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::RuntimeMetrics;

/// The event loops of all network threads.
#[derive(Default)]
pub struct EventLoops(Mutex<Loops>);

#[derive(Default)]
struct Loops {
    runtimes: Vec<RuntimeMetrics>,
    /// What was counted at the last `CONFIG RESETSTAT`.
    reset: Cycles,
    /// What was counted at the last sample, and when.
    sampled: Option<(Cycles, Instant)>,
    recent: Recent,
}

/// Cycles so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cycles {
    /// How many.
    pub count: u64,
    /// Their time together.
    pub busy: Duration,
}

/// The cycles between the last two samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recent {
    /// How many a second.
    pub per_second: u64,
    /// How long one took on average, in microseconds.
    pub mean_us: u64,
}

impl Loops {
    fn total(&self) -> Cycles {
        let add = |sum: Cycles, runtime: &RuntimeMetrics| Cycles {
            count: sum.count + runtime.worker_park_count(0),
            busy: sum.busy + runtime.worker_total_busy_duration(0),
        };
        self.runtimes.iter().fold(Cycles::default(), add)
    }
}

impl Cycles {
    fn since(self, before: Self) -> Self {
        Self { count: self.count.saturating_sub(before.count), busy: self.busy.saturating_sub(before.busy) }
    }

    /// `0` for a time without cycles.
    fn within(self, time: Duration) -> Recent {
        let count = self.count as f64;
        Recent {
            per_second: (count / time.as_secs_f64().max(f64::EPSILON)) as u64,
            mean_us: (self.busy.as_micros() as f64 / count.max(1.0)) as u64,
        }
    }
}

impl EventLoops {
    /// Adds the runtime of a network thread.
    pub fn add(&self, runtime: RuntimeMetrics) {
        self.0.lock().runtimes.push(runtime);
    }

    /// Cycles since the start, or since the last reset.
    pub fn cycles(&self) -> Cycles {
        let loops = self.0.lock();
        loops.total().since(loops.reset)
    }

    /// Called about once a second.
    pub fn sample(&self) {
        let mut loops = self.0.lock();
        let now = (loops.total(), Instant::now());
        if let Some((before, at)) = loops.sampled.replace(now) {
            loops.recent = now.0.since(before).within(now.1.saturating_duration_since(at));
        }
    }

    /// The cycles between the last two samples.
    pub fn recent(&self) -> Recent {
        self.0.lock().recent
    }

    /// `CONFIG RESETSTAT`.
    pub fn reset(&self) {
        let mut loops = self.0.lock();
        loops.reset = loops.total();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cycles_of_all_runtimes_are_counted() {
        let loops = EventLoops::default();
        loops.sample();
        assert_eq!((loops.cycles(), loops.recent()), (Cycles::default(), Recent::default()));
        let runtimes = [0, 1].map(|_| tokio::runtime::Builder::new_current_thread().enable_time().build());
        for runtime in runtimes {
            let runtime = runtime.expect("there are threads");
            loops.add(runtime.metrics());
            runtime.block_on(async {
                // Each waits for the clock, so the runtime sleeps.
                for _ in 0..3 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            });
        }
        assert!(loops.cycles().count >= 6, "{:?}", loops.cycles());
        loops.sample();
        loops.reset();
        assert_eq!(loops.cycles(), Cycles::default());
    }

    #[test]
    fn means_are_of_the_cycles_of_a_time() {
        let cycles = Cycles { count: 50, busy: Duration::from_micros(500) };
        assert_eq!(cycles.within(Duration::from_millis(500)), Recent { per_second: 100, mean_us: 10 });
        assert_eq!(Cycles::default().within(Duration::ZERO), Recent::default());
    }
}
