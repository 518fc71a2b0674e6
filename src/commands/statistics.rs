//! Statistics of commands: calls, time, refusals and failures of each, and errors by their code.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

pub use super::histogram::Distribution;
use super::histogram::Histogram;
use super::registry::{self, Command};
use crate::counters;
use crate::counters::{Counter, Sharded};
use crate::resp::Error;

/// Codes counted apart; further ones are counted in the total only. Redis stops at 128 too.
const MAX_ERROR_CODES: usize = 128;

counters! {
    /// One command's counts.
    pub struct CommandCounts {
        /// Times it ran.
        calls,
        /// Nanoseconds it ran.
        nanos,
        /// Times it was refused before it ran: arity, authentication.
        rejected,
        /// Times it ran and replied an error.
        failed,
    }
}

/// One command's counts, summed over all threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommandTotals {
    /// Times it ran.
    pub calls: u64,
    /// Microseconds it ran.
    pub usec: u64,
    /// Times it was refused before it ran.
    pub rejected: u64,
    /// Times it ran and replied an error.
    pub failed: u64,
}

/// The counts of one thread.
struct Shard {
    commands: Box<[CommandCounts]>,
    /// The durations of each command's calls; made when the first one is counted.
    histograms: Box<[OnceLock<Box<Histogram>>]>,
    errors: Mutex<BTreeMap<String, u64>>,
    error_replies: Counter,
    panics: Counter,
}

impl Shard {
    fn new() -> Self {
        let commands = (0..registry::count()).map(|_| CommandCounts::default()).collect();
        Self {
            commands,
            histograms: (0..registry::count()).map(|_| OnceLock::new()).collect(),
            errors: Mutex::default(),
            error_replies: Counter::new(),
            panics: Counter::new(),
        }
    }
}

/// The counts of all commands. Each thread counts in its own shard.
pub struct Statistics {
    shards: Sharded<Shard>,
    /// `latency-tracking`.
    tracks_latency: AtomicBool,
}

impl Default for Statistics {
    fn default() -> Self {
        Self { shards: Sharded::new(Shard::new), tracks_latency: AtomicBool::new(false) }
    }
}

impl Statistics {
    /// Counts a command that ran.
    pub fn ran(&self, command: &Command, took: Duration, failure: Option<&Error>) {
        let shard = self.shards.mine();
        let counts = &shard.commands[command.id];
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        counts.calls.add(1);
        counts.nanos.add(nanos);
        if self.tracks_latency.load(Ordering::Relaxed) {
            shard.histograms[command.id].get_or_init(Box::default).add(nanos);
        }
        if let Some(error) = failure {
            counts.failed.add(1);
            self.error(error);
        }
    }

    /// Sets whether calls are also counted by duration.
    pub fn track_latency(&self, tracks: bool) {
        self.tracks_latency.store(tracks, Ordering::Relaxed);
    }

    /// The durations of one command's calls; none if none was counted.
    pub fn latency_of(&self, command: &Command) -> Option<Distribution> {
        let mut sum = Distribution::default();
        let histograms = self.shards.iter().filter_map(|shard| shard.histograms[command.id].get());
        histograms.for_each(|histogram| sum.add(histogram));
        (sum.calls() > 0).then_some(sum)
    }

    /// Counts a known command that was refused before it ran.
    pub fn rejected(&self, command: &Command, error: &Error) {
        self.shards.mine().commands[command.id].rejected.add(1);
        self.error(error);
    }

    /// Counts an error that belongs to no command.
    pub fn error(&self, error: &Error) {
        let shard = self.shards.mine();
        shard.error_replies.add(1);
        let mut errors = shard.errors.lock();
        if let Some(count) = errors.get_mut(error.code()) {
            *count += 1;
        } else if errors.len() < MAX_ERROR_CODES {
            errors.insert(error.code().to_owned(), 1);
        }
    }

    /// Counts a command that panicked.
    pub fn panicked(&self) {
        self.shards.mine().panics.add(1);
    }

    /// Commands that panicked so far.
    pub fn panics(&self) -> u64 {
        self.shards.iter().map(|shard| shard.panics.get()).sum()
    }

    /// Error replies so far.
    pub fn error_replies(&self) -> u64 {
        self.shards.iter().map(|shard| shard.error_replies.get()).sum()
    }

    /// Commands run so far.
    pub fn commands_processed(&self) -> u64 {
        self.shards.iter().flat_map(|shard| &shard.commands).map(|counts| counts.calls.get()).sum()
    }

    /// Microseconds that commands ran so far.
    pub fn usec_of_all(&self) -> u64 {
        let nanos = self.shards.iter().flat_map(|shard| &shard.commands).map(|counts| counts.nanos.get());
        nanos.sum::<u64>() / 1000
    }

    /// Counts of one command.
    pub fn of(&self, command: &Command) -> CommandTotals {
        let mut totals = CommandTotals::default();
        let mut nanos = 0;
        for counts in self.shards.iter().map(|shard| &shard.commands[command.id]) {
            totals.calls += counts.calls.get();
            nanos += counts.nanos.get();
            totals.rejected += counts.rejected.get();
            totals.failed += counts.failed.get();
        }
        CommandTotals { usec: nanos / 1000, ..totals }
    }

    /// Error replies by code.
    pub fn errors(&self) -> BTreeMap<String, u64> {
        let mut total = BTreeMap::new();
        for shard in self.shards.iter() {
            for (code, count) in shard.errors.lock().iter() {
                *total.entry(code.clone()).or_default() += count;
            }
        }
        total
    }

    /// `CONFIG RESETSTAT`.
    pub fn reset(&self) {
        for shard in self.shards.iter() {
            shard.commands.iter().for_each(CommandCounts::reset);
            shard.histograms.iter().filter_map(OnceLock::get).for_each(|histogram| histogram.reset());
            shard.errors.lock().clear();
            shard.error_replies.reset();
            shard.panics.reset();
        }
    }
}
