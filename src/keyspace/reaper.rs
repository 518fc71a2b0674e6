//! The thread that frees large values, so that no request waits for that.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use smallvec::SmallVec;

use super::entry::Entry;
use super::table::Table;
use super::value::Large;
use crate::memory;

/// Values with less memory are freed at once: sending them to the reaper would cost as much.
const MIN_REAPED_BYTES: usize = 64 * 1024;

/// How often the reaper checks whether a value that commands still use can be freed.
const BUSY_RETRY: Duration = Duration::from_millis(100);

/// The wait when there is nothing to retry; the length does not matter.
const IDLE_WAIT: Duration = Duration::from_secs(3600);

/// The thread that frees values, and the channel to it.
#[derive(Debug)]
pub struct Reaper {
    /// None if the thread could not be started: then all values are freed at once.
    sender: Option<Sender<Discarded>>,
    thread: Option<JoinHandle<()>>,
    tally: Arc<Tally>,
}

#[derive(Debug, Default)]
struct Tally {
    pending: AtomicUsize,
    /// Of values that were sent one by one.
    pending_bytes: AtomicUsize,
    freed: AtomicU64,
}

#[derive(Debug)]
enum Discarded {
    Value(Pending),
    Table(Box<Table>),
}

/// A value that waits to be freed.
#[derive(Debug)]
struct Pending {
    value: Large,
    /// As they were counted.
    bytes: usize,
}

/// Values that were removed under a lock. They are freed, or sent to the reaper, when this is
/// dropped: after the guards.
#[derive(Debug)]
pub(super) struct Garbage<'k> {
    reaper: &'k Reaper,
    entries: SmallVec<[Entry; 1]>,
    values: SmallVec<[Large; 1]>,
    tables: Vec<Table>,
}

impl Reaper {
    pub(super) fn start() -> Self {
        let tally = Arc::<Tally>::default();
        let (sender, receiver) = channel();
        let of_thread = Arc::clone(&tally);
        let thread =
            thread::Builder::new().name("reaper".into()).spawn(move || run(&receiver, &of_thread)).ok();
        Self { sender: thread.is_some().then_some(sender), thread, tally }
    }

    /// Values that wait to be freed.
    pub fn pending(&self) -> usize {
        self.tally.pending.load(Ordering::Relaxed)
    }

    /// Bytes of those, except for values that were removed together with their whole database.
    pub fn pending_bytes(&self) -> u64 {
        self.tally.pending_bytes.load(Ordering::Relaxed) as u64
    }

    /// Values freed by the thread so far.
    pub fn freed(&self) -> u64 {
        self.tally.freed.load(Ordering::Relaxed)
    }

    /// Sets the count of freed values to zero.
    pub fn reset_freed(&self) {
        self.tally.freed.store(0, Ordering::Relaxed);
    }

    pub(super) fn garbage(&self) -> Garbage<'_> {
        Garbage { reaper: self, entries: SmallVec::new(), values: SmallVec::new(), tables: Vec::new() }
    }

    fn send(&self, discarded: Discarded) {
        let Some(sender) = &self.sender else { return };
        self.tally.pending.fetch_add(discarded.values(), Ordering::Relaxed);
        self.tally.pending_bytes.fetch_add(discarded.bytes(), Ordering::Relaxed);
        if let Err(unsent) = sender.send(discarded) {
            self.tally.pending.fetch_sub(unsent.0.values(), Ordering::Relaxed);
            self.tally.pending_bytes.fetch_sub(unsent.0.bytes(), Ordering::Relaxed);
        }
    }
}

impl Drop for Reaper {
    /// Waits until all is freed.
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            // A panic in a destructor was reported where it happened.
            let _ = thread.join();
        }
    }
}

impl Discarded {
    fn values(&self) -> usize {
        match self {
            Self::Value(_) => 1,
            Self::Table(table) => table.len(),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Value(pending) => pending.bytes,
            Self::Table(_) => 0,
        }
    }
}

impl Garbage<'_> {
    pub(super) fn add(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    pub(super) fn add_value(&mut self, value: Large) {
        self.values.push(value);
    }

    pub(super) fn add_table(&mut self, table: Table) {
        self.tables.push(table);
    }
}

impl Drop for Garbage<'_> {
    fn drop(&mut self) {
        let of_entries = self.entries.drain(..).filter_map(Entry::into_large);
        let values = of_entries.chain(self.values.drain(..));
        for value in values {
            let bytes = value.heap_bytes();
            if bytes >= MIN_REAPED_BYTES || value.frees_slowly() {
                self.reaper.send(Discarded::Value(Pending { value, bytes }));
            }
        }
        for table in self.tables.drain(..) {
            self.reaper.send(Discarded::Table(Box::new(table)));
        }
    }
}

fn run(receiver: &Receiver<Discarded>, tally: &Tally) {
    let mut busy: Vec<Pending> = Vec::new();
    loop {
        let wait = if busy.is_empty() { IDLE_WAIT } else { BUSY_RETRY };
        match receiver.recv_timeout(wait) {
            Ok(Discarded::Value(pending)) => free(pending, &mut busy, tally),
            Ok(Discarded::Table(table)) => free_table(*table, &mut busy, tally),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        memory::report_growth();
        for pending in busy.extract_if(.., |pending| !pending.value.is_in_use()) {
            drop(pending.value);
            tally.count(pending.bytes);
        }
        memory::settle();
    }
    busy.iter().for_each(|pending| tally.count(pending.bytes));
}

fn free_table(table: Table, busy: &mut Vec<Pending>, tally: &Tally) {
    for entry in table.into_entries() {
        match entry.into_large() {
            Some(value) => free(Pending { value, bytes: 0 }, busy, tally),
            None => tally.count(0),
        }
    }
}

/// Frees a value. One that a command still uses is kept for later: otherwise that command would
/// have to free it.
fn free(pending: Pending, busy: &mut Vec<Pending>, tally: &Tally) {
    if pending.value.is_in_use() {
        return busy.push(pending);
    }
    drop(pending.value);
    tally.count(pending.bytes);
}

impl Tally {
    /// Counts a freed value of so many pending bytes.
    fn count(&self, bytes: usize) {
        self.freed.fetch_add(1, Ordering::Relaxed);
        self.pending.fetch_sub(1, Ordering::Relaxed);
        self.pending_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::{Deadline, StringValue, Value};

    fn entry(len: usize) -> Entry {
        Entry::new(
            b"key",
            Value::String(StringValue::new(&crate::compressed::random(len))),
            Deadline::NEVER,
            0,
        )
    }

    #[test]
    fn large_values_go_to_the_thread_and_small_ones_do_not() {
        let reaper = Reaper::start();
        let tally = Arc::clone(&reaper.tally);
        let mut garbage = reaper.garbage();
        garbage.add(entry(MIN_REAPED_BYTES));
        garbage.add(entry(10));
        garbage.add_value(entry(MIN_REAPED_BYTES).into_large().expect("a long text"));
        drop(garbage);
        drop(reaper);
        assert_eq!(tally.freed.load(Ordering::Relaxed), 2);
        let pending = [&tally.pending, &tally.pending_bytes].map(|count| count.load(Ordering::Relaxed));
        assert_eq!(pending, [0, 0]);
    }

    #[test]
    fn without_a_thread_values_are_freed_all_the_same() {
        let reaper = Reaper { sender: None, thread: None, tally: Arc::default() };
        let large = entry(MIN_REAPED_BYTES);
        let reply = large.value().as_string().expect("a string").to_bytes();
        reaper.garbage().add(large);
        assert_eq!(reaper.pending(), 0);
        assert_eq!(reply.len(), MIN_REAPED_BYTES);
    }
}
