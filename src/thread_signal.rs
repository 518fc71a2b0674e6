//! How a background thread that works in rounds is woken before the next one, and stopped.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// Wakes and stops one thread.
#[derive(Debug, Default)]
pub(crate) struct ThreadSignal {
    /// True from a call until the thread has seen it, so that many callers cost one.
    is_called: AtomicBool,
    is_stopped: Mutex<bool>,
    wake: Condvar,
}

impl ThreadSignal {
    /// Ends the thread's wait, or its next one.
    pub(crate) fn wake(&self) {
        if !self.is_called.swap(true, Ordering::Relaxed) {
            // The lock is held, so that the thread is not between its look and its wait.
            let _stopped = self.is_stopped.lock();
            self.wake.notify_all();
        }
    }

    /// The same, and all waits from now on are over at once.
    pub(crate) fn stop(&self) {
        *self.is_stopped.lock() = true;
        self.wake.notify_all();
    }

    /// True if the thread is to end.
    pub(crate) fn is_stopped(&self) -> bool {
        *self.is_stopped.lock()
    }

    /// Waits for so long at most; true if the thread is to end.
    pub(crate) fn wait_for(&self, time: Duration) -> bool {
        let mut is_stopped = self.is_stopped.lock();
        if !*is_stopped && !self.is_called.load(Ordering::Relaxed) {
            self.wake.wait_for(&mut is_stopped, time);
        }
        self.is_called.store(false, Ordering::Relaxed);
        *is_stopped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOR_EVER: Duration = Duration::from_secs(3600);

    #[test]
    fn a_call_before_the_wait_is_not_lost_and_counts_once() {
        let signal = ThreadSignal::default();
        signal.wake();
        signal.wake();
        assert!(!signal.wait_for(FOR_EVER));
        assert!(!signal.is_called.load(Ordering::Relaxed) && !signal.is_stopped());
        assert!(!signal.wait_for(Duration::from_millis(1)));
    }

    #[test]
    fn a_thread_that_waits_is_woken_and_stopped() {
        let signal = ThreadSignal::default();
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                while !signal.wait_for(FOR_EVER) {}
                assert!(signal.is_stopped());
            });
            signal.wake();
            signal.stop();
            assert!(thread.join().is_ok());
        });
    }
}
