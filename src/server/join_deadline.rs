//! Joining the threads that stop with the server: each is waited for, but none for ever.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two looks at a thread.
const LOOK: Duration = Duration::from_millis(1);
/// How long all threads together may take, at most.
const MAX_TIME: Duration = Duration::from_secs(5);

/// Deadline until which threads are waited for, all together.
#[derive(Clone, Copy, Debug)]
pub(super) struct JoinDeadline {
    until: Instant,
}

impl JoinDeadline {
    /// A part of the time that the end of the server may take: the AOF is to be closed in what is
    /// left.
    pub(super) fn of(timeout: Option<Duration>) -> Self {
        Self { until: Instant::now() + timeout.map_or(MAX_TIME, |timeout| MAX_TIME.min(timeout / 4)) }
    }

    /// Waits for a thread, and repeats the request to stop meanwhile. One that does not is
    /// detached: it stops with the process.
    pub(super) fn join(self, name: &str, thread: JoinHandle<()>, remind: impl Fn()) {
        while !thread.is_finished() {
            if Instant::now() > self.until {
                return tracing::error!("{name} does not stop, and is detached");
            }
            remind();
            std::thread::sleep(LOOK);
        }
        if thread.join().is_err() {
            tracing::error!("{name} had panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_thread_that_hangs_is_detached() {
        let deadline = JoinDeadline::of(Some(Duration::from_millis(40)));
        let reminders = AtomicU32::new(0);
        let (hold, held) = mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            let _ = held.recv();
        });
        deadline.join("it", thread, || {
            reminders.fetch_add(1, Ordering::Relaxed);
        });
        assert!(reminders.into_inner() > 0);
        deadline.join("one that ends", std::thread::spawn(move || drop(hold)), || ());
    }
}
