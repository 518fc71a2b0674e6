//! The thread that begins and rewrites the log of changes.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use super::join_deadline::JoinDeadline;
use crate::commands::{Server, StopStep};

/// The thread.
pub(super) struct AofThread {
    server: Arc<Server>,
    thread: JoinHandle<()>,
}

impl AofThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub(super) fn start(server: Arc<Server>) -> io::Result<Self> {
        let of_thread = Arc::clone(&server);
        let thread =
            std::thread::Builder::new().name("aof".into()).spawn(move || of_thread.run_log_tasks())?;
        Ok(Self { server, thread })
    }

    /// Cancels a rewrite that is running, and closes the log: all that was changed is written and
    /// synced.
    pub(super) fn stop(self, deadline: JoinDeadline) {
        self.server.aof.close();
        let give_up = || self.server.saving.progress().cancel();
        deadline.join("the thread that rewrites the log", self.thread, give_up);
        self.server.stop.enter(StopStep::ClosingLog);
        // What is not sealed is of no use, and a log that was on for it alone is none.
        let _ = self.server.aof.abort_backup();
        self.server.aof.stop();
    }
}
