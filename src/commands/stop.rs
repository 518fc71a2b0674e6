//! The request to stop the server, and how far the stop has come.

use std::fmt;
use std::time::Instant;

use tokio::sync::watch;

/// Set by signals and `SHUTDOWN`; read by the task that stops the server.
pub struct Stop {
    requested: watch::Sender<bool>,
    progress: watch::Sender<Option<StopProgress>>,
}

/// A stop that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopProgress {
    /// When it began.
    pub since: Instant,
    /// What the stop waits for now.
    pub step: StopStep,
}

/// What the stop of a server waits for, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopStep {
    /// Running snapshots, which are cancelled.
    Cancelling,
    /// The final snapshot.
    Saving,
    /// Running commands, and clients that read their last replies.
    Draining,
    /// Threads of the server, which are joined.
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
    /// Requests that the server stops. This cannot be undone.
    pub fn request(&self) {
        self.enter(StopStep::Draining);
        self.requested.send_replace(true);
    }

    /// True once the stop was requested.
    pub fn is_requested(&self) -> bool {
        *self.requested.borrow()
    }

    /// A channel on which the request can be awaited.
    pub fn subscribe(&self) -> watch::Receiver<bool> {
        self.requested.subscribe()
    }

    /// Notes that the stop has come to this step. The first call begins the stop.
    pub fn enter(&self, step: StopStep) {
        self.progress.send_modify(|progress| {
            let since = progress.map_or_else(Instant::now, |progress| progress.since);
            *progress = Some(StopProgress { since, step });
        });
    }

    /// Notes that the server goes on, unless the stop was requested.
    pub fn abandon(&self) {
        if !self.is_requested() {
            self.progress.send_replace(None);
        }
    }

    /// How far the stop has come, if it has begun.
    pub fn progress(&self) -> Option<StopProgress> {
        *self.progress.borrow()
    }

    /// A channel on which the beginning of the stop can be awaited.
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
