//! The network threads: each has a runtime of its own, and connections that stay with it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use tokio::sync::mpsc;

use super::compute::ComputePool;
use super::connection::Connection;
use super::socket::Accepted;
use crate::commands::Server;
use crate::commands::client::Shown;

/// A client on its way to a thread.
type Arrival = (Accepted, Arc<Shown>);

/// All network threads.
pub(super) struct NetworkThreads {
    dealer: Dealer,
    threads: Vec<JoinHandle<()>>,
}

/// Gives each new client to the thread that has the fewest.
#[derive(Clone)]
pub(super) struct Dealer {
    lanes: Arc<[Lane]>,
}

struct Lane {
    /// Unbounded, but holds no more than `maxclients`, who are counted before.
    arrivals: mpsc::UnboundedSender<Arrival>,
    connections: Arc<AtomicUsize>,
}

/// What a thread needs to serve.
struct Worker {
    server: Arc<Server>,
    compute: Arc<ComputePool>,
    connections: Arc<AtomicUsize>,
}

impl NetworkThreads {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system gives no more threads, or no epoll.
    pub(super) fn start(count: usize, server: &Arc<Server>, compute: &Arc<ComputePool>) -> io::Result<Self> {
        let (mut lanes, mut threads) = (Vec::new(), Vec::new());
        for number in 0..count {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let (sender, arrivals) = mpsc::unbounded_channel();
            let connections = Arc::new(AtomicUsize::new(0));
            lanes.push(Lane { arrivals: sender, connections: Arc::clone(&connections) });
            let worker = Worker { server: Arc::clone(server), compute: Arc::clone(compute), connections };
            let thread = std::thread::Builder::new().name(format!("network-{number}"));
            threads.push(thread.spawn(move || runtime.block_on(worker.work(arrivals)))?);
        }
        Ok(Self { dealer: Dealer { lanes: lanes.into() }, threads })
    }

    pub(super) fn dealer(&self) -> Dealer {
        self.dealer.clone()
    }

    /// Ends the threads. Connections that are left are dropped.
    pub(super) fn stop(self) {
        drop(self.dealer);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a network thread had panicked");
            }
        }
    }
}

impl Dealer {
    pub(super) fn deal(&self, accepted: Accepted, shown: Arc<Shown>) {
        let load = |lane: &&Lane| lane.connections.load(Ordering::Relaxed);
        let Some(lane) = self.lanes.iter().min_by_key(load) else { return };
        lane.connections.fetch_add(1, Ordering::Relaxed);
        if lane.arrivals.send((accepted, shown)).is_err() {
            tracing::error!("a network thread is gone");
        }
    }
}

impl Worker {
    /// Ends when nobody deals any more.
    async fn work(self, mut arrivals: mpsc::UnboundedReceiver<Arrival>) {
        while let Some((accepted, shown)) = arrivals.recv().await {
            let (server, compute) = (Arc::clone(&self.server), Arc::clone(&self.compute));
            let place = Place {
                server: Arc::clone(&server),
                connections: Arc::clone(&self.connections),
                shown: Arc::clone(&shown),
            };
            tokio::spawn(async move {
                let _place = place;
                serve(accepted, &shown, &server, compute).await;
            });
        }
    }
}

/// A connection's place in the register and on its thread; given back on `Drop`, however the connection ends.
struct Place {
    server: Arc<Server>,
    connections: Arc<AtomicUsize>,
    shown: Arc<Shown>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.server.clients.leave(self.shown.id);
        if self.shown.is_monitor.load(Ordering::Relaxed) {
            self.server.observers.leave(self.shown.id);
        }
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn serve(accepted: Accepted, shown: &Arc<Shown>, server: &Arc<Server>, compute: Arc<ComputePool>) {
    match accepted.adopt() {
        Ok(socket) => Connection::new(socket, Arc::clone(shown), Arc::clone(server), compute).serve().await,
        Err(error) => tracing::warn!(%error, "a client could not be served"),
    }
}
