//! Makes increments safe on a thread of its own, so that writing goes on meanwhile.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::disk::LogFile;
use super::status::Status;

/// What is to be made safe.
pub(super) struct Job {
    /// Files that were left before.
    pub(super) left: Vec<Arc<dyn LogFile>>,
    /// The present one, and how long it is.
    pub(super) file: Arc<dyn LogFile>,
    /// See `file`.
    pub(super) len: u64,
    /// The place of the stream that is safe then.
    pub(super) place: u64,
}

/// What a sync has made safe: the last of its files, and how much of that.
pub(super) type Outcome = io::Result<(Arc<dyn LogFile>, u64)>;

/// The thread, and what it shares with the writer.
pub(super) struct Syncer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    status: Arc<Status>,
}

#[derive(Default)]
struct State {
    job: Option<Job>,
    since: Option<Instant>,
    outcome: Option<Outcome>,
    ends: bool,
}

impl Syncer {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub(super) fn start(status: &Arc<Status>) -> io::Result<Self> {
        let shared = Shared { state: Mutex::default(), changed: Condvar::new(), status: Arc::clone(status) };
        let shared = Arc::new(shared);
        let worker = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("aof-sync".into()).spawn(move || worker.work())?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// True while a sync is running.
    pub(super) fn is_busy(&self) -> bool {
        self.shared.state.lock().since.is_some()
    }

    /// True if no sync is running, and the outcome of the last one was taken.
    pub(super) fn is_idle(&self) -> bool {
        let state = self.shared.state.lock();
        state.since.is_none() && state.outcome.is_none()
    }

    /// Begins to make files safe. Only if none is running.
    pub(super) fn begin(&self, job: Job) {
        let mut state = self.shared.state.lock();
        state.job = Some(job);
        state.since = Some(Instant::now());
        self.shared.status.syncing.store(1, Ordering::Relaxed);
        self.shared.changed.notify_all();
    }

    /// The outcome of the last sync, once.
    pub(super) fn take_outcome(&self) -> Option<Outcome> {
        self.shared.state.lock().outcome.take()
    }

    /// Waits for the end of a sync that has taken this long already; true if there was one.
    pub(super) fn wait_if_slower_than(&self, patience: Duration) -> bool {
        let mut state = self.shared.state.lock();
        if state.since.is_none_or(|since| since.elapsed() < patience) {
            return false;
        }
        while state.since.is_some() {
            self.shared.changed.wait(&mut state);
        }
        true
    }

    /// Waits for the end of a sync, if one is running.
    pub(super) fn wait(&self) {
        self.wait_if_slower_than(Duration::ZERO);
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.shared.state.lock().ends = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // It only syncs: it cannot have panicked.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn work(&self) {
        while let Some(job) = self.next() {
            let outcome = job.left.iter().chain([&job.file]).try_for_each(|file| file.sync());
            if outcome.is_ok() {
                self.status.note_durable(job.place);
            }
            let mut state = self.state.lock();
            state.since = None;
            state.outcome = Some(outcome.map(|()| (job.file, job.len)));
            self.status.syncing.store(0, Ordering::Relaxed);
            self.changed.notify_all();
            drop(state);
            // The writer takes the outcome.
            self.status.reader.wake();
        }
    }

    fn next(&self) -> Option<Job> {
        let mut state = self.state.lock();
        loop {
            if let Some(job) = state.job.take() {
                return Some(job);
            }
            if state.ends {
                return None;
            }
            self.changed.wait(&mut state);
        }
    }
}
