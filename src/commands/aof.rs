//! The log of changes as seen by the server: how its bases are made, and when it is begun and
//! rewritten.

use std::path::Path;
use std::time::Duration;

use super::Server;
use super::recovery::Failed;
use crate::persistence::aof::{Growth, Manifest};
use crate::persistence::rdb::format::MAX_STRING_LEN;
use crate::persistence::rdb::save::{FileInfo, Form};
use crate::persistence::saving::Target;
use crate::vector_set::VectorSet;

impl Server {
    /// Continues the log that was loaded, or begins one, if changes are to be logged. To be called
    /// before clients can change anything.
    ///
    /// # Errors
    /// The files cannot be opened or written.
    pub fn open_log(&self) -> Result<(), Failed> {
        let outcome = if self.config.settings().appendonly { self.resume_or_start_log() } else { Ok(()) };
        self.aof.allow();
        outcome
    }

    fn resume_or_start_log(&self) -> Result<(), Failed> {
        let manifest = Manifest::load(self.aof.names()).map_err(|error| Failed::from(error.to_string()))?;
        let opened = match manifest.is_empty() {
            true => self.aof.start(&mut |at_cut, path| self.make_base(at_cut, path)),
            false => self.aof.resume(manifest),
        };
        let folder = self.aof.names().folder().display();
        opened.map_err(|error| Failed::from(format!("cannot open the append only file in {folder}: {error}")))
    }

    /// Begins and rewrites the log whenever that is requested, until it is
    /// [closed](crate::persistence::aof::Aof::close).
    pub fn run_log_tasks(&self) {
        self.aof.serve(&mut |at_cut, path| self.make_base(at_cut, path));
    }

    /// Begins a rewrite of the log, and removes an old backup, if the options require it. To be
    /// called periodically.
    pub fn follow_log_rules(&self) {
        let settings = self.config.settings();
        let growth = Growth {
            percentage: settings.auto_aof_rewrite_percentage,
            min_size: settings.auto_aof_rewrite_min_size,
        };
        self.aof.look(growth, settings.appendonly);
        let seconds = settings.backup_sealed_ttl;
        self.aof.look_at_backup((seconds > 0).then_some(Duration::from_secs(seconds)));
    }

    fn make_base(&self, at_cut: &mut dyn FnMut(), path: &Path) -> Result<usize, String> {
        let file = self.snapshot_file();
        let info = FileInfo { is_base: true, form: self.base_form(), ..file.info };
        let target = Target { path: path.into(), info, ..file };
        let made = self.saving.snapshot(&self.keyspace, at_cut, &target);
        made.map_err(|error| error.to_string())?;
        self.keep_skipped_files()
            .map_err(|error| format!("an old file of the log cannot be kept: {error}"))?;
        Ok(self.saving.progress().peak_bytes())
    }

    /// What the next base is made of.
    fn base_form(&self) -> Form {
        let settings = self.config.settings();
        if settings.aof_use_rdb_preamble {
            return Form::Snapshot;
        }
        if self.keyspace.vector_sets().iter().any(|set| most_dumped_bytes(set) > MAX_STRING_LEN) {
            tracing::warn!(
                "The base of the AOF is a snapshot though 'aof-use-rdb-preamble' is 'no': a vector set may be longer than a command"
            );
            return Form::Snapshot;
        }
        Form::Commands { is_dated: settings.aof_timestamp_enabled }
    }

    /// Files of the log of which parts were skipped get other names before the new base replaces
    /// them.
    fn keep_skipped_files(&self) -> std::io::Result<()> {
        for entry in std::fs::read_dir(self.aof.names().folder())? {
            self.saving.skipped_files().keep(&entry?.path())?;
        }
        Ok(())
    }
}

/// An upper bound of the bytes of the set's dump: a link of four bytes takes six at most there, and
/// nothing else grows.
fn most_dumped_bytes(set: &VectorSet) -> usize {
    let params = set.params();
    let held = set.heap_bytes();
    let matrix = params.input_dim().map_or(0, |input_dim| input_dim * params.dim() * size_of::<f32>());
    held + held / 2 + matrix
}
