//! The log as a whole: switched on and off, rewritten, and looked at.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::log::Log;
use super::manifest::{Manifest, ManifestError};
use super::names::Names;
use super::rewrite::{Growth, Rewrites, Task};
use super::status::{Order, Status, SyncPolicy, Turned};
use super::writer::Writer;
use crate::journal::{Journal, Refuser};

/// How long a base that is done waits for the writer to begin the increment that follows it: as long as it cannot write, it
/// cannot begin one either.
const TURN_PATIENCE: Duration = Duration::from_secs(10);

/// The log of changes.
pub struct Aof {
    status: Arc<Status>,
    running: Mutex<Option<Running>>,
    /// Where the log lies.
    names: Names,
    rewrites: Mutex<Rewrites>,
    news: Condvar,
    /// False until what was there is loaded.
    is_allowed: AtomicBool,
    is_wanted: AtomicBool,
}

/// The log while it is on.
struct Running {
    log: Arc<Log>,
    writer: JoinHandle<()>,
    /// Its first base is not there yet.
    is_early: bool,
}

/// Why the log could not be begun, or rewritten.
#[derive(Debug)]
pub enum AofError {
    /// The file system does not let it.
    Io(io::Error),
    /// What is there is no log.
    Manifest(ManifestError),
    /// The base could not be written.
    Snapshot(String),
    /// The log was switched off meanwhile, or its writer cannot write.
    Abandoned,
}

impl fmt::Display for AofError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(out),
            Self::Manifest(error) => error.fmt(out),
            Self::Snapshot(reason) => out.write_str(reason),
            Self::Abandoned => out.write_str("the log was switched off, or cannot be written"),
        }
    }
}

impl std::error::Error for AofError {}

impl From<io::Error> for AofError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Writes the data of some moment to a file, and runs the function at that moment, when nobody changes data.
pub type Snapshot<'s> = dyn FnMut(&mut dyn FnMut(), &Path) -> Result<(), String> + 's;

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
            rewrites: Mutex::default(),
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

    fn launch(&self, log: &Arc<Log>, increment: super::disk::Increment, is_early: bool) -> io::Result<()> {
        self.status.begin();
        let increments = Arc::clone(log);
        let writer = Writer::new(Arc::clone(&self.status), increments, increment)?;
        let writer = std::thread::Builder::new().name("aof-writer".into()).spawn(move || writer.run())?;
        *self.running.lock() = Some(Running { log: Arc::clone(log), writer, is_early });
        Ok(())
    }

    fn measure(&self, log: &Log) {
        let size = log.size();
        self.status.size.store(size, Ordering::Relaxed);
        self.status.size_of_base.store(size, Ordering::Relaxed);
    }

    /// Begins a log with a base of the data as they are. What was logged before is of no use from then on.
    ///
    /// # Errors
    /// The base cannot be made; the log is off then.
    pub fn start(&self, snapshot: &mut Snapshot<'_>) -> Result<(), AofError> {
        let manifest = Manifest::load(&self.names).map_err(AofError::Manifest)?;
        let log = Arc::new(Log::new(self.names.clone(), manifest));
        let increment = log.begin_early()?;
        self.launch(&log, increment, true)?;
        let journal = &self.status.journal;
        let made = snapshot(&mut || journal.set_streaming(true), &self.names.path(&self.names.new_base()));
        let stands = made.map_err(AofError::Snapshot).and_then(|()| self.adopt(&log, u64::MAX));
        if stands.is_err() {
            self.halt(&log);
            log.forget_early();
        }
        stands
    }

    /// Puts the new base in place.
    fn adopt(&self, log: &Arc<Log>, from: u64) -> Result<(), AofError> {
        let mut running = self.running.lock();
        let Some(running) = running.as_mut().filter(|running| Arc::ptr_eq(&running.log, log)) else {
            return Err(AofError::Abandoned);
        };
        log.rebase(from)?;
        running.is_early = false;
        self.clear(log);
        Ok(())
    }

    fn clear(&self, log: &Log) {
        if let Err(error) = log.delete_history() {
            tracing::warn!("a file of the AOF's history could not be removed: {error}");
        }
        self.measure(log);
    }

    /// Makes a new base, also if the log is off.
    ///
    /// # Errors
    /// The base cannot be made; the log stays as it was, but for one more increment.
    pub fn rewrite(&self, snapshot: &mut Snapshot<'_>) -> Result<(), AofError> {
        let log = self.running.lock().as_ref().map(|running| Arc::clone(&running.log));
        let made = match log {
            Some(log) => self.rewrite_running(&log, snapshot),
            None => self.rewrite_resting(snapshot),
        };
        if made.is_err() {
            // It is of no use; if it stays it is overwritten by the next one.
            let _ = fs::remove_file(self.names.path(&self.names.new_base()));
        }
        made
    }

    fn rewrite_running(&self, log: &Arc<Log>, snapshot: &mut Snapshot<'_>) -> Result<(), AofError> {
        let (status, turned) = (&self.status, Arc::new(Turned::default()));
        let needed = status.needs_base.swap(false, Ordering::Relaxed);
        let mut at_cut = || status.order(status.journal.end(), Order::Turn(Arc::clone(&turned)));
        let made = snapshot(&mut at_cut, &self.names.path(&self.names.new_base()));
        let from = made
            .map_err(AofError::Snapshot)
            .and_then(|()| turned.wait(TURN_PATIENCE).ok_or(AofError::Abandoned));
        let done = from.and_then(|from| self.adopt(log, from));
        if done.is_err() && needed {
            status.needs_base.store(true, Ordering::Relaxed);
        }
        done
    }

    fn rewrite_resting(&self, snapshot: &mut Snapshot<'_>) -> Result<(), AofError> {
        fs::create_dir_all(self.names.folder())?;
        let manifest = Manifest::load(&self.names).map_err(AofError::Manifest)?;
        let log = Log::new(self.names.clone(), manifest);
        snapshot(&mut || (), &self.names.path(&self.names.new_base())).map_err(AofError::Snapshot)?;
        // It may have been switched on meanwhile, with the same files; then that base is the better one.
        let running = self.running.lock();
        if running.is_some() {
            return Err(AofError::Abandoned);
        }
        log.rebase(u64::MAX)?;
        log.delete_history()?;
        Ok(())
    }

    /// Ends the log: what was changed until now is written and synced, if that is possible, and the files are kept.
    pub fn stop(&self) {
        let log = self.running.lock().as_ref().map(|running| Arc::clone(&running.log));
        if let Some(log) = log {
            self.halt(&log);
        }
    }

    fn halt(&self, log: &Arc<Log>) {
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
                self.rewrites.lock().task = None;
                self.stop();
            }
        }
        true
    }

    /// Asks the thread that [serves](Self::serve) for a new base. False if one is being made, or was asked for.
    pub fn ask_for_rewrite(&self) -> bool {
        let is_idle = self.rewrites.lock().is_idle();
        if is_idle {
            self.ask(Task::Rewrite);
        }
        is_idle
    }

    fn ask(&self, task: Task) {
        self.rewrites.lock().task = Some(task);
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
            self.rewrites.lock().end(outcome.is_ok());
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
        let mut rewrites = self.rewrites.lock();
        loop {
            if rewrites.is_closed {
                return None;
            }
            if let Some(task) = rewrites.begin() {
                return Some(task);
            }
            self.news.wait(&mut rewrites);
        }
    }

    /// Lets [`serve`](Self::serve) end after what it is doing.
    pub fn close(&self) {
        self.rewrites.lock().is_closed = true;
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
        let rewrites = self.rewrites.lock();
        if !rewrites.is_idle() || rewrites.must_wait(increments.unwrap_or(0)) {
            return;
        }
        drop(rewrites);
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

    /// What `INFO` tells.
    pub fn figures(&self) -> Figures {
        let (status, rewrites) = (&self.status, self.rewrites.lock());
        let load = |figure: &std::sync::atomic::AtomicU64| figure.load(Ordering::Relaxed);
        Figures {
            is_on: status.is_on(),
            is_rewriting: rewrites.since.is_some(),
            is_scheduled: rewrites.task.is_some_and(|task| task != Task::Stop),
            last_rewrite: rewrites.last_took,
            current_rewrite: rewrites.since.map(|since: Instant| since.elapsed()),
            last_rewrite_failed: rewrites.last_failed,
            rewrites: rewrites.count,
            failures_in_a_row: rewrites.failures_in_a_row,
            last_write_failed: status.has_trouble(),
            size: load(&status.size),
            size_of_base: load(&status.size_of_base),
            buffered: status.journal.buffered_bytes(),
            syncing: load(&status.syncing),
            delayed: status.delayed.get(),
        }
    }
}

/// The figures of the log.
#[expect(missing_docs, reason = "they are the fields of INFO")]
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    pub is_on: bool,
    pub is_rewriting: bool,
    pub is_scheduled: bool,
    pub last_rewrite: Option<Duration>,
    pub current_rewrite: Option<Duration>,
    pub last_rewrite_failed: bool,
    pub rewrites: u64,
    pub failures_in_a_row: u64,
    pub last_write_failed: bool,
    pub size: u64,
    pub size_of_base: u64,
    pub buffered: usize,
    pub syncing: u64,
    pub delayed: u64,
}
