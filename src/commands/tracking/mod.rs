//! `CLIENT TRACKING`: messages to clients that cache what they read, on changes of it.
//!
//! ```text
//! CLIENT TRACKING → client.rs    what one client tracks
//! a command reads → table.rs     the readers of each key ┐
//! BCAST           → prefixes.rs  clients by prefix       ┴ a change → message.rs → client's queue
//! ```
//!
//! Design decisions:
//!
//! - *A key is noted before it is read.* A change that the reader has not seen comes behind that,
//!   so it finds the reader. Messages that are queued while a command runs are written behind its
//!   reply: a client that caches the reply, and then removes what a message names, never keeps an
//!   old value. It may lose a new one. With a redirection the message may be written first, by
//!   another connection; clients must expect that, as with Redis.
//! - *A message is queued where the change is made*, under the lock of the key, or at the end of
//!   the command (BCAST). Both are before the reply to the command that makes the change.
//! - *BCAST* has one message for a command and a prefix, with all keys in order. Redis has one for
//!   all commands of a turn of its event loop.
//! - *Databases:* keys are known by name only, as in Redis. SWAPDB, which Redis ignores here, is
//!   like FLUSHALL.
//! - *Memory:* the table has at most `tracking-table-max-keys` keys, and `READERS_PER_KEY` times
//!   as many readers of them. Beyond that, random keys are forgotten, and their readers get a
//!   message as for a change. Readers that have left are removed when a key has many. What waits
//!   for a slow client is limited as all of its output.
//! - *Without clients that track*, a command compares a pointer, and a change reads one word.
//!
//! A message to all readers of a key is queued by the thread that changes the key, however many
//! there are.

mod client;
mod message;
mod prefixes;
mod table;
#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::RwLock;

use super::Traffic;
use super::client::{ClientInfo, Clients, Pushed};
use crate::config::OutputLimits;
use crate::counters::Sharded;
use crate::keyspace::{Change, Tracker};
pub(super) use client::{Modes, Tracked};
use message::{Invalidation, redirection_broken};
use prefixes::Prefixes;
use table::Table;

/// Readers that are noted for each key that may be noted, on average.
const READERS_PER_KEY: usize = 16;

/// Keys that a command has changed after which their messages do not wait for its end.
const MAX_PENDING: usize = 1024;

/// All clients that track keys, and what they have read.
pub struct Tracking {
    clients: Arc<Clients>,
    traffic: Arc<Sharded<Traffic>>,
    /// True while there are clients that track: read with each change.
    switch: Arc<AtomicBool>,
    trackers: RwLock<BTreeMap<u64, Arc<ClientInfo>>>,
    table: Table,
    prefixes: Prefixes,
    max_keys: AtomicUsize,
    limits: RwLock<OutputLimits>,
}

thread_local! {
    /// The client whose command runs on this thread; 0 if there is none.
    static RUNNING: Cell<u64> = const { Cell::new(0) };
    /// Keys that it has changed, for BCAST, each with whether the client itself did that.
    static CHANGED: RefCell<Vec<(Box<[u8]>, bool)>> = const { RefCell::new(Vec::new()) };
}

impl fmt::Debug for Tracking {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Tracking")
    }
}

impl Tracking {
    /// Nothing is tracked yet. `switch` is set while that is so.
    pub(super) fn new(
        clients: Arc<Clients>,
        traffic: Arc<Sharded<Traffic>>,
        switch: Arc<AtomicBool>,
    ) -> Self {
        Self {
            clients,
            traffic,
            switch,
            trackers: RwLock::default(),
            table: Table::default(),
            prefixes: Prefixes::default(),
            max_keys: AtomicUsize::new(0),
            limits: RwLock::default(),
        }
    }

    /// How many keys may be noted (0: any number), and what may wait for clients.
    pub(super) fn configure(&self, max_keys: u64, limits: OutputLimits) {
        self.max_keys.store(usize::try_from(max_keys).unwrap_or(usize::MAX), Ordering::Relaxed);
        *self.limits.write() = limits;
        self.shrink();
    }

    /// To be called when a command of a client begins, and dropped at its end.
    pub(super) fn begin(&self, client: &ClientInfo) -> Option<RunningCommand<'_>> {
        if !self.switch.load(Ordering::Relaxed) {
            return None;
        }
        RUNNING.set(client.id);
        Some(RunningCommand { tracking: self })
    }

    /// Clients that track keys, for `INFO`.
    pub fn clients(&self) -> usize {
        self.trackers.read().len()
    }

    /// Keys that are noted.
    pub fn keys(&self) -> usize {
        self.table.keys()
    }

    /// Readers that are noted, once for each key.
    pub fn items(&self) -> usize {
        self.table.items()
    }

    /// Prefixes of BCAST, each counted once.
    pub fn prefixes(&self) -> usize {
        self.prefixes.len()
    }

    fn join(&self, info: &Arc<ClientInfo>) {
        let mut trackers = self.trackers.write();
        trackers.insert(info.id, Arc::clone(info));
        self.switch.store(true, Ordering::SeqCst);
    }

    fn leave(&self, id: u64) {
        let mut trackers = self.trackers.write();
        trackers.remove(&id);
        if trackers.is_empty() {
            self.switch.store(false, Ordering::SeqCst);
            self.table.clear();
        }
    }

    /// Notes that a client is about to read a key.
    fn remember(&self, key: &[u8], id: u64) {
        // Not waiting for the lock: its holder may be clearing the table.
        let is_there = |id| self.trackers.try_read().is_none_or(|trackers| trackers.contains_key(&id));
        self.table.remember(key, id, is_there);
    }

    /// Forgets keys until no limit is exceeded.
    fn shrink(&self) {
        let max_keys = self.max_keys.load(Ordering::Relaxed);
        if max_keys == 0 {
            return;
        }
        let exceeds =
            || self.table.keys() > max_keys || self.table.items() > max_keys.saturating_mul(READERS_PER_KEY);
        while exceeds()
            && let Some((key, readers)) = self.table.take_any()
        {
            self.send_to_readers(&key, &readers, false);
        }
    }

    fn send_to_readers(&self, key: &[u8], readers: &[u64], is_own: bool) {
        let message = Invalidation::of([key]);
        let limits = *self.limits.read();
        let trackers = self.trackers.read();
        for info in readers.iter().filter_map(|id| trackers.get(id)) {
            let modes = info.tracking_modes();
            let skips = is_own && modes.has(Modes::NOLOOP) && info.id == RUNNING.get();
            if modes.has(Modes::ON) && !modes.has(Modes::BCAST) && !skips {
                self.send(info, &message, &limits);
            }
        }
    }

    /// Sends what a command has changed to the clients of prefixes.
    fn send_changed(&self, changed: Vec<(Box<[u8]>, bool)>) {
        let limits = *self.limits.read();
        let running = RUNNING.get();
        for (keys, clients) in self.prefixes.matching(changed) {
            let all = Invalidation::of(keys.iter().map(|(key, _)| &**key));
            let others: Vec<&[u8]> = keys.iter().filter(|(_, own)| !own).map(|(key, _)| &**key).collect();
            for info in clients {
                if info.id != running || !info.tracking_modes().has(Modes::NOLOOP) {
                    self.send(&info, &all, &limits);
                } else if !others.is_empty() {
                    self.send(&info, &Invalidation::of(others.iter().copied()), &limits);
                }
            }
        }
    }

    /// Queues a message for a client that tracks, or for the one that it has named.
    fn send(&self, info: &Arc<ClientInfo>, message: &Invalidation, limits: &OutputLimits) {
        let is_resp3 = info.is_resp3();
        let (target, is_redirected) = match info.redirection() {
            0 => (Arc::clone(info), false),
            id => match self.clients.get(id) {
                Some(target) => (target, true),
                None => {
                    info.add_tracking_mode(Modes::BROKEN);
                    if is_resp3 {
                        self.count(info.push_form(&redirection_broken(id), limits));
                    }
                    return;
                }
            },
        };
        if target.is_resp3() {
            self.count(target.push_form(&message.push(is_resp3), limits));
        } else if is_redirected && target.is_subscribed() {
            self.count(target.push_form(&message.message(is_resp3), limits));
        }
    }

    fn count(&self, pushed: Pushed) {
        if pushed == Pushed::Overflowed {
            self.traffic.mine().output_buffer_closed.add(1);
        }
    }
}

impl Tracker for Tracking {
    fn changed(&self, key: &[u8], change: Change) {
        let is_of_client = matches!(change, Change::Written | Change::Rescheduled | Change::Removed);
        let is_own = is_of_client && RUNNING.get() != 0;
        if let Some(readers) = self.table.take(key) {
            self.send_to_readers(key, &readers, is_own);
        }
        if self.prefixes.is_empty() {
            return;
        }
        if RUNNING.get() == 0 {
            return self.send_changed(vec![(key.into(), false)]);
        }
        let is_full = CHANGED.with_borrow_mut(|changed| {
            changed.push((key.into(), is_own));
            changed.len() >= MAX_PENDING
        });
        if is_full {
            self.send_changed(CHANGED.take());
        }
    }

    fn flushed(&self) {
        self.table.clear();
        let message = Invalidation::of_everything();
        let limits = *self.limits.read();
        let trackers = self.trackers.read();
        trackers.values().for_each(|info| self.send(info, &message, &limits));
    }
}

/// A command that runs on this thread.
pub(super) struct RunningCommand<'t> {
    tracking: &'t Tracking,
}

impl Drop for RunningCommand<'_> {
    fn drop(&mut self) {
        let changed = CHANGED.take();
        if !changed.is_empty() {
            self.tracking.send_changed(changed);
        }
        RUNNING.set(0);
    }
}
