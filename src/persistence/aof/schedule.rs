//! When new bases are made: what was requested, the outcome of the last ones, and when a log is too
//! large.

use std::time::{Duration, Instant};

/// Increments from which automatic rewrites are put off if they fail: Redis' limit.
const MANY_INCREMENTS: usize = 3;
/// The first delay after such a failure, and the longest; each is twice the one before.
const DELAYS: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(60 * 60));
/// Between a failure and the next attempt, at least.
const RETRY: Duration = Duration::from_secs(5);

/// What is to be done with the log next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// Make a base and begin to log.
    Start,
    /// Make a new base.
    Rewrite,
    /// Stop logging.
    Stop,
}

/// When a log is rewritten by itself: `auto-aof-rewrite-percentage` and
/// `auto-aof-rewrite-min-size`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Growth {
    /// By how much it must have grown since the last rewrite; 0 is never.
    pub percentage: u64,
    /// How large it must be.
    pub min_size: u64,
}

impl Growth {
    /// By how many percent a log of `size` bytes has grown, if that is too much.
    pub(super) fn exceeded(&self, size: u64, size_of_base: u64) -> Option<u64> {
        if self.percentage == 0 || size <= self.min_size {
            return None;
        }
        let base = u128::from(size_of_base.max(1));
        let growth = (u128::from(size) * 100 / base).saturating_sub(100);
        let growth = u64::try_from(growth).unwrap_or(u64::MAX);
        (growth >= self.percentage).then_some(growth)
    }
}

/// The tasks that were requested, and their outcomes.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    task: Option<Task>,
    /// How many tasks were requested, and how many of them are finished: carried out, or replaced
    /// by a later one.
    requested: u64,
    finished: u64,
    /// How many had been requested when the one that is running was taken.
    taken: u64,
    /// When the one that is running began.
    pub(super) since: Option<Instant>,
    pub(super) last_took: Option<Duration>,
    pub(super) last_failed: bool,
    pub(super) count: u64,
    pub(super) failures_in_a_row: u64,
    failed_at: Option<Instant>,
    delay: Duration,
    /// The server ends.
    pub(super) is_closed: bool,
}

impl Schedule {
    /// Requests a task, in place of one that has not begun yet. Its number.
    pub(super) fn request(&mut self, task: Task) -> u64 {
        self.task = Some(task);
        self.requested += 1;
        self.requested
    }

    /// Drops the task that was requested and has not begun.
    pub(super) fn forget(&mut self) {
        self.task = None;
        let is_busy = self.taken > self.finished;
        self.taken = self.requested;
        if !is_busy {
            self.finished = self.requested;
        }
    }

    /// The task that was requested and has not begun.
    pub(super) fn pending(&self) -> Option<Task> {
        self.task
    }

    /// The number of the task that was requested last.
    pub(super) fn last_number(&self) -> u64 {
        self.requested
    }

    /// True if the task of this number, and those before, are finished.
    pub(super) fn is_done_with(&self, number: u64) -> bool {
        self.finished >= number
    }

    /// The next task, which counts as running from now on if it makes a base.
    pub(super) fn begin(&mut self) -> Option<Task> {
        let task = self.task.take()?;
        self.taken = self.requested;
        if task != Task::Stop {
            self.since = Some(Instant::now());
            self.count += 1;
        }
        Some(task)
    }

    /// The task that is running is finished. The number up to which all are.
    pub(super) fn end(&mut self, succeeded: bool) -> u64 {
        self.finished = self.taken;
        if let Some(since) = self.since.take() {
            self.note_rewrite(since, succeeded);
        }
        self.finished
    }

    fn note_rewrite(&mut self, since: Instant, succeeded: bool) {
        self.last_took = Some(since.elapsed());
        self.last_failed = !succeeded;
        if succeeded {
            self.failures_in_a_row = 0;
            self.failed_at = None;
            self.delay = Duration::ZERO;
        } else {
            self.failures_in_a_row += 1;
            self.failed_at = Some(Instant::now());
            self.delay = (self.delay * 2).clamp(DELAYS.0, DELAYS.1);
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.task.is_none() && self.since.is_none()
    }

    /// True if what failed lately should not be tried again yet.
    pub(super) fn must_wait(&self, increments: usize) -> bool {
        let wait = if increments >= MANY_INCREMENTS { self.delay } else { RETRY };
        self.failed_at.is_some_and(|failed| failed.elapsed() < wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_too_large_when_it_has_grown_by_so_much_and_is_so_large() {
        let growth = Growth { percentage: 100, min_size: 1000 };
        assert_eq!(growth.exceeded(1000, 10), None);
        assert_eq!(growth.exceeded(1001, 10), Some(9910));
        assert_eq!((growth.exceeded(3999, 2000), growth.exceeded(4000, 2000)), (None, Some(100)));
        assert_eq!(growth.exceeded(2000, 0), Some(199_900));
        assert_eq!(growth.exceeded(u64::MAX, 1), Some(u64::MAX));
        assert_eq!(Growth { percentage: 0, min_size: 0 }.exceeded(1 << 40, 1), None);
    }

    #[test]
    fn failures_are_counted_and_put_the_next_attempt_off() {
        let mut schedule = Schedule::default();
        let number = schedule.request(Task::Rewrite);
        assert_eq!((schedule.begin(), schedule.is_idle()), (Some(Task::Rewrite), false));
        assert!(!schedule.is_done_with(number));
        schedule.end(false);
        assert!(schedule.is_done_with(number));
        assert!(schedule.is_idle() && schedule.last_failed && schedule.must_wait(0) && schedule.must_wait(9));
        schedule.request(Task::Start);
        schedule.begin();
        schedule.end(true);
        assert!(!schedule.last_failed && !schedule.must_wait(9));
        assert_eq!((schedule.count, schedule.failures_in_a_row), (2, 0));
        let number = schedule.request(Task::Stop);
        assert_eq!((schedule.begin(), schedule.is_idle()), (Some(Task::Stop), true));
        let next = schedule.request(Task::Start);
        schedule.forget();
        assert!(!schedule.is_done_with(number) && schedule.begin().is_none());
        schedule.end(true);
        assert!(schedule.is_done_with(next));
    }
}
