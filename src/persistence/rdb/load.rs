//! A file → keys of a keyspace.
//!
//! ```text
//! the calling thread   reads, checks, decodes      one pass, through a fixed buffer
//!       │ batches of small values, at most BATCHES of them on their way
//! inserting threads    shard by shard              as many as pay
//! ```
//!
//! Memory: the data themselves, and a few megabytes of batches. A value is in memory once: what is decoded is what is
//! kept. Vector sets have threads of their own (see [`crate::vector_set::Restored`]).

use std::fmt;
use std::io::Read;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use parking_lot::Mutex;

use super::fault::{Fault, ReadError};
use super::format::ValueType;
use super::reader::{Checksum, Reader};
use super::skip::skip_value;
use super::value::{self, Decoded};
use super::walk::{Head, Part, Walk};
use crate::keyspace::{Arrival, DATABASES, Deadline, Keyspace, PackedLimits, Value};
use crate::persistence::loading::{Loading, Tally};

/// Keys in a batch at most.
const BATCH_KEYS: usize = 1024;
/// Bytes in a batch, of strings and hashes, from which on it is not filled any more.
const BATCH_BYTES: usize = 256 * 1024;
/// Batches that may wait for the threads that insert.
const BATCHES: usize = 8;
/// Threads that insert, at most: beyond, they wait for the one that reads.
const MAX_INSERTERS: usize = 4;
/// How much of a key is shown in messages.
const SHOWN_KEY: usize = 100;

/// What to do with what.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// Values of types that are not known here are passed over; otherwise they end the loading.
    pub skip_unknown: bool,
    /// Keys that have ended are kept, since a log that follows speaks of them; otherwise they are dropped.
    pub keep_ended: bool,
}

/// Why a file was not loaded, or not wholly.
#[derive(Debug)]
pub struct LoadError {
    /// What is wrong, and where.
    pub error: ReadError,
    /// The key whose value it was in.
    pub key: Option<Vec<u8>>,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)?;
        match &self.key {
            Some(key) => write!(f, ", in the value of the key '{}'", shown(key)),
            None => Ok(()),
        }
    }
}

impl std::error::Error for LoadError {}

impl From<ReadError> for LoadError {
    fn from(error: ReadError) -> Self {
        Self { error, key: None }
    }
}

/// A key, for people: not all of a long one.
pub(super) fn shown(key: &[u8]) -> String {
    let end = if key.len() > SHOWN_KEY { "…" } else { "" };
    format!("{}{end}", key[..key.len().min(SHOWN_KEY)].escape_ascii())
}

/// What a file came to.
#[derive(Debug)]
pub struct Loaded<R> {
    /// Its keys.
    pub tally: Tally,
    /// Whether it was known to be whole.
    pub checksum: Checksum,
    /// What comes after it: the commands of an old log with such a file at its beginning.
    pub rest: Reader<R>,
}

/// Adds the keys of a file to those of the keyspace, which has none of them.
///
/// # Errors
/// The file is damaged, or has what this server does not know. Some of its keys may be there then.
pub fn load<R: Read>(
    input: Reader<R>,
    keyspace: &Keyspace,
    how: How,
    loading: &Loading,
) -> Result<Loaded<R>, LoadError> {
    let (sender, receiver) = sync_channel(BATCHES);
    let receiver = Mutex::new(receiver);
    std::thread::scope(|scope| {
        let inserters = Inserters::start(scope, keyspace, &receiver);
        let loader = Loader {
            keyspace,
            how,
            loading,
            limits: keyspace.packed_limits(),
            now_ms: keyspace.clock().now_ms(),
            batch: Batch::default(),
            sender,
            tally: Tally::default(),
        };
        let outcome = loader.load(input);
        // The duplicate is what stopped the loader, if there is one.
        inserters.join().and(outcome)
    })
}

/// Keys of one database on their way.
#[derive(Debug, Default)]
struct Batch {
    db: usize,
    arrivals: Vec<Arrival>,
    bytes: usize,
    /// Where the first of them stands in the file.
    offset: u64,
}

/// The threads that insert.
struct Inserters<'s>(Vec<ScopedJoinHandle<'s, Result<(), LoadError>>>);

impl<'s> Inserters<'s> {
    fn start<'e>(
        scope: &'s Scope<'s, 'e>,
        keyspace: &'e Keyspace,
        receiver: &'e Mutex<Receiver<Batch>>,
    ) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let count = cores.saturating_sub(1).clamp(1, MAX_INSERTERS);
        Self((0..count).map(|_| scope.spawn(|| insert_all(keyspace, receiver))).collect())
    }

    /// Waits for their ends, which come after that of the sender.
    fn join(self) -> Result<(), LoadError> {
        let outcomes = self.0.into_iter().map(|thread| thread.join().expect("inserting does not panic"));
        outcomes.fold(Ok(()), |before, outcome| before.and(outcome))
    }
}

/// Goes on after a duplicate, adding nothing, so that the sender is never left waiting.
fn insert_all(keyspace: &Keyspace, receiver: &Mutex<Receiver<Batch>>) -> Result<(), LoadError> {
    let next = || receiver.lock().recv().ok();
    let mut outcome = Ok(());
    while let Some(Batch { db, arrivals, offset, .. }) = next() {
        if outcome.is_ok() {
            outcome = keyspace.db(db).fill(arrivals).map_err(|duplicate| LoadError {
                error: ReadError::invalid(offset, "a key that was there before, here or shortly after"),
                key: Some(duplicate.key),
            });
        }
    }
    outcome
}

struct Loader<'l> {
    keyspace: &'l Keyspace,
    how: How,
    loading: &'l Loading,
    limits: PackedLimits,
    now_ms: i64,
    batch: Batch,
    sender: SyncSender<Batch>,
    tally: Tally,
}

impl Loader<'_> {
    fn load<R: Read>(mut self, input: Reader<R>) -> Result<Loaded<R>, LoadError> {
        let mut walk = Walk::begin(input)?;
        let checksum = loop {
            let offset = walk.input.offset();
            match walk.next_part()? {
                Part::Aux { name, value } => self.note(&name, &value),
                Part::Database(number) => self.select(offset, number)?,
                Part::Foreign(what) if self.how.skip_unknown => self.tally.skip(&what),
                Part::Foreign(what) => return Err(unknown(offset, &what).into()),
                Part::Key(head) => {
                    let key = head.key.clone();
                    let outcome = self.take(&mut walk.input, head);
                    outcome.map_err(|error| LoadError { error, key: Some(key) })?;
                }
                Part::End(checksum) => break checksum,
            }
        };
        self.pass_on();
        Ok(Loaded { tally: self.tally, checksum, rest: walk.input })
    }

    fn note(&self, name: &[u8], value: &[u8]) {
        let number = || std::str::from_utf8(value).ok()?.parse().ok();
        if let (b"used-mem", Some(bytes)) = (name, number()) {
            self.loading.note_memory(bytes);
        }
    }

    fn select(&mut self, offset: u64, number: u64) -> Result<(), ReadError> {
        let db = usize::try_from(number).ok().filter(|db| *db < DATABASES);
        let words = || format!("database {number}, where there are {DATABASES}");
        let db = db.ok_or_else(|| ReadError::invalid(offset, words()))?;
        self.pass_on();
        self.batch.db = db;
        Ok(())
    }

    /// Reads the value of a key, and keeps both, if they are to be kept.
    fn take<R: Read>(&mut self, input: &mut Reader<R>, head: Head) -> Result<(), ReadError> {
        let has_ended = head.ends_ms.is_some_and(|ends_ms| Deadline::at(ends_ms).is_past(self.now_ms));
        if has_ended && !self.how.keep_ended && !is_unknown(head.kind) {
            skip_value(input, head.kind)?;
            self.tally.ended += 1;
            return Ok(());
        }
        match value::read_value(input, head.kind, self.limits)? {
            Decoded::Value(value) => self.keep(head, value),
            Decoded::Empty => self.tally.empty += 1,
            Decoded::Unknown(kind) if self.how.skip_unknown => self.tally.skip(&kind),
            Decoded::Unknown(kind) => return Err(unknown(head.offset, &kind)),
        }
        if head.had_metadata {
            self.skip_metadata(head.offset)?;
        }
        Ok(())
    }

    fn keep(&mut self, head: Head, value: Value) {
        let deadline = head.ends_ms.map_or(Deadline::NEVER, Deadline::at);
        let idle_s = head.idle_s.map_or(0, |idle_s| u32::try_from(idle_s).unwrap_or(u32::MAX));
        if self.batch.arrivals.is_empty() {
            self.batch.offset = head.offset;
        }
        self.batch.bytes += head.key.len() + value.small_bytes();
        self.batch.arrivals.push(Arrival { key: head.key, value, deadline, idle_s });
        self.tally.loaded += 1;
        if self.batch.arrivals.len() >= BATCH_KEYS || self.batch.bytes >= BATCH_BYTES {
            self.pass_on();
        }
    }

    /// A thread that met a duplicate still takes batches, so there is somebody to take this one.
    fn pass_on(&mut self) {
        let db = self.batch.db;
        let batch = std::mem::replace(&mut self.batch, Batch { db, ..Batch::default() });
        if !batch.arrivals.is_empty() {
            let _ = self.sender.send(batch);
        }
    }
}
