//! Loads data from files: at the start, and for `DEBUG`.
//!
//! ```text
//! snapshot.rs   an RDB file
//! reload.rs     to a file and back, while clients get LOADING errors
//! log.rs        the files of the append-only log, played in order
//! ```

mod log;
mod reload;
mod snapshot;

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use self::log::Log;
pub(super) use self::reload::{load_log, reload};
use super::Server;
use crate::config::Settings;
use crate::persistence::aof::Names;

/// Why data could not be loaded: a sentence that names the file, and the position in it.
#[derive(Debug)]
pub struct Failed(String);

impl fmt::Display for Failed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for Failed {}

impl From<String> for Failed {
    fn from(why: String) -> Self {
        Self(why)
    }
}

/// What is to be loaded.
pub struct Plan {
    bytes: u64,
    source: Source,
}

enum Source {
    Snapshot(PathBuf),
    Log(Log),
}

/// Looks for the data: in the log, if it is on, and else in the snapshot. None if there are none.
/// If there is something to load, most commands are refused from now on until [`Plan::carry_out`]
/// has ended.
///
/// # Errors
/// The files cannot be read, or do not fit together.
pub fn plan(server: &Server) -> Result<Option<Plan>, Failed> {
    let settings = server.config.settings();
    let plan = if settings.appendonly { log_plan(&settings)? } else { snapshot_plan(&settings)? };
    if let Some(plan) = &plan {
        server.loading.begin(plan.bytes);
    }
    Ok(plan)
}

/// Where the log is.
pub fn log_names(settings: &Settings) -> Names {
    Names::new(&settings.appenddirname, &settings.appendfilename)
}

fn snapshot_plan(settings: &Settings) -> Result<Option<Plan>, Failed> {
    let path = PathBuf::from(&settings.dbfilename);
    let Some(bytes) = len_of(&path).map_err(|error| cannot_open(&path, &error))? else { return Ok(None) };
    Ok(Some(Plan { bytes, source: Source::Snapshot(path) }))
}

fn log_plan(settings: &Settings) -> Result<Option<Plan>, Failed> {
    let log = Log::find(log_names(settings))?;
    let Some(log) = log else { return Ok(None) };
    Ok(Some(Plan { bytes: log.bytes()?, source: Source::Log(log) }))
}

impl Plan {
    /// Loads the data. Can be cancelled by
    /// [`Loading::cancel`](crate::persistence::loading::Loading::cancel).
    ///
    /// # Errors
    /// A file is damaged, or has types or commands that this server lacks. What was loaded by then
    /// remains.
    pub fn carry_out(self, server: &Server) -> Result<(), Failed> {
        let began = Instant::now();
        let (outcome, from) = match &self.source {
            Source::Snapshot(path) => (snapshot::load_file(server, path), "disk"),
            Source::Log(log) => (log.play(server), "append only file"),
        };
        // Before clients are admitted, since they could change something.
        let outcome = outcome.and_then(|()| server.open_log());
        // After a failure the server must not count as loaded: it would save incomplete data when
        // it stops.
        outcome?;
        server.loading.end();
        tracing::info!("DB loaded from {from}: {:.3} seconds", began.elapsed().as_secs_f64());
        Ok(())
    }
}

/// None if there is no such file.
fn len_of(path: &Path) -> io::Result<Option<u64>> {
    match path.metadata() {
        Ok(known) => Ok(Some(known.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn open(path: &Path) -> Result<File, Failed> {
    File::open(path).map_err(|error| cannot_open(path, &error))
}

fn cannot_open(path: &Path, error: &io::Error) -> Failed {
    Failed(format!("Fatal error: can't open {} for reading: {error}", path.display()))
}
