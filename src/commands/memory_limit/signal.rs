//! How the background thread is woken and stopped.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::RELAXED;

/// Wakes one thread.
#[derive(Debug, Default)]
pub(super) struct Signal {
    /// True from a call until the thread has seen it, so that many callers cost one.
    is_called: AtomicBool,
    is_stopped: Mutex<bool>,
    wake: Condvar,
}

impl Signal {
    /// Ends the thread's wait, or its next one.
    pub(super) fn wake(&self) {
        if !self.is_called.swap(true, RELAXED) {
            // The lock is held, so that the thread is not between its look and its wait.
            let _stopped = self.is_stopped.lock();
            self.wake.notify_all();
        }
    }

    /// The same, and all waits from now on are over at once.
    pub(super) fn stop(&self) {
        *self.is_stopped.lock() = true;
        self.wake.notify_all();
    }

    /// True if the thread is to end.
    pub(super) fn is_stopped(&self) -> bool {
        *self.is_stopped.lock()
    }

    /// Waits for so long at most.
    pub(super) fn wait_for(&self, time: Duration) {
        let mut is_stopped = self.is_stopped.lock();
        if !*is_stopped && !self.is_called.load(RELAXED) {
            self.wake.wait_for(&mut is_stopped, time);
        }
        self.is_called.store(false, RELAXED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOR_EVER: Duration = Duration::from_secs(3600);

    #[test]
    fn a_call_before_the_wait_is_not_lost_and_counts_once() {
        let signal = Signal::default();
        signal.wake();
        signal.wake();
        signal.wait_for(FOR_EVER);
        assert!(!signal.is_called.load(RELAXED) && !signal.is_stopped());
        signal.wait_for(Duration::from_millis(1));
    }

    #[test]
    fn a_thread_that_waits_is_woken_and_stopped() {
        let signal = Signal::default();
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                while !signal.is_stopped() {
                    signal.wait_for(FOR_EVER);
                }
            });
            signal.wake();
            signal.stop();
            assert!(thread.join().is_ok());
        });
    }
}
