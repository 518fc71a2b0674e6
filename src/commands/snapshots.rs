//! Snapshots of the whole server: their file, their messages in the log, and the consequences of a
//! failure.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Server;
use super::pause::Paused;
use super::stop::StopStep;
use crate::config::SaveRule;
use crate::journal::RefusalCause;
use crate::memory;
use crate::persistence::rdb::save::{FileInfo, Form};
use crate::persistence::saving::{Requested, Rule, SaveError, Summary, Target};

/// Redis' text, by which monitoring recognises the cause.
const MISCONF: &str = "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. \
     Commands that may modify the data set are disabled, because this instance is configured to report errors during writes \
     if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB \
     error.";

/// Limit of the snapshots before the stop. Each but the first is taken because writes that were
/// under way when others were held have changed data since.
const MAX_LAST_SAVES: usize = 5;

/// Whether a snapshot is taken before the server stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinalSave {
    /// If there are save rules.
    ByRules,
    /// Always.
    Save,
    /// Never.
    NoSave,
}

impl Server {
    /// The file of `dbfilename`, with the format that the options choose.
    pub fn snapshot_file(&self) -> Target {
        let settings = self.config.settings();
        let info = FileInfo {
            version: self.compat.redis_version(),
            made_s: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            used_bytes: memory::used_bytes(),
            is_base: false,
            form: Form::Snapshot,
        };
        Target {
            path: settings.dbfilename.clone().into(),
            compress: settings.rdbcompression,
            checksum: settings.rdbchecksum,
            info,
        }
    }

    /// Saves the data, and returns when that is done.
    ///
    /// # Errors
    /// The data could not be saved; this is logged already.
    pub fn save(&self) -> Result<Summary, SaveError> {
        let outcome = self.saving.save(&self.keyspace, &self.snapshot_file());
        self.note_save(&outcome);
        outcome
    }

    /// Begins to save the data in the background, if that is possible now.
    pub fn save_in_background(&self, may_wait: bool, must_wait: bool) -> Requested {
        let outcome = self.saving.request(may_wait, must_wait);
        if outcome == Requested::Started {
            tracing::info!("Background saving started");
        }
        outcome
    }

    /// Begins a snapshot if the save rules require one. To be called periodically.
    pub fn follow_save_rules(&self) {
        if self.loading.is_on() {
            return;
        }
        let rule = |rule: &SaveRule| Rule { seconds: rule.seconds, changes: rule.changes };
        let rules: Vec<Rule> = self.config.settings().save.iter().map(rule).collect();
        self.saving.follow_rules(&rules);
    }

    /// Saves in the background whenever that is requested, until
    /// [`close`](crate::persistence::saving::Saving::close).
    pub fn run_background_saves(&self) {
        while self.saving.wait_for_request() {
            let Some(outcome) = self.saving.carry_out(&self.keyspace, &self.snapshot_file()) else {
                continue;
            };
            self.note_save(&outcome);
            match outcome {
                Ok(_) => tracing::info!("Background saving terminated with success"),
                Err(_) => tracing::warn!("Background saving error"),
            }
        }
    }

    /// Makes the journal refuse writes after a failed save, or accept them again.
    pub(super) fn update_write_refusal(&self) {
        let settings = self.config.settings();
        let applies = settings.stop_writes_on_bgsave_error && !settings.save.is_empty();
        let refused = applies && !self.saving.status().history.is_ok;
        self.keyspace.journal().refuse(RefusalCause::Snapshot, refused.then(|| MISCONF.to_owned()));
    }

    fn note_save(&self, outcome: &Result<Summary, SaveError>) {
        match outcome {
            Ok(Summary { len, keys, .. }) => tracing::info!("DB saved on disk: {keys} keys, {len} bytes"),
            Err(error) => tracing::warn!("Failed saving the DB: {error}"),
        }
        self.update_write_refusal();
    }

    /// Saves the data for the last time, if `final_save` requires it. Writes are held from then on,
    /// so that no write is acknowledged that is not saved.
    ///
    /// # Errors
    /// The data could not be saved; writes continue.
    pub fn save_before_stop(&self, final_save: FinalSave) -> Result<(), SaveError> {
        self.stop.enter(StopStep::Cancelling);
        self.saving.cancel();
        // A snapshot of partly loaded data must not replace a complete one.
        let is_whole = !self.loading.is_on();
        let must_save = match final_save {
            FinalSave::Save => true,
            FinalSave::NoSave => false,
            FinalSave::ByRules => !self.config.settings().save.is_empty(),
        };
        if !must_save || !is_whole {
            return Ok(());
        }
        tracing::info!("Saving the final RDB snapshot before exiting.");
        let held = self.hold_writes();
        self.stop.enter(StopStep::Saving);
        self.save_until_unchanged().inspect_err(|_| self.stop.abandon())?;
        // Writes stay held: one acknowledged from now on would not be saved.
        std::mem::forget(held);
        Ok(())
    }

    /// Holds back all writes that are not under way yet. The result is a guard: writes continue
    /// when it is dropped, also after a panic.
    pub(super) fn hold_writes(&self) -> HeldWrites<'_> {
        self.pause.begin(Paused::Writes, Duration::MAX);
        HeldWrites(self)
    }

    /// Saves while writes are held, until a snapshot has all changes: a write that was under way
    /// when writes were held may come after the cut.
    pub(super) fn save_until_unchanged(&self) -> Result<(), SaveError> {
        for _ in 0..MAX_LAST_SAVES {
            self.save()?;
            if self.keyspace.journal().changes() == 0 {
                break;
            }
        }
        Ok(())
    }
}

/// A guard: writes are held back while it exists.
#[must_use = "writes continue when it is dropped"]
pub(super) struct HeldWrites<'s>(&'s Server);

impl Drop for HeldWrites<'_> {
    fn drop(&mut self) {
        self.0.pause.end();
        self.0.clients.list().iter().for_each(|info| info.wake());
    }
}
