//! What other threads can read of each network thread: its connections, its load, and the
//! connections that are to leave it.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc};

use super::balance::{self, Load, Shift};
use super::connection::Connection;
use super::health::Turn;
use super::socket::Accepted;
use crate::commands::client::{Client, ClientInfo};
use crate::counters::Counter;
use crate::system::{IdleCores, ThreadClock};

/// So many connections on a thread, ...
const CROWD: usize = 8;
/// ... and so large a part of its time taken, and it may be worth to look for further requests
/// before replying.
const BUSY: f64 = 0.4;

/// What a network thread is sent.
pub(super) enum Arrival {
    /// A new client.
    New(Accepted, Arc<ClientInfo>),
    /// One that another thread has served.
    Moved(Box<Connection<Accepted>>, Box<Client>),
    /// To be answered with [`ThreadTable::took_turn`].
    Turn,
    /// The server ends.
    Stop,
}

/// All network threads.
pub(super) struct ThreadTable {
    thread_table: Vec<NetworkThread>,
    /// Whether connections gather on few threads, as the last round found it.
    gathers: AtomicBool,
    /// Rounds of balancing so far, from 1.
    rounds: AtomicU32,
    /// Whether no other thread needs the time in which a network thread stays awake.
    may_stay_awake: AtomicBool,
}

/// One network thread.
#[repr(align(128))]
struct NetworkThread {
    /// Unbounded, but holds no more than `maxclients` connections, which are counted before.
    arrivals: mpsc::UnboundedSender<Arrival>,
    connections: AtomicUsize,
    turn: Turn,
    requests: Counter,
    /// Connections that had requests, each counted once in every round.
    active: Counter,
    /// Nanoseconds that the thread stayed awake for nothing.
    idled_nanos: Counter,
    /// Notified when there is much to do.
    busy: Notify,
    /// The system's file of how long the thread ran, if there is one; opened by the thread itself.
    clock: OnceLock<ThreadClock>,
    /// [`Load::busy`] of the last round, in thousandths.
    busy_permille: AtomicU32,
    /// Connections that are to leave (low half), and the thread they are to go to (high half).
    departures: AtomicU64,
}

impl ThreadTable {
    /// The thread_table of these threads.
    pub(super) fn new(arrivals: Vec<mpsc::UnboundedSender<Arrival>>) -> Self {
        let thread_table = arrivals.into_iter().map(NetworkThread::new).collect();
        Self {
            thread_table,
            gathers: AtomicBool::new(true),
            rounds: AtomicU32::new(1),
            may_stay_awake: AtomicBool::new(true),
        }
    }

    /// Sends a new client to the thread that suits it.
    pub(super) fn assign(&self, accepted: Accepted, info: Arc<ClientInfo>) {
        let loads = self.thread_table.iter().map(|thread| thread.last_load());
        let thread = balance::choose(loads, self.gathers.load(Ordering::Relaxed));
        if let Some(thread) = thread {
            self.send(thread, Arrival::New(accepted, info));
        }
    }

    /// Sends something to a thread; a connection counts as served there from now on.
    pub(super) fn send(&self, thread: usize, arrival: Arrival) {
        let thread = &self.thread_table[thread];
        if !matches!(arrival, Arrival::Turn | Arrival::Stop) {
            thread.connections.fetch_add(1, Ordering::Relaxed);
        }
        if thread.arrivals.send(arrival).is_err() {
            tracing::error!("a network thread is gone");
        }
    }

    /// Asks all threads to take a turn, and returns the threads that have not taken the last one.
    pub(super) fn late_threads(&self) -> Vec<usize> {
        let is_late = |thread: &usize| {
            let is_asked = self.thread_table[*thread].turn.ask();
            if is_asked {
                self.send(*thread, Arrival::Turn);
            }
            !is_asked
        };
        (0..self.thread_table.len()).filter(is_late).collect()
    }

    /// The thread has come to [`Arrival::Turn`].
    pub(super) fn took_turn(&self, thread: usize) {
        self.thread_table[thread].turn.take();
    }

    /// Stops all threads.
    pub(super) fn stop(&self) {
        (0..self.thread_table.len()).for_each(|thread| self.send(thread, Arrival::Stop));
    }

    /// The calling thread is this one. Without its figures from the system, its connections stay
    /// where they were dealt.
    pub(super) fn enter(&self, thread: usize) {
        match ThreadClock::of_this_thread() {
            Ok(clock) => drop(self.thread_table[thread].clock.set(clock)),
            Err(error) => tracing::debug!(%error, "the load of a network thread is not known"),
        }
    }

    /// A connection has left a thread.
    pub(super) fn leave(&self, thread: usize) {
        self.thread_table[thread].connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// The number of this round of balancing, never 0 before it wraps.
    pub(super) fn round(&self) -> u32 {
        self.rounds.load(Ordering::Relaxed)
    }

    /// A connection of this thread was answered so many requests, the first of this round perhaps.
    pub(super) fn answered(&self, thread: usize, requests: u64, is_first: bool) {
        self.thread_table[thread].requests.add(requests);
        self.thread_table[thread].active.add(is_first.into());
    }

    /// True if this thread has many connections and, in the last round, much to do, all of it
    /// short.
    pub(super) fn is_crowded(&self, thread: usize) -> bool {
        let Load { connections, busy, .. } = self.thread_table[thread].last_load();
        connections >= CROWD && busy > BUSY && self.gathers.load(Ordering::Relaxed)
    }

    /// Keeps a crowded thread from sleeping: the next request comes before it would have slept, and
    /// the client need not wake it. To wake a thread costs the waking thread some microseconds, in
    /// a virtual machine most. Not while heavy commands run, which need the cores, nor if
    /// [`busy_poll`] is zero.
    ///
    /// [`busy_poll`]: crate::config::Settings::busy_poll
    pub(super) async fn keep_awake(&self, number: usize) {
        let thread = &self.thread_table[number];
        loop {
            thread.busy.notified().await;
            let mut before = (thread.requests.get(), Instant::now());
            while self.is_crowded(number) && self.may_stay_awake.load(Ordering::Relaxed) {
                std::thread::yield_now();
                tokio::task::yield_now().await;
                let now = (thread.requests.get(), Instant::now());
                if now.0 == before.0 {
                    thread.idled_nanos.add((now.1 - before.1).as_nanos() as u64);
                }
                before = now;
            }
        }
    }

    /// No thread has anything to do.
    fn rest(&self) {
        self.thread_table.iter().for_each(|thread| thread.busy_permille.store(0, Ordering::Relaxed));
    }

    /// Where a connection of this thread should go now, if it should.
    pub(super) fn departs(&self, thread: usize) -> Option<usize> {
        let departures = &self.thread_table[thread].departures;
        if departures.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let one_less = |packed: u64| (packed as u32 > 0).then(|| packed - 1);
        let packed = departures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).ok()?;
        Some((packed >> u32::BITS) as usize)
    }
}

impl NetworkThread {
    fn new(arrivals: mpsc::UnboundedSender<Arrival>) -> Self {
        Self {
            arrivals,
            connections: AtomicUsize::new(0),
            turn: Turn::default(),
            requests: Counter::new(),
            active: Counter::new(),
            idled_nanos: Counter::new(),
            busy: Notify::new(),
            clock: OnceLock::new(),
            busy_permille: AtomicU32::new(0),
            departures: AtomicU64::new(0),
        }
    }

    fn last_load(&self) -> Load {
        Load {
            connections: self.connections.load(Ordering::Relaxed),
            busy: f64::from(self.busy_permille.load(Ordering::Relaxed)) / 1000.0,
            ..Load::default()
        }
    }

    /// Time that the thread ran until now, if the system counts it.
    fn ran(&self) -> Option<Duration> {
        self.clock.get()?.ran()
    }
}

/// Looks at the thread_table time and again, and moves connections between them.
pub(super) struct Balancer {
    thread_table: Arc<ThreadTable>,
    at: Instant,
    seen: Vec<Seen>,
    idle: IdleCores,
    heavy_commands: u64,
}

/// The figures of a thread at the last look.
#[derive(Clone, Copy, Default)]
struct Seen {
    ran: Duration,
    idled: Duration,
    requests: u64,
    active: u64,
}

impl Balancer {
    pub(super) fn new(thread_table: Arc<ThreadTable>) -> Self {
        let seen = vec![Seen::default(); thread_table.thread_table.len()];
        Self { thread_table, at: Instant::now(), seen, idle: IdleCores::default(), heavy_commands: 0 }
    }

    /// Plans anew. `heavy_commands` is how many ran on the compute pool so far, `may_poll` whether
    /// network threads may poll instead of sleeping. Costs next to nothing while no requests come.
    pub(super) fn round(&mut self, heavy_commands: u64, may_poll: bool) {
        let has_heavy = std::mem::replace(&mut self.heavy_commands, heavy_commands) != heavy_commands;
        self.thread_table.may_stay_awake.store(may_poll && !has_heavy, Ordering::Relaxed);
        let requests = |thread: &NetworkThread| thread.requests.get();
        let is_idle = self
            .thread_table
            .thread_table
            .iter()
            .zip(&self.seen)
            .all(|(thread, seen)| requests(thread) == seen.requests);
        if is_idle {
            return self.thread_table.rest();
        }
        let round_s = self.at.elapsed().as_secs_f64().max(f64::EPSILON);
        self.at = Instant::now();
        self.thread_table.rounds.fetch_add(1, Ordering::Relaxed);
        let thread_table = Arc::clone(&self.thread_table);
        let loads: Option<Vec<Load>> = thread_table
            .thread_table
            .iter()
            .zip(&mut self.seen)
            .map(|(thread, seen)| seen.renew(thread, round_s))
            .collect();
        if let Some(loads) = loads {
            thread_table.gathers.store(balance::is_short(&loads, round_s), Ordering::Relaxed);
            // Where the system has no figure, there may be a free core.
            let idle_cores = self.idle.since_last().unwrap_or(f64::INFINITY);
            thread_table.shift(balance::plan(&loads, round_s, idle_cores));
        }
    }
}

impl Seen {
    /// What the thread did since then; none if the system has no figure of its running time.
    fn renew(&mut self, thread: &NetworkThread, round_s: f64) -> Option<Load> {
        let idled = Duration::from_nanos(thread.idled_nanos.get());
        let now =
            Self { ran: thread.ran()?, idled, requests: thread.requests.get(), active: thread.active.get() };
        let idled = now.idled.saturating_sub(self.idled);
        let ran_s = now.ran.saturating_sub(self.ran).saturating_sub(idled).as_secs_f64();
        let requests = now.requests.saturating_sub(self.requests);
        let active = now.active.saturating_sub(self.active) as usize;
        *self = now;
        let busy = (ran_s / round_s).min(1.0);
        thread.busy_permille.store((busy * 1000.0) as u32, Ordering::Relaxed);
        if busy > BUSY {
            thread.busy.notify_one();
        }
        Some(Load { connections: thread.connections.load(Ordering::Relaxed), active, busy, requests })
    }
}

impl ThreadTable {
    /// Sets how many connections are to move; what is left of the last round's order is void.
    fn shift(&self, shift: Option<Shift>) {
        for (number, thread) in self.thread_table.iter().enumerate() {
            let order = shift.filter(|shift| shift.from == number);
            let packed =
                order.map_or(0, |shift| (shift.to as u64) << u32::BITS | u64::from(shift.connections as u32));
            thread.departures.store(packed, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thread_table(count: usize) -> Arc<ThreadTable> {
        Arc::new(ThreadTable::new((0..count).map(|_| mpsc::unbounded_channel().0).collect()))
    }

    #[test]
    fn a_thread_without_requests_is_not_busy_for_long() {
        let thread_table = thread_table(2);
        thread_table.thread_table[1].busy_permille.store(900, Ordering::Relaxed);
        thread_table.thread_table[1].connections.store(CROWD, Ordering::Relaxed);
        assert!(thread_table.is_crowded(1) && !thread_table.is_crowded(0));
        Balancer::new(Arc::clone(&thread_table)).round(0, true);
        assert!(!thread_table.is_crowded(1));
    }

    #[test]
    fn no_thread_polls_while_it_may_not_or_heavy_commands_run() {
        let thread_table = thread_table(1);
        let mut balancer = Balancer::new(Arc::clone(&thread_table));
        for (heavy_commands, may_poll, expected) in
            [(0, true, true), (0, false, false), (1, true, false), (1, true, true)]
        {
            balancer.round(heavy_commands, may_poll);
            assert_eq!(thread_table.may_stay_awake.load(Ordering::Relaxed), expected);
        }
    }

    #[test]
    fn as_many_connections_depart_as_were_ordered() {
        let thread_table = thread_table(3);
        thread_table.shift(Some(Shift { from: 1, to: 2, connections: 2 }));
        let departures: Vec<_> = (0..4).map(|_| thread_table.departs(1)).collect();
        assert_eq!(departures, [Some(2), Some(2), None, None]);
        assert_eq!(thread_table.departs(0), None);
        thread_table.shift(Some(Shift { from: 1, to: 0, connections: 1 }));
        thread_table.shift(None);
        assert_eq!(thread_table.departs(1), None, "an order is void with the next round");
    }
}
