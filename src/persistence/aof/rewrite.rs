//! Bases: made from a snapshot of the data, and put in their place.
//!
//! At the snapshot's cut the stream goes on in a new increment, which the writer makes when it
//! comes there. When the snapshot is safe, a new manifest names it and the increments since; the
//! files before are deleted. If anything fails, the log is longer by an increment, and whole.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::control::Aof;
use super::log::Log;
use super::manifest::{Manifest, ManifestError};
use super::status::{NextIncrement, Order};

/// How long a base that is done waits for the writer to begin the increment that follows it: as
/// long as it cannot write, it cannot begin one either.
const TURN_PATIENCE: Duration = Duration::from_secs(10);

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

/// Writes the data of some moment to a file, and runs the function at that moment, when no thread
/// changes data. Gives the most bytes of before-images that were in memory meanwhile.
pub type Snapshot<'s> = dyn FnMut(&mut dyn FnMut(), &Path) -> Result<usize, String> + 's;

impl Aof {
    /// Begins a log with a base of the data as they are. What was logged before is of no use from
    /// then on.
    ///
    /// # Errors
    /// The base cannot be made; the log is off then.
    pub fn start(&self, snapshot: &mut Snapshot<'_>) -> Result<(), AofError> {
        let manifest = Manifest::load(&self.names).map_err(AofError::Manifest)?;
        let log = Arc::new(Log::new(self.names.clone(), manifest));
        let increment = log.begin_early()?;
        self.launch(&log, increment, true)?;
        let reader = &self.status.reader;
        let mut cut = 0;
        let mut at_cut = || {
            cut = self.status.journal.end();
            reader.begin();
        };
        let made = self.make_base(snapshot, &mut at_cut);
        let stands = made.and_then(|()| self.adopt(&log, u64::MAX, cut));
        if stands.is_err() {
            self.halt(&log);
            log.forget_early();
            self.forget_base();
        }
        stands
    }

    fn make_base(&self, snapshot: &mut Snapshot<'_>, at_cut: &mut dyn FnMut()) -> Result<(), AofError> {
        // It may have been removed while the log was on.
        fs::create_dir_all(self.names.folder())?;
        let made = snapshot(at_cut, &self.names.path(&self.names.new_base()));
        let peak_bytes = made.map_err(AofError::Snapshot)?;
        self.status.last_peak_bytes.store(peak_bytes as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Puts the new base in place, which has all before the place `cut` of the stream.
    fn adopt(&self, log: &Arc<Log>, from: u64, cut: u64) -> Result<(), AofError> {
        let mut guard = self.running.lock();
        let Some(running) = guard.as_mut().filter(|running| Arc::ptr_eq(&running.log, log)) else {
            return Err(AofError::Abandoned);
        };
        log.rebase(from)?;
        running.is_early = false;
        drop(guard);
        self.status.note_base(cut);
        self.clear(log);
        Ok(())
    }

    fn clear(&self, log: &Log) {
        self.keep_history(log);
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
            self.forget_base();
        }
        made
    }

    /// A base that did not get its place is of no use; if it stays it is overwritten by the next
    /// one.
    fn forget_base(&self) {
        let _ = fs::remove_file(self.names.path(&self.names.new_base()));
    }

    fn rewrite_running(&self, log: &Arc<Log>, snapshot: &mut Snapshot<'_>) -> Result<(), AofError> {
        let status = &self.status;
        let next = Arc::new(NextIncrement::default());
        let needed = status.begin_base();
        let mut cut = 0;
        let mut at_cut = || match status.reader.is_on() {
            true => {
                cut = status.journal.end();
                status.order(cut, Order::Turn(Arc::clone(&next)));
            }
            // The log was switched off before the snapshot began.
            false => next.give_up(),
        };
        let made = self.make_base(snapshot, &mut at_cut);
        let from = made.and_then(|()| next.wait(TURN_PATIENCE).ok_or(AofError::Abandoned));
        let done = from.and_then(|from| self.adopt(log, from, cut));
        if done.is_err() && needed {
            status.needs_base.store(true, Ordering::Relaxed);
        }
        done
    }

    fn rewrite_resting(&self, snapshot: &mut Snapshot<'_>) -> Result<(), AofError> {
        let manifest = Manifest::load(&self.names).map_err(AofError::Manifest)?;
        let log = Log::new(self.names.clone(), manifest);
        self.make_base(snapshot, &mut || ())?;
        // It may have been switched on meanwhile, with the same files; then that base is the better
        // one.
        let running = self.running.lock();
        if running.is_some() {
            return Err(AofError::Abandoned);
        }
        log.rebase(u64::MAX)?;
        log.delete_history()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::journal::{Journal, Record, last_written};
    use crate::persistence::aof::{Names, SyncPolicy};
    use crate::persistence::files::testing::Folder;

    fn change(journal: &Journal, text: &'static str) {
        Record::new(journal, 0, &Bytes::from_static(text.as_bytes())).commit();
    }

    fn aof(folder: &Folder) -> (Aof, Arc<Journal>) {
        let journal = Arc::new(Journal::new());
        let aof =
            Aof::new(Arc::clone(&journal), Names::new(folder.path(), "log"), &folder.path().join("backup"));
        aof.status.set_policy(SyncPolicy::Always, false);
        (aof, journal)
    }

    /// A base with this text, taken while something changes before and after.
    fn snapshot(
        journal: &Journal,
        text: &str,
        at_cut: &mut dyn FnMut(),
        path: &Path,
    ) -> Result<usize, String> {
        change(journal, "before");
        journal.divide(at_cut);
        change(journal, "after");
        fs::write(path, text).map(|()| text.len()).map_err(|error| error.to_string())
    }

    fn files(folder: &Folder) -> Vec<(String, String)> {
        let mut names = folder.names();
        names.sort();
        let read = |name: String| {
            let text = fs::read(folder.path().join(&name)).expect("it is there");
            let text =
                String::from_utf8(text).expect("it is text").replace("*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n", "");
            (name, text)
        };
        names.into_iter().map(read).collect()
    }

    fn expect(folder: &Folder, files_expected: &[(&str, &str)]) {
        let found = files(folder);
        let found: Vec<_> = found.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(found, files_expected);
    }

    #[test]
    fn a_log_is_begun_rewritten_ended_and_begun_again() {
        let folder = Folder::new();
        let (aof, journal) = aof(&folder);
        aof.start(&mut |at_cut, path| snapshot(&journal, "1", at_cut, path)).expect("the folder is writable");
        assert!(aof.is_on() && journal.is_streaming());
        // What came before the cut is in the base; what came later, the writer syncs.
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("no driver is needed");
        runtime.block_on(aof.until_answerable(last_written()));
        assert!(aof.is_durable(last_written()));
        let mut second = |at_cut: &mut dyn FnMut(), path: &Path| snapshot(&journal, "2", at_cut, path);
        aof.rewrite(&mut second).expect("the folder is writable");
        change(&journal, "more");
        aof.stop();
        assert!(!aof.is_on() && !journal.is_streaming());
        let manifest = "file log.2.base.aof seq 2 type b\nfile log.2.incr.aof seq 2 type i\n";
        let expected = [("log.2.base.aof", "2"), ("log.2.incr.aof", "aftermore"), ("log.manifest", manifest)];
        expect(&folder, &expected);
        change(&journal, "unlogged");
        let manifest = Manifest::load(&aof.names).expect("it was written");
        aof.resume(manifest).expect("the folder is writable");
        change(&journal, "again");
        aof.stop();
        assert_eq!(files(&folder)[1].1, "aftermoreagain");
        aof.start(&mut |at_cut, path| snapshot(&journal, "3", at_cut, path)).expect("the folder is writable");
        aof.stop();
        let manifest = "file log.3.base.aof seq 3 type b\nfile log.3.incr.aof seq 3 type i\n";
        expect(&folder, &[("log.3.base.aof", "3"), ("log.3.incr.aof", "after"), ("log.manifest", manifest)]);
    }

    #[test]
    fn a_rewrite_that_fails_leaves_one_more_increment() {
        let folder = Folder::new();
        let (aof, journal) = aof(&folder);
        aof.start(&mut |at_cut, path| snapshot(&journal, "1", at_cut, path)).expect("the folder is writable");
        let failed = aof.rewrite(&mut |at_cut, path| {
            snapshot(&journal, "2", at_cut, path).and_then(|_| Err("the disk".into()))
        });
        assert!(matches!(failed, Err(AofError::Snapshot(_))));
        aof.stop();
        let manifest = "file log.1.base.aof seq 1 type b\nfile log.1.incr.aof seq 1 type i\n\
                        file log.2.incr.aof seq 2 type i\n";
        let increments = [("log.1.incr.aof", "afterbefore"), ("log.2.incr.aof", "after")];
        expect(
            &folder,
            &[&[("log.1.base.aof", "1")], &increments[..], &[("log.manifest", manifest)]].concat(),
        );
    }

    #[test]
    fn a_log_that_cannot_be_begun_is_off_and_what_was_there_stays() {
        let folder = Folder::new();
        let (aof, journal) = aof(&folder);
        aof.start(&mut |at_cut, path| snapshot(&journal, "1", at_cut, path)).expect("the folder is writable");
        aof.stop();
        let before = files(&folder);
        let failed = aof.start(&mut |at_cut, path| {
            snapshot(&journal, "2", at_cut, path).and_then(|_| Err("the disk".into()))
        });
        assert!(failed.is_err() && !aof.is_on() && !journal.is_streaming());
        assert_eq!(files(&folder), before);
    }

    #[test]
    fn a_log_that_is_off_gets_a_new_base_too() {
        let folder = Folder::new();
        let (aof, journal) = aof(&folder);
        aof.rewrite(&mut |at_cut, path| snapshot(&journal, "1", at_cut, path))
            .expect("the folder is writable");
        expect(&folder, &[("log.1.base.aof", "1"), ("log.manifest", "file log.1.base.aof seq 1 type b\n")]);
    }
}
