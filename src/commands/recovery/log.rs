//! Loads the files of the append-only log: its base, and then its increments, in order.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::{Failed, cannot_open, len_of, open, snapshot};
use crate::commands::Server;
use crate::commands::replay::{Failure, Replay};
use crate::persistence::aof::check::{begins_with_snapshot, truncate};
use crate::persistence::aof::reader::{BrokenOff, Fault, Requests};
use crate::persistence::aof::{Manifest, Names, adopt};
use crate::persistence::loading::Tally;
use crate::persistence::rdb::Reader;
use crate::resp::Request;

/// How many names of skipped commands are counted apart, and how many bytes of each are kept.
const MAX_NAMES: usize = 64;
const MAX_NAME: usize = 32;

/// The files of a log, in the order in which they are to be played.
pub(super) struct Log {
    files: Vec<PathBuf>,
    /// Whether the first of them is the base.
    has_base: bool,
}

/// The end of a file that is not made of complete requests.
struct Tail {
    /// Up to here the file is complete; a transaction without its `EXEC` does not count.
    whole: u64,
    len: u64,
    fault: Fault,
}

impl Log {
    /// The log of these names, which may be that of an older Redis in the present folder. None if
    /// there is none.
    pub(super) fn find(names: Names) -> Result<Option<Self>, Failed> {
        let mut manifest = Manifest::load(&names).map_err(|error| Failed(error.to_string()))?;
        let adopted = adopt(Path::new("."), &names, &mut manifest);
        let adopted = adopted.map_err(|error| {
            Failed(format!(
                "Can't move the old log {} to {}: {error}",
                names.stem(),
                names.folder().display()
            ))
        })?;
        if adopted {
            tracing::info!(
                "Successfully migrated an old-style AOF file ({}) into the AOF directory ({}).",
                names.stem(),
                names.folder().display()
            );
        }
        let files = manifest.base.iter().chain(&manifest.increments).map(|entry| names.path(&entry.name));
        let log = Self { files: files.collect(), has_base: manifest.base.is_some() };
        Ok((!manifest.is_empty()).then_some(log))
    }

    /// Bytes of all files.
    pub(super) fn bytes(&self) -> Result<u64, Failed> {
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        let len = |path: &PathBuf| {
            let len = len_of(path).and_then(|len| len.ok_or_else(missing));
            len.map_err(|error| cannot_open(path, &error))
        };
        self.files.iter().map(len).sum()
    }

    /// Replays the files. If parts of them were skipped, all files are noted, so that they are kept
    /// when a new base replaces them.
    pub(super) fn play(&self, server: &Server) -> Result<(), Failed> {
        let played = self.play_files(server);
        let has_skipped = !server.loading.tally().skipped.is_empty();
        if has_skipped {
            let note = |path: &PathBuf| {
                server.saving.skipped_files().note(path).map_err(|error| cannot_open(path, &error))
            };
            self.files.iter().try_for_each(note)?;
        }
        played
    }

    fn play_files(&self, server: &Server) -> Result<(), Failed> {
        for (number, path) in self.files.iter().enumerate() {
            let began = Instant::now();
            let is_last = number + 1 == self.files.len();
            play_file(server, path, is_last)?;
            let kind = if self.has_base && number == 0 { "base" } else { "incr" };
            let seconds = began.elapsed().as_secs_f64();
            tracing::info!("DB loaded from {kind} file {}: {seconds:.3} seconds", path.display());
        }
        Ok(())
    }
}

/// A file may begin with a snapshot, and continue with requests.
fn play_file(server: &Server, path: &Path, is_last: bool) -> Result<(), Failed> {
    let mut file = open(path)?;
    let begins_with_snapshot = begins_with_snapshot(&mut file).map_err(|error| cannot_open(path, &error))?;
    let len = file.metadata().map_err(|error| cannot_open(path, &error))?.len();
    let watched = server.loading.watch(file);
    let tail = if begins_with_snapshot {
        let input = Reader::with_total(watched, len).seekable();
        let loaded = snapshot::load_from(server, path, input, true)?;
        let offset = loaded.rest.offset();
        play_requests(server, path, Requests::new(loaded.rest.into_rest(), offset), len)?
    } else {
        play_requests(server, path, Requests::new(watched, 0), len)?
    };
    tail.map_or(Ok(()), |tail| truncate_tail(server, path, &tail, is_last))
}

/// Returns the tail of the file if it does not end after a request.
fn play_requests<R: Read>(
    server: &Server,
    path: &Path,
    mut requests: Requests<R>,
    len: u64,
) -> Result<Option<Tail>, Failed> {
    let mut replay = Replay::begin(server);
    let skips = server.config.settings().rdb_skip_unknown_types;
    let mut skipped = SkippedCommands { path, server, tally: skips.then(Tally::default) };
    let mut whole = requests.offset();
    loop {
        match requests.next() {
            Ok(Some(logged)) => {
                play(&mut replay, &mut skipped, logged.start, &logged.request)?;
            }
            Ok(None) if replay.is_in_transaction() => {
                tracing::warn!("Revert incomplete MULTI/EXEC transaction in AOF file {}", path.display());
                return Ok(Some(Tail { whole, len, fault: Fault::Truncated }));
            }
            Ok(None) => return Ok(None),
            Err(BrokenOff { fault, .. }) => return Ok(Some(Tail { whole, len, fault })),
        }
        if !replay.is_in_transaction() {
            whole = requests.offset();
        }
    }
}

/// The log has no requests that were refused when they came. One that is refused now, for what the
/// data are, is reported and skipped: later requests do not depend on it. One whose words are not
/// understood ends the start, since the data would be without what an option of a later release
/// meant, and the next rewrite would make that last.
fn play(
    replay: &mut Replay,
    skipped: &mut SkippedCommands<'_>,
    offset: u64,
    request: &Request,
) -> Result<(), Failed> {
    let path = skipped.path;
    match replay.play(request) {
        Ok(()) => Ok(()),
        Err(Failure::Unknown(_) | Failure::UnknownForm(_)) if skipped.count(request.arg(0)) => Ok(()),
        Err(Failure::Refused(error)) => {
            tracing::warn!("A command of the log {} failed, at offset {offset}: {error}", path.display());
            Ok(())
        }
        Err(Failure::UnknownForm(error)) => Err(Failed(format!(
            "Unknown form of a command '{}' reading the append only file {}, at offset {offset}: {error}. A later release may \
             have written it. To leave it out: rdb-skip-unknown-types yes",
            request.arg(0).escape_ascii(),
            path.display()
        ))),
        Err(Failure::Unknown(error) | Failure::Malformed(error)) => Err(Failed(format!(
            "Unknown command '{}' reading the append only file {}, at offset {offset}: {error}",
            request.arg(0).escape_ascii(),
            path.display()
        ))),
    }
}

/// Unknown commands of a file, counted by name, where the options allow them.
struct SkippedCommands<'p> {
    path: &'p Path,
    server: &'p Server,
    tally: Option<Tally>,
}

impl SkippedCommands<'_> {
    /// Counts a command; false if unknown commands are an error. The file may have any number of
    /// names.
    fn count(&mut self, name: &[u8]) -> bool {
        let Some(tally) = &mut self.tally else { return false };
        let name = name[..name.len().min(MAX_NAME)].to_ascii_lowercase().escape_ascii().to_string();
        let is_listed = tally.skipped.len() < MAX_NAMES || tally.skipped.contains_key(&name);
        tally.skip(if is_listed { &name } else { "other" });
        true
    }
}

impl Drop for SkippedCommands<'_> {
    /// Logs the counts, however the file ends.
    fn drop(&mut self) {
        if let Some(tally) = &self.tally
            && let Some(words) = tally.skipped_words()
        {
            self.server.loading.count(tally);
            let path = self.path.display();
            tracing::warn!("Commands passed over in {path}, as nearhit has no such commands: {words}");
        }
    }
}

/// Truncates an incomplete tail, if the options allow it.
fn truncate_tail(server: &Server, path: &Path, tail: &Tail, is_last: bool) -> Result<(), Failed> {
    let Tail { whole, len, fault } = tail;
    let file = path.display();
    let settings = server.config.settings();
    let allowed = match fault {
        Fault::Io(error) => {
            return Err(Failed(format!("Unrecoverable error reading the append only file {file}: {error}")));
        }
        Fault::Truncated if settings.aof_load_truncated => {
            tracing::warn!("!!! Warning: short read while loading the AOF file {file}!!!");
            "aof-load-truncated"
        }
        Fault::Truncated => {
            return Err(Failed(format!(
                "Unexpected end of file reading the append only file {file}, after offset {whole}. You can: 1) Make a backup of \
                 your AOF file, then use nearhit check-aof --fix <filename.manifest>. 2) Alternatively you can set the \
                 'aof-load-truncated' configuration option to yes and restart the server."
            )));
        }
        Fault::NoRequest(_) if len - whole < settings.aof_load_corrupt_tail_max_size => {
            tracing::warn!("!!! Warning: corrupt AOF file tail!!!");
            "aof-load-corrupt-tail-max-size"
        }
        Fault::NoRequest(found) => {
            return Err(Failed(format!(
                "Bad file format reading the append only file {file} at offset {whole}: {found}. Make a backup of your AOF \
                 file, then use nearhit check-aof --fix <filename.manifest>. Alternatively you can set the \
                 'aof-load-corrupt-tail-max-size' configuration option to {} and restart the server.",
                len - whole + 1
            )));
        }
    };
    if !is_last {
        return Err(Failed(format!(
            "Fatal error: the truncated file is not the last file: {file}, whole up to offset {whole}"
        )));
    }
    if !server.loading.tally().skipped.is_empty() {
        server.saving.skipped_files().keep_copy(path).map_err(|error| {
            Failed(format!("The AOF {file}, of which parts were passed over, cannot be kept: {error}"))
        })?;
    }
    tracing::warn!("!!! Truncating the AOF {file} at offset {whole} (remaining {}) !!!", len - whole);
    truncate(path, *whole)
        .map_err(|error| Failed(format!("Error truncating the AOF file {file}: {error}")))?;
    tracing::warn!("AOF {file} loaded anyway because {allowed} is enabled");
    Ok(())
}
