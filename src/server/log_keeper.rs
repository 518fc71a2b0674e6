//! The thread that begins and rewrites the log of changes.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::commands::Server;

/// How often a snapshot that is no longer wanted is told so, until it is given up.
const NUDGE: Duration = Duration::from_millis(5);

/// The thread.
pub(super) struct LogKeeper {
    server: Arc<Server>,
    thread: JoinHandle<()>,
}

impl LogKeeper {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub(super) fn start(server: Arc<Server>) -> io::Result<Self> {
        let of_thread = Arc::clone(&server);
        let thread =
            std::thread::Builder::new().name("aof-keeper".into()).spawn(move || of_thread.keep_log())?;
        Ok(Self { server, thread })
    }

    /// Gives up a rewrite that is running, and ends the log: all that was changed is written and synced.
    pub(super) fn stop(self) {
        self.server.aof.close();
        while !self.thread.is_finished() {
            self.server.saving.progress().cancel();
            std::thread::sleep(NUDGE);
        }
        if self.thread.join().is_err() {
            tracing::error!("the thread that rewrites the log had panicked");
        }
        self.server.aof.stop();
    }
}
