//! How the server is, for a service manager: what it is doing, and whether the threads that serve
//! clients still take their turns.
//!
//! A thread takes its turn when it comes back to its queue between two commands. One that does not
//! (a lock that is never released, a disk that does not answer under one) is what a watchdog is
//! for. Threads of heavy and of waiting commands are not asked: their commands may take long.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

use super::thread_table::ThreadTable;
use crate::commands::{Server, StopStep};

/// What the server is doing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stage {
    /// It does not serve yet.
    Starting,
    /// Data are being loaded.
    Loading {
        /// Bytes that were read.
        loaded_bytes: u64,
        /// Bytes of all files.
        total_bytes: u64,
        /// Seconds that it will probably take.
        left_s: u64,
    },
    /// Clients are served.
    Serving,
    /// A stop has begun. It may be given up until the data are saved.
    Ending(StopStep),
    /// A stop that is not given up any more.
    Stopping(StopStep),
}

impl fmt::Display for Stage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => out.write_str("Starting"),
            Self::Loading { loaded_bytes, total_bytes, left_s } => {
                let percent = 100.0 * *loaded_bytes as f64 / (*total_bytes).max(1) as f64;
                let megabytes = |bytes: u64| bytes >> 20;
                let (loaded, total) = (megabytes(*loaded_bytes), megabytes(*total_bytes));
                write!(out, "Loading: {percent:.0} % ({loaded} of {total} MB), about {left_s} s to go")
            }
            Self::Serving => out.write_str("Serving"),
            Self::Ending(step) | Self::Stopping(step) => write!(out, "Stopping: waiting for {step}"),
        }
    }
}

/// A turn that a thread is asked to take.
#[derive(Debug, Default)]
pub(super) struct Turn(AtomicBool);

impl Turn {
    /// Asks for it. False if an earlier one was not taken yet.
    pub(super) fn ask(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }

    pub(super) fn take(&self) {
        self.0.store(false, Ordering::Release);
    }
}

/// See the module.
#[derive(Clone)]
pub struct Health {
    server: Arc<Server>,
    thread_table: Arc<ThreadTable>,
    control: Arc<Control>,
}

/// The thread that accepts connections.
#[derive(Default)]
struct Control {
    is_serving: AtomicBool,
    turn: Turn,
    asked: Notify,
}

impl Health {
    pub(super) fn new(server: &Arc<Server>, thread_table: Arc<ThreadTable>) -> Self {
        Self { server: Arc::clone(server), thread_table, control: Arc::default() }
    }

    /// What the server is doing.
    pub fn stage(&self) -> Stage {
        let stop = &self.server.stop;
        match (stop.progress(), self.server.loading.progress()) {
            (Some(ending), _) if stop.is_requested() => Stage::Stopping(ending.step),
            (Some(ending), _) => Stage::Ending(ending.step),
            (None, Some(loading)) => Stage::Loading {
                loaded_bytes: loading.loaded_bytes,
                total_bytes: loading.total_bytes,
                left_s: loading.left_s(),
            },
            (None, None) if self.control.is_serving.load(Ordering::Acquire) => Stage::Serving,
            (None, None) => Stage::Starting,
        }
    }

    /// Asks all threads that serve clients to take a turn. Returns the names of those that have not
    /// taken the last one. While the server stops that says nothing: `shutdown-timeout` bounds it.
    pub fn late_threads(&self) -> Vec<String> {
        if matches!(self.stage(), Stage::Stopping(_)) {
            return Vec::new();
        }
        let late = self.thread_table.late_threads().into_iter();
        let mut late: Vec<String> = late.map(|thread| format!("network-{thread}")).collect();
        // Before it serves, the thread that accepts connections has no turns.
        if self.control.is_serving.load(Ordering::Acquire) {
            if self.control.turn.ask() {
                self.control.asked.notify_one();
            } else {
                late.push("control".to_owned());
            }
        }
        late
    }

    /// The data are loaded, and clients are served.
    pub(super) fn enter_service(&self) {
        self.control.is_serving.store(true, Ordering::Release);
    }

    /// Waits until the thread that accepts connections is asked for a turn, and takes it.
    pub(super) async fn control_turn(&self) {
        self.control.asked.notified().await;
        self.control.turn.take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    #[test]
    fn a_turn_is_late_until_it_is_taken() {
        let turn = Turn::default();
        assert!(turn.ask() && !turn.ask());
        turn.take();
        assert!(turn.ask());
    }

    #[test]
    fn a_thread_that_does_not_come_back_is_late() {
        let (sender, mut arrivals) = tokio::sync::mpsc::unbounded_channel();
        let table = ThreadTable::new(vec![sender]);
        assert_eq!(
            (table.late_threads(), table.late_threads(), table.late_threads()),
            (vec![], vec![0], vec![0])
        );
        assert!(matches!(arrivals.try_recv(), Ok(super::super::thread_table::Arrival::Turn)));
        assert!(arrivals.try_recv().is_err(), "turns do not pile up");
        table.took_turn(0);
        assert_eq!(table.late_threads(), [0; 0]);
    }

    #[test]
    fn stages_are_shown_for_people() {
        let loading = Stage::Loading { loaded_bytes: 3 << 20, total_bytes: 12 << 20, left_s: 9 };
        assert_eq!(loading.to_string(), "Loading: 25 % (3 of 12 MB), about 9 s to go");
        let stopping = Stage::Stopping(StopStep::Saving).to_string();
        assert_eq!(stopping, "Stopping: waiting for the final RDB snapshot");
    }

    #[test]
    fn the_stages_of_a_server_follow_each_other() {
        let bind = vec!["127.0.0.1".to_owned()];
        let settings = Settings {
            bind,
            port: 0,
            io_threads: 1,
            compute_threads: 1,
            save: Vec::new(),
            ..Settings::defaults()
        };
        let running = super::super::start(settings).expect("it starts");
        let (health, server) = (running.health(), running.server());
        assert_eq!(health.stage(), Stage::Starting);
        let (sender, receiver) = std::sync::mpsc::channel();
        let serving = std::thread::spawn(move || running.serve(|| sender.send(()).expect("the test waits")));
        receiver.recv().expect("it is ready");
        assert_eq!(health.stage(), Stage::Serving);
        // The first call only starts the turns, which are taken some time later.
        assert_eq!(health.late_threads(), [""; 0]);
        while !health.late_threads().is_empty() {
            std::thread::yield_now();
        }
        server.stop.enter(StopStep::Saving);
        assert_eq!(health.stage(), Stage::Ending(StopStep::Saving));
        server.stop.abandon();
        assert_eq!(health.stage(), Stage::Serving);
        server.stop.request();
        assert!(matches!(health.stage(), Stage::Stopping(_)));
        serving.join().expect("it ends").expect("it had nothing to load");
        assert_eq!(health.late_threads(), [""; 0]);
    }
}
