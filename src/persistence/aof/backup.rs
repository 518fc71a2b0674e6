//! Backups: a base and the increments after it, kept apart from the log in a folder of their own,
//! for copying them away. What `BACKUP` does.
//!
//! A backup is made of the log's own files, which get a second name there (a hard link; a copy
//! where the file system has none), so that it costs no memory and next to no disk while the log
//! has them too.
//!
//! | state | the backup has | ends when |
//! |---|---|---|
//! | *idle* | nothing | `START`: requests a new base; a log that is off is switched on for the time of the backup |
//! | *snapshotting* | nothing yet | the base stands: it is linked |
//! | *incrementing* | the base; of the increments those that the log has removed since | `SEAL` |
//! | *sealed* | base, increments, and a manifest that names them | `CLEANUP`, or its time to live is over |
//! | *failed* | nothing; why | `START`, `CLEANUP` |
//!
//! *What a sealed backup holds:* the data at the moment of `SEAL`. That divides the stream, as a
//! rewrite does, so the increment that was written until then does not change any more; all of them
//! are synced before the manifest is.
//!
//! *Rewrites go on.* A rewrite removes increments that the backup needs: they are linked before
//! that. Both happen under the lock of the backup, so `SEAL` meets each increment in the log or in
//! its folder.
//!
//! *What ends it.* A log that is switched off, changes that are not in the stream (`DEBUG RELOAD`),
//! changes that the log has lost: then the increments do not lead from the base to the data, and
//! the backup has failed.
//!
//! The state is of this process: after a restart the folder of a sealed backup is still whole, and
//! `CLEANUP` removes it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use super::control::Aof;
use super::log::Log;
use super::manifest::{Entry, Manifest, sync_folder};
use super::names::Names;
use super::rewrite::AofError;
use super::schedule::Task;
use super::status::{NextIncrement, Order};

/// How long `SEAL` waits for the writer to begin another increment: as long as it cannot write, it
/// cannot.
const TURN_PATIENCE: Duration = Duration::from_secs(10);

/// How far a backup is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// There is none.
    #[default]
    Idle,
    /// Its base is being made.
    Snapshotting,
    /// The log collects what changes.
    Incrementing,
    /// It is complete.
    Sealed,
    /// It came to nothing.
    Failed,
}

impl Phase {
    /// Redis' word.
    pub const fn name(self) -> &'static str {
        match self {
            Phase::Idle => "idle",
            Phase::Snapshotting => "snapshotting",
            Phase::Incrementing => "incrementing",
            Phase::Sealed => "sealed",
            Phase::Failed => "failed",
        }
    }

    /// True while one is being made.
    pub const fn is_active(self) -> bool {
        matches!(self, Phase::Snapshotting | Phase::Incrementing)
    }
}

/// The reply to `BACKUP STATUS`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackupStatus {
    /// How far it is.
    pub phase: Phase,
    /// Why it failed, or empty.
    pub error: String,
    /// When it was begun, in Unix seconds, or 0.
    pub started_s: u64,
    /// When it was sealed, or 0.
    pub ended_s: u64,
}

/// Why a backup does not take a step.
#[derive(Debug)]
pub enum BackupError {
    /// One is being made.
    InProgress,
    /// A complete one is there.
    IsSealed,
    /// There is something in its folder.
    NotEmpty(PathBuf),
    /// There is none that could be sealed.
    NotIncrementing,
    /// There is none.
    None,
    /// The log is being switched off, or cannot be written.
    NoLog,
    /// The file system does not let it.
    Io(io::Error),
}

impl From<io::Error> for BackupError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The one backup there can be.
pub(super) struct Backup {
    /// Where it lies. Its files are called as they are in the log.
    names: Names,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    status: BackupStatus,
    /// The task whose base it begins with, while it is awaited.
    awaited: u64,
    /// Sealing: no other step is taken meanwhile.
    is_sealing: bool,
    /// The log was off, and is on for the backup alone.
    is_log_lent: bool,
    manifest: Manifest,
    /// Number of the first increment after its base.
    first: u64,
    sealed: Option<Instant>,
}

impl Backup {
    pub(super) fn new(names: Names) -> Self {
        Self { names, state: Mutex::default() }
    }

    /// Ends a backup that is being made, and removes what it has.
    fn fail(&self, state: &mut State, why: &str) {
        tracing::warn!("BACKUP: failed: {why}");
        self.remove_files();
        state.manifest = Manifest::default();
        state.status.phase = Phase::Failed;
        state.status.error = why.to_owned();
    }

    /// Files of the folder that can be those of a backup, and the folder if nothing else is in it.
    fn remove_files(&self) {
        let Ok(entries) = fs::read_dir(self.names.folder()) else { return };
        let is_ours = |name: &str| {
            let name = name.strip_prefix("temp-").unwrap_or(name);
            name.strip_prefix(self.names.stem()).is_some_and(|rest| rest.starts_with('.'))
        };
        for entry in entries.flatten() {
            if entry.file_name().to_str().is_some_and(is_ours)
                && let Err(error) = fs::remove_file(entry.path())
            {
                tracing::warn!("BACKUP: cannot remove {}: {error}", entry.path().display());
            }
        }
        // It stays if something else is in it.
        let _ = fs::remove_dir(self.names.folder());
    }

    fn is_empty(&self) -> bool {
        fs::read_dir(self.names.folder()).map_or(true, |mut entries| entries.next().is_none())
    }

    fn link(&self, from: &Names, entry: &Entry) -> io::Result<()> {
        link_or_copy(&from.path(&entry.name), &self.names.path(&entry.name))
    }
}

/// Copies where the two lie in different file systems.
fn link_or_copy(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => fs::copy(from, to).map(|_| ()),
        linked => linked,
    }
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl Aof {
    /// For `BACKUP STATUS`.
    pub fn backup_status(&self) -> BackupStatus {
        self.backup.state.lock().status.clone()
    }

    /// The files that do not change any more.
    pub fn backup_files(&self) -> Vec<PathBuf> {
        let state = self.backup.state.lock();
        let names = &self.backup.names;
        let manifest = &state.manifest;
        let mut files: Vec<String> = match state.status.phase {
            Phase::Incrementing => manifest.base.iter().map(|entry| entry.name.clone()).collect(),
            Phase::Sealed => {
                manifest.base.iter().chain(&manifest.increments).map(|entry| entry.name.clone()).collect()
            }
            _ => Vec::new(),
        };
        if state.status.phase == Phase::Sealed {
            files.push(names.manifest());
        }
        let absolute =
            |name: &String| std::path::absolute(names.path(name)).unwrap_or_else(|_| names.path(name));
        files.iter().map(absolute).collect()
    }

    /// `BACKUP START`: has a base made. Returns before it is.
    ///
    /// # Errors
    /// One is there or being made; its folder is not empty; the log is being switched off.
    pub fn start_backup(&self) -> Result<(), BackupError> {
        let mut state = self.backup.state.lock();
        match state.status.phase {
            phase if phase.is_active() => return Err(BackupError::InProgress),
            Phase::Sealed => return Err(BackupError::IsSealed),
            _ if !self.backup.is_empty() => {
                return Err(BackupError::NotEmpty(self.backup.names.folder().into()));
            }
            _ => {}
        }
        let is_log_lent = state.is_log_lent || !self.is_on() && !self.is_being_switched_on();
        if is_log_lent {
            self.is_wanted.store(true, Ordering::Release);
        }
        let awaited = self.ask_for_base().ok_or(BackupError::NoLog)?;
        let status = BackupStatus { phase: Phase::Snapshotting, started_s: now_s(), ..Default::default() };
        *state = State { status, awaited, is_log_lent, ..State::default() };
        Ok(())
    }

    fn is_being_switched_on(&self) -> bool {
        self.schedule.lock().pending() == Some(Task::Start)
    }

    /// The number of the next task that makes a base; none if the next one switches the log off.
    fn ask_for_base(&self) -> Option<u64> {
        let pending = self.schedule.lock().pending();
        match pending {
            Some(Task::Stop) => None,
            Some(Task::Start | Task::Rewrite) => Some(self.schedule.lock().last_number()),
            None => Some(self.request(if self.is_on() { Task::Rewrite } else { Task::Start })),
        }
    }

    /// A task is done with, or those up to this number are: the base that a backup waits for
    /// stands, or will not.
    pub(super) fn note_base(&self, number: u64, outcome: &Result<(), AofError>) {
        let mut state = self.backup.state.lock();
        if state.status.phase == Phase::Snapshotting && number >= state.awaited {
            let pinned = match outcome {
                // A base without a log: the one before was given up while this one was requested.
                Ok(()) if state.is_log_lent && !self.is_on() => {
                    state.awaited = self.request(Task::Start);
                    Ok(())
                }
                Ok(()) => self.pin_base(&mut state).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            if let Err(why) = pinned {
                self.backup.fail(&mut state, &why);
            }
        }
        self.take_log_back(&mut state);
    }

    fn pin_base(&self, state: &mut State) -> io::Result<()> {
        let running = self.running.lock();
        let Some(running) = running.as_ref().filter(|running| !running.is_early) else {
            return Err(io::Error::other("appendonly is stopped"));
        };
        let manifest = running.log.manifest();
        let (Some(base), Some(first)) = (manifest.base, manifest.increments.first()) else {
            return Err(io::Error::other("the log has no base"));
        };
        fs::create_dir_all(self.backup.names.folder())?;
        self.backup.link(&self.names, &base)?;
        tracing::info!("BACKUP: snapshot pinned ({}), now accumulating writes", base.name);
        state.first = first.seq;
        state.manifest.base = Some(base);
        state.status.phase = Phase::Incrementing;
        Ok(())
    }

    /// Before the log deletes its history: links what a backup needs of it.
    pub(super) fn keep_history(&self, log: &Log) {
        let mut state = self.backup.state.lock();
        if state.status.phase != Phase::Incrementing {
            return;
        }
        let needed = log.manifest().history;
        let kept = needed.into_iter().try_for_each(|entry| self.keep_increment(&mut state, entry));
        if let Err(error) = kept {
            self.backup.fail(&mut state, &error.to_string());
        }
    }

    /// Of the increments after the backup's base, each once and in order.
    fn keep_increment(&self, state: &mut State, entry: Entry) -> io::Result<()> {
        let last = state.manifest.increments.last().map_or(0, |last| last.seq);
        let is_increment = entry.name == self.names.increment(entry.seq);
        if !is_increment || entry.seq < state.first || entry.seq <= last {
            return Ok(());
        }
        self.backup.link(&self.names, &entry)?;
        state.manifest.increments.push(entry);
        Ok(())
    }

    /// `BACKUP SEAL`: completes the backup with all that was changed so far. Not inside the
    /// journal's gate.
    ///
    /// # Errors
    /// It is not incrementing, or the log does not let it; then it may be tried again.
    pub fn seal_backup(&self) -> Result<(), BackupError> {
        let mut state = self.backup.state.lock();
        if state.status.phase != Phase::Incrementing || state.is_sealing {
            return Err(BackupError::NotIncrementing);
        }
        state.is_sealing = true;
        drop(state);
        let next = self.turn();
        let mut state = self.backup.state.lock();
        state.is_sealing = false;
        if state.status.phase != Phase::Incrementing {
            return Err(BackupError::NotIncrementing);
        }
        let (log, from) = next.ok_or(BackupError::NoLog)?;
        self.complete(&mut state, &log, from)?;
        tracing::info!("BACKUP: sealed backup in {}", self.backup.names.folder().display());
        state.status.phase = Phase::Sealed;
        state.status.ended_s = now_s();
        state.sealed = Some(Instant::now());
        self.take_log_back(&mut state);
        Ok(())
    }

    /// Has the log go on in another increment, and waits for it: its number.
    fn turn(&self) -> Option<(Arc<Log>, u64)> {
        let log = self.running.lock().as_ref().map(|running| Arc::clone(&running.log))?;
        let status = &self.status;
        let next = Arc::new(NextIncrement::default());
        let journal = &status.journal;
        journal.divide(|| match status.reader.is_on() {
            true => status.order(journal.end(), Order::Turn(Arc::clone(&next))),
            false => next.give_up(),
        });
        status.reader.wake();
        let from = next.wait(TURN_PATIENCE)?;
        // What was written may be lost: the increments do not lead to the data.
        (!status.needs_base.load(Ordering::Relaxed)).then_some((log, from))
    }

    fn complete(&self, state: &mut State, log: &Log, from: u64) -> io::Result<()> {
        let manifest = log.manifest();
        let increments = manifest.history.into_iter().chain(manifest.increments);
        for entry in increments.filter(|entry| entry.seq < from) {
            self.keep_increment(state, entry)?;
        }
        let names = &self.backup.names;
        let made = &state.manifest;
        for entry in made.base.iter().chain(&made.increments) {
            File::open(names.path(&entry.name))?.sync_all()?;
        }
        sync_folder(names)?;
        made.store(names)
    }

    /// `BACKUP ABORT`.
    ///
    /// # Errors
    /// None is being made.
    pub fn abort_backup(&self) -> Result<(), BackupError> {
        self.fail_backup("aborted by user").then_some(()).ok_or(BackupError::None)
    }

    /// Ends a backup that is being made; false if there is none.
    pub(super) fn fail_backup(&self, why: &str) -> bool {
        let mut state = self.backup.state.lock();
        let is_active = state.status.phase.is_active();
        if is_active {
            self.backup.fail(&mut state, why);
            self.take_log_back(&mut state);
        }
        is_active
    }

    /// `BACKUP CLEANUP`: removes a backup that is complete or failed, also one of before the server
    /// started.
    ///
    /// # Errors
    /// One is being made.
    pub fn clean_up_backup(&self) -> Result<(), BackupError> {
        let mut state = self.backup.state.lock();
        if state.status.phase.is_active() {
            return Err(BackupError::InProgress);
        }
        self.backup.remove_files();
        *state = State { is_log_lent: state.is_log_lent, ..State::default() };
        Ok(())
    }

    /// Removes a complete backup whose time is over. To be called several times a second.
    pub fn look_at_backup(&self, time_to_live: Option<Duration>) {
        let is_over = |sealed: Instant| time_to_live.is_some_and(|time| sealed.elapsed() >= time);
        if self.backup.state.lock().sealed.is_some_and(is_over) {
            tracing::info!("BACKUP: removing the sealed backup, whose time is over");
            // It fails only while one is being made, and then there is none.
            let _ = self.clean_up_backup();
        }
    }

    /// `appendonly` was set: the log is no longer on for the backup alone.
    pub(super) fn keep_log(&self) {
        self.backup.state.lock().is_log_lent = false;
    }

    /// Ends a log that was switched on for a backup, and removes its files, when no backup needs it
    /// any more.
    fn take_log_back(&self, state: &mut State) {
        if !state.is_log_lent || state.status.phase.is_active() {
            return;
        }
        self.is_wanted.store(false, Ordering::Release);
        // While its first base is being made, it ends when that is done.
        let mut schedule = self.schedule.lock();
        if schedule.since.is_none() {
            // Else the next backup would take a start that has not begun for one that others want.
            schedule.forget();
            drop(schedule);
            state.is_log_lent = false;
            self.stop();
            match Manifest::load(&self.names) {
                Ok(manifest) => Log::new(self.names.clone(), manifest).discard(),
                Err(error) => tracing::warn!("BACKUP: {error}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::journal::{Journal, Record};
    use crate::persistence::aof::SyncPolicy;
    use crate::persistence::files::testing::Folder;

    /// A log that a thread serves, and where backups of it go.
    struct Served {
        folder: Folder,
        journal: Arc<Journal>,
        aof: Arc<Aof>,
        thread: Option<std::thread::JoinHandle<()>>,
    }

    impl Served {
        fn new() -> Self {
            let folder = Folder::new();
            let journal = Arc::new(Journal::new());
            let names = Names::new(folder.path().join("log"), "log");
            let aof = Arc::new(Aof::new(Arc::clone(&journal), names, &folder.path().join("backup")));
            aof.status.set_policy(SyncPolicy::Always, false);
            aof.allow();
            let served = Arc::clone(&aof);
            let divided = Arc::clone(&journal);
            let thread = std::thread::spawn(move || {
                served.serve(&mut |at_cut, path| {
                    divided.divide(at_cut);
                    fs::write(path, "base").map(|()| 4).map_err(|error| error.to_string())
                });
            });
            Self { folder, journal, aof, thread: Some(thread) }
        }

        fn change(&self, text: &'static str) {
            Record::new(&self.journal, 0, &Bytes::from_static(text.as_bytes())).commit();
        }

        fn reaches(&self, phase: Phase) {
            while self.aof.backup_status().phase != phase {
                std::thread::yield_now();
            }
        }

        fn rewrite(&self) {
            let number = self.aof.request(Task::Rewrite);
            while !self.aof.schedule.lock().is_done_with(number) {
                std::thread::yield_now();
            }
        }

        /// What the increments of the backup hold, and how many files there are.
        fn backup(&self) -> (String, usize) {
            let folder = self.folder.path().join("backup");
            let names = Names::new(&folder, "log");
            let manifest = Manifest::load(&names).expect("it is one");
            let read = |entry: &Entry| fs::read_to_string(names.path(&entry.name)).expect("it is there");
            assert_eq!(manifest.base.as_ref().map(read).as_deref(), Some("base"));
            let text: String = manifest.increments.iter().map(read).collect();
            let files = fs::read_dir(&folder).expect("it is there").count();
            (text.replace("*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n", ""), files)
        }

        fn log_files(&self) -> usize {
            fs::read_dir(self.folder.path().join("log")).map_or(0, Iterator::count)
        }
    }

    impl Drop for Served {
        fn drop(&mut self) {
            self.aof.close();
            let ended = self.thread.take().map(std::thread::JoinHandle::join);
            assert!(ended.is_none_or(|ended| ended.is_ok()));
            self.aof.stop();
        }
    }

    #[test]
    fn a_sealed_backup_has_what_was_changed_until_then() {
        let served = Served::new();
        served.aof.switch(true).expect("the folder is writable");
        served.change("unneeded");
        served.aof.start_backup().expect("there is none");
        assert!(matches!(served.aof.start_backup(), Err(BackupError::InProgress)));
        served.reaches(Phase::Incrementing);
        assert_eq!(served.aof.backup_files().len(), 1);
        served.change("one");
        served.rewrite();
        served.change("two");
        served.aof.seal_backup().expect("the folder is writable");
        served.change("later");
        served.rewrite();
        assert_eq!(served.backup(), ("onetwo".to_owned(), 4));
        assert_eq!(served.aof.backup_files().len(), 4);
        assert!(matches!(served.aof.start_backup(), Err(BackupError::IsSealed)));
        assert!(matches!(served.aof.seal_backup(), Err(BackupError::NotIncrementing)));
        assert!(matches!(served.aof.abort_backup(), Err(BackupError::None)));
        served.aof.look_at_backup(None);
        assert_eq!(served.aof.backup_status().phase, Phase::Sealed);
        served.aof.look_at_backup(Some(Duration::ZERO));
        assert_eq!(served.aof.backup_status(), BackupStatus::default());
        assert!(!served.folder.path().join("backup").exists());
        assert!(served.aof.is_on(), "the log goes on");
    }

    #[test]
    fn a_log_that_is_off_is_on_for_the_time_of_the_backup() {
        let served = Served::new();
        served.aof.start_backup().expect("there is none");
        served.reaches(Phase::Incrementing);
        served.change("one");
        served.aof.seal_backup().expect("the folder is writable");
        assert_eq!(served.backup(), ("one".to_owned(), 3));
        assert!(!served.aof.is_on() && !served.journal.is_streaming());
        assert_eq!(served.log_files(), 0);
    }

    #[test]
    fn a_log_that_is_switched_on_meanwhile_stays_on() {
        let served = Served::new();
        served.aof.start_backup().expect("there is none");
        served.reaches(Phase::Incrementing);
        served.aof.switch(true).expect("it is on already");
        served.aof.abort_backup().expect("it is being made");
        let status = served.aof.backup_status();
        assert_eq!((status.phase, status.error.as_str()), (Phase::Failed, "aborted by user"));
        assert!(served.aof.is_on() && !served.folder.path().join("backup").exists());
        served.aof.start_backup().expect("the one before has failed");
        served.reaches(Phase::Incrementing);
        assert!(matches!(served.aof.clean_up_backup(), Err(BackupError::InProgress)));
    }

    #[test]
    fn a_backup_fails_when_its_log_is_switched_off() {
        let served = Served::new();
        served.aof.switch(true).expect("the folder is writable");
        served.aof.start_backup().expect("there is none");
        served.reaches(Phase::Incrementing);
        served.aof.switch(false).expect("it can be");
        assert_eq!(served.aof.backup_status().error, "appendonly is stopped");
        assert!(served.log_files() > 0, "the log's own files stay");
        served.aof.clean_up_backup().expect("none is being made");
        assert_eq!(served.aof.backup_status(), BackupStatus::default());
    }

    #[test]
    fn what_is_in_the_way_is_named_and_what_is_not_ours_stays() {
        let served = Served::new();
        let folder = served.folder.path().join("backup");
        fs::create_dir_all(&folder).expect("it is ours");
        fs::write(folder.join("log.1.base.rdb"), "old").expect("it is ours");
        fs::write(folder.join("photo"), "").expect("it is ours");
        assert!(matches!(served.aof.start_backup(), Err(BackupError::NotEmpty(_))));
        served.aof.clean_up_backup().expect("none is being made");
        assert!(!folder.join("log.1.base.rdb").exists() && folder.join("photo").exists());
    }

    /// `START`, `ABORT` at once, over and over: whatever task is running, the log ends up off and
    /// without files.
    #[test]
    fn the_log_of_a_backup_that_is_given_up_is_asked_for_anew_by_the_next() {
        let served = Served::new();
        // Nothing that is asked for begins.
        served.aof.close();
        for _ in 0..2 {
            served.aof.start_backup().expect("none is being made");
            assert!(served.aof.backup.state.lock().is_log_lent);
            assert!(served.aof.is_wanted.load(Ordering::Acquire));
            served.aof.abort_backup().expect("one is being made");
            assert_eq!(served.aof.schedule.lock().pending(), None);
        }
    }

    #[test]
    fn a_backup_that_is_given_up_early_leaves_nothing() {
        let served = Served::new();
        for _ in 0..200 {
            served.aof.start_backup().expect("none is being made");
            served.aof.abort_backup().expect("one is being made");
        }
        while served.aof.is_on() || served.log_files() > 0 {
            std::thread::yield_now();
        }
        assert_eq!(served.aof.backup_status().phase, Phase::Failed);
    }
}
