//! The log as a whole: switched on and off, and watched. `rewrite.rs` makes its bases.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::backup::Backup;
use super::disk::Increment;
use super::log::Log;
use super::manifest::Manifest;
use super::names::Names;
use super::rewrite::{AofError, Snapshot};
use super::schedule::{Growth, Schedule, Task};
use super::status::{Order, Status, SyncPolicy};
use super::writer::{self, SharedWriter, Writer};
use crate::journal::{Journal, RefusalCause};
use crate::persistence::files::remove_leftovers;

/// Between two polls of how far the log has come.
const POLL: Duration = Duration::from_millis(2);
/// Writes of a network thread in a row, for changes of other threads that came while it wrote.
const SHARED_WRITES: usize = 4;

/// The log of changes.
pub struct Aof {
    pub(super) status: Arc<Status>,
    shared_writer: Arc<SharedWriter>,
    pub(super) running: Mutex<Option<Running>>,
    /// The folder and the names of its files.
    pub(super) names: Names,
    pub(super) backup: Backup,
    pub(super) schedule: Mutex<Schedule>,
    /// A task was requested, or is finished.
    news: Condvar,
    /// False until what was there is loaded.
    is_allowed: AtomicBool,
    pub(super) is_wanted: AtomicBool,
}

/// The log while it is on.
pub(super) struct Running {
    pub(super) log: Arc<Log>,
    writer: JoinHandle<()>,
    /// Its first base is not there yet.
    pub(super) is_early: bool,
}

/// Why the log was not switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The data are still being loaded.
    Loading,
    /// Its first base could not be made; the log of the server has the reason.
    Failed,
}

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Loading => "the data are still being loaded",
            Self::Failed => "Unable to turn on AOF. Check server logs.",
        })
    }
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
    /// `aof-timestamp-enabled`
    pub is_dated: bool,
}

impl Aof {
    /// A log that is off, of the changes of this journal. Backups of it are kept in the folder
    /// `backups`.
    pub fn new(journal: Arc<Journal>, names: Names, backups: &Path) -> Self {
        Self {
            backup: Backup::new(Names::new(backups, names.stem())),
            status: Arc::new(Status::new(journal)),
            shared_writer: Arc::default(),
            running: Mutex::default(),
            names,
            schedule: Mutex::default(),
            news: Condvar::new(),
            is_allowed: AtomicBool::new(false),
            is_wanted: AtomicBool::new(true),
        }
    }

    /// Sets how it is written from now on.
    pub fn configure(&self, choices: Choices) {
        self.status.journal.set_stream_limit(choices.buffer_limit);
        self.status.journal.set_dated(choices.is_dated);
        self.status.set_policy(choices.policy, choices.spares_snapshots);
    }

    /// Makes all changes until now safe, whatever the policy is, and waits for it. Takes no lock
    /// that a command may hold.
    pub fn make_safe(&self) {
        let end = self.status.journal.end();
        self.status.set_policy(SyncPolicy::Always, false);
        while self.status.withholds(end) {
            std::thread::sleep(POLL);
        }
    }

    /// The folder and the names of its files.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// True if changes are written down, or will be as soon as there is a base.
    pub fn is_on(&self) -> bool {
        self.status.is_on()
    }

    /// True if a change that ends at this place of the stream may be answered now. If it must be
    /// written before, but not synced, the calling thread writes it.
    pub fn may_answer(&self, place: u64) -> bool {
        if self.status.withholds(place) && self.status.policy() != SyncPolicy::Always {
            self.write_here(place);
        }
        !self.status.withholds(place)
    }

    /// Writes what there is in the stream, or leaves it to a thread that writes now.
    fn write_here(&self, place: u64) {
        let reader = &self.status.reader;
        for _ in 0..SHARED_WRITES {
            let free = self.shared_writer.try_lock().or_else(|| {
                // The thread that writes reads this when it is done, or was done just now.
                reader.want(place);
                self.shared_writer.try_lock()
            });
            let Some(mut writer) = free else { return };
            let is_written = writer.as_mut().is_some_and(Writer::write_at_once);
            drop(writer);
            if !is_written {
                reader.want(place);
                break;
            }
            if !reader.is_wanted() {
                return;
            }
        }
        reader.wake();
    }

    /// Waits until a change that ends at this place of the stream may be answered.
    pub async fn until_answerable(&self, place: u64) {
        self.status.until_answerable(place).await;
    }

    /// True if the log is on, and all before this place of the stream is synced.
    pub fn is_durable(&self, place: u64) -> bool {
        self.status.is_durable(place)
    }

    /// Ready when [`is_durable`](Self::is_durable) or [`is_on`](Self::is_on) is not what it is when
    /// this is called.
    pub fn durability_change(&self, place: u64) -> impl Future<Output = ()> + Send + Sync + use<> {
        let status = Arc::clone(&self.status);
        let before = (status.is_on(), status.is_durable(place));
        async move { status.until(place, |is_on, is_durable| (is_on, is_durable) != before).await }
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
        self.status.reader.begin();
        self.launch(&log, increment, false)?;
        self.measure(&log);
        Ok(())
    }

    pub(super) fn launch(&self, log: &Arc<Log>, increment: Increment, is_early: bool) -> io::Result<()> {
        if let Err(error) = remove_leftovers(self.names.folder()) {
            tracing::warn!("cannot look for incomplete files in {}: {error}", self.names.folder().display());
        }
        self.status.begin(!is_early);
        let increments = Arc::clone(log);
        *self.shared_writer.lock() = Some(Writer::new(Arc::clone(&self.status), increments, increment)?);
        let shared_writer = Arc::clone(&self.shared_writer);
        let status = Arc::clone(&self.status);
        let thread = std::thread::Builder::new().name("aof-writer".into());
        let writer = thread.spawn(move || writer::run(&shared_writer, &status))?;
        *self.running.lock() = Some(Running { log: Arc::clone(log), writer, is_early });
        Ok(())
    }

    pub(super) fn measure(&self, log: &Log) {
        let size = log.size();
        self.status.size.store(size, Ordering::Relaxed);
        self.status.size_of_base.store(size, Ordering::Relaxed);
    }

    /// Ends the log: what was changed until now is written and synced, if possible, and the files
    /// stay.
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
        let status = &self.status;
        let journal = &self.status.journal;
        journal.divide(|| {
            status.reader.end();
            status.order(journal.end(), Order::End);
        });
        status.give_up();
        if writer.join().is_err() {
            tracing::error!("the writer of the AOF had panicked");
        }
        status.end();
        journal.refuse(RefusalCause::Log, None);
    }

    /// The data are loaded: from now on the log may be switched on and off.
    pub fn allow(&self) {
        self.is_allowed.store(true, Ordering::Release);
    }

    /// Switches the log on or off. On, it returns when the first base is in place: what is
    /// acknowledged from then on survives a crash. Within a transaction, for whose end that would
    /// wait, it returns at once, and the transaction is to [wait](Self::wait_until_on) at its end.
    ///
    /// # Errors
    /// It cannot be switched now, or not on.
    pub fn switch(&self, on: bool) -> Result<(), Refused> {
        if !self.is_allowed.load(Ordering::Acquire) {
            return Err(Refused::Loading);
        }
        self.keep_log();
        if !on {
            self.fail_backup("appendonly is stopped");
        }
        self.is_wanted.store(on, Ordering::Release);
        let inside = self.status.journal.is_inside();
        match on {
            true if inside => drop(self.request(Task::Start)),
            true => return self.switch_on(),
            false if inside => drop(self.request(Task::Stop)),
            false => {
                self.schedule.lock().forget();
                self.stop();
            }
        }
        Ok(())
    }

    fn switch_on(&self) -> Result<(), Refused> {
        let number = self.request(Task::Start);
        let stands = self.wait_for(number);
        if stands.is_err() {
            self.is_wanted.store(false, Ordering::Release);
        }
        stands
    }

    /// Waits until the log is on, if it is to be.
    ///
    /// # Errors
    /// It could not be switched on.
    pub fn wait_until_on(&self) -> Result<(), Refused> {
        let number = self.schedule.lock().last_number();
        if self.is_wanted.load(Ordering::Acquire) { self.wait_for(number) } else { Ok(()) }
    }

    /// Makes a new base, if the log is on, and waits for it: the data were changed in ways that are
    /// not in the stream.
    ///
    /// # Errors
    /// It could not be made: the log has other data than the server.
    pub fn renew(&self) -> Result<(), Refused> {
        if !self.is_on() {
            return Ok(());
        }
        self.fail_backup("the data were loaded anew");
        let number = self.request(Task::Rewrite);
        self.wait_for(number)?;
        if self.schedule.lock().last_failed { Err(Refused::Failed) } else { Ok(()) }
    }

    /// Waits until all that was changed so far is in the files, if the log is on.
    ///
    /// # Errors
    /// It cannot be written, or there is no base yet.
    pub fn write_out(&self) -> Result<(), Refused> {
        let reader = &self.status.reader;
        let place = self.status.journal.end();
        while self.is_on() && !self.status.is_written(place) {
            if self.status.has_trouble() {
                return Err(Refused::Failed);
            }
            reader.want(place);
            reader.wake();
            std::thread::sleep(POLL);
        }
        let is_early = self.running.lock().as_ref().is_some_and(|running| running.is_early);
        if is_early { Err(Refused::Failed) } else { Ok(()) }
    }

    /// Waits until a task is finished.
    fn wait_for(&self, number: u64) -> Result<(), Refused> {
        let mut schedule = self.schedule.lock();
        while !schedule.is_done_with(number) && !schedule.is_closed {
            self.news.wait(&mut schedule);
        }
        drop(schedule);
        let stands = self.running.lock().as_ref().is_some_and(|running| !running.is_early);
        if stands { Ok(()) } else { Err(Refused::Failed) }
    }

    /// Requests a new base of the thread that [serves](Self::serve). False if one is being made, or
    /// was requested.
    pub fn request_rewrite(&self) -> bool {
        let is_idle = self.schedule.lock().is_idle();
        if is_idle {
            self.request(Task::Rewrite);
        }
        is_idle
    }

    /// Requests a task of the thread that [serves](Self::serve). Its number.
    pub(super) fn request(&self, task: Task) -> u64 {
        let number = self.schedule.lock().request(task);
        self.news.notify_all();
        number
    }

    /// Carries out the tasks that are requested, until it is closed.
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
            // Before the line is logged: a reader of it may request the next one.
            let number = self.schedule.lock().end(outcome.is_ok());
            self.note_base(number, &outcome);
            if let Err(error) = &outcome {
                tracing::error!("Background AOF rewrite failed: {error}");
            } else if task != Task::Stop {
                tracing::info!("Background AOF rewrite finished successfully");
            }
            self.news.notify_all();
        }
    }

    fn start_if_wanted(&self, snapshot: &mut Snapshot<'_>) -> Result<(), AofError> {
        let is_wanted = self.is_wanted.load(Ordering::Acquire);
        let started = if is_wanted { self.start(snapshot) } else { Err(AofError::Abandoned) };
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

    /// Ends [`serve`](Self::serve) after its present task.
    pub fn close(&self) {
        self.schedule.lock().is_closed = true;
        self.news.notify_all();
    }

    /// Requests what is due: a new base if the log has grown too much or needs one, or another
    /// attempt to begin it; `wanted`: it is to be on. To be called several times a second.
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
            // Both: it may have been switched off a moment ago.
            if wanted && self.is_wanted.load(Ordering::Acquire) {
                self.request(Task::Start);
            }
            return;
        }
        let size = self.status.size.load(Ordering::Relaxed);
        let exceeded = growth.exceeded(size, self.status.size_of_base.load(Ordering::Relaxed));
        if let Some(growth) = exceeded {
            tracing::info!("Starting automatic rewriting of AOF on {growth}% growth");
        }
        let needs_base = self.status.needs_base.load(Ordering::Relaxed) && !self.status.has_trouble();
        if exceeded.is_some() || needs_base {
            self.request(Task::Rewrite);
        }
    }
}
