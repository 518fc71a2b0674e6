//! The open listeners, and `CONFIG SET port`, `tls-port` and `bind`, which move them.
//!
//! Listeners belong to the control thread, so a thread that changes an option sends it a request
//! and waits for the outcome.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc as answers;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::listener::{self, Address, BindError, Listener};
use super::thread_table::ThreadTable;
use super::tls;
use crate::commands::Server;
use crate::config::{Config, NotApplied, Settings};

/// How long a change waits for the control thread, which is mostly asleep.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A request to listen on other addresses.
pub(super) struct Move {
    settings: Settings,
    changes: Changes,
    done: answers::SyncSender<Result<(), BindError>>,
}

/// What changes of where the server listens.
#[derive(Clone, Copy)]
struct Changes {
    port: bool,
    tls_port: bool,
    bind: bool,
}

impl Changes {
    /// None if nothing does.
    fn between(before: &Settings, after: &Settings) -> Option<Self> {
        let changes = Self {
            port: before.port != after.port,
            tls_port: before.tls.port != after.tls.port,
            bind: before.bind != after.bind,
        };
        (changes.port || changes.tls_port || changes.bind).then_some(changes)
    }
}

/// The requests, in the order in which they came.
pub(super) struct Moves(mpsc::UnboundedReceiver<Move>);

impl Moves {
    /// From now on the changes of where to listen in this configuration come here, and those of TLS
    /// are applied: the files are read first, so that no connection is accepted without them.
    pub(super) fn of(config: &Config, tls: &Arc<tls::Context>) -> Self {
        let (sender, moves) = mpsc::unbounded_channel();
        let tls = Arc::clone(tls);
        config.when_changed(move |before, after| {
            let replaced = match before.tls == after.tls {
                true => None,
                false => Some(tls.replace(tls::prepare(&after.tls).map_err(not_applied)?)),
            };
            let moved = match Changes::between(before, after) {
                Some(changes) => ask(&sender, after, changes),
                None => Ok(()),
            };
            if let (Err(_), Some(replaced)) = (&moved, replaced) {
                tls.replace(replaced);
            }
            moved
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

fn not_applied(unusable: tls::Unusable) -> NotApplied {
    tracing::warn!("{unusable}");
    let tls::Unusable { option, why } = unusable;
    NotApplied { option, reason: format!("Unable to update TLS configuration: {why}") }
}

fn ask(moves: &mpsc::UnboundedSender<Move>, settings: &Settings, changes: Changes) -> Result<(), NotApplied> {
    let (done, answer) = answers::sync_channel(1);
    let request = Move { settings: settings.clone(), changes, done };
    let moved = moves.send(request).is_ok().then(|| answer.recv_timeout(TIMEOUT).ok()).flatten();
    let (option, reason) = match moved {
        Some(Ok(())) => return Ok(()),
        Some(Err(BindError::TooMany)) => ("bind", "Too many bind addresses specified."),
        _ if changes.tls_port => ("tls-port", "Unable to listen on this port. Check server logs."),
        _ if changes.port => ("port", "Unable to listen on this port. Check server logs."),
        _ => ("bind", "Failed to bind to specified addresses."),
    };
    Err(NotApplied { option, reason: reason.to_owned() })
}

/// All listeners, each with the task that accepts there.
pub(super) struct OpenListeners {
    server: Arc<Server>,
    thread_table: Arc<ThreadTable>,
    tls: Arc<tls::Context>,
    open: Vec<OpenListener>,
}

struct OpenListener {
    /// None for a Unix socket, which stays where it is.
    address: Option<Address>,
    acceptor: JoinHandle<()>,
}

impl OpenListeners {
    /// Begins to accept.
    pub(super) fn open(
        listeners: Vec<Listener>,
        server: &Arc<Server>,
        thread_table: Arc<ThreadTable>,
        tls: Arc<tls::Context>,
    ) -> Self {
        let mut all = Self { server: Arc::clone(server), thread_table, tls, open: Vec::new() };
        all.accept(listeners);
        all
    }

    fn accept(&mut self, listeners: Vec<Listener>) {
        for listener in listeners {
            let address = listener.address();
            let (server, thread_table) = (Arc::clone(&self.server), Arc::clone(&self.thread_table));
            let acceptor = tokio::spawn(listener.accept(server, thread_table, Arc::clone(&self.tls)));
            self.open.push(OpenListener { address, acceptor });
        }
    }

    /// Carries out a request and reports the outcome to its sender.
    pub(super) async fn apply(&mut self, request: Move) {
        let moved = self.move_to(&request.settings, request.changes).await;
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
    async fn move_to(&mut self, settings: &Settings, changes: Changes) -> Result<(), BindError> {
        // A port that the system chose for port 0 stays when only the addresses change.
        let port =
            if changes.port { settings.port as u16 } else { self.server.tcp_port.load(Ordering::Relaxed) };
        let wanted = listener::addresses(settings, Some(port).filter(|port| *port > 0))?;
        if wanted.is_empty() && settings.unixsocket.is_empty() {
            return Err(BindError::Nowhere);
        }
        let before = self.tcp_addresses();
        let is_among = |all: &[Address], address: &Address| all.iter().any(|other| other.is_like(address));
        let missing: Vec<Address> =
            wanted.iter().copied().filter(|address| !is_among(&before, address)).collect();
        let is_wanted = |address: &Address| is_among(&wanted, address);
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

    fn tcp_addresses(&self) -> Vec<Address> {
        self.open.iter().filter_map(|listener| listener.address).collect()
    }

    async fn close_tcp_but(&mut self, stays: impl Fn(&Address) -> bool) {
        let listeners = std::mem::take(&mut self.open).into_iter();
        let (kept, closed) = listeners.partition(|listener| listener.address.as_ref().is_none_or(&stays));
        self.open = kept;
        close(closed).await;
    }

    /// Opens what was open before and is not now.
    fn reopen(&mut self, before: &[Address], settings: &Settings) {
        let open = self.tcp_addresses();
        for address in before.iter().filter(|address| !open.contains(address)) {
            match listener::bind_tcp(address.required(), settings) {
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
