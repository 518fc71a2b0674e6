//! A client that writes, and records the acknowledged writes, until the server stops.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

use crate::connection::Connection;
use crate::model::{Model, Window};
use crate::observe::now_ms;
use crate::operations::{DATABASES, Operation, Writer};

/// The most operations sent without waiting for a reply.
const PIPELINE: u64 = 4;

/// One write.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) operation: Operation,
    pub(crate) sent: Instant,
    pub(crate) acknowledged: Option<Instant>,
    /// Between sending and the reply, in ms since 1970.
    window: Window,
}

impl Entry {
    pub(crate) fn new(operation: Operation) -> Self {
        Self { operation, sent: Instant::now(), acknowledged: None, window: (now_ms(), u64::MAX) }
    }

    pub(crate) fn acknowledge(&mut self) {
        self.acknowledged = Some(Instant::now());
        self.window.1 = now_ms();
    }

    pub(crate) fn apply(&self, model: &mut Model) -> Vec<crate::model::Cell> {
        model.apply(&self.operation, self.window)
    }
}

/// The writes of one client, and its data before them.
pub(crate) struct History {
    pub(crate) client: usize,
    pub(crate) base: Model,
    pub(crate) entries: Vec<Entry>,
}

impl History {
    pub(crate) fn new(client: usize, base: Model) -> Self {
        Self { client, base, entries: Vec::new() }
    }

    /// How many writes were acknowledged before a moment. Replies come in the order of requests.
    pub(crate) fn acknowledged_before(&self, moment: Instant) -> usize {
        self.entries.partition_point(|entry| entry.acknowledged.is_some_and(|at| at < moment))
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.entries.partition_point(|entry| entry.acknowledged.is_some())
    }
}

/// The first client has the last database for itself.
pub(crate) fn database_of(client: usize) -> usize {
    if client == 0 { DATABASES - 1 } else { client % (DATABASES - 1) }
}

/// The number of acknowledged writes of all clients.
#[derive(Default)]
pub(crate) struct Progress {
    count: Mutex<u64>,
    grown: Condvar,
}

impl Progress {
    pub(crate) fn add(&self, count: u64) {
        let mut total = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        *total = total.saturating_add(count);
        self.grown.notify_all();
    }

    /// Waits until so many more are acknowledged, or a client has stopped.
    pub(crate) fn wait_for(&self, more: u64) {
        let count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        let goal = count.saturating_add(more);
        drop(self.grown.wait_while(count, |count| *count < goal));
    }

    /// Ends all waits.
    fn end(&self) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) = u64::MAX;
        self.grown.notify_all();
    }
}

/// Writes until the server stops.
pub(crate) fn write(
    mut connection: Connection,
    mut writer: Writer,
    base: Model,
    progress: &Progress,
) -> History {
    let _end_waits = EndWaits(progress);
    let mut live = base.clone();
    let mut history = History::new(writer.client, base);
    connection.must(&format!("SELECT {}", database_of(writer.client)));
    loop {
        let count = if writer.random.once_in(4) { 1 + writer.random.below(PIPELINE) } else { 1 };
        let begin = history.entries.len();
        for _ in 0..count {
            let operation = writer.draw(&live);
            live.apply(&operation, (now_ms(), u64::MAX));
            history.entries.push(Entry::new(operation));
        }
        if !exchange(&mut connection, &mut history.entries[begin..], progress) {
            return history;
        }
    }
}

/// Sends operations together and records their replies; false if the server has stopped.
pub(crate) fn exchange(connection: &mut Connection, entries: &mut [Entry], progress: &Progress) -> bool {
    let requests: Vec<_> = entries.iter().map(|entry| entry.operation.requests()).collect();
    if connection.send(&requests.concat()).is_err() {
        return false;
    }
    for (entry, requests) in entries.iter_mut().zip(requests) {
        for _ in requests {
            let Ok(reply) = connection.receive() else { return false };
            let error = reply.error();
            assert!(error.is_none(), "{:?}: {reply:?}", entry.operation);
        }
        entry.acknowledge();
        progress.add(1);
    }
    true
}

/// Ends all waits when a client stops, also by a panic.
pub(crate) struct EndWaits<'a>(pub(crate) &'a Progress);

impl Drop for EndWaits<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}
