//! Loads an RDB file.

use std::io::Read;
use std::path::Path;
use std::sync::atomic::Ordering;

use super::{Failed, cannot_open, open};
use crate::commands::Server;
use crate::persistence::loading::Tally;
use crate::persistence::rdb::load::{How, Loaded, load};
use crate::persistence::rdb::{Checksum, Reader};

/// Loads a file without its expired keys.
///
/// # Errors
/// It is damaged, or has types that this server lacks.
pub(in crate::commands) fn load_file(server: &Server, path: &Path) -> Result<(), Failed> {
    let file = open(path)?;
    // The file may be a pipe, whose length is unknown.
    let len = file.metadata().ok().filter(|known| known.is_file()).map(|known| known.len());
    let source = server.loading.watch(file);
    let input = match len {
        Some(len) => Reader::with_total(source, len).seekable(),
        None => Reader::new(source),
    };
    load_from(server, path, input, false).map(drop)
}

/// Loads the snapshot that begins at the reader's position, and reads nothing behind it.
pub(super) fn load_from<R: Read>(
    server: &Server,
    path: &Path,
    input: Reader<R>,
    keep_ended: bool,
) -> Result<Loaded<R>, Failed> {
    let settings = server.config.settings();
    let skips_checksum = server.skips_checksums.load(Ordering::Relaxed);
    let input = if skips_checksum { input.without_checksum() } else { input };
    let how = How { skip_unknown: settings.rdb_skip_unknown_types, keep_ended };
    let loaded = load(input, &server.keyspace, how, &server.loading);
    // A load that failed may have skipped parts as well.
    let has_skipped =
        loaded.as_ref().map_or(settings.rdb_skip_unknown_types, |loaded| !loaded.tally.skipped.is_empty());
    if has_skipped {
        server.saving.skipped_files().note(path).map_err(|error| cannot_open(path, &error))?;
    }
    let loaded = loaded.map_err(|error| {
        Failed(format!("Fatal error loading the DB from {}: {error}. The file is as it was.", path.display()))
    })?;
    server.loading.count(&loaded.tally);
    log_tally(path, &loaded.tally, loaded.checksum);
    Ok(loaded)
}

fn log_tally(path: &Path, tally: &Tally, checksum: Checksum) {
    let Tally { loaded, ended, empty, .. } = tally;
    tracing::info!(
        "Done loading RDB, keys loaded: {loaded}, keys expired: {ended}, empty keys skipped: {empty}."
    );
    if checksum == Checksum::Unchecked {
        tracing::info!("{} has no checksum, so no check was done", path.display());
    }
    if let Some(skipped) = tally.skipped_words() {
        tracing::warn!("Skipped in {}, as nearhit has no such types: {skipped}", path.display());
    }
}
