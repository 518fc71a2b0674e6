//! The figures of the log in `INFO`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::control::Aof;
use super::schedule::Task;

/// The figures of the log.
#[expect(missing_docs, reason = "they are the fields of INFO")]
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    pub is_on: bool,
    pub is_rewriting: bool,
    pub is_scheduled: bool,
    pub last_rewrite: Option<Duration>,
    pub current_rewrite: Option<Duration>,
    pub last_rewrite_failed: bool,
    pub rewrites: u64,
    pub failures_in_a_row: u64,
    pub last_write_failed: bool,
    pub size: u64,
    pub size_of_base: u64,
    pub buffered: usize,
    pub last_peak_bytes: u64,
    pub syncing: u64,
    pub delayed: u64,
}

impl Aof {
    /// The figures for `INFO`.
    pub fn figures(&self) -> Figures {
        let status = &self.status;
        let schedule = self.schedule.lock();
        let load = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        Figures {
            is_on: status.is_on(),
            is_rewriting: schedule.since.is_some(),
            is_scheduled: schedule.pending().is_some_and(|task| task != Task::Stop),
            last_rewrite: schedule.last_took,
            current_rewrite: schedule.since.map(|since| since.elapsed()),
            last_rewrite_failed: schedule.last_failed,
            rewrites: schedule.count,
            failures_in_a_row: schedule.failures_in_a_row,
            last_write_failed: status.has_trouble(),
            size: load(&status.size),
            size_of_base: load(&status.size_of_base),
            buffered: status.journal.buffered_bytes(),
            last_peak_bytes: load(&status.last_peak_bytes),
            syncing: load(&status.syncing),
            delayed: status.delayed.get(),
        }
    }
}
