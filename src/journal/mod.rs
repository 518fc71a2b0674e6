//! What has changed, in which order? The one stream of changes, the right to make one, and cuts
//! through the stream. Knows no key, no value and no file: changes are bytes to it.
//!
//! ```text
//! record.rs   the right to change data once
//! effects.rs  what a change is written down as
//! gate.rs     counts the threads that are changing data, so that a cut falls between changes;
//!             turnstile.rs has the counters and the protocol
//! stream/     the changes, until every reader has taken them
//! group.rs    the changes of a transaction, which stay together
//! held.rs     writers that are held back while the journal is full
//! ```
//!
//! # The order of operations
//!
//! | thread | operations |
//! |---|---|
//! | a writer | enters the gate, takes its locks, changes data, commits its [`Record`]s, unlocks, leaves the gate |
//! | one that begins a snapshot | closes the gate, waits until it is empty, makes the [cut](Journal::cut), opens the gate |
//! | a writer inside | reads the cut from its [`Passage`]: that snapshot may need a before-image of what it changes |
//! | the writer of the log | takes from the stream, and thereby has [how far](Reader::take) it has come |
//!
//! A change is committed before its locks are released, so the stream has the order in which other
//! threads saw the changes. As a cut waits until the gate is empty, each change is wholly before it
//! or wholly after it: in the data, in the stream, and in the count of changes.

mod effects;
mod gate;
mod group;
mod held;
mod record;
mod stream;
mod turnstile;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

pub use self::effects::Effects;
use self::gate::Gate;
pub use self::gate::Passage;
pub use self::group::Group;
pub use self::held::HeldWriter;
use self::held::HeldWriters;
pub use self::record::{PartChange, Record, Subject};
use self::stream::Stream;
pub use self::stream::{Batch, CutOff, Follower, NotKept, Reader, Taken, last_written};

/// Bytes of before-images that may wait for a snapshot before writers are held.
pub const MAX_BEFORE_IMAGE_BYTES: usize = 8 * 1024 * 1024;

/// The changes of one keyspace.
#[derive(Debug, Default)]
pub struct Journal {
    changes: AtomicU64,
    gate: Gate,
    /// The number of the cut whose snapshot is running; 0 if none is.
    cut: AtomicU64,
    cuts: AtomicU64,
    stream: Stream,
    /// Bytes of before-images that wait for the snapshot.
    before_images: AtomicUsize,
    /// Writers that are held back while it is [full](Self::is_full).
    held: HeldWriters,
    refuses: AtomicBool,
    refusals: Mutex<[Option<String>; 2]>,
}

/// A reason to refuse writes; if there are several, clients are sent the text of the first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalCause {
    /// Snapshots cannot be saved.
    Snapshot,
    /// The log cannot be written.
    Log,
}

impl Journal {
    /// A journal that has seen no change, and whose stream is off.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many changes were committed since this journal was made, less those that were
    /// [forgotten](Self::forget).
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// Subtracts `saved` changes, which are safe on disk; changes made while they were being saved
    /// stay counted.
    pub fn forget(&self, saved: u64) {
        self.changes.fetch_sub(saved, Ordering::Relaxed);
    }

    /// Lets the calling thread change data until it drops the passage. Waits while a cut is being
    /// made, so no lock may be held that a thread inside could take: enter first, then lock. A
    /// thread that is inside may enter again.
    pub fn enter(&self) -> Passage<'_> {
        self.gate.enter(self)
    }

    /// True if the calling thread is inside the gate.
    pub fn is_inside(&self) -> bool {
        self.gate.is_inside()
    }

    /// Runs `at` at a moment at which no thread is changing data, with the number of the new cut,
    /// which passages have from then on until [`end_cut`](Self::end_cut). The stream goes on in a
    /// new piece, which begins at its [end](Self::end).
    ///
    /// Writers are kept out for at most a millisecond at a time: if those inside take longer, the
    /// gate is opened again, and the cut is tried later. Only after many such tries it may take
    /// more.
    ///
    /// # Panics
    /// If a snapshot is running, or the caller is inside the gate.
    pub fn cut<R>(&self, at: impl FnOnce(u64) -> R) -> R {
        self.gate.alone(|| {
            let number = self.cuts.fetch_add(1, Ordering::Relaxed) + 1;
            let before = self.cut.swap(number, Ordering::Release);
            assert_eq!(before, 0, "one snapshot at a time");
            self.before_images.store(0, Ordering::Relaxed);
            let result = at(number);
            self.stream.divide();
            self.release_writers();
            result
        })
    }

    /// How long writers were kept out at the last cut, or division.
    pub fn last_closed(&self) -> Duration {
        self.gate.last_closed()
    }

    /// True while the snapshot of a cut is running.
    pub fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed) != 0
    }

    /// The snapshot of the cut is complete, or was given up.
    pub fn end_cut(&self) {
        self.cut.store(0, Ordering::Release);
        self.release_writers();
    }

    /// As [`Journal::cut`], with no snapshot: only the stream goes on in a new piece.
    pub fn divide<R>(&self, at: impl FnOnce() -> R) -> R {
        self.gate.alone(|| {
            let result = at();
            self.stream.divide();
            result
        })
    }

    /// Counts bytes of before-images that were made for the snapshot.
    pub fn add_before_images(&self, bytes: usize) {
        self.before_images.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The snapshot has taken before-images of so many bytes.
    pub fn remove_before_images(&self, bytes: usize) {
        // At a cut the count begins anew; threads that are late must not drive it below zero.
        let less = |waiting: usize| Some(waiting.saturating_sub(bytes));
        let _ = self.before_images.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        self.release_writers();
    }

    /// Bytes of before-images that wait for the snapshot; 0 while none is running.
    pub fn before_image_bytes(&self) -> usize {
        // A writer that was late to see the end of the snapshot may have counted some.
        if self.is_cut() { self.before_images.load(Ordering::Relaxed) } else { 0 }
    }

    /// True if writers are to wait, without any lock, until the disk has taken more: what waits for
    /// it is over its limit. One change may exceed it.
    pub fn is_full(&self) -> bool {
        self.before_image_bytes() > MAX_BEFORE_IMAGE_BYTES || self.stream.is_full()
    }

    /// What holds a write back, if it must wait now. Reads some words while there is room.
    pub fn hold_writer(self: &Arc<Self>) -> Option<HeldWriter> {
        HeldWriter::register(self)
    }

    /// Lets some writers go on that are held back, if there is room; to be called after each change
    /// that may have made some.
    pub fn release_writers(&self) {
        self.held.release(|| !self.holds_writers());
    }

    /// Writes that are refused are not held back as well.
    fn holds_writers(&self) -> bool {
        self.is_full() && !self.refuses.load(Ordering::Relaxed)
    }

    /// A reader of the stream, which is idle; writers are held for it.
    pub fn reader(self: &Arc<Self>) -> Reader {
        Reader::new(self)
    }

    /// A follower of the stream from now on, which may be behind by `limit` bytes. To be called
    /// inside [`cut`](Self::cut) or [`divide`](Self::divide).
    pub fn follow(self: &Arc<Self>, limit: usize) -> Follower {
        Follower::new(self, limit)
    }

    /// A follower of the stream from this place on, which may be behind by `limit` bytes, or by
    /// what the backlog keeps if that is more. It sees a division at its very place.
    ///
    /// # Errors
    /// What is behind that place is not kept, or the stream was off meanwhile.
    pub fn follow_from(self: &Arc<Self>, place: u64, limit: usize) -> Result<Follower, NotKept> {
        Follower::resume(self, place, limit)
    }

    /// Keeps the last `bytes` bytes of the stream for followers to come, whole segments of it. 0:
    /// keeps nothing, and writes down nothing while there is no reader. To be called inside
    /// [`cut`](Self::cut) or [`divide`](Self::divide), or before there are clients.
    pub fn set_backlog(&self, bytes: usize) {
        self.stream.set_backlog(bytes);
    }

    /// True if changes are written down: there is a reader, or a backlog.
    pub fn is_streaming(&self) -> bool {
        self.stream.is_on()
    }

    /// Sets how many bytes may wait for a [`Reader`] before writers are held.
    pub fn set_stream_limit(&self, bytes: usize) {
        self.stream.set_limit(bytes);
        self.release_writers();
    }

    /// Bytes that wait for the slowest [`Reader`].
    pub fn buffered_bytes(&self) -> usize {
        self.stream.buffered()
    }

    /// The place of the stream's end: it grows by the bytes that are committed.
    pub fn end(&self) -> u64 {
        self.stream.end()
    }

    /// Whether the stream has comments with the second in which the changes behind them were made,
    /// as Redis writes them.
    pub fn set_dated(&self, is_dated: bool) {
        self.stream.set_dated(is_dated);
    }

    /// Refuses writes for this cause with the text of an error reply, or no longer if there is
    /// none.
    pub fn refuse(&self, cause: RefusalCause, why: Option<String>) {
        let mut refusals = self.refusals.lock();
        refusals[cause as usize] = why;
        self.refuses.store(refusals.iter().any(Option::is_some), Ordering::Release);
        drop(refusals);
        self.held.release_all();
    }

    /// The error reply with which writes are refused now, if they are. Reads one atomic value while
    /// they are not.
    pub fn refusal(&self) -> Option<String> {
        if !self.refuses.load(Ordering::Relaxed) {
            return None;
        }
        self.refusals.lock().iter().flatten().next().cloned()
    }

    /// Collects the changes of the calling thread until the drop, and writes them down as one
    /// transaction.
    pub fn group(&self) -> Group<'_> {
        Group::begin(self)
    }

    /// Writes down a change without a request: a key or a field that expired. To be called as
    /// [`Record::commit`] is. As in Redis it does not count as a change: what was saved before
    /// expires all the same.
    pub fn note(&self, db: usize, effects: impl FnOnce(&mut Effects<'_>)) {
        if self.is_streaming() {
            let mut bytes = Vec::new();
            effects(&mut Effects::new(&mut bytes));
            self.write(db, &bytes);
        }
    }

    fn commit(&self, db: usize, bytes: &[u8]) {
        // Relaxed: a figure. The lock held by the committer orders the changes themselves.
        self.changes.fetch_add(1, Ordering::Relaxed);
        if self.is_streaming() {
            self.write(db, bytes);
        }
    }

    fn write(&self, db: usize, bytes: &[u8]) {
        if !group::collect(db, bytes) {
            self.stream.append([(db, bytes)].into_iter(), false);
        }
    }
}

#[cfg(test)]
mod tests;
