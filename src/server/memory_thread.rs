//! The thread that watches the memory.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use super::join_deadline::JoinDeadline;
use crate::commands::Server;

/// The thread.
pub(super) struct MemoryThread {
    server: Arc<Server>,
    thread: JoinHandle<()>,
}

impl MemoryThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub(super) fn start(server: Arc<Server>) -> io::Result<Self> {
        let of_thread = Arc::clone(&server);
        let thread =
            std::thread::Builder::new().name("memory".into()).spawn(move || of_thread.keep_memory())?;
        Ok(Self { server, thread })
    }

    /// No more is evicted from now on.
    pub(super) fn stop(self, deadline: JoinDeadline) {
        deadline.join("the thread that watches the memory", self.thread, || self.server.memory.stop());
    }
}
