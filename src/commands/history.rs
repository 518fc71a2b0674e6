//! Figures of the last hour, for the page of the HTTP port: a sample every ten seconds.
//!
//! Each sample is of what happened since the one before. It takes some 100 bytes, so all of them
//! some 40 kB.

use std::collections::VecDeque;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use super::registry::{self, Command};
use super::spec::{Flags, Group};
use super::statistics::Distribution;
use super::{Server, statistics::Statistics};
use crate::{memory, system};

/// Samples that are kept.
pub const SAMPLES: usize = 360;

/// Commands whose times are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Those that read vector sets.
    VectorReads,
    /// Those that change them.
    VectorWrites,
    /// All others.
    Others,
}

impl Class {
    /// All, in the order of [`Sample::times`].
    pub const ALL: [Self; 3] = [Self::VectorReads, Self::VectorWrites, Self::Others];

    fn of(command: &Command) -> Self {
        match command.spec.group {
            Group::Module if command.spec.flags.has(Flags::WRITE) => Self::VectorWrites,
            Group::Module => Self::VectorReads,
            _ => Self::Others,
        }
    }
}

/// What happened between two moments, and how things were at the second.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// The second moment, in Unix seconds.
    pub unix_s: u64,
    /// Commands a second.
    pub commands: f64,
    /// Searches of vector sets a second.
    pub searches: f64,
    /// Share of lookups of keys that found one, in percent; none without lookups.
    pub key_hits: Option<f64>,
    /// The same of elements of vector sets.
    pub element_hits: Option<f64>,
    /// Bytes in use.
    pub used_bytes: u64,
    /// Bytes of the process in memory.
    pub resident_bytes: u64,
    /// Times of calls by [`Class`]; none without calls, or if they are not counted.
    pub times: [Option<Times>; 3],
}

/// Times of calls, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Times {
    /// That half of them did not exceed.
    pub median_us: f64,
    /// That 99 of 100 did not exceed.
    pub p99_us: f64,
}

/// The samples.
#[derive(Debug, Default)]
pub struct History(Mutex<Ring>);

#[derive(Debug, Default)]
struct Ring {
    samples: VecDeque<Sample>,
    before: Option<Totals>,
}

/// What was counted until some moment.
#[derive(Debug)]
struct Totals {
    at: Instant,
    commands: u64,
    searches: u64,
    keys: (u64, u64),
    elements: (u64, u64),
    times: [Distribution; 3],
}

impl History {
    /// Adds a sample of the time since the last call. The first call only notes where it begins.
    pub fn sample(&self, server: &Server) {
        let now = Totals::of(server);
        let mut ring = self.0.lock();
        if let Some(before) = &ring.before {
            let sample = now.since(before);
            if ring.samples.len() == SAMPLES {
                ring.samples.pop_front();
            }
            ring.samples.push_back(sample);
        }
        ring.before = Some(now);
    }

    /// The samples, oldest first.
    pub fn samples(&self) -> Vec<Sample> {
        self.0.lock().samples.iter().cloned().collect()
    }
}

impl Totals {
    fn of(server: &Server) -> Self {
        let figures = server.keyspace.element_figures();
        Self {
            at: Instant::now(),
            commands: server.statistics.commands_processed(),
            searches: figures.searches(),
            keys: server.keyspace.hits_and_misses(),
            elements: figures.hits_and_misses(),
            times: times_by_class(&server.statistics),
        }
    }

    fn since(&self, before: &Self) -> Sample {
        let seconds = self.at.saturating_duration_since(before.at).as_secs_f64().max(f64::EPSILON);
        let rate = |now: u64, before: u64| grown(now, before) as f64 / seconds;
        let times = |class: usize| {
            let times = self.times[class].since(&before.times[class]);
            let percentile = |percent| times.percentile_micros(percent);
            (times.calls() > 0).then(|| Times { median_us: percentile(50.0), p99_us: percentile(99.0) })
        };
        Sample {
            unix_s: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
            commands: rate(self.commands, before.commands),
            searches: rate(self.searches, before.searches),
            key_hits: hit_percent(self.keys, before.keys),
            element_hits: hit_percent(self.elements, before.elements),
            used_bytes: memory::used_bytes(),
            resident_bytes: system::resident().unwrap_or_default().all,
            times: [times(0), times(1), times(2)],
        }
    }
}

/// A count that is lower than before was set to zero meanwhile.
fn grown(now: u64, before: u64) -> u64 {
    now.checked_sub(before).unwrap_or(now)
}

fn hit_percent(now: (u64, u64), before: (u64, u64)) -> Option<f64> {
    let (hits, misses) = (grown(now.0, before.0), grown(now.1, before.1));
    (hits + misses > 0).then(|| hits as f64 * 100.0 / (hits + misses) as f64)
}

fn times_by_class(statistics: &Statistics) -> [Distribution; 3] {
    let mut sums = [const { Distribution::NONE }; 3];
    let commands = registry::all().into_iter();
    for command in commands.flat_map(|command| std::iter::once(command).chain(command.subcommands())) {
        if let Some(times) = statistics.latency_of(command) {
            sums[Class::of(command) as usize].merge(&times);
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::Session;

    fn sampled(session: &mut Session, lines: &[&str]) -> Sample {
        lines.iter().for_each(|line| drop(session.ask(line)));
        session.server.history.sample(&session.server);
        session.server.history.samples().pop().expect("there is one")
    }

    #[test]
    fn a_sample_is_of_the_time_since_the_one_before() {
        let mut session = Session::at(1_000_000);
        session.ask("get a");
        session.server.history.sample(&session.server);
        assert_eq!(session.server.history.samples(), []);
        let sample = sampled(&mut session, &["set k v", "get k", "get k", "get k", "get none"]);
        assert_eq!((sample.key_hits, sample.element_hits), (Some(75.0), None));
        assert!(sample.commands > 0.0 && sample.searches == 0.0 && sample.used_bytes > 0);
        assert!(sample.times[0].is_none() && sample.times[1].is_none());
        let times = sample.times[Class::Others as usize].expect("there were calls");
        assert!(times.median_us > 0.0 && times.p99_us >= times.median_us);
        let sample = sampled(&mut session, &["vadd v values 2 1 0 a", "vsim v ele a", "vsim none ele a"]);
        assert_eq!(sample.element_hits, Some(50.0));
        assert!(sample.times[0].is_some() && sample.times[1].is_some() && sample.times[2].is_none());
        assert!(sample.searches > 0.0);
        let sample = sampled(&mut session, &[]);
        assert_eq!((sample.commands, sample.times), (0.0, [None; 3]));
    }

    #[test]
    fn counters_that_were_reset_begin_at_zero() {
        let mut session = Session::at(0);
        ["set k v", "get k", "get k", "get k"].into_iter().for_each(|line| drop(session.ask(line)));
        session.server.history.sample(&session.server);
        let sample = sampled(&mut session, &["config resetstat", "get none"]);
        assert_eq!(sample.key_hits, Some(0.0));
        assert!(sample.times[Class::Others as usize].is_some());
    }

    #[test]
    fn an_hour_is_kept() {
        let session = Session::at(0);
        (0..SAMPLES + 5).for_each(|_| session.server.history.sample(&session.server));
        assert_eq!(session.server.history.samples().len(), SAMPLES);
    }
}
