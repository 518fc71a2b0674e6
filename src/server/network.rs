//! The network threads: each has a runtime of its own. A connection stays with its thread, unless
//! the balancer moves it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;

use tokio::sync::{Semaphore, mpsc};

use super::connection::Connection;
use super::join_deadline::JoinDeadline;
use super::pool::Pools;
use super::socket::{Accepted, Socket};
use super::thread_table::{Arrival, ThreadTable};
use super::tls;
use crate::commands::Server;
use crate::commands::client::{Client, ClientInfo};

/// All network threads.
pub(super) struct NetworkThreads {
    thread_table: Arc<ThreadTable>,
    threads: Vec<JoinHandle<()>>,
}

/// What a thread needs to serve.
struct Worker {
    server: Arc<Server>,
    pools: Arc<Pools>,
    thread_table: Arc<ThreadTable>,
    thread: usize,
    tls: Arc<tls::Context>,
    /// Handshakes of TLS on this thread take turns.
    turns: Arc<Semaphore>,
}

impl NetworkThreads {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system gives no more threads, or no epoll.
    pub(super) fn start(
        count: usize,
        server: &Arc<Server>,
        pools: &Arc<Pools>,
        tls: &Arc<tls::Context>,
    ) -> io::Result<Self> {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..count).map(|_| mpsc::unbounded_channel()).unzip();
        let thread_table = Arc::new(ThreadTable::new(senders));
        let start = |(thread, arrivals)| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            server.event_loops.add(runtime.metrics());
            let worker = Worker {
                server: Arc::clone(server),
                pools: Arc::clone(pools),
                thread_table: Arc::clone(&thread_table),
                thread,
                tls: Arc::clone(tls),
                turns: Arc::new(Semaphore::new(1)),
            };
            let thread = std::thread::Builder::new().name(format!("network-{thread}"));
            thread.spawn(move || runtime.block_on(worker.work(arrivals)))
        };
        let threads = receivers.into_iter().enumerate().map(start).collect::<io::Result<_>>()?;
        Ok(Self { thread_table, threads })
    }

    pub(super) fn thread_table(&self) -> Arc<ThreadTable> {
        Arc::clone(&self.thread_table)
    }

    /// Ends the threads. Connections that are left are dropped.
    pub(super) fn stop(self, deadline: JoinDeadline) {
        self.thread_table.stop();
        for thread in self.threads {
            deadline.join("a network thread", thread, || ());
        }
    }
}

impl Worker {
    async fn work(self, mut arrivals: mpsc::UnboundedReceiver<Arrival>) {
        self.thread_table.enter(self.thread);
        let thread_table = Arc::clone(&self.thread_table);
        let thread = self.thread;
        tokio::spawn(async move { thread_table.keep_awake(thread).await });
        while let Some(arrival) = arrivals.recv().await {
            match arrival {
                Arrival::New(accepted, info) => self.serve_new(accepted, info),
                Arrival::Moved(connection, client) => self.host(*connection, client),
                Arrival::Turn => self.thread_table.took_turn(self.thread),
                Arrival::Stop => return,
            }
        }
    }

    fn serve_new(&self, accepted: Accepted, info: Arc<ClientInfo>) {
        let connection = Connection::new(accepted, info, Arc::clone(&self.server), Arc::clone(&self.pools));
        let (tls, turns, seat) = (Arc::clone(&self.tls), Arc::clone(&self.turns), self.seat());
        tokio::spawn(async move {
            let Some(mut connection) = adopt(connection) else { return };
            if let Some(client) = connection.greet(&tls, &turns).await {
                serve(connection, client, &seat).await;
            }
        });
    }

    fn host(&self, connection: Connection<Accepted>, client: Box<Client>) {
        let seat = self.seat();
        tokio::spawn(async move {
            let Some(connection) = adopt(connection) else { return };
            serve(connection, client, &seat).await;
        });
    }

    fn seat(&self) -> Seat {
        Seat {
            thread_table: Arc::clone(&self.thread_table),
            thread: self.thread,
            active_in: AtomicU32::new(0),
        }
    }
}

fn adopt(connection: Connection<Accepted>) -> Option<Connection<Socket>> {
    let adopted = connection.with_socket(Accepted::adopt);
    adopted.inspect_err(|error| tracing::warn!(%error, "a client could not be served")).ok()
}

/// A connection's seat on its thread; given back on `Drop`, however the connection ends.
pub(super) struct Seat {
    thread_table: Arc<ThreadTable>,
    thread: usize,
    /// The last round of balancing in which it had requests.
    active_in: AtomicU32,
}

impl Seat {
    /// The connection was answered so many requests.
    pub(super) fn answered(&self, requests: u64) {
        let round = self.thread_table.round();
        let is_first = requests > 0 && self.active_in.swap(round, Ordering::Relaxed) != round;
        self.thread_table.answered(self.thread, requests, is_first);
    }

    /// True if others on this thread probably have requests to be read, before the replies to this
    /// one are written: then a client with many connections finds several replies at once, which
    /// costs it and us less (18.6 instead of 19.5 µs for a GET of one of 50 connections, both sides
    /// together).
    pub(super) fn is_crowded(&self) -> bool {
        self.thread_table.is_crowded(self.thread)
    }

    /// The thread to which the connection should go now, if it should.
    pub(super) fn departs(&self) -> Option<usize> {
        self.thread_table.departs(self.thread)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.thread_table.leave(self.thread);
    }
}

/// Serves until the client leaves, or until it is the turn of another thread to serve it.
async fn serve(connection: Connection<Socket>, client: Box<Client>, seat: &Seat) {
    let Some(departure) = connection.serve(client, seat).await else { return };
    match departure.connection.with_socket(Socket::release) {
        Ok(connection) => {
            seat.thread_table.send(departure.to, Arrival::Moved(Box::new(connection), departure.client))
        }
        Err(error) => tracing::warn!(%error, "a client could not move to another thread"),
    }
}
