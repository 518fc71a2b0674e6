//! The thread that puts vector sets into files which are not used. It writes slowly, and holds no
//! lock meanwhile.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use super::join_deadline::JoinDeadline;
use crate::commands::Server;
use crate::thread_signal::ThreadSignal;

/// The thread.
pub(super) struct ColdThread {
    signal: Arc<ThreadSignal>,
    thread: JoinHandle<()>,
}

impl ColdThread {
    /// Starts the thread, if there is a folder for files.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub(super) fn start(server: Arc<Server>) -> io::Result<Option<Self>> {
        if server.keyspace.tier().is_none() {
            return Ok(None);
        }
        let signal = Arc::new(ThreadSignal::default());
        let own = Arc::clone(&signal);
        let thread =
            std::thread::Builder::new().name("cold".into()).spawn(move || server.cool_idle_sets(&own))?;
        Ok(Some(Self { signal, thread }))
    }

    pub(super) fn stop(self, deadline: JoinDeadline) {
        self.signal.stop();
        deadline.join("the thread of cold sets", self.thread, || ());
    }
}
