//! The wish that the server ends, and how far its end has come.

use std::fmt;
use std::time::Instant;

use tokio::sync::watch;

/// Set by whoever wants the server to end, and read by whoever ends it.
pub struct Stop {
    requested: watch::Sender<bool>,
    progress: watch::Sender<Option<StopProgress>>,
}

/// An end that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopProgress {
    /// When it began.
    pub since: Instant,
    /// What it is waiting for now.
    pub step: StopStep,
}

/// What the end of a server waits for, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopStep {
    /// Snapshots that are running, and that are given up.
    Cancelling,
    /// The last snapshot.
    Saving,
    /// Running commands, and clients that take their last replies.
    Draining,
    /// Threads of the server.
    Joining,
    /// The log of changes.
    ClosingLog,
}

impl fmt::Display for StopStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cancelling => "a running snapshot to be given up",
            Self::Saving => "the final RDB snapshot",
            Self::Draining => "running commands and clients",
            Self::Joining => "threads of the server",
            Self::ClosingLog => "the end of the AOF",
        })
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self { requested: watch::Sender::new(false), progress: watch::Sender::new(None) }
    }
}

impl Stop {
    /// Asks the server to end. This cannot be taken back.
    pub fn request(&self) {
        self.enter(StopStep::Draining);
        self.requested.send_replace(true);
    }

    /// True once it was asked.
    pub fn is_requested(&self) -> bool {
        *self.requested.borrow()
    }

    /// Something to await it with.
    pub fn subscribe(&self) -> watch::Receiver<bool> {
        self.requested.subscribe()
    }

    /// The end comes to a step; if it had not begun, it begins.
    pub fn enter(&self, step: StopStep) {
        self.progress.send_modify(|progress| {
            let since = progress.map_or_else(Instant::now, |progress| progress.since);
            *progress = Some(StopProgress { since, step });
        });
    }

    /// The server goes on, unless its end was requested.
    pub fn abandon(&self) {
        if !self.is_requested() {
            self.progress.send_replace(None);
        }
    }

    /// How far the end has come, if it has begun.
    pub fn progress(&self) -> Option<StopProgress> {
        *self.progress.borrow()
    }

    /// Something to await the beginning of the end with.
    pub fn subscribe_progress(&self) -> watch::Receiver<Option<StopProgress>> {
        self.progress.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_keeps_its_start_until_it_is_abandoned() {
        let stop = Stop::default();
        stop.enter(StopStep::Cancelling);
        let began = stop.progress().expect("it has begun");
        stop.enter(StopStep::Saving);
        assert_eq!(stop.progress(), Some(StopProgress { step: StopStep::Saving, ..began }));
        stop.abandon();
        assert_eq!((stop.progress(), stop.is_requested()), (None, false));
        stop.request();
        stop.abandon();
        assert_eq!(stop.progress().map(|progress| progress.step), Some(StopStep::Draining));
    }
}
