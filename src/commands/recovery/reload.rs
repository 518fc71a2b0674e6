//! `DEBUG RELOAD`, `DEBUG LOADAOF`: the data are written to their files and loaded again, as over a
//! restart.

use std::path::PathBuf;

use super::log::Log;
use super::snapshot::load_file;
use super::{Failed, Server, cannot_open, len_of, log_names};
use crate::journal::Record;

/// Loads the data from the file of `dbfilename`. With `saves` they are saved there first; with
/// `flushes` they replace the present data. Writes are held meanwhile; while the data are
/// incomplete, clients get LOADING errors. Not within a transaction.
///
/// # Errors
/// They cannot be saved, or loaded. What could be loaded remains.
pub(in crate::commands) fn reload(server: &Server, saves: bool, flushes: bool) -> Result<(), Failed> {
    let held = server.hold_writes();
    let outcome = save_and_load(server, saves, flushes);
    drop(held);
    if saves && flushes {
        return outcome;
    }
    // The log does not describe these data any more.
    let renewed = server.aof.renew().map_err(|error| Failed::from(error.to_string()));
    outcome.and(renewed)
}

/// Loads the data from the log; they replace the present data, which are the same if the log is on.
/// Writes are held meanwhile, and clients get LOADING errors.
///
/// # Errors
/// The log cannot be written, or loaded. What could be loaded remains.
pub(in crate::commands) fn load_log(server: &Server) -> Result<(), Failed> {
    let _held = server.hold_writes();
    server.aof.write_out().map_err(|error| Failed::from(error.to_string()))?;
    let log = Log::find(log_names(&server.config.settings()))?;
    let bytes = log.as_ref().map_or(Ok(0), Log::bytes)?;
    // A snapshot that began now would have only a part of the data.
    let _turn = server.saving.keep_out();
    server.loading.begin(bytes);
    server.keyspace.flush_all(Record::unlogged());
    let outcome = log.map_or(Ok(()), |log| log.play(server));
    server.loading.end();
    let journal = server.keyspace.journal();
    journal.forget(journal.changes());
    outcome
}

fn save_and_load(server: &Server, saves: bool, flushes: bool) -> Result<(), Failed> {
    if saves {
        server.save_until_unchanged().map_err(|error| Failed::from(error.to_string()))?;
    }
    let path = PathBuf::from(&server.config.settings().dbfilename);
    let bytes = len_of(&path).map_err(|error| cannot_open(&path, &error))?.unwrap_or(0);
    // A snapshot that began now would have only a part of the data.
    let _turn = server.saving.keep_out();
    server.loading.begin(bytes);
    if flushes {
        server.keyspace.flush_all(Record::unlogged());
    }
    let outcome = load_file(server, &path);
    server.loading.end();
    let journal = server.keyspace.journal();
    journal.forget(journal.changes());
    outcome
}
