//! Saving the data to a file: which save is running, and the outcome of the last one.
//!
//! One snapshot is taken at a time, by the thread that has the [`Turn`]. A background save has it
//! from the moment of its request, so that a second one is refused, though a thread of its own
//! begins it a little later.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::{Condvar, Mutex};

use super::files::{Replacement, SkippedFiles, SpillFile};
use super::rdb::Writer;
use super::rdb::save::{Adoption, FileInfo, Form, Progress, save};
use crate::journal::Journal;
use crate::keyspace::{Census, Database, Keyspace};
use crate::vector_set::{Haste, NamedBy};

/// Bytes of one write.
const BUFFER_LEN: usize = 1024 * 1024;
/// Seconds between a failure and the next save by a rule (Redis: `CONFIG_BGSAVE_RETRY_DELAY`).
const RETRY_S: u64 = 5;
/// Between two attempts to cancel a snapshot that may not have begun yet.
const NUDGE: Duration = Duration::from_millis(5);

/// The path of a file, and how it is to be written.
#[derive(Clone, Debug)]
pub struct Target {
    /// The file that it replaces.
    pub path: PathBuf,
    /// `rdbcompression`
    pub compress: bool,
    /// `rdbchecksum`
    pub checksum: bool,
    /// What it says of itself.
    pub info: FileInfo,
}

/// A file that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Bytes.
    pub len: u64,
    /// Keys.
    pub keys: u64,
    /// Changes that it has, of those that the journal counted.
    pub changes: u64,
}

/// Why there is no new file.
#[derive(Debug)]
pub struct SaveError {
    path: PathBuf,
    error: io::Error,
}

impl fmt::Display for SaveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was not written: {}", self.path.display(), self.error)
    }
}

impl std::error::Error for SaveError {}

/// What a save is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saver {
    /// A client, or the end of the server, that waits for it.
    Foreground,
    /// A thread of its own: `BGSAVE`, and the rules of `save`.
    Background,
    /// A new base of the log.
    Log,
}

/// The saves of a server.
#[derive(Debug)]
pub struct Saving {
    journal: Arc<Journal>,
    state: Mutex<State>,
    changed: Condvar,
    progress: Progress,
    skipped: SkippedFiles,
    /// Files of sets that were sealed, whose keys may come to mean them.
    adoptions: Mutex<Vec<Adoption>>,
}

#[derive(Debug)]
struct State {
    running: Option<(Saver, Instant)>,
    /// The background save that has the turn has not begun yet.
    is_requested: bool,
    /// Another is to follow when the turn is free.
    is_scheduled: bool,
    is_closed: bool,
    history: History,
}

/// What was saved, and when.
#[derive(Clone, Copy, Debug)]
pub struct History {
    /// The end of the last save that succeeded, or the start of the server; in Unix seconds.
    pub last_save_s: u64,
    /// The last one that was tried in the background.
    pub last_try_s: u64,
    /// False if the last one failed.
    pub is_ok: bool,
    /// How long the last one in the background took.
    pub last_took: Option<Duration>,
    /// How many there were, of both kinds.
    pub saves: u64,
    /// How many have failed since then.
    pub failures_in_a_row: u64,
    /// The most bytes of before-images that were in memory during the last one.
    pub last_peak_bytes: usize,
    /// How long writers were kept out at the last cut.
    pub last_cut: Duration,
}

/// The save that is running, and those before.
#[derive(Clone, Copy, Debug)]
pub struct Status {
    /// What is saved for, and since when.
    pub running: Option<(Saver, Instant)>,
    /// A background save waits for its turn.
    pub is_scheduled: bool,
    /// The saves before.
    pub history: History,
}

/// The outcome of a request for a background save.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requested {
    /// It begins.
    Started,
    /// It will begin when it can.
    Scheduled,
    /// One is running.
    AlreadyRunning,
    /// Something else is running, and it was not to be scheduled.
    Busy,
}

/// A rule: save after so many seconds if there were so many changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Seconds since the last save.
    pub seconds: u64,
    /// Changes since then.
    pub changes: u64,
}

impl Saving {
    /// Of the data whose changes this journal has. Nothing was saved yet.
    pub fn new(journal: Arc<Journal>) -> Self {
        let history = History {
            last_save_s: now_s(),
            last_try_s: 0,
            is_ok: true,
            last_took: None,
            saves: 0,
            failures_in_a_row: 0,
            last_peak_bytes: 0,
            last_cut: Duration::ZERO,
        };
        let state =
            State { running: None, is_requested: false, is_scheduled: false, is_closed: false, history };
        Self {
            journal,
            state: Mutex::new(state),
            changed: Condvar::new(),
            progress: Progress::default(),
            skipped: SkippedFiles::default(),
            adoptions: Mutex::default(),
        }
    }

    /// What is running, and the outcomes of saves before.
    pub fn status(&self) -> Status {
        let state = self.state.lock();
        Status { running: state.running, is_scheduled: state.is_scheduled, history: state.history }
    }

    /// How far the save that is running has come.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Files of which parts were not loaded: no save takes the place of one that is not kept
    /// elsewhere.
    pub fn skipped_files(&self) -> &SkippedFiles {
        &self.skipped
    }

    /// Requests a save in the background. One that cannot begin at once is scheduled if it may
    /// wait; `must_wait`: it is scheduled in any case.
    pub fn request(&self, may_wait: bool, must_wait: bool) -> Requested {
        let mut state = self.state.lock();
        match state.running {
            Some((Saver::Background, _)) => Requested::AlreadyRunning,
            None if !must_wait => {
                state.start();
                self.changed.notify_all();
                Requested::Started
            }
            _ if may_wait || must_wait => {
                state.is_scheduled = true;
                Requested::Scheduled
            }
            _ => Requested::Busy,
        }
    }

    /// Starts what is scheduled, or is due by a rule. To be called several times a second.
    pub fn follow_rules(&self, rules: &[Rule]) {
        let mut state = self.state.lock();
        let now_s = now_s();
        let may_try = state.history.is_ok || now_s.saturating_sub(state.history.last_try_s) > RETRY_S;
        if state.running.is_some() || !may_try {
            return;
        }
        let changes = self.journal.changes();
        let since_s = now_s.saturating_sub(state.history.last_save_s);
        let due = rules.iter().find(|rule| changes >= rule.changes && since_s > rule.seconds);
        if let Some(Rule { seconds, changes }) = due {
            tracing::info!("{changes} changes in {seconds} seconds. Saving...");
        }
        if due.is_some() || state.is_scheduled {
            state.start();
            self.changed.notify_all();
        }
    }

    /// Waits until a background save is to begin; false when there will be none any more.
    pub fn wait_for_request(&self) -> bool {
        let mut state = self.state.lock();
        while !state.is_requested && !state.is_closed {
            self.changed.wait(&mut state);
        }
        !state.is_closed
    }

    /// Carries out the background save that was requested, if one was.
    pub fn carry_out(&self, keyspace: &Keyspace, target: &Target) -> Option<Result<Summary, SaveError>> {
        {
            let mut state = self.state.lock();
            std::mem::take(&mut state.is_requested).then_some(())?;
            state.history.last_try_s = now_s();
        }
        let turn = Turn(self);
        let outcome = self.save_file(keyspace, target, Saver::Background);
        drop(turn);
        Some(outcome)
    }

    /// Saves, and waits for it. If another snapshot is running it waits for that first.
    ///
    /// # Errors
    /// The file system does not let it, or it was [cancelled](Progress::cancel).
    pub fn save(&self, keyspace: &Keyspace, target: &Target) -> Result<Summary, SaveError> {
        let _turn = self.take_turn(Saver::Foreground);
        self.save_file(keyspace, target, Saver::Foreground)
    }

    /// Writes a snapshot that has nothing to do with the file of `dbfilename`; `at_cut` runs at its
    /// moment. If another snapshot is running it waits for that first.
    ///
    /// # Errors
    /// As [`save`](Self::save).
    pub fn snapshot(
        &self,
        keyspace: &Keyspace,
        at_cut: impl FnOnce(),
        target: &Target,
    ) -> Result<Summary, SaveError> {
        let _turn = self.take_turn(Saver::Log);
        let outcome = self.write(keyspace, at_cut, target);
        self.state.lock().history.last_cut = self.journal.last_closed();
        outcome
    }

    /// Lets a background save that is running fail, and waits for its end.
    pub fn cancel(&self) {
        let mut state = self.state.lock();
        state.is_scheduled = false;
        while matches!(state.running, Some((Saver::Background, _))) {
            if std::mem::take(&mut state.is_requested) {
                state.running = None;
            } else {
                self.progress.cancel();
                // It may not have begun yet, which would forget the cancellation: it is repeated.
                self.changed.wait_for(&mut state, NUDGE);
            }
        }
    }

    /// From now on no background save begins, and one that has begun is cancelled, without waiting
    /// for its end.
    pub fn close(&self) {
        let mut state = self.state.lock();
        state.is_closed = true;
        state.is_scheduled = false;
        if std::mem::take(&mut state.is_requested) {
            state.running = None;
        }
        self.changed.notify_all();
    }

    /// Keeps snapshots from beginning until the drop, while the data are not whole. If one is
    /// running it waits for that first: not to be called within a transaction, for whose end the
    /// cut of that snapshot may wait.
    pub fn keep_out(&self) -> Turn<'_> {
        self.take_turn(Saver::Foreground)
    }

    /// Lets keys mean the mapped sets that the last snapshots have written. To be called by a
    /// thread that nothing waits for: it may have to wait for transactions, which may wait for the
    /// end of a snapshot. `goes_on` is asked now and then.
    pub fn exchange_sealed_sets(&self, keyspace: &Keyspace, goes_on: &dyn Fn() -> bool) {
        let adoptions = std::mem::take(&mut *self.adoptions.lock());
        for adoption in adoptions {
            let _is_exchanged = adoption.exchange(keyspace, goes_on);
        }
    }

    fn take_turn(&self, saver: Saver) -> Turn<'_> {
        let mut state = self.state.lock();
        while state.running.is_some() {
            self.changed.wait(&mut state);
        }
        state.running = Some((saver, Instant::now()));
        Turn(self)
    }

    /// The caller has the turn.
    fn save_file(&self, keyspace: &Keyspace, target: &Target, saver: Saver) -> Result<Summary, SaveError> {
        let began = Instant::now();
        let outcome = self.write(keyspace, || (), target);
        let history = &mut self.state.lock().history;
        // As in Redis, a failure of SAVE or SHUTDOWN is its client's alone: only the background's
        // has writes refused.
        if outcome.is_ok() || saver == Saver::Background {
            history.is_ok = outcome.is_ok();
            history.failures_in_a_row = if history.is_ok { 0 } else { history.failures_in_a_row + 1 };
        }
        history.last_cut = self.journal.last_closed();
        history.last_peak_bytes = self.progress.peak_bytes();
        history.saves += u64::from(outcome.is_ok());
        if saver == Saver::Background {
            history.last_took = Some(began.elapsed());
        }
        if let Ok(summary) = &outcome {
            self.journal.forget(summary.changes);
            history.last_save_s = now_s();
        }
        outcome
    }

    fn write(
        &self,
        keyspace: &Keyspace,
        at_cut: impl FnOnce(),
        target: &Target,
    ) -> Result<Summary, SaveError> {
        let sizes: Vec<Census> = keyspace.databases().iter().map(Database::census).collect();
        self.progress.begin(sizes.iter().map(|census| census.keys as u64).sum());
        let written = self.write_file(keyspace, at_cut, target, &sizes);
        let failed = |error| SaveError { path: target.path.clone(), error };
        let (len, changes) = written.map_err(failed)?;
        Ok(Summary { len, keys: self.progress.keys().0, changes })
    }

    fn write_file(
        &self,
        keyspace: &Keyspace,
        at_cut: impl FnOnce(),
        target: &Target,
        sizes: &[Census],
    ) -> io::Result<(u64, u64)> {
        // Before the cut: if it cannot be made, writers are not kept out in vain.
        let file = Replacement::begin(&target.path)?;
        let mut spill = SpillFile::in_folder_of(&target.path);
        let (snapshot, changes) = keyspace.snapshot(|_| {
            at_cut();
            self.journal.changes()
        });
        let buffered = io::BufWriter::with_capacity(BUFFER_LEN, file);
        let has_checksum = target.checksum && target.info.form == Form::Snapshot;
        let out = Writer::new(buffered, target.compress, has_checksum);
        let running = self.state.lock().running;
        let haste = if running.is_some_and(|(saver, _)| saver == Saver::Foreground) {
            Haste::Now
        } else {
            Haste::Background
        };
        let how = (&self.progress, haste);
        let (buffered, mut adoptions) = save(snapshot, out, &target.info, sizes, &mut spill, how)?;
        let file = buffered.into_inner().map_err(io::IntoInnerError::into_error)?;
        self.skipped.keep(&target.path)?;
        let len = file.finish()?;
        let by = if target.info.is_base { NamedBy::LogBase } else { NamedBy::Snapshot };
        adoptions.iter_mut().for_each(|adoption| adoption.adopt(by));
        self.adoptions.lock().extend(adoptions);
        Ok((len, changes))
    }
}

impl State {
    /// A background save has the turn.
    fn start(&mut self) {
        self.running = Some((Saver::Background, Instant::now()));
        self.is_requested = true;
        self.is_scheduled = false;
    }
}

/// The right to take a snapshot. No other snapshot begins until the drop.
#[must_use = "other snapshots may begin when it is dropped"]
pub struct Turn<'s>(&'s Saving);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.state.lock().running = None;
        self.0.changed.notify_all();
    }
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::super::files::testing::Folder;
    use super::*;
    use crate::journal::Record;
    use crate::keyspace::Clock;

    fn target(folder: &Folder, name: &str) -> Target {
        let info = FileInfo { version: "8.6.2", ..FileInfo::default() };
        Target { path: folder.path().join(name), compress: true, checksum: true, info }
    }

    fn change(keyspace: &Keyspace) {
        Record::new(keyspace.journal(), 0, &bytes::Bytes::new()).commit();
    }

    #[test]
    fn a_save_is_due_by_the_rules_when_enough_has_changed() {
        let folder = Folder::new();
        let keyspace = Keyspace::new(Clock::manual(0));
        let saving = Saving::new(Arc::clone(keyspace.journal()));
        saving.state.lock().history.last_save_s -= 10;
        let rules = [Rule { seconds: 1000, changes: 1 }, Rule { seconds: 5, changes: 2 }];
        change(&keyspace);
        saving.follow_rules(&rules);
        assert!(saving.status().running.is_none(), "one change, and not as long ago");
        change(&keyspace);
        saving.follow_rules(&rules);
        assert!(
            saving
                .carry_out(&keyspace, &target(&folder, "none/dump.rdb"))
                .is_some_and(|saved| saved.is_err())
        );
        assert_eq!((keyspace.journal().changes(), saving.status().history.is_ok), (2, false));
        saving.follow_rules(&rules);
        assert!(saving.status().running.is_none(), "not again at once");
        saving.state.lock().history.last_try_s -= RETRY_S + 1;
        saving.follow_rules(&rules);
        assert!(saving.carry_out(&keyspace, &target(&folder, "dump.rdb")).is_some_and(|saved| saved.is_ok()));
        assert_eq!((keyspace.journal().changes(), saving.status().history.saves), (0, 1));
        assert!(saving.carry_out(&keyspace, &target(&folder, "dump.rdb")).is_none());
        assert_eq!(folder.names(), ["dump.rdb"]);
    }

    #[test]
    fn a_request_waits_while_the_log_is_rewritten() {
        let folder = Folder::new();
        let keyspace = Keyspace::new(Clock::manual(0));
        let saving = Saving::new(Arc::clone(keyspace.journal()));
        let at_cut = || {
            assert_eq!(saving.request(false, false), Requested::Busy);
            assert_eq!(saving.request(true, false), Requested::Scheduled);
        };
        let summary =
            saving.snapshot(&keyspace, at_cut, &target(&folder, "base.rdb")).expect("it is writable");
        assert_eq!((summary.keys, saving.status().is_scheduled), (0, true));
        saving.follow_rules(&[]);
        assert!(matches!(saving.status().running, Some((Saver::Background, _))));
        saving.cancel();
        assert!(saving.status().running.is_none(), "it had not begun");
        saving.close();
        assert!(!saving.wait_for_request());
    }
}
