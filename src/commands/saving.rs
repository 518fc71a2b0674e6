//! What saving means to the server: which file, what is said about it, and what follows from a failure.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Server;
use super::pause::Paused;
use super::stop::StopStep;
use crate::config::SaveRule;
use crate::journal::RefusalCause;
use crate::memory;
use crate::persistence::rdb::save::{About, Form};
use crate::persistence::saving::{Rule, SaveError, Summary, Target, Wished};

/// Redis' words, by which monitoring tells the cause.
const MISCONF: &str = "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. \
     Commands that may modify the data set are disabled, because this instance is configured to report errors during writes \
     if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB \
     error.";

/// Saves before the end that find changes made meanwhile, by what was under way when writes were held.
const MAX_LAST_SAVES: usize = 5;

/// Whether the data are to be saved before the server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinalSave {
    /// If they are to be saved by themselves.
    ByRules,
    /// In any case.
    Save,
    /// In no case.
    NoSave,
}

impl Server {
    /// The file of `dbfilename`, as the options want it.
    pub fn snapshot_file(&self) -> Target {
        let settings = self.config.settings();
        let about = About {
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
            about,
        }
    }

    /// Saves the data, and waits for it.
    ///
    /// # Errors
    /// The log has been told.
    pub fn save(&self) -> Result<Summary, SaveError> {
        let outcome = self.saving.save(&self.keyspace, &self.snapshot_file());
        self.note_save(&outcome);
        outcome
    }

    /// Begins to save the data in the background, if that can be now.
    pub fn save_in_background(&self, may_wait: bool, must_wait: bool) -> Wished {
        let outcome = self.saving.wish(may_wait, must_wait);
        if outcome == Wished::Started {
            tracing::info!("Background saving started");
        }
        outcome
    }

    /// Begins what the rules ask for. To be called now and then.
    pub fn follow_save_rules(&self) {
        if self.loading.is_on() {
            return;
        }
        let rule = |rule: &SaveRule| Rule { seconds: rule.seconds, changes: rule.changes };
        let rules: Vec<Rule> = self.config.settings().save.iter().map(rule).collect();
        self.saving.follow_rules(&rules);
    }

    /// Saves in the background whenever that is asked for, until [`close`](crate::persistence::saving::Saving::close).
    pub fn run_background_saves(&self) {
        while self.saving.wait_for_wish() {
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

    /// Has writes refused after a save that failed, or takes that back.
    pub(super) fn update_write_refusal(&self) {
        let settings = self.config.settings();
        let is_meant = settings.stop_writes_on_bgsave_error && !settings.save.is_empty();
        let refused = is_meant && !self.saving.status().history.is_ok;
        self.keyspace.journal().refuse(RefusalCause::Snapshot, refused.then(|| MISCONF.to_owned()));
    }

    fn note_save(&self, outcome: &Result<Summary, SaveError>) {
        match outcome {
            Ok(Summary { len, keys, .. }) => tracing::info!("DB saved on disk: {keys} keys, {len} bytes"),
            Err(error) => tracing::warn!("Failed saving the DB: {error}"),
        }
        self.update_write_refusal();
    }

    /// Saves the data for the last time, if that is outcome. Writes are held from then on, so that nothing is acknowledged that
    /// is not saved.
    ///
    /// # Errors
    /// They could not be saved; writes go on.
    pub fn save_before_stop(&self, final_save: FinalSave) -> Result<(), SaveError> {
        self.stop.enter(StopStep::Cancelling);
        self.saving.cancel();
        // A part of the data must not take the place of the whole.
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
        // For good: nothing that is acknowledged from now on would be saved.
        std::mem::forget(held);
        Ok(())
    }

    /// Holds all writes that are not under way yet, until the drop, also when the work meanwhile
    /// panics.
    pub(super) fn hold_writes(&self) -> HeldWrites<'_> {
        self.pause.begin(Paused::Writes, Duration::MAX);
        HeldWrites(self)
    }

    /// Saves while writes are held. A write that was let in before the others were held may come after the cut.
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

/// The time in which writes are held.
#[must_use = "writes go on when it is dropped"]
pub(super) struct HeldWrites<'s>(&'s Server);

impl Drop for HeldWrites<'_> {
    fn drop(&mut self) {
        self.0.pause.end();
        self.0.clients.list().iter().for_each(|info| info.wake());
    }
}
