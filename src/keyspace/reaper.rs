//! Where large values are freed: a thread of its own, so that no request waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use smallvec::SmallVec;

use super::table::Table;
use super::value::Value;
use crate::vector_set::VectorSet;

/// Values with less behind them are freed at once: the way to the reaper would cost as much.
const MIN_REAPED_BYTES: usize = 64 * 1024;

/// How often the reaper looks whether a set that readers still hold has become free.
const BUSY_RETRY: Duration = Duration::from_millis(100);

/// The wait when there is nothing to retry; any length does.
const IDLE_WAIT: Duration = Duration::from_secs(3600);

/// The thread that frees, and the way to it.
#[derive(Debug)]
pub struct Reaper {
    /// None if the thread could not be started: then everything is freed at once.
    sender: Option<Sender<Dead>>,
    thread: Option<JoinHandle<()>>,
    tally: Arc<Tally>,
}

#[derive(Debug, Default)]
struct Tally {
    pending: AtomicUsize,
    freed: AtomicU64,
}

#[derive(Debug)]
enum Dead {
    Value(Value),
    Table(Box<Table>),
}

/// Values taken out under a lock, on their way to be freed after it: to be dropped after the guards.
#[derive(Debug)]
pub(super) struct Garbage<'k> {
    reaper: &'k Reaper,
    values: SmallVec<[Value; 1]>,
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

    /// Values freed by the thread so far.
    pub fn freed(&self) -> u64 {
        self.tally.freed.load(Ordering::Relaxed)
    }

    /// Forgets how many values were freed.
    pub fn reset_freed(&self) {
        self.tally.freed.store(0, Ordering::Relaxed);
    }

    pub(super) fn garbage(&self) -> Garbage<'_> {
        Garbage { reaper: self, values: SmallVec::new(), tables: Vec::new() }
    }

    fn bury(&self, dead: Dead) {
        let Some(sender) = &self.sender else { return };
        self.tally.pending.fetch_add(dead.values(), Ordering::Relaxed);
        if let Err(unsent) = sender.send(dead) {
            self.tally.pending.fetch_sub(unsent.0.values(), Ordering::Relaxed);
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

impl Dead {
    fn values(&self) -> usize {
        match self {
            Self::Value(_) => 1,
            Self::Table(table) => table.len(),
        }
    }
}

impl Garbage<'_> {
    pub(super) fn add(&mut self, value: Value) {
        self.values.push(value);
    }

    pub(super) fn add_table(&mut self, table: Table) {
        self.tables.push(table);
    }
}

impl Drop for Garbage<'_> {
    fn drop(&mut self) {
        for value in self.values.drain(..).filter(|value| value.heap_bytes() >= MIN_REAPED_BYTES) {
            self.reaper.bury(Dead::Value(value));
        }
        for table in self.tables.drain(..) {
            self.reaper.bury(Dead::Table(Box::new(table)));
        }
    }
}

fn run(receiver: &Receiver<Dead>, tally: &Tally) {
    let mut busy: Vec<Arc<VectorSet>> = Vec::new();
    loop {
        let wait = if busy.is_empty() { IDLE_WAIT } else { BUSY_RETRY };
        match receiver.recv_timeout(wait) {
            Ok(Dead::Value(value)) => free(value, &mut busy, tally),
            Ok(Dead::Table(table)) => table.into_values().for_each(|value| free(value, &mut busy, tally)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        let before = busy.len();
        busy.retain(|set| Arc::strong_count(set) > 1);
        tally.count(before - busy.len());
    }
    tally.count(busy.len());
}

/// Frees a value; but a set on which a command still works is kept, or that command would have to free it.
fn free(value: Value, busy: &mut Vec<Arc<VectorSet>>, tally: &Tally) {
    match value {
        Value::VectorSet(set) if Arc::strong_count(&set) > 1 => busy.push(set),
        value => {
            drop(value);
            tally.count(1);
        }
    }
}

impl Tally {
    fn count(&self, freed: usize) {
        self.freed.fetch_add(freed as u64, Ordering::Relaxed);
        self.pending.fetch_sub(freed, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::StringValue;

    fn string(len: usize) -> Value {
        Value::String(StringValue::new(&vec![b'x'; len]))
    }

    #[test]
    fn large_values_go_to_the_thread_and_small_ones_do_not() {
        let reaper = Reaper::start();
        let tally = Arc::clone(&reaper.tally);
        let mut garbage = reaper.garbage();
        garbage.add(string(MIN_REAPED_BYTES));
        garbage.add(string(10));
        drop(garbage);
        drop(reaper);
        assert_eq!(tally.freed.load(Ordering::Relaxed), 1);
        assert_eq!(tally.pending.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn without_a_thread_values_are_freed_all_the_same() {
        let reaper = Reaper { sender: None, thread: None, tally: Arc::default() };
        let text: Arc<[u8]> = vec![b'x'; MIN_REAPED_BYTES].into();
        let bytes = bytes::Bytes::from_owner(Arc::clone(&text));
        let value = Value::String(StringValue::new(&bytes));
        reaper.garbage().add(value);
        assert_eq!(reaper.pending(), 0);
    }
}
