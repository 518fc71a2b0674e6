//! Takes changes from the journal and writes them to the current increment.
//!
//! | policy | what writes | after each piece |
//! |---|---|---|
//! | always | the writer's thread | syncs: all that came during the sync before is in one piece, one sync for all replies that wait |
//! | every second | the network thread whose round ends; the writer's thread while a sync is running | a sync on its thread, at most once a second |
//! | never | the network thread whose round ends | nothing |
//!
//! Under each policy a reply leaves when its change was given to the system: a process that is
//! killed loses nothing of what it acknowledged. Under `always` it leaves when the change is safe.
//!
//! *One write for all.* A round of a network thread ends with one write of everything in the
//! stream, the changes of others included. A thread that finds another one writing notes the place
//! up to which it [wants](crate::journal::Reader::want) a write, lets its connection wait, and
//! serves others; the one that writes reads that place when it is done, and writes again.
//!
//! *A slow disk* may hold up `write` while the same file is synced, for as long as the sync takes.
//! So while one is running the writer's thread writes, whose replies wait, and the network threads
//! stay free for what does not wait. If a sync takes more than two seconds, nothing is written
//! before its end, so that a power failure does not lose more than that; the stream fills, and
//! writes are held before they begin.
//!
//! What reads answer is not withheld: another client may see a change a moment before it is
//! written, or safe.
//!
//! *When it cannot write*, the piece stays in memory, writes are refused, and the writer's thread
//! tries again each second. No reply is sent before its change is written, so nothing that was
//! acknowledged is lost.
//!
//! *When a sync fails*, the system may have dropped the pages, so that file is not used any more.
//! What is still in memory (under `always`, all that is not safe) is taken back from it and written
//! to a new increment. What is not in memory (under the other policies, up to two seconds of
//! changes) may or may not be in the file: a new base is made from the data as soon as the disk can
//! be written again, and until then the file is kept as it is.
//!
//! *Where the stream is divided* it goes on in a new increment if it was
//! [ordered](super::status::Order) to; by the writer's thread, since that takes files and syncs.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::appender::Appender;
use super::disk::{Increment, Increments, LogFile};
use super::status::{NextIncrement, Order, Status, SyncPolicy, reason};
use super::syncer::{Job, Syncer};
use crate::journal::Batch;

/// Between two attempts to write.
const RETRY: Duration = Duration::from_secs(1);
/// Between two syncs of the policy "every second".
const SYNC_EVERY: Duration = Duration::from_secs(1);
/// A sync that takes longer holds the writer.
const SLOW_SYNC: Duration = Duration::from_secs(2);
/// How long it waits for changes at most, before it checks whether a sync is due.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// The writer, for the thread that writes now; none while the log is off.
pub(super) type SharedWriter = Mutex<Option<Writer>>;

/// The end of the log, and what was taken from the stream.
pub(super) struct Writer {
    pub(super) status: Arc<Status>,
    increments: Arc<dyn Increments>,
    out: Appender,
    /// Files before `out` that are not safe yet.
    left: Vec<Arc<dyn LogFile>>,
    pub(super) syncer: Syncer,
    pub(super) last_sync: Instant,
    /// What was taken from the stream and is not written yet.
    pub(super) piece: Batch,
    /// The place of the stream behind it; all before is written where it is empty.
    pub(super) place: u64,
}

impl Writer {
    /// A writer that goes on in `increment`.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub(super) fn new(
        status: Arc<Status>,
        increments: Arc<dyn Increments>,
        increment: Increment,
    ) -> io::Result<Self> {
        let syncer = Syncer::start(&status)?;
        let place = status.journal.end();
        let out = Appender::new(increment);
        Ok(Self {
            status,
            increments,
            out,
            left: Vec::new(),
            syncer,
            last_sync: Instant::now(),
            piece: Batch::default(),
            place,
        })
    }

    /// Writes the next piece, however long it takes; false if there is none any more. For the
    /// writer's thread.
    pub(super) fn step(&mut self) -> bool {
        // What another thread has failed to write.
        self.keep();
        let taken = self.status.reader.take(&mut self.piece);
        self.place = taken.end;
        self.keep();
        !(taken.is_divided && self.divide(taken.end))
    }

    /// Writes what there is, if that takes no longer than giving it to the system; false if it is
    /// left to the writer's thread.
    pub(super) fn write_at_once(&mut self) -> bool {
        let policy = self.status.policy();
        if policy == SyncPolicy::Always || !self.can_write_at_once() {
            return false;
        }
        let Some(place) = self.status.reader.take_undivided(&mut self.piece) else { return false };
        self.place = place;
        let written = self.try_to_keep(policy);
        written.inspect_err(|error| self.status.fail(error)).is_ok()
    }

    /// True if no failure is to be dealt with, and no sync is running.
    fn can_write_at_once(&self) -> bool {
        self.piece.is_empty() && self.out.is_whole() && self.syncer.is_idle()
    }

    /// How long it may wait for changes.
    fn patience(&self) -> Duration {
        let is_due_later = self.status.policy() == SyncPolicy::EverySecond && !self.is_safe();
        if is_due_later { SYNC_EVERY.saturating_sub(self.last_sync.elapsed()) } else { MAX_WAIT }
    }

    fn is_safe(&self) -> bool {
        self.out.is_safe() && self.left.is_empty()
    }

    /// Writes the piece, however long it takes, unless the server gives up.
    fn keep(&mut self) {
        while let Err(error) = self.try_to_keep(self.status.policy()) {
            self.status.fail(&error);
            if self.status.gives_up() {
                tracing::error!(
                    "{} bytes of changes could not be written to the AOF: {error}",
                    self.piece.len()
                );
                self.piece.clear();
                return;
            }
            self.status.pause(RETRY);
        }
        self.status.recover();
    }

    pub(super) fn try_to_keep(&mut self, policy: SyncPolicy) -> io::Result<()> {
        let piece = std::mem::take(&mut self.piece);
        let kept = self.try_to_keep_piece(&piece, policy);
        self.piece = piece;
        if kept.is_ok() {
            self.piece.clear();
        }
        kept
    }

    fn try_to_keep_piece(&mut self, piece: &Batch, policy: SyncPolicy) -> io::Result<()> {
        self.note_outcome()?;
        self.settle()?;
        if policy != SyncPolicy::Always && self.syncer.wait_if_slower_than(SLOW_SYNC) {
            self.status.delayed.add(1);
            self.note_outcome()?;
        }
        let start = self.out.len();
        self.out.append(piece)?;
        self.secure(policy, start)?;
        self.status.note_written(self.place);
        self.status.size.fetch_add(piece.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Makes what is written safe, as the policy requires. `start`: the length of the file before
    /// the piece.
    fn secure(&mut self, policy: SyncPolicy, start: u64) -> io::Result<()> {
        match policy {
            SyncPolicy::Always => self.sync(start),
            SyncPolicy::EverySecond => {
                let is_due = self.last_sync.elapsed() >= SYNC_EVERY;
                if is_due && !self.is_safe() && !self.syncer.is_busy() {
                    self.sync_aside();
                }
                Ok(())
            }
            SyncPolicy::Never => {
                if !self.left.is_empty() {
                    self.left.clear();
                    self.status.note_unsafe();
                }
                // Replies that have waited under another policy wait no more.
                self.status.wake();
                Ok(())
            }
        }
    }

    /// Syncs here and now.
    fn sync(&mut self, start: u64) -> io::Result<()> {
        if self.is_safe() {
            self.status.note_durable(self.place);
            return Ok(());
        }
        self.syncer.wait();
        if let Err(error) = self.note_outcome().and_then(|()| self.sync_left()) {
            self.out.suspect(start);
            return Err(error);
        }
        self.out.sync(start)?;
        self.last_sync = Instant::now();
        self.status.note_durable(self.place);
        Ok(())
    }

    fn sync_left(&mut self) -> io::Result<()> {
        let synced = self.left.iter().try_for_each(|file| file.sync());
        if synced.is_err() {
            self.status.needs_base.store(true, Ordering::Relaxed);
        }
        self.left.clear();
        synced
    }

    fn sync_aside(&mut self) {
        self.last_sync = Instant::now();
        let left = std::mem::take(&mut self.left);
        let file = self.out.file();
        let len = self.out.len();
        let place = self.place;
        self.syncer.begin(Job { left, file, len, place });
    }

    /// Notes the outcome of a sync on the thread of its own.
    fn note_outcome(&mut self) -> io::Result<()> {
        match self.syncer.take_outcome() {
            None => Ok(()),
            Some(Ok((file, len))) => {
                if Arc::ptr_eq(&file, &self.out.file()) {
                    self.out.note_safe(len);
                }
                Ok(())
            }
            Some(Err(error)) => {
                self.status.needs_base.store(true, Ordering::Relaxed);
                self.out.suspect(self.out.len());
                Err(error)
            }
        }
    }

    /// After a failure: leaves only whole records in the file, and after one of a sync goes on in a
    /// new file.
    fn settle(&mut self) -> io::Result<()> {
        if !self.out.is_suspect() {
            return self.out.mend();
        }
        if !self.out.take_back()? {
            self.status.needs_base.store(true, Ordering::Relaxed);
        }
        let next = if self.out.len() > 0 { self.increments.begin()? } else { None };
        match next {
            Some(increment) => self.out = Appender::new(increment),
            None => self.out.trust(),
        }
        Ok(())
    }

    /// Carries out the order for this division; true if it is the end.
    fn divide(&mut self, place: u64) -> bool {
        match self.status.take_order(place) {
            None => false,
            Some(Order::End) => true,
            Some(Order::Turn(next)) => {
                self.turn(&next);
                false
            }
        }
    }

    /// Goes on in a new increment, however long it takes, unless the server gives up.
    fn turn(&mut self, next: &NextIncrement) {
        while let Err(error) = self.try_to_turn(next) {
            self.status.fail(&error);
            if self.status.gives_up() {
                next.give_up();
                return;
            }
            self.status.pause(RETRY);
        }
        self.status.recover();
    }

    fn try_to_turn(&mut self, next: &NextIncrement) -> io::Result<()> {
        self.note_outcome()?;
        self.settle()?;
        let Some(increment) = self.increments.begin()? else { return Ok(()) };
        let seq = increment.seq;
        let before = std::mem::replace(&mut self.out, Appender::new(increment));
        if !before.is_safe() {
            self.leave(before);
        }
        next.set(seq);
        Ok(())
    }

    /// Leaves a file that is not safe.
    fn leave(&mut self, before: Appender) {
        match self.status.policy() {
            SyncPolicy::Never => self.status.note_unsafe(),
            _ => self.left.push(before.file()),
        }
    }

    /// The end: all is made safe, whatever the policy is.
    pub(super) fn finish(mut self) {
        self.syncer.wait();
        let start = self.out.len();
        let synced = self.note_outcome().and_then(|()| self.sync_left()).and_then(|()| self.out.sync(start));
        match synced {
            Ok(()) => self.status.note_durable(self.place),
            Err(error) => tracing::error!("Fail to fsync the AOF file: {}", reason(&error)),
        }
    }
}

/// The writer's thread, until it is ordered to end.
pub(super) fn run(shared_writer: &SharedWriter, status: &Status) {
    loop {
        let Some(patience) = shared_writer.lock().as_ref().map(Writer::patience) else { return };
        status.reader.wait(patience);
        if !shared_writer.lock().as_mut().is_some_and(Writer::step) {
            break;
        }
    }
    let writer = shared_writer.lock().take();
    writer.into_iter().for_each(Writer::finish);
}
