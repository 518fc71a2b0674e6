//! Readers of the stream. Each has a place of its own, and sees the same bytes and the same
//! divisions in the same order as all others.
//!
//! | reader | when it is too slow | for |
//! |---|---|---|
//! | [`Reader`] | writers are held, up to the [limit](Journal::set_stream_limit) | the log |
//! | [`Follower`] | it is cut off, writers are never held | replicas, change events |

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Condvar;

use super::{Batch, Stream, Taken};
use crate::journal::Journal;

/// A reader that must be given every change. It is idle until it begins.
#[derive(Debug)]
pub struct Reader(Handle);

/// A reader that may lose its place.
#[derive(Debug)]
pub struct Follower(Handle);

/// The stream has not kept what is behind this place, or was off meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotKept {
    /// The place that was asked for.
    pub place: u64,
}

impl fmt::Display for NotKept {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the stream of changes is not kept from place {} on", self.place)
    }
}

impl std::error::Error for NotKept {}

/// The follower fell behind by more than its limit. Nothing is kept for it any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutOff;

impl fmt::Display for CutOff {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("fell too far behind the stream of changes")
    }
}

impl std::error::Error for CutOff {}

#[derive(Debug)]
struct Handle {
    journal: Arc<Journal>,
    id: u64,
    news: Arc<Condvar>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stream().remove_reader(self.id);
        self.journal.release_writers();
    }
}

impl Handle {
    fn new(journal: &Arc<Journal>, limit: Option<u64>) -> Self {
        let news = Arc::default();
        let id = journal.stream.add_reader(limit, Arc::clone(&news));
        Self { journal: Arc::clone(journal), id, news }
    }

    fn stream(&self) -> &Stream {
        &self.journal.stream
    }
}

impl Reader {
    pub(in crate::journal) fn new(journal: &Arc<Journal>) -> Self {
        Self(Handle::new(journal, None))
    }

    /// Begins to read: the changes from now on. To be called inside
    /// [`cut`](Journal::cut) or [`divide`](Journal::divide), or
    /// before there are clients.
    pub fn begin(&self) {
        self.0.stream().begin(self.0.id);
    }

    /// Ends reading: the next division is the last thing that this reader sees. To be called inside
    /// [`cut`](Journal::cut) or [`divide`](Journal::divide), which
    /// makes that division.
    pub fn end(&self) {
        self.0.stream().end_reader(self.0.id);
    }

    /// True if changes are written down for this reader.
    pub fn is_on(&self) -> bool {
        self.0.stream().with_cursor(self.0.id, |cursor| cursor.is_reading())
    }

    /// Waits until there is something to be taken at once, or the time is over. There is where the
    /// stream is divided, where the reader was [woken](Self::wake), where something is
    /// [wanted](Self::want), where it is far behind, and with each change if it is
    /// [eager](Self::set_eager). To wake it for each change would cost writers more than the
    /// change.
    pub fn wait(&self, time: Duration) {
        self.0.stream().wait(self.0.id, &self.0.news, time);
    }

    /// Puts what there is into `batch`, which must be empty, up to the next division.
    pub fn take(&self, batch: &mut Batch) -> Taken {
        let taken = self.0.stream().take(self.0.id, u64::MAX, batch);
        self.0.journal.release_writers();
        taken.expect("a reader without a limit is not cut off")
    }

    /// As [`take`](Self::take), with the place behind what was taken; takes nothing if there is a
    /// division.
    pub fn take_undivided(&self, batch: &mut Batch) -> Option<u64> {
        let end = self.0.stream().take_undivided(self.0.id, batch);
        self.0.journal.release_writers();
        end
    }

    /// Says that a reply is held back until all before this place of the stream is written. The
    /// thread that reads looks for it [whenever it has written](Self::is_wanted).
    pub fn want(&self, place: u64) {
        self.0.stream().with_cursor(self.0.id, |cursor| cursor.wanted = cursor.wanted.max(place));
    }

    /// True if something is [wanted](Self::want) and has not been taken.
    pub fn is_wanted(&self) -> bool {
        self.0.stream().with_cursor(self.0.id, |cursor| cursor.is_wanted())
    }

    /// Whether each change wakes the thread that waits.
    pub fn set_eager(&self, is_eager: bool) {
        self.0.stream().with_cursor(self.0.id, |cursor| cursor.is_eager = is_eager);
    }

    /// Wakes the thread that waits.
    pub fn wake(&self) {
        self.0.stream().with_cursor(self.0.id, |cursor| cursor.wake());
    }
}

impl Follower {
    pub(in crate::journal) fn new(journal: &Arc<Journal>, limit: usize) -> Self {
        let handle = Handle::new(journal, Some(limit as u64));
        journal.stream.begin(handle.id);
        Self(handle)
    }

    pub(in crate::journal) fn resume(
        journal: &Arc<Journal>,
        place: u64,
        limit: usize,
    ) -> Result<Self, NotKept> {
        let handle = Handle::new(journal, Some(limit as u64));
        if journal.stream.begin_at(handle.id, place) { Ok(Self(handle)) } else { Err(NotKept { place }) }
    }

    /// Waits until there is a change, or a division, or it is cut off, or the time is over.
    pub fn wait(&self, time: Duration) {
        self.0.stream().wait(self.0.id, &self.0.news, time);
    }

    /// Puts what there is into `batch`, which must be empty: at most `max` bytes, and nothing
    /// behind the next division.
    ///
    /// # Errors
    /// It was cut off.
    pub fn take(&self, max: usize, batch: &mut Batch) -> Result<Taken, CutOff> {
        self.0.stream().take(self.0.id, max as u64, batch)
    }

    /// Wakes the thread that waits.
    pub fn wake(&self) {
        self.0.stream().with_cursor(self.0.id, |cursor| cursor.wake());
    }
}
