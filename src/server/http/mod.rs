//! `http-port`: metrics, probes and a page for people over HTTP/1.1.
//!
//! A thread of its own, with a runtime of its own and two threads for what takes long, so that
//! nothing here holds a network thread up. What clients can take is bounded:
//!
//! | what | bound | beyond it |
//! |---|---|---|
//! | connections | [`MAX_CONNECTIONS`] | the one that has waited longest for its next request is closed |
//! | connections that are being closed | [`MAX_LEAVING`] | new ones are closed at once |
//! | head of a request | 16 kB, 64 headers | 431 |
//! | time from its first byte to its last | `Times::request` | the connection is closed |
//! | time between two requests | `Times::idle` | the connection is closed |
//! | time for a response to be taken | `Times::response` | the connection is closed |
//! | long responses at once | [`MAX_LONG_RESPONSES`] | they wait, then 503 |
//!
//! So slow and silent clients are the first to be closed, and take nothing from others. None of
//! them is a client of Redis: they have no place in `maxclients` and are in no list of clients.
//! Their files are reserved apart.
//!
//! ```text
//! connection.rs  one connection: requests in, responses out
//! head.rs        the head of a request
//! response.rs    a response
//! seats.rs       which connections there are
//! access.rs      which requests are served
//! site.rs        which path is what
//! page/          the page
//! ```

mod access;
mod connection;
mod head;
mod response;
mod seats;
mod site;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::RunError;
use super::join_deadline::JoinDeadline;
use super::listener::{self, BindError, Listener};
use crate::commands::Server;
use crate::config::{Settings, Tls};
use site::Site;

/// Connections at once.
pub(super) const MAX_CONNECTIONS: usize = 64;
/// Connections at once that are to close and have not yet.
pub(super) const MAX_LEAVING: usize = 64;
/// Long responses that are made or written at once.
const MAX_LONG_RESPONSES: usize = 4;
/// Threads that make long responses.
const WORKERS: usize = 2;
/// How long no connection is accepted after the system refused one.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);

/// How long a connection may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// To send a request, from its first byte to its last. Also for the first byte of the first.
    request: Duration,
    /// Between a response and the next request.
    idle: Duration,
    /// To read a response.
    response: Duration,
}

impl Default for Times {
    fn default() -> Self {
        // Prometheus sends a request every 15 to 60 seconds by one connection.
        let [request, idle, response] = [10, 90, 10].map(Duration::from_secs);
        Self { request, idle, response }
    }
}

/// How far the start has come, for the probes.
#[derive(Debug, Default)]
pub(super) struct Stage {
    is_listening: AtomicBool,
    is_loaded: AtomicBool,
}

impl Stage {
    /// Clients of Redis are accepted.
    pub(super) fn listening(&self) {
        self.is_listening.store(true, Ordering::Relaxed);
    }

    /// The data are there.
    pub(super) fn loaded(&self) {
        self.is_loaded.store(true, Ordering::Relaxed);
    }
}

/// The thread, if the port is open.
pub(super) struct Http {
    addresses: Vec<SocketAddr>,
    stage: Arc<Stage>,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Http {
    /// Listens and serves, if there is an `http-port`.
    ///
    /// # Errors
    /// An address is taken or not ours, or the system gives no thread.
    pub(super) fn start(server: &Arc<Server>) -> Result<Self, RunError> {
        Self::start_with(server, Times::default())
    }

    fn start_with(server: &Arc<Server>, times: Times) -> Result<Self, RunError> {
        let settings = server.config.settings();
        let stage = Arc::new(Stage::default());
        if settings.http_port == 0 {
            return Ok(Self { addresses: Vec::new(), stage, running: None });
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .thread_name("http-work")
            .max_blocking_threads(WORKERS)
            .build()?;
        let listeners = {
            let _inside = runtime.enter();
            bind(&settings).map_err(RunError::Bind)?
        };
        let addresses = listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
        let site = Arc::new(Site::new(Arc::clone(server), Arc::clone(&stage), times));
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("http".into()).spawn(move || {
            runtime.block_on(serve(site, listeners, stopped));
            // What is being made is not waited for.
            runtime.shutdown_background();
        })?;
        Ok(Self { addresses, stage, running: Some((stop, thread)) })
    }

    /// Where it listens.
    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    pub(super) fn stage(&self) -> &Stage {
        &self.stage
    }

    /// Closes the port and all connections.
    pub(super) fn stop(self, deadline: JoinDeadline) {
        if let Some((stop, thread)) = self.running {
            // It fails if the thread has ended.
            let _ = stop.send(());
            deadline.join("the HTTP thread", thread, || ());
        }
    }
}

fn bind(settings: &Settings) -> Result<Vec<TcpListener>, BindError> {
    let tls = Tls { port: 0, ..settings.tls.clone() };
    let named = Settings { bind: settings.http_bind.clone(), tls, ..settings.clone() };
    let mut listeners = Vec::new();
    for address in listener::addresses(&named, Some(settings.http_port as u16))? {
        if let Some(Listener::Tcp(listener)) = listener::bind_tcp(address, settings)? {
            listeners.push(listener);
        }
    }
    if listeners.is_empty() { Err(BindError::NotAnAddress(String::new())) } else { Ok(listeners) }
}

async fn serve(site: Arc<Site>, listeners: Vec<TcpListener>, stopped: oneshot::Receiver<()>) {
    for listener in listeners {
        tokio::spawn(accept(listener, Arc::clone(&site)));
    }
    // An error is the end of the sender, which is a stop too.
    let _ = stopped.await;
}

async fn accept(listener: TcpListener, site: Arc<Site>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                if let Some(seat) = site.seats.take() {
                    tokio::spawn(connection::serve(stream, peer.ip(), seat, Arc::clone(&site)));
                }
                // Connections that are to close do so before the next one is accepted.
                tokio::task::yield_now().await;
            }
            Err(error) => {
                tracing::warn!(%error, "an HTTP connection could not be accepted");
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
    }
}

#[cfg(test)]
mod tests;
