//! The changes, in order, until whoever writes them to a file has taken them.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::{Condvar, Mutex};

use super::Effects;

/// Bytes that may wait before writers are held, unless it is set.
const LIMIT: usize = 256 * 1024;

thread_local! {
    static LAST_WRITTEN: Cell<u64> = const { Cell::new(0) };
}

/// Where the stream ended after the last change that the calling thread wrote down since it was last asked; 0 if it wrote
/// none.
pub fn last_written() -> u64 {
    LAST_WRITTEN.replace(0)
}

/// What a reader was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The place of the stream behind the last byte given.
    pub end: u64,
    /// A division follows these bytes: what comes later belongs to another piece, which begins with no database
    /// selected.
    pub divided: bool,
}

#[derive(Debug, Default)]
pub(super) struct Stream {
    on: AtomicBool,
    limit: AtomicUsize,
    /// Bytes in the tail, for those who do not lock it.
    buffered: AtomicUsize,
    tail: Mutex<Tail>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct Tail {
    bytes: Vec<u8>,
    /// The place of the first of them.
    start: u64,
    /// The database that was selected last in this piece.
    db: Option<usize>,
    divisions: VecDeque<u64>,
    /// The reader is to look up.
    rung: bool,
    /// Each change wakes the reader.
    is_eager: bool,
    /// A reply is held back until all before this place is written.
    wanted: u64,
    /// Whether the seconds in which changes are made are noted.
    is_dated: bool,
    /// The second that was noted last in this piece, since 1970.
    noted_s: u64,
}

impl Tail {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// True if the reader is to take now what there is.
    fn is_urgent(&self, plenty: usize) -> bool {
        self.rung
            || !self.divisions.is_empty()
            || self.is_eager && !self.bytes.is_empty()
            || self.wanted > self.start
            || self.bytes.len() >= plenty
    }

    /// Notes the second, if it is another one: `#TS:1795262563\r\n`, a comment to readers of
    /// requests.
    fn date(&mut self, now: SystemTime) {
        let now_s = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if now_s > self.noted_s {
            self.noted_s = now_s;
            self.bytes.extend_from_slice(format!("#TS:{now_s}\r\n").as_bytes());
        }
    }

    fn select(&mut self, db: usize) {
        if self.db != Some(db) {
            self.db = Some(db);
            Effects::new(&mut self.bytes).command(&["SELECT", &db.to_string()]);
        }
    }
}

impl Stream {
    /// Adds records, of which the first word of each pair is the database. `several`: as one transaction.
    pub(super) fn append<'r>(&self, records: impl Iterator<Item = (usize, &'r [u8])>, several: bool) {
        let mut tail = self.tail.lock();
        let before = tail.bytes.len();
        let mut records = records.filter(|(_, bytes)| !bytes.is_empty()).peekable();
        // Before the MULTI, so that a log that ends within the transaction can be cut there.
        if let Some((db, _)) = records.peek() {
            if tail.is_dated {
                tail.date(SystemTime::now());
            }
            tail.select(*db);
        }
        if several {
            Effects::new(&mut tail.bytes).command(&["MULTI"]);
        }
        for (db, bytes) in records {
            tail.select(db);
            tail.bytes.extend_from_slice(bytes);
        }
        if several {
            Effects::new(&mut tail.bytes).command(&["EXEC"]);
        }
        LAST_WRITTEN.set(tail.end());
        self.buffered.store(tail.bytes.len(), Ordering::Relaxed);
        let is_first = before == 0 && !tail.bytes.is_empty();
        let plenty = self.plenty();
        if is_first && tail.is_eager || before < plenty && tail.bytes.len() >= plenty {
            self.news.notify_one();
        }
    }

    /// The next change begins a new piece.
    pub(super) fn divide(&self) {
        let mut tail = self.tail.lock();
        let end = tail.end();
        tail.divisions.push_back(end);
        (tail.db, tail.noted_s) = (None, 0);
        self.news.notify_one();
    }

    /// Waits until the reader is to take something, or the time is over.
    pub(super) fn wait(&self, time: Duration) {
        let mut tail = self.tail.lock();
        if !tail.is_urgent(self.plenty()) {
            self.news.wait_for(&mut tail, time);
        }
        tail.rung = false;
    }

    pub(super) fn take(&self, buffer: &mut Vec<u8>) -> Piece {
        debug_assert!(buffer.is_empty());
        let mut tail = self.tail.lock();
        let division = tail.divisions.front().copied();
        match division {
            Some(at) if at < tail.end() => {
                let len = (at - tail.start) as usize;
                buffer.extend(tail.bytes.drain(..len));
            }
            _ => std::mem::swap(buffer, &mut tail.bytes),
        }
        tail.start += buffer.len() as u64;
        let divided = division == Some(tail.start);
        if divided {
            tail.divisions.pop_front();
        }
        self.buffered.store(tail.bytes.len(), Ordering::Relaxed);
        Piece { end: tail.start, divided }
    }

    /// As [`take`](Self::take), with the place behind what is given; none if there are divisions.
    pub(super) fn take_undivided(&self, buffer: &mut Vec<u8>) -> Option<u64> {
        debug_assert!(buffer.is_empty());
        let mut tail = self.tail.lock();
        if !tail.divisions.is_empty() {
            return None;
        }
        std::mem::swap(buffer, &mut tail.bytes);
        tail.start += buffer.len() as u64;
        self.buffered.store(0, Ordering::Relaxed);
        Some(tail.start)
    }

    /// All before this place is wanted soon.
    pub(super) fn want(&self, place: u64) {
        let mut tail = self.tail.lock();
        tail.wanted = tail.wanted.max(place);
    }

    /// True if something is wanted that was not taken.
    pub(super) fn is_wanted(&self) -> bool {
        let tail = self.tail.lock();
        tail.wanted > tail.start
    }

    pub(super) fn set_dated(&self, is_dated: bool) {
        self.tail.lock().is_dated = is_dated;
    }

    pub(super) fn set_eager(&self, is_eager: bool) {
        self.tail.lock().is_eager = is_eager;
    }

    pub(super) fn ring(&self) {
        self.tail.lock().rung = true;
        self.news.notify_one();
    }

    pub(super) fn set_on(&self, on: bool) {
        self.on.store(on, Ordering::Release);
    }

    #[inline]
    pub(super) fn is_on(&self) -> bool {
        self.on.load(Ordering::Acquire)
    }

    pub(super) fn set_limit(&self, bytes: usize) {
        self.limit.store(bytes, Ordering::Relaxed);
    }

    pub(super) fn is_full(&self) -> bool {
        self.buffered() >= self.limit()
    }

    fn limit(&self) -> usize {
        match self.limit.load(Ordering::Relaxed) {
            0 => LIMIT,
            limit => limit,
        }
    }

    /// Bytes of which the reader is told at once.
    fn plenty(&self) -> usize {
        self.limit() / 4
    }

    pub(super) fn buffered(&self) -> usize {
        self.buffered.load(Ordering::Relaxed)
    }

    pub(super) fn end(&self) -> u64 {
        self.tail.lock().end()
    }
}
