//! The open listeners, and `CONFIG SET port` and `bind`, which move them.
//!
//! Listeners belong to the control thread, so a thread that changes an option sends it a request
//! and waits for the outcome.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc as answers;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::listener::{self, Address, BindError, Listener};
use super::thread_table::ThreadTable;
use crate::commands::Server;
use crate::config::{Config, NotApplied, Settings};

/// How long a change waits for the control thread, which is mostly asleep.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A request to listen on other addresses.
pub(super) struct Move {
    settings: Settings,
    port_changes: bool,
    done: answers::SyncSender<Result<(), BindError>>,
}

/// The requests, in the order in which they came.
pub(super) struct Moves(mpsc::UnboundedReceiver<Move>);

impl Moves {
    /// From now on the changes of `port` and `bind` in this configuration come here.
    pub(super) fn of(config: &Config) -> Self {
        let (sender, moves) = mpsc::unbounded_channel();
        config.when_changed(move |before, after| {
            let port_changes = before.port != after.port;
            if !port_changes && before.bind == after.bind {
                return Ok(());
            }
            ask(&sender, after, port_changes)
        });
        Self(moves)
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Move {
        match self.0.recv().await {
            Some(request) => request,
            // The configuration is gone, and no request can come any more.
            None => std::future::pending().await,
        }
    }
}

fn ask(
    moves: &mpsc::UnboundedSender<Move>,
    settings: &Settings,
    port_changes: bool,
) -> Result<(), NotApplied> {
    let (done, answer) = answers::sync_channel(1);
    let request = Move { settings: settings.clone(), port_changes, done };
    let moved = moves.send(request).is_ok().then(|| answer.recv_timeout(TIMEOUT).ok()).flatten();
    let (option, reason) = match moved {
        Some(Ok(())) => return Ok(()),
        Some(Err(BindError::TooMany)) => ("bind", "Too many bind addresses specified."),
        _ if port_changes => ("port", "Unable to listen on this port. Check server logs."),
        _ => ("bind", "Failed to bind to specified addresses."),
    };
    Err(NotApplied { option, reason: reason.to_owned() })
}

/// All listeners, each with the task that accepts there.
pub(super) struct OpenListeners {
    server: Arc<Server>,
    thread_table: Arc<ThreadTable>,
    open: Vec<OpenListener>,
}

struct OpenListener {
    /// None for a Unix socket, which stays where it is.
    address: Option<SocketAddr>,
    acceptor: JoinHandle<()>,
}

impl OpenListeners {
    /// Begins to accept.
    pub(super) fn open(
        listeners: Vec<Listener>,
        server: &Arc<Server>,
        thread_table: Arc<ThreadTable>,
    ) -> Self {
        let mut all = Self { server: Arc::clone(server), thread_table, open: Vec::new() };
        all.accept(listeners);
        all
    }

    fn accept(&mut self, listeners: Vec<Listener>) {
        for listener in listeners {
            let address = listener.tcp_address();
            let acceptor =
                tokio::spawn(listener.accept(Arc::clone(&self.server), Arc::clone(&self.thread_table)));
            self.open.push(OpenListener { address, acceptor });
        }
    }

    /// Carries out a request and reports the outcome to its sender.
    pub(super) async fn apply(&mut self, request: Move) {
        let moved = self.move_to(&request.settings, request.port_changes).await;
        if let Err(error) = &moved {
            tracing::warn!("{error}");
        }
        // The sender stops waiting after its time-out.
        let _ = request.done.send(moved);
    }

    /// Closes all.
    pub(super) async fn close(self) {
        close(self.open).await;
    }

    /// Listens on what the settings name, and there only; where it listens already it goes on.
    /// After an error all is as it was.
    async fn move_to(&mut self, settings: &Settings, port_changes: bool) -> Result<(), BindError> {
        // A port that the system chose for port 0 stays when only the addresses change.
        let port =
            if port_changes { settings.port as u16 } else { self.server.tcp_port.load(Ordering::Relaxed) };
        let wanted = if port > 0 { listener::addresses(settings, port)? } else { Vec::new() };
        if wanted.is_empty() && settings.unixsocket.is_empty() {
            return Err(BindError::Nowhere);
        }
        let before = self.tcp_addresses();
        let missing: Vec<Address> =
            wanted.iter().copied().filter(|address| !before.contains(&address.at)).collect();
        let is_wanted = |at: SocketAddr| wanted.iter().any(|address| address.at == at);
        // The new ones first. But `*` cannot be opened beside an address with the same port, nor
        // the other way round.
        let opened = match bind(&missing, settings) {
            Err(BindError::Refused(_, error)) if error.kind() == std::io::ErrorKind::AddrInUse => {
                self.close_tcp_but(is_wanted).await;
                bind(&missing, settings)
            }
            other => other,
        };
        match opened {
            Ok(listeners) => {
                self.close_tcp_but(is_wanted).await;
                self.accept(listeners);
                self.server.tcp_port.store(port, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => {
                self.reopen(&before, settings);
                Err(error)
            }
        }
    }

    fn tcp_addresses(&self) -> Vec<SocketAddr> {
        self.open.iter().filter_map(|listener| listener.address).collect()
    }

    async fn close_tcp_but(&mut self, stays: impl Fn(SocketAddr) -> bool) {
        let listeners = std::mem::take(&mut self.open).into_iter();
        let (kept, closed) = listeners.partition(|listener| listener.address.is_none_or(&stays));
        self.open = kept;
        close(closed).await;
    }

    /// Opens what was open before and is not now.
    fn reopen(&mut self, before: &[SocketAddr], settings: &Settings) {
        let open = self.tcp_addresses();
        for at in before.iter().filter(|at| !open.contains(at)) {
            match listener::bind_tcp(Address::required(*at), settings) {
                Ok(listener) => self.accept(listener.into_iter().collect()),
                Err(error) => tracing::error!("{error}"),
            }
        }
    }
}

async fn close(listeners: Vec<OpenListener>) {
    for listener in listeners {
        listener.acceptor.abort();
        // It ends by being aborted, which is an error to tokio.
        let _ = listener.acceptor.await;
    }
}

fn bind(addresses: &[Address], settings: &Settings) -> Result<Vec<Listener>, BindError> {
    let bound = addresses.iter().filter_map(|address| listener::bind_tcp(*address, settings).transpose());
    bound.collect()
}
