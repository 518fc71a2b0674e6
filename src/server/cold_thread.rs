//! The threads of vector sets in files: one puts sets into files that are not used, another tends
//! those that snapshots have sealed, both within `tier-io-limit`; and one puts sets into files when
//! memory is scarce. They hold no lock meanwhile.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use super::join_deadline::JoinDeadline;
use crate::commands::Server;
use crate::thread_signal::ThreadSignal;

/// The threads.
pub(super) struct ColdThread {
    signal: Arc<ThreadSignal>,
    threads: [JoinHandle<()>; 3],
}

impl ColdThread {
    /// Starts the threads, if there is a folder for files.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub(super) fn start(server: Arc<Server>) -> io::Result<Option<Self>> {
        if server.keyspace.tier().is_none() {
            return Ok(None);
        }
        let signal = Arc::new(ThreadSignal::default());
        let start = |name: &str, work: fn(&Server, &ThreadSignal)| {
            let (server, signal) = (Arc::clone(&server), Arc::clone(&signal));
            std::thread::Builder::new().name(name.into()).spawn(move || work(&server, &signal))
        };
        let cold = start("cold", Server::cool_idle_sets)?;
        let sealed = start("sealed", Server::tend_sealed_sets).inspect_err(|_| signal.stop())?;
        let demoted = start("demote", Server::demote_whole_sets).inspect_err(|_| signal.stop())?;
        Ok(Some(Self { signal, threads: [cold, sealed, demoted] }))
    }

    pub(super) fn stop(self, deadline: JoinDeadline) {
        self.signal.stop();
        let names = ["the thread of cold sets", "the thread of sealed sets", "the thread of scarce memory"];
        for (what, thread) in names.into_iter().zip(self.threads) {
            deadline.join(what, thread, || ());
        }
    }
}
