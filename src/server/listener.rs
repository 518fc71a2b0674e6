//! Where clients come in: TCP addresses and a Unix socket.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, UnixListener};

use super::socket::Accepted;
use super::thread_table::ThreadTable;
use super::tls::{self, TlsStream};
use crate::commands::Server;
use crate::config::Settings;
use crate::system::is_unsupported_family;

/// How long no connection is accepted after the system refused one (out of file descriptors,
/// mostly).
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);

/// Addresses that `bind` may name, as in Redis.
const MAX_ADDRESSES: usize = 16;

/// The reply to clients of other machines in protected mode: Redis' text, since people look
/// for them.
pub(super) const PROTECTED: &[u8] = b"-DENIED Redis is running in protected mode because protected mode is enabled and no \
password is set for the default user. In this mode connections are only accepted from the loopback interface. If you \
want to connect from external computers to Redis you may adopt one of the following solutions: 1) Just disable \
protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis \
from the same host the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do \
so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the protected mode by \
editing the Redis configuration file, and setting the protected mode option to 'no', and then restarting the server. \
3) If you started the server manually just for testing, restart it with the '--protected-mode no' option. 4) Set up an \
authentication password for the default user. NOTE: You only need to do one of the above things in order for the \
server to start accepting connections from the outside.\r\n";

/// Why an address cannot be listened on.
#[derive(Debug)]
pub enum BindError {
    /// Not an address.
    NotAnAddress(String),
    /// The system refused it.
    Refused(String, io::Error),
    /// A Unix socket cannot be made.
    NoSocket(PathBuf, io::Error),
    /// More than `MAX_ADDRESSES`.
    TooMany,
    /// No address is left, and no Unix socket.
    Nowhere,
}

impl std::fmt::Display for BindError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotAnAddress(text) => {
                write!(out, "cannot listen on '{text}': 'bind' takes IP addresses, '*' and '::*'")
            }
            Self::Refused(place, error) => write!(out, "cannot listen on {place}: {error}{}", advice(error)),
            Self::NoSocket(path, error) => {
                let advice = socket_advice(error);
                write!(out, "cannot listen on the Unix socket {}: {error}; {advice}", path.display())
            }
            Self::TooMany => write!(out, "'bind' takes no more than {MAX_ADDRESSES} addresses"),
            Self::Nowhere => out.write_str("nowhere to listen: set 'port', 'tls-port' or 'unixsocket'"),
        }
    }
}

impl std::error::Error for BindError {}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; another server listens there: stop it, or choose another --port",
        io::ErrorKind::AddrNotAvailable => "; this machine has no such address: see --bind",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need rights: choose another --port",
        _ => "",
    }
}

fn socket_advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another server answers there: stop it, or choose another --unixsocket",
        io::ErrorKind::NotFound => "create its folder, or choose another --unixsocket",
        io::ErrorKind::PermissionDenied => "let this user write there, or choose another --unixsocket",
        _ => "choose another --unixsocket",
    }
}

/// One place to come in.
pub(super) enum Listener {
    Tcp(TcpListener),
    Tls(TcpListener),
    Unix(UnixListener, SocketFile),
}

/// The file of a Unix socket; removed when the listener ends.
pub(super) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::debug!(%error, "the Unix socket could not be removed");
        }
    }
}

/// Whether the settings name somewhere to listen, as far as the text says.
///
/// # Errors
/// They do not, or a word of `bind` is no address.
pub fn check_places(settings: &Settings) -> Result<(), BindError> {
    if !settings.has_listener() {
        return Err(BindError::Nowhere);
    }
    addresses(settings, Some(settings.port as u16)).map(drop)
}

/// Listens on all that the settings name. To be called inside the runtime that will accept.
pub(super) fn bind_all(settings: &Settings) -> Result<Vec<Listener>, BindError> {
    let mut listeners = Vec::new();
    // Port 0 with nothing else is a port that the system chooses, for tests.
    let has_port = settings.port > 0 || !settings.has_listener();
    let port = has_port.then_some(settings.port as u16);
    for address in addresses(settings, port)? {
        listeners.extend(bind_tcp(address, settings)?);
    }
    if !settings.unixsocket.is_empty() {
        listeners.push(bind_unix(Path::new(&settings.unixsocket), settings)?);
    }
    if listeners.is_empty() { Err(BindError::Nowhere) } else { Ok(listeners) }
}

/// An address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) at: SocketAddr,
    /// Connections there have TLS.
    pub(super) is_tls: bool,
    /// It may be missing on this machine.
    optional: bool,
}

impl Address {
    /// True if both are the same place with the same kind of connections.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        (self.at, self.is_tls) == (other.at, other.is_tls)
    }

    /// The same, which must be there.
    pub(super) fn required(self) -> Self {
        Self { optional: false, ..self }
    }
}

/// What `bind` names, with this port, if there is one, and with `tls-port`.
pub(super) fn addresses(settings: &Settings, port: Option<u16>) -> Result<Vec<Address>, BindError> {
    if settings.bind.len() > MAX_ADDRESSES {
        return Err(BindError::TooMany);
    }
    let tls_port = Some(settings.tls.port as u16).filter(|port| *port > 0);
    let ports = port.map(|port| (port, false)).into_iter().chain(tls_port.map(|port| (port, true)));
    let named = ports.flat_map(|port| settings.bind.iter().map(move |text| address(text, port)));
    named.collect()
}

/// A leading `-` says that the address may be missing.
fn address(text: &str, (port, is_tls): (u16, bool)) -> Result<Address, BindError> {
    let (optional, name) = match text.strip_prefix('-') {
        Some(name) => (true, name),
        None => (false, text),
    };
    let ip = ip(name).ok_or_else(|| BindError::NotAnAddress(text.to_owned()))?;
    Ok(Address { at: SocketAddr::new(ip, port), is_tls, optional })
}

/// None if the address may be missing and is.
pub(super) fn bind_tcp(address: Address, settings: &Settings) -> Result<Option<Listener>, BindError> {
    match listen(address.at, settings.tcp_backlog as i32) {
        Ok(listener) if address.is_tls => Ok(Some(Listener::Tls(listener))),
        Ok(listener) => Ok(Some(Listener::Tcp(listener))),
        Err(error) if address.optional && is_absent(&error) => Ok(None),
        Err(error) => Err(BindError::Refused(address.at.to_string(), error)),
    }
}

fn ip(name: &str) -> Option<IpAddr> {
    match name {
        "*" => Some(Ipv4Addr::UNSPECIFIED.into()),
        "::*" => Some(Ipv6Addr::UNSPECIFIED.into()),
        "localhost" => Some(Ipv4Addr::LOCALHOST.into()),
        name => name.parse().ok(),
    }
}

fn is_absent(error: &io::Error) -> bool {
    is_unsupported_family(error) || error.kind() == io::ErrorKind::AddrNotAvailable
}

fn listen(address: SocketAddr, backlog: i32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    TcpListener::from_std(socket.into())
}

/// A file left by a server that is gone is replaced; a server that still answers there is not
/// disturbed.
fn bind_unix(path: &Path, settings: &Settings) -> Result<Listener, BindError> {
    let refused = |error| BindError::NoSocket(path.to_owned(), error);
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(refused(io::ErrorKind::AddrInUse.into()));
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(refused(error)),
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(refused)?;
    let file = SocketFile(path.to_owned());
    if settings.unixsocketperm != 0 {
        let permissions = std::fs::Permissions::from_mode(settings.unixsocketperm as u32);
        std::fs::set_permissions(path, permissions).map_err(refused)?;
    }
    Ok(Listener::Unix(listener, file))
}

impl Listener {
    /// Where it listens for connections without TLS.
    pub(super) fn tcp_address(&self) -> Option<SocketAddr> {
        self.address().filter(|address| !address.is_tls).map(|address| address.at)
    }

    /// None for a Unix socket.
    pub(super) fn address(&self) -> Option<Address> {
        let (listener, is_tls) = match self {
            Self::Tcp(listener) => (listener, false),
            Self::Tls(listener) => (listener, true),
            Self::Unix(..) => return None,
        };
        Some(Address { at: listener.local_addr().ok()?, is_tls, optional: false })
    }

    /// For people.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Tcp(_) => self.address().map_or("?".into(), |address| address.at.to_string()),
            Self::Tls(_) => self.address().map_or("?".into(), |address| format!("{} (TLS)", address.at)),
            Self::Unix(_, file) => file.0.display().to_string(),
        }
    }

    /// Accepts clients and deals them to the network threads, until the task is aborted.
    pub(super) async fn accept(
        self,
        server: Arc<Server>,
        thread_table: Arc<ThreadTable>,
        tls: Arc<tls::Context>,
    ) {
        let unix_path = if let Self::Unix(..) = self { self.place() } else { String::new() };
        loop {
            match self.next(&tls).await {
                Ok(Some(accepted)) => admit(accepted, &unix_path, &server, &thread_table),
                Ok(None) => tracing::debug!("a client with TLS came while there is no tls-port"),
                Err(error) => {
                    tracing::warn!(%error, "a client could not be accepted");
                    tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
                }
            }
        }
    }

    async fn next(&self, tls: &tls::Context) -> io::Result<Option<Accepted>> {
        Ok(match self {
            Self::Tcp(listener) => Some(Accepted::Tcp(listener.accept().await?.0.into_std()?)),
            Self::Tls(listener) => {
                let stream = TlsStream::new(listener.accept().await?.0.into_std()?, tls);
                stream.map(|stream| Accepted::Tls(Box::new(stream)))
            }
            Self::Unix(listener, _) => Some(Accepted::Unix(listener.accept().await?.0.into_std()?)),
        })
    }
}

/// True if a client of this address is refused in protected mode. One whose address is not known
/// counts as one of another machine. A client with TLS is refused after its handshake.
pub(super) fn is_protected_from(address: Option<&SocketAddr>, server: &Server) -> bool {
    let is_from_here = address.is_some_and(|address| address.ip().to_canonical().is_loopback());
    let is_open = server.config.settings().protected_mode && server.acl.users.default_has_no_password();
    is_open && !is_from_here
}

fn admit(accepted: Accepted, unix_path: &str, server: &Server, thread_table: &ThreadTable) {
    let settings = server.config.settings();
    let traffic = server.traffic.mine();
    let users = &server.acl.users;
    if let Accepted::Tcp(stream) = &accepted
        && is_protected_from(stream.peer_addr().as_ref().ok(), server)
    {
        traffic.rejected_connections.add(1);
        return accepted.refuse(PROTECTED);
    }
    let max = usize::try_from(settings.maxclients).unwrap_or(usize::MAX);
    match server.clients.connect(accepted.endpoints(unix_path), max, users.require_login()) {
        Some(info) => {
            traffic.connections_received.add(1);
            accepted.configure(settings.tcp_keepalive);
            thread_table.assign(accepted, info);
        }
        None => {
            traffic.rejected_connections.add(1);
            accepted.refuse(b"-ERR max number of clients reached\r\n");
        }
    }
}
