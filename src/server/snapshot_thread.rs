//! The thread that saves the data in the background.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use super::join_deadline::JoinDeadline;
use crate::commands::Server;

/// The thread.
pub(super) struct SnapshotThread {
    server: Arc<Server>,
    thread: JoinHandle<()>,
}

impl SnapshotThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub(super) fn start(server: Arc<Server>) -> io::Result<Self> {
        let of_thread = Arc::clone(&server);
        let thread = std::thread::Builder::new()
            .name("snapshot".into())
            .spawn(move || of_thread.run_background_saves())?;
        Ok(Self { server, thread })
    }

    /// Cancels what is being saved.
    pub(super) fn stop(self, deadline: JoinDeadline) {
        self.server.saving.close();
        deadline.join("the thread that saves", self.thread, || self.server.saving.progress().cancel());
    }
}
