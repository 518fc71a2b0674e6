//! The changes, in order, for every reader: the bytes since the slowest reader's place, or since
//! where the backlog begins.
//!
//! ```text
//! segments.rs   the bytes that are kept
//! divisions.rs  where the stream is divided
//! cursor.rs     how far a reader has come, and when it is woken
//! reader.rs     what readers call
//! batch.rs      what they are given
//! ```
//!
//! One short lock orders the changes, and guards the cursors too: an append copies its record into
//! the open segment and looks at each cursor.

mod batch;
mod cursor;
mod divisions;
mod reader;
mod segments;

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::{Condvar, Mutex};

pub use self::batch::{Batch, Taken};
use self::cursor::Cursor;
use self::divisions::Divisions;
pub use self::reader::{CutOff, Follower, NotKept, Reader};
use self::segments::Segments;
use super::Effects;

/// Bytes that may wait before writers are held, unless it is set.
const LIMIT: usize = 256 * 1024;

/// What surrounds the records of a transaction.
const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";

thread_local! {
    /// Of the thread, and not the result of a commit: changes are committed deep in the keyspace
    /// and in vector sets, by functions whose results say other things, and keys that expire during
    /// a command are noted without a [`Record`](super::Record). Each of them, and each command
    /// above them, would have to pass the place on to the connection. Nothing is missed in between:
    /// a command runs on one thread, which takes the place before it runs the next command.
    static LAST_WRITTEN: Cell<u64> = const { Cell::new(0) };
}

/// Where the stream ended after the last change that the calling thread wrote down since the last
/// call; 0 if it wrote none.
pub fn last_written() -> u64 {
    LAST_WRITTEN.replace(0)
}

#[derive(Debug, Default)]
pub(super) struct Stream {
    /// Changes are written down: there is a reader, or a backlog.
    on: AtomicBool,
    limit: AtomicUsize,
    /// Bytes that the slowest reader that holds writers is behind, for threads without the lock.
    buffered: AtomicUsize,
    tail: Mutex<Tail>,
}

#[derive(Debug, Default)]
struct Tail {
    segments: Segments,
    divisions: Divisions,
    cursors: Vec<Cursor>,
    readers_made: u64,
    /// Bytes that are kept for followers to come.
    backlog: u64,
    /// The stream is without a gap from this place on.
    unbroken_from: u64,
    /// The database that was selected last in this piece.
    db: Option<usize>,
    /// For the few commands that the stream itself writes.
    scratch: Vec<u8>,
    /// Whether the seconds in which changes are made are noted.
    is_dated: bool,
    /// The second that was noted last in this piece, since 1970.
    noted_s: u64,
}

impl Tail {
    fn end(&self) -> u64 {
        self.segments.end()
    }

    fn is_on(&self) -> bool {
        self.backlog > 0 || self.cursors.iter().any(Cursor::is_reading)
    }

    fn write<'r>(&mut self, records: impl Iterator<Item = (usize, &'r [u8])>, several: bool) {
        let mut records = records.filter(|(_, bytes)| !bytes.is_empty()).peekable();
        // Before the MULTI, so that a log that ends within the transaction can be cut there.
        let Some((db, _)) = records.peek() else { return };
        if self.is_dated {
            self.date(SystemTime::now());
        }
        self.select(*db);
        if several {
            self.segments.push(MULTI);
        }
        for (db, bytes) in records {
            self.select(db);
            self.segments.push(bytes);
        }
        if several {
            self.segments.push(EXEC);
        }
    }

    /// Notes the second, if it is another one: `#TS:1795262563\r\n`, a comment to readers of
    /// requests.
    fn date(&mut self, now: SystemTime) {
        let now_s = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if now_s > self.noted_s {
            self.noted_s = now_s;
            self.segments.push(format!("#TS:{now_s}\r\n").as_bytes());
        }
    }

    #[inline]
    fn select(&mut self, db: usize) {
        if self.db != Some(db) {
            self.write_select(db);
        }
    }

    #[cold]
    fn write_select(&mut self, db: usize) {
        self.db = Some(db);
        self.scratch.clear();
        Effects::new(&mut self.scratch).command(&["SELECT", &db.to_string()]);
        self.segments.push(&self.scratch);
    }

    /// What follows can be read without what is before.
    fn begin_piece(&mut self) {
        self.db = None;
        self.noted_s = 0;
    }

    /// The stream goes on; places of before, after which changes were not written down, are not
    /// continued.
    fn begin_unless_on(&mut self) {
        if !self.is_on() {
            // So that no place of before is one of now. Never read: it is before all that begin.
            self.segments.push(b"\n");
            self.unbroken_from = self.end();
        }
    }

    fn divide(&mut self) {
        if !self.is_on() && !self.cursors.iter().any(Cursor::is_ending) {
            return;
        }
        let number = self.divisions.next();
        let place = self.end();
        self.divisions.push(place);
        self.cursors.iter_mut().for_each(|cursor| cursor.note_division(number, place));
        self.begin_piece();
    }

    /// Wakes readers since the stream has grown. Gives the bytes that the slowest of those that
    /// hold writers is behind.
    fn note_growth(&mut self, before: u64, plenty: u64) -> usize {
        let end = self.end();
        let backlog = self.backlog;
        let mut slowest = 0;
        for cursor in &mut self.cursors {
            let lag = cursor.note_growth(before, end, plenty, backlog);
            if cursor.holds_writers() {
                slowest = lag.max(slowest);
            }
        }
        slowest as usize
    }

    /// Gives back what neither a reader nor the backlog needs.
    fn trim(&mut self) {
        let end = self.end();
        let mut place = end;
        let mut division = self.divisions.next();
        for (reads, passes) in self.cursors.iter().filter_map(Cursor::needs) {
            place = place.min(reads);
            division = division.min(passes);
        }
        place = place.min(end.saturating_sub(self.backlog).max(self.unbroken_from));
        self.segments.release(place);
        let kept_from = if self.backlog > 0 { self.segments.start() } else { u64::MAX };
        self.divisions.release(division, kept_from);
    }

    /// True if this reader is to read now.
    fn is_urgent(&mut self, id: u64, plenty: u64) -> bool {
        let end = self.end();
        cursor(&mut self.cursors, id).is_urgent(end, &self.divisions, plenty)
    }

    /// Bytes that the slowest reader that holds writers is behind.
    fn buffered(&self) -> usize {
        let end = self.end();
        let holding = self.cursors.iter().filter(|cursor| cursor.holds_writers());
        holding.map(|cursor| cursor.lag(end)).max().unwrap_or(0) as usize
    }
}

impl Stream {
    /// Adds records, of which the first word of each pair is the database. `several`: as one
    /// transaction.
    pub(super) fn append<'r>(&self, records: impl Iterator<Item = (usize, &'r [u8])>, several: bool) {
        let mut tail = self.tail.lock();
        if !self.is_on() {
            return;
        }
        let before = tail.end();
        let full = tail.segments.full();
        tail.write(records, several);
        LAST_WRITTEN.set(tail.end());
        self.buffered.store(tail.note_growth(before, self.plenty()), Ordering::Relaxed);
        if tail.segments.full() > full {
            // With it goes what was kept for a follower that was cut off.
            self.note_readers(&mut tail);
        }
    }

    /// Gives back what is not needed since readers came or went, or the backlog was set.
    fn note_readers(&self, tail: &mut Tail) {
        let is_on = tail.is_on();
        self.on.store(is_on, Ordering::Release);
        self.note_taken(tail);
        if !is_on {
            tail.segments.shrink();
        }
    }

    /// Gives back what is not needed since a reader has taken something.
    fn note_taken(&self, tail: &mut Tail) {
        tail.trim();
        self.buffered.store(tail.buffered(), Ordering::Relaxed);
    }

    /// The next change begins a new piece.
    pub(super) fn divide(&self) {
        self.tail.lock().divide();
    }

    /// A cursor for a new reader, which is idle: its number.
    fn add_reader(&self, limit: Option<u64>, news: Arc<Condvar>) -> u64 {
        let mut tail = self.tail.lock();
        tail.readers_made += 1;
        let id = tail.readers_made;
        tail.cursors.push(Cursor::new(id, limit, news));
        id
    }

    fn remove_reader(&self, id: u64) {
        let mut tail = self.tail.lock();
        tail.cursors.retain(|cursor| cursor.id != id);
        self.note_readers(&mut tail);
    }

    /// Has a reader begin at the stream's end.
    fn begin(&self, id: u64) {
        let mut tail = self.tail.lock();
        tail.begin_unless_on();
        // The piece that is being written goes on, but with its database selected anew.
        tail.begin_piece();
        let end = tail.end();
        let division = tail.divisions.next();
        cursor(&mut tail.cursors, id).begin(end, division);
        self.note_readers(&mut tail);
    }

    /// Has a reader go on at this place; false if the stream is not kept from there on.
    fn begin_at(&self, id: u64, place: u64) -> bool {
        let mut tail = self.tail.lock();
        let kept_from = tail.segments.start().max(tail.unbroken_from);
        if !tail.is_on() || !(kept_from..=tail.end()).contains(&place) {
            return false;
        }
        let division = tail.divisions.first_from(place);
        cursor(&mut tail.cursors, id).begin(place, division);
        true
    }

    fn end_reader(&self, id: u64) {
        let mut tail = self.tail.lock();
        cursor(&mut tail.cursors, id).end();
        self.note_readers(&mut tail);
    }

    /// Reads or changes a reader's cursor.
    fn with_cursor<R>(&self, id: u64, work: impl FnOnce(&mut Cursor) -> R) -> R {
        work(cursor(&mut self.tail.lock().cursors, id))
    }

    fn wait(&self, id: u64, news: &Condvar, time: Duration) {
        let mut tail = self.tail.lock();
        if !tail.is_urgent(id, self.plenty()) {
            news.wait_for(&mut tail, time);
        }
        cursor(&mut tail.cursors, id).is_woken = false;
    }

    fn take(&self, id: u64, max: u64, batch: &mut Batch) -> Result<Taken, CutOff> {
        debug_assert!(batch.is_empty());
        let mut tail = self.tail.lock();
        let Tail { segments, divisions, cursors, .. } = &mut *tail;
        let cursor = cursor(cursors, id);
        if cursor.is_cut_off() {
            return Err(CutOff);
        }
        let taken = cursor.take(segments, divisions, max, batch);
        self.note_taken(&mut tail);
        Ok(taken)
    }

    fn take_undivided(&self, id: u64, batch: &mut Batch) -> Option<u64> {
        debug_assert!(batch.is_empty());
        let mut tail = self.tail.lock();
        let Tail { segments, divisions, cursors, .. } = &mut *tail;
        let cursor = cursor(cursors, id);
        if cursor.is_before_division(divisions) {
            return None;
        }
        let taken = cursor.take(segments, divisions, u64::MAX, batch);
        self.note_taken(&mut tail);
        Some(taken.end)
    }

    pub(super) fn set_dated(&self, is_dated: bool) {
        self.tail.lock().is_dated = is_dated;
    }

    pub(super) fn set_backlog(&self, bytes: usize) {
        let mut tail = self.tail.lock();
        if bytes > 0 && !tail.is_on() {
            tail.begin_unless_on();
            tail.begin_piece();
        }
        tail.backlog = bytes as u64;
        self.note_readers(&mut tail);
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

    /// Bytes behind which a reader that holds writers may fall before it is woken.
    fn plenty(&self) -> u64 {
        self.limit() as u64 / 4
    }

    pub(super) fn buffered(&self) -> usize {
        self.buffered.load(Ordering::Relaxed)
    }

    pub(super) fn end(&self) -> u64 {
        self.tail.lock().end()
    }
}

/// The cursor of this reader.
fn cursor(cursors: &mut [Cursor], id: u64) -> &mut Cursor {
    let found = cursors.iter_mut().find(|cursor| cursor.id == id);
    found.expect("a reader's cursor stays until the reader is dropped")
}

#[cfg(test)]
mod tests;
