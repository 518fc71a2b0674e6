//! A file → keys of a keyspace.
//!
//! ```text
//! the calling thread   reads, checks, decodes      one pass, through a fixed buffer
//!       │ batches of small values, at most BATCHES of them on their way
//! inserting threads    shard by shard              as many as pay
//! ```
//!
//! Memory: the data themselves, and a few megabytes of batches. A value is in memory once: what is
//! decoded is what is kept. Vector sets have threads of their own (see
//! [`crate::vector_set::Restored`]).

use std::fmt;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use parking_lot::Mutex;

use super::fault::ReadError;
use super::format::ValueType;
use super::reader::{Checksum, Reader};
use super::skip::skip_value;
use super::value::{self, Decoded, Making};
use super::vector_set::{cold, sealed};
use super::walk::{Ahead, Head, Part, Walk};
use crate::keyspace::{Arrival, ColdSet, DATABASES, Deadline, Duplicate, Keyspace, KnownUse, Value};
use crate::persistence::loading::{Loading, Tally};

/// Keys in a batch at most.
const BATCH_KEYS: usize = 1024;
/// Bytes of the file in a batch, from which on it is not filled any more.
const BATCH_BYTES: u64 = 256 * 1024;
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
    /// Expired keys are loaded, since a log that follows may name them; otherwise they are dropped.
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
    let way = Way { receiver: Mutex::new(receiver), is_closed: AtomicBool::new(false) };
    std::thread::scope(|scope| {
        let inserters = Inserters::start(scope, keyspace, &way);
        let loader = Loader {
            how,
            loading,
            making: Making::of(keyspace),
            now_ms: keyspace.clock().now_ms(),
            batch: Batch::default(),
            sender,
            way: &way,
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
    /// Where the first of them stands in the file.
    offset: u64,
}

/// Where batches go from the thread that reads to those that insert.
struct Way {
    receiver: Mutex<Receiver<Batch>>,
    /// A key could not be inserted: the loading ends.
    is_closed: AtomicBool,
}

impl Way {
    fn next(&self) -> Option<Batch> {
        self.receiver.lock().recv().ok()
    }

    /// Goes on after a duplicate, adding nothing, so that the sender is never left waiting.
    fn insert_all(&self, keyspace: &Keyspace) -> Result<(), LoadError> {
        let mut outcome = Ok(());
        while let Some(Batch { db, arrivals, offset, .. }) = self.next() {
            if outcome.is_ok() {
                outcome = keyspace.db(db).fill(arrivals).map_err(|duplicate| again(offset, duplicate));
                self.is_closed.fetch_or(outcome.is_err(), Ordering::Relaxed);
            }
        }
        outcome
    }
}

fn again(offset: u64, duplicate: Duplicate) -> LoadError {
    let words = "the same key again, among those that begin here";
    LoadError { error: ReadError::invalid(offset, words), key: Some(duplicate.key) }
}

/// The threads that insert.
struct Inserters<'s>(Vec<ScopedJoinHandle<'s, Result<(), LoadError>>>);

impl<'s> Inserters<'s> {
    fn start<'e>(scope: &'s Scope<'s, 'e>, keyspace: &'e Keyspace, way: &'e Way) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let count = cores.saturating_sub(1).clamp(1, MAX_INSERTERS);
        Self((0..count).map(|_| scope.spawn(|| way.insert_all(keyspace))).collect())
    }

    /// Waits for their ends, which come after that of the sender.
    fn join(self) -> Result<(), LoadError> {
        let outcomes = self.0.into_iter().map(|thread| thread.join().expect("inserting does not panic"));
        outcomes.fold(Ok(()), Result::and)
    }
}

struct Loader<'l> {
    how: How,
    loading: &'l Loading,
    making: Making<'l>,
    now_ms: i64,
    batch: Batch,
    sender: SyncSender<Batch>,
    way: &'l Way,
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
                Part::Foreign(what) => self.skip(offset, &what)?,
                Part::Key(head) => self.take(&mut walk, head)?,
                Part::End(checksum) => break checksum,
            }
            if self.way.is_closed.load(Ordering::Relaxed) {
                // The error is that of the thread that closed it.
                break Checksum::Unchecked;
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

    fn skip(&mut self, offset: u64, what: &str) -> Result<(), ReadError> {
        if !self.how.skip_unknown {
            let words = format!("{what}: nearhit has no such thing; rdb-skip-unknown-types passes over it");
            return Err(ReadError::invalid(offset, words));
        }
        self.tally.skip(what);
        Ok(())
    }

    fn take<R: Read>(&mut self, walk: &mut Walk<R>, head: Head) -> Result<(), LoadError> {
        match self.read(walk, &head) {
            Ok(Some(value)) => self.keep(head, value, walk.input.offset()),
            Ok(None) => {}
            Err(error) => return Err(LoadError { error, key: Some(head.key) }),
        }
        Ok(())
    }

    /// The value of a key, if it is to be kept.
    fn read<R: Read>(&mut self, walk: &mut Walk<R>, head: &Head) -> Result<Option<Value>, ReadError> {
        let has_ended = head.ahead.ends_ms.is_some_and(|ends_ms| Deadline::at(ends_ms).is_past(self.now_ms));
        if has_ended && !self.how.keep_ended {
            skip_value(&mut walk.input, head.kind, &walk.templates)?;
            self.tally.ended += 1;
            return Ok(None);
        }
        if let Some(value) = self.cold_set(walk, head)? {
            return Ok(Some(value));
        }
        if let Some(value) = self.sealed_set(walk, head)? {
            return Ok(Some(value));
        }
        match value::read_value(&mut walk.input, head.kind, self.making, &walk.templates)? {
            Decoded::Value(value) => {
                if head.ahead.had_metadata {
                    self.skip(head.offset, "metadata of a module")?;
                }
                return Ok(Some(value));
            }
            Decoded::Empty => self.tally.empty += 1,
            Decoded::Unknown(kind) => self.skip(head.offset, &kind)?,
        }
        Ok(None)
    }

    /// The set of a key that is in a file which this server has: what the snapshot has of it is
    /// passed over.
    fn cold_set<R: Read>(&mut self, walk: &mut Walk<R>, head: &Head) -> Result<Option<Value>, ReadError> {
        let (Some(words), Some(dir), ValueType::Module2) = (&head.ahead.cold, self.making.tier, head.kind)
        else {
            return Ok(None);
        };
        let Some(file) = cold::claim(words, dir) else { return Ok(None) };
        walk.input.skip(file.outline().bytes)?;
        Ok(Some(Value::ColdSet(Arc::new(ColdSet::new(file)))))
    }

    /// The set of a key that is in sealed files which this server has: they are mapped, and what
    /// the snapshot has of it is passed over.
    fn sealed_set<R: Read>(&mut self, walk: &mut Walk<R>, head: &Head) -> Result<Option<Value>, ReadError> {
        let (Some(words), Some(dir), ValueType::Module2) = (&head.ahead.sealed, self.making.tier, head.kind)
        else {
            return Ok(None);
        };
        let Some((files, span)) = sealed::claim(words, dir) else { return Ok(None) };
        match sealed::open(&files) {
            Ok(set) => {
                walk.input.skip_span(span)?;
                Ok(Some(Value::VectorSet(Arc::new(set))))
            }
            Err(why) => {
                tracing::warn!("a warm vector set is read from the snapshot, its own files are none: {why}");
                Ok(None)
            }
        }
    }

    fn keep(&mut self, head: Head, value: Value, end: u64) {
        let Head { offset, key, ahead, .. } = head;
        let Ahead { ends_ms, idle_s, frequency, is_blessed, .. } = ahead;
        if self.batch.arrivals.is_empty() {
            self.batch.offset = offset;
        }
        let deadline = ends_ms.map_or(Deadline::NEVER, Deadline::at);
        let idle_s = idle_s.map(|idle_s| u32::try_from(idle_s).unwrap_or(u32::MAX));
        let known_use = KnownUse { idle_s, frequency };
        self.batch.arrivals.push(Arrival { key, value, deadline, known_use, is_blessed });
        self.tally.loaded += 1;
        if self.batch.arrivals.len() >= BATCH_KEYS || end - self.batch.offset >= BATCH_BYTES {
            self.pass_on();
        }
    }

    fn pass_on(&mut self) {
        let db = self.batch.db;
        let batch = std::mem::replace(&mut self.batch, Batch { db, ..Batch::default() });
        if !batch.arrivals.is_empty() {
            // It is received as long as this thread has not dropped the sender.
            let _ = self.sender.send(batch);
        }
    }
}

#[cfg(test)]
mod tests;
