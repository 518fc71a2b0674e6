//! The thread that takes changes from the journal and writes them to the current increment.
//!
//! | policy | after each piece | and then |
//! |---|---|---|
//! | always | syncs: all that came during the sync before is in one piece, one sync for all who wait | tells the place that is safe |
//! | every second | at most once a second has the syncer begin | writes on; if a sync takes more than two seconds, it waits, the stream fills, and writers are held at the door |
//! | never | nothing | |
//!
//! What reads answer is not withheld: under `always` another client may see a change a moment before it is safe.
//!
//! *When it cannot write*, the piece stays in memory, writes are refused, and it tries again each second. Under `always` no
//! reply is sent before its change is safe, so nothing that was acknowledged is lost.
//!
//! *When a sync fails*, the system may have dropped the pages, so that file is not used any more. What is still in memory
//! (under `always`, all that is not safe) is taken back from it and written to a new increment. What is not in memory
//! (under the other policies, up to two seconds of changes) may or may not be in the file: a new base is made from the data as
//! soon as the disk can be written again, and until then the file is kept as it is.
//!
//! *Where the stream is divided* it goes on in a new increment if it was [ordered](super::status::Order) to.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::appender::Appender;
use super::disk::{Increment, Increments, LogFile};
use super::status::{Order, Status, SyncPolicy, Turned, reason};
use super::syncer::{Job, Syncer};

/// Between two attempts to write.
const RETRY: Duration = Duration::from_secs(1);
/// Between two syncs of the policy "every second".
const SYNC_EVERY: Duration = Duration::from_secs(1);
/// A sync that takes longer holds the writer.
const SLOW_SYNC: Duration = Duration::from_secs(2);
/// How long it waits for changes before it looks around.
const LOOK_AROUND: Duration = Duration::from_secs(1);
/// How long changes are gathered that need not be safe at once. What the process has not written when it is killed is
/// lost, as is what the system has not synced when it fails: this is little beside that second.
const GATHER: Duration = Duration::from_millis(5);
/// Room that is kept for the next piece; more is given back.
const KEPT_CAPACITY: usize = 1024 * 1024;

/// The writer's own state.
pub(super) struct Writer {
    status: Arc<Status>,
    increments: Arc<dyn Increments>,
    out: Appender,
    /// Files before `out` that are not safe yet.
    left: Vec<Arc<dyn LogFile>>,
    pub(super) syncer: Syncer,
    pub(super) last_sync: Instant,
    /// The place of the stream up to which all is written.
    place: u64,
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
        Ok(Self { status, increments, out, left: Vec::new(), syncer, last_sync: Instant::now(), place })
    }

    /// Writes until it is ordered to end.
    pub(super) fn run(mut self) {
        let mut buffer = Vec::new();
        while self.step(&mut buffer) {}
        self.finish();
    }

    /// Writes the next piece; false if there is none any more.
    pub(super) fn step(&mut self, buffer: &mut Vec<u8>) -> bool {
        let piece = self.status.journal.wait_for_changes(buffer, self.patience(), self.gathering());
        self.keep(buffer, piece.end);
        recycle(buffer);
        !(piece.divided && self.divide(piece.end))
    }

    /// How long it may wait for changes.
    fn patience(&self) -> Duration {
        let is_due_later = self.status.policy() == SyncPolicy::EverySecond && !self.is_safe();
        if is_due_later { SYNC_EVERY.saturating_sub(self.last_sync.elapsed()) } else { LOOK_AROUND }
    }

    /// Nobody waits for what is not to be safe at once.
    fn gathering(&self) -> Duration {
        if self.status.policy() == SyncPolicy::Always { Duration::ZERO } else { GATHER }
    }

    fn is_safe(&self) -> bool {
        self.out.is_safe() && self.left.is_empty()
    }

    /// Writes a piece, however long it takes, unless the server gives up.
    fn keep(&mut self, bytes: &[u8], end: u64) {
        while let Err(error) = self.try_to_keep(bytes, end) {
            self.status.fail(&error);
            if self.status.gives_up() {
                tracing::error!("{} bytes of changes could not be written to the AOF: {error}", bytes.len());
                return;
            }
            self.status.pause(RETRY);
        }
        self.status.recover();
    }

    pub(super) fn try_to_keep(&mut self, bytes: &[u8], end: u64) -> io::Result<()> {
        self.see_outcome()?;
        self.settle()?;
        if self.status.policy() != SyncPolicy::Always && self.syncer.wait_if_slower_than(SLOW_SYNC) {
            self.status.delayed.add(1);
            self.see_outcome()?;
        }
        let start = self.out.len();
        self.out.append(bytes)?;
        self.secure(start, end)?;
        self.place = end;
        self.status.size.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Makes what is written safe, as the policy wants it. `start` is where the file ended before the piece.
    fn secure(&mut self, start: u64, end: u64) -> io::Result<()> {
        match self.status.policy() {
            SyncPolicy::Always => self.sync(start, end),
            SyncPolicy::EverySecond => {
                let is_due = self.last_sync.elapsed() >= SYNC_EVERY;
                if is_due && !self.is_safe() && !self.syncer.is_busy() {
                    self.sync_aside(end);
                }
                Ok(())
            }
            SyncPolicy::Never => {
                self.left.clear();
                // Who has waited under another policy waits no more.
                self.status.wake();
                Ok(())
            }
        }
    }

    /// Syncs here and now.
    fn sync(&mut self, start: u64, end: u64) -> io::Result<()> {
        if self.is_safe() {
            self.status.note_durable(end);
            return Ok(());
        }
        self.syncer.wait();
        if let Err(error) = self.see_outcome().and_then(|()| self.sync_left()) {
            self.out.suspect(start);
            return Err(error);
        }
        self.out.sync(start)?;
        self.last_sync = Instant::now();
        self.status.note_durable(end);
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

    fn sync_aside(&mut self, place: u64) {
        self.last_sync = Instant::now();
        let left = std::mem::take(&mut self.left);
        self.syncer.begin(Job { left, file: self.out.file(), len: self.out.len(), place });
    }

    /// Notes how a sync aside has ended.
    fn see_outcome(&mut self) -> io::Result<()> {
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

    /// After a failure: leaves only whole records in the file, and after one of a sync goes on in a new file.
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

    /// Does what was ordered for this division; true if it is the end.
    fn divide(&mut self, place: u64) -> bool {
        match self.status.take_order(place) {
            None => false,
            Some(Order::End) => true,
            Some(Order::Turn(turned)) => {
                self.turn(&turned);
                false
            }
        }
    }

    /// Goes on in a new increment, however long it takes, unless the server gives up.
    fn turn(&mut self, turned: &Turned) {
        while let Err(error) = self.try_to_turn(turned) {
            self.status.fail(&error);
            if self.status.gives_up() {
                return;
            }
            self.status.pause(RETRY);
        }
        self.status.recover();
    }

    fn try_to_turn(&mut self, turned: &Turned) -> io::Result<()> {
        self.see_outcome()?;
        self.settle()?;
        let Some(increment) = self.increments.begin()? else { return Ok(()) };
        let seq = increment.seq;
        let before = std::mem::replace(&mut self.out, Appender::new(increment));
        if !before.is_safe() {
            self.left.push(before.file());
        }
        turned.tell(seq);
        Ok(())
    }

    /// The end: all is made safe, whatever the policy is.
    pub(super) fn finish(mut self) {
        self.syncer.wait();
        let start = self.out.len();
        let synced = self.see_outcome().and_then(|()| self.sync_left()).and_then(|()| self.out.sync(start));
        match synced {
            Ok(()) => self.status.note_durable(self.place),
            Err(error) => tracing::error!("Fail to fsync the AOF file: {}", reason(&error)),
        }
    }
}

fn recycle(buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.shrink_to(KEPT_CAPACITY);
}
