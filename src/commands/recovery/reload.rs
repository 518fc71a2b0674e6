//! `DEBUG RELOAD`: the data go to their file and come back, as over a restart.

use std::path::PathBuf;

use super::snapshot::load_file;
use super::{Failed, Server, cannot_open, len_of};
use crate::journal::Record;

/// Takes the data from the file of `dbfilename`. `saves`: after they were saved there; `flushes`: in place of those that are
/// there. Writes are held meanwhile, and while the data are not whole, clients are told that they
/// are loading. Not within a transaction.
///
/// # Errors
/// They cannot be saved, or loaded. What could be loaded is there then.
pub(in crate::commands) fn reload(server: &Server, saves: bool, flushes: bool) -> Result<(), Failed> {
    let _held = server.hold_writes();
    if saves {
        server.save_until_nothing_changes().map_err(|error| Failed::from(error.to_string()))?;
    }
    let path = PathBuf::from(&server.config.settings().dbfilename);
    let bytes = len_of(&path).map_err(|error| cannot_open(&path, &error))?.unwrap_or(0);
    // A snapshot that began now would be one of a part of the data.
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
