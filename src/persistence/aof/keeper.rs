//! The log as a whole: switched on and off, and looked at. How its bases are made is told in `rewrite.rs`.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::disk::Increment;
use super::log::Log;
use super::manifest::Manifest;
use super::names::Names;
use super::rewrite::{AofError, Snapshot};
use super::schedule::{Growth, Schedule, Task};
use super::status::{Order, Status, SyncPolicy};
use super::writer::Writer;
use crate::journal::{Journal, Refuser};
use crate::persistence::files::remove_leftovers;

/// Between two looks at how far the log is safe.
const LOOK: Duration = Duration::from_millis(2);

/// The log of changes.
pub struct Aof {
    pub(super) status: Arc<Status>,
    pub(super) running: Mutex<Option<Running>>,
    /// Where the log lies.
    pub(super) names: Names,
    pub(super) schedule: Mutex<Schedule>,
    news: Condvar,
    /// False until what was there is loaded.
    is_allowed: AtomicBool,
    is_wanted: AtomicBool,
}

/// The log while it is on.
pub(super) struct Running {
    pub(super) log: Arc<Log>,
    writer: JoinHandle<()>,
    /// Its first base is not there yet.
    pub(super) is_early: bool,
}

/// How the log is to be written.
#[derive(Clone, Copy, Debug)]
pub struct Choices {
    /// `appendfsync`
    pub policy: SyncPolicy,
    /// `no-appendfsync-on-rewrite`
    pub spares_snapshots: bool,
    /// `aof-buffer-limit`
    pub buffer_limit: usize,
}

impl Aof {
    /// A log that is off, of the changes of this journal.
    pub fn new(journal: Arc<Journal>, names: Names) -> Self {
        Self {
            status: Arc::new(Status::new(journal)),
            running: Mutex::default(),
            names,
            schedule: Mutex::default(),
            news: Condvar::new(),
            is_allowed: AtomicBool::new(false),
            is_wanted: AtomicBool::new(true),
        }
    }

    /// How it is written from now on.
    pub fn configure(&self, choices: Choices) {
        self.status.journal.set_stream_limit(choices.buffer_limit);
        self.status.set_policy(choices.policy, choices.spares_snapshots);
    }

    /// Makes all changes until now safe, whatever the policy is, and waits for it: takes no lock
    /// that a command may keep.
    pub fn make_safe(&self) {
        let end = self.status.journal.end();
        self.status.set_policy(SyncPolicy::Always, false);
        while self.withholds(end) {
            std::thread::sleep(LOOK);
        }
    }

    /// Where it lies.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// True if changes are written down, or will be as soon as there is a base.
    pub fn is_on(&self) -> bool {
        self.status.is_on()
    }

    /// True if a change that ends at this place of the stream must not be answered before it is safe.
    pub fn withholds(&self, place: u64) -> bool {
        self.status.withholds(place)
    }

    /// Waits until a change that ends at this place of the stream may be answered.
    pub async fn until_told(&self, place: u64) {
        self.status.until_told(place).await;
    }

    /// Goes on with the log that was loaded. Before there are clients.
    ///
    /// # Errors
    /// The system gives no file, or no thread.
    pub fn resume(&self, manifest: Manifest) -> Result<(), AofError> {
        let log = Arc::new(Log::new(self.names.clone(), manifest));
        let increment = log.resume()?;
        if let Err(error) = log.delete_history() {
            tracing::warn!("a file of the AOF's history could not be removed: {error}");
        }
        self.status.journal.set_streaming(true);
        self.launch(&log, increment, false)?;
        self.measure(&log);
        Ok(())
    }

    pub(super) fn launch(&self, log: &Arc<Log>, increment: Increment, is_early: bool) -> io::Result<()> {
        if let Err(error) = remove_leftovers(self.names.folder()) {
            tracing::warn!("cannot look for incomplete files in {}: {error}", self.names.folder().display());
        }
        self.status.begin();
        let increments = Arc::clone(log);
        let writer = Writer::new(Arc::clone(&self.status), increments, increment)?;
        let writer = std::thread::Builder::new().name("aof-writer".into()).spawn(move || writer.run())?;
        *self.running.lock() = Some(Running { log: Arc::clone(log), writer, is_early });
        Ok(())
    }

    pub(super) fn measure(&self, log: &Log) {
        let size = log.size();
        self.status.size.store(size, Ordering::Relaxed);
        self.status.size_of_base.store(size, Ordering::Relaxed);
    }

    /// Ends the log: what was changed until now is written and synced, if that is possible, and the files are kept.
    pub fn stop(&self) {
        let log = self.running.lock().as_ref().map(|running| Arc::clone(&running.log));
        if let Some(log) = log {
            self.halt(&log);
        }
    }

    pub(super) fn halt(&self, log: &Arc<Log>) {
        let mut running = self.running.lock();
        if running.as_ref().is_none_or(|running| !Arc::ptr_eq(&running.log, log)) {
            return;
        }
        let Some(Running { writer, .. }) = running.take() else { return };
        let (status, journal) = (&self.status, &self.status.journal);
        journal.divide(|| {
            journal.set_streaming(false);
            status.order(journal.end(), Order::End);
        });
        status.give_up();
        if writer.join().is_err() {
            tracing::error!("the writer of the AOF had panicked");
        }
        status.end();
        journal.refuse(Refuser::Log, None);
    }

    /// What there was is loaded: from now on it may be switched on and off.
    pub fn allow(&self) {
        self.is_allowed.store(true, Ordering::Release);
    }

    /// Has the thread that [serves](Self::serve) switch the log on; or switches it off. False if that cannot be yet.
    pub fn switch(&self, on: bool) -> bool {
        if !self.is_allowed.load(Ordering::Acquire) {
            return false;
        }
        self.is_wanted.store(on, Ordering::Release);
        let inside = self.status.journal.is_inside();
        match on {
            true => self.ask(Task::Start),
            // Within a transaction nobody can wait for its own end.
            false if inside => self.ask(Task::Stop),
            false => {
                self.schedule.lock().task = None;
                self.stop();
            }
        }
        true
    }

    /// Asks the thread that [serves](Self::serve) for a new base. False if one is being made, or was asked for.
    pub fn ask_for_rewrite(&self) -> bool {
        let is_idle = self.schedule.lock().is_idle();
        if is_idle {
            self.ask(Task::Rewrite);
        }
        is_idle
    }

    fn ask(&self, task: Task) {
        self.schedule.lock().task = Some(task);
        self.news.notify_all();
    }

    /// Does what it is asked for, until it is closed.
    pub fn serve(&self, snapshot: &mut Snapshot<'_>) {
        while let Some(task) = self.next_task() {
            let outcome = match task {
                Task::Start if self.is_on() => Ok(()),
                Task::Start => self.start_if_wanted(snapshot),
                Task::Rewrite => self.rewrite(snapshot),
                Task::Stop => {
                    self.stop();
                    Ok(())
                }
            };
            if let Err(error) = &outcome {
                tracing::error!("Background AOF rewrite failed: {error}");
            } else if task != Task::Stop {
                tracing::info!("Background AOF rewrite finished successfully");
            }
            self.schedule.lock().end(outcome.is_ok());
        }
    }

    fn start_if_wanted(&self, snapshot: &mut Snapshot<'_>) -> Result<(), AofError> {
        let started = self.start(snapshot);
        if !self.is_wanted.load(Ordering::Acquire) {
            // It was switched off again before there was anything to end.
            self.stop();
        }
        started
    }

    fn next_task(&self) -> Option<Task> {
        let mut schedule = self.schedule.lock();
        loop {
            if schedule.is_closed {
                return None;
            }
            if let Some(task) = schedule.begin() {
                return Some(task);
            }
            self.news.wait(&mut schedule);
        }
    }

    /// Lets [`serve`](Self::serve) end after what it is doing.
    pub fn close(&self) {
        self.schedule.lock().is_closed = true;
        self.news.notify_all();
    }

    /// Looks whether the log has grown too much, or needs a new base, or could not be begun. `wanted` says that it is to be on. To
    /// be called now and then.
    pub fn look(&self, growth: Growth, wanted: bool) {
        if !self.is_allowed.load(Ordering::Acquire) {
            return;
        }
        let increments = match &*self.running.lock() {
            Some(running) if running.is_early => return,
            Some(running) => Some(running.log.increments()),
            None => None,
        };
        let schedule = self.schedule.lock();
        if !schedule.is_idle() || schedule.must_wait(increments.unwrap_or(0)) {
            return;
        }
        drop(schedule);
        if increments.is_none() {
            return if wanted {
                self.ask(Task::Start)
            };
        }
        let size = self.status.size.load(Ordering::Relaxed);
        let exceeded = growth.exceeded(size, self.status.size_of_base.load(Ordering::Relaxed));
        if let Some(growth) = exceeded {
            tracing::info!("Starting automatic rewriting of AOF on {growth}% growth");
        }
        let needs_base = self.status.needs_base.load(Ordering::Relaxed) && !self.status.has_trouble();
        if exceeded.is_some() || needs_base {
            self.ask(Task::Rewrite);
        }
    }
}
