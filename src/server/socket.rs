//! One connected socket, of either family.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use super::tls::{self, TlsStream};
use crate::commands::client::Endpoints;

/// The interval of keepalive probes, as a part of the keepalive time, and their number: as Redis
/// sets them.
const KEEPALIVE_INTERVAL_PART: u32 = 3;
const KEEPALIVE_RETRIES: u32 = 3;

/// A connection that no network thread serves, and that is in no epoll: it is new, or on its way to
/// another thread.
pub(super) enum Accepted {
    Tcp(std::net::TcpStream),
    /// Boxed, as a connection without TLS must not take room for its state.
    Tls(Box<TlsStream<std::net::TcpStream>>),
    Unix(std::os::unix::net::UnixStream),
}

/// A connection on its network thread.
pub(super) enum Socket {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
}

impl Accepted {
    /// Replies are sent without delay, and dead clients are probed for. If either fails, the client
    /// is served all the same.
    pub(super) fn configure(&self, keepalive_seconds: u64) {
        let stream = match self {
            Self::Tcp(stream) => stream,
            Self::Tls(stream) => stream.socket(),
            Self::Unix(_) => return,
        };
        if let Err(error) = configure_tcp(stream, keepalive_seconds) {
            tracing::debug!(%error, "a socket option was refused");
        }
    }

    /// The addresses of both ends. `unix_path` stands for the addresses that Unix sockets lack.
    pub(super) fn endpoints(&self, unix_path: &str) -> Endpoints {
        use std::os::fd::AsRawFd;
        let is_tls = matches!(self, Self::Tls(_));
        let text = |address: io::Result<std::net::SocketAddr>| {
            address.map_or("?:0".into(), |address| address.to_string())
        };
        let stream = match self {
            Self::Tcp(stream) => stream,
            Self::Tls(stream) => stream.socket(),
            Self::Unix(stream) => {
                let address = format!("{unix_path}:0");
                let local_address = address.clone();
                return Endpoints { address, local_address, is_unix: true, is_tls, fd: stream.as_raw_fd() };
            }
        };
        Endpoints {
            address: text(stream.peer_addr()),
            local_address: text(stream.local_addr()),
            is_unix: false,
            is_tls,
            fd: stream.as_raw_fd(),
        }
    }

    /// Sends an error and closes: one write without waiting, to a client that has read nothing yet.
    /// With TLS the connection closes without a word, since nothing is agreed on yet.
    pub(super) fn refuse(mut self, message: &[u8]) {
        use std::io::Write;
        let written = match &mut self {
            Self::Tcp(stream) => stream.write(message),
            Self::Tls(_) => return,
            Self::Unix(stream) => stream.write(message),
        };
        if let Err(error) = written {
            tracing::debug!(%error, "a refused client did not hear why");
        }
    }

    /// Makes it known to the epoll of the calling thread's runtime.
    pub(super) fn adopt(self) -> io::Result<Socket> {
        Ok(match self {
            Self::Tcp(stream) => Socket::Tcp(TcpStream::from_std(stream)?),
            Self::Tls(stream) => Socket::Tls(Box::new(stream.with_socket(TcpStream::from_std)?)),
            Self::Unix(stream) => Socket::Unix(UnixStream::from_std(stream)?),
        })
    }
}

fn configure_tcp(stream: &std::net::TcpStream, keepalive_seconds: u64) -> io::Result<()> {
    stream.set_nodelay(true)?;
    if keepalive_seconds == 0 {
        return Ok(());
    }
    let time = Duration::from_secs(keepalive_seconds);
    let interval = (time / KEEPALIVE_INTERVAL_PART).max(Duration::from_secs(1));
    let keepalive =
        TcpKeepalive::new().with_time(time).with_interval(interval).with_retries(KEEPALIVE_RETRIES);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

impl Socket {
    /// Takes it out of the epoll it is in, for another thread.
    pub(super) fn release(self) -> io::Result<Accepted> {
        Ok(match self {
            Self::Tcp(stream) => Accepted::Tcp(stream.into_std()?),
            Self::Tls(stream) => Accepted::Tls(Box::new(stream.with_socket(TcpStream::into_std)?)),
            Self::Unix(stream) => Accepted::Unix(stream.into_std()?),
        })
    }

    pub(super) fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_write_ready(cx),
            Self::Tls(stream) => stream.socket().poll_write_ready(cx),
            Self::Unix(stream) => stream.poll_write_ready(cx),
        }
    }

    /// Writes what fits now.
    pub(super) fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_write(bytes),
            Self::Tls(stream) => stream.try_write_vectored(&[io::IoSlice::new(bytes)]),
            Self::Unix(stream) => stream.try_write(bytes),
        }
    }

    /// The same for bytes that lie in several places.
    pub(super) fn try_write_vectored(&mut self, pieces: &[io::IoSlice]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_write_vectored(pieces),
            Self::Tls(stream) => stream.try_write_vectored(pieces),
            Self::Unix(stream) => stream.try_write_vectored(pieces),
        }
    }

    /// True if bytes that it took wait to be sent, which only TLS does.
    pub(super) fn has_unsent(&self) -> bool {
        matches!(self, Self::Tls(stream) if stream.has_unsent())
    }

    /// How many these are.
    pub(super) fn unsent(&self) -> usize {
        if let Self::Tls(stream) = self { stream.unsent() } else { 0 }
    }

    /// Sends of these what can be sent now.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if let Self::Tls(stream) = self { stream.flush() } else { Ok(()) }
    }

    /// The connection closes.
    pub(super) fn say_goodbye(&mut self) {
        if let Self::Tls(stream) = self {
            stream.say_goodbye();
        }
    }

    /// Bytes that it takes beside the system's.
    pub(super) fn own_bytes(&self) -> usize {
        if let Self::Tls(_) = self { tls::OWN_BYTES } else { 0 }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_read(cx, buffer),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}
