//! One connected socket, of either family.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use crate::commands::client::Endpoints;

/// The interval of keepalive probes, as a part of the keepalive time, and their number: as Redis
/// sets them.
const KEEPALIVE_INTERVAL_PART: u32 = 3;
const KEEPALIVE_RETRIES: u32 = 3;

/// A connection that no network thread serves, and no epoll knows: it is new, or on its way to
/// another thread.
pub(super) enum Accepted {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

/// A connection on its network thread.
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Accepted {
    /// Replies are sent without delay, and dead clients are probed for. If either fails, the client
    /// is served all the same.
    pub(super) fn configure(&self, keepalive_seconds: u64) {
        let Self::Tcp(stream) = self else { return };
        if let Err(error) = configure_tcp(stream, keepalive_seconds) {
            tracing::debug!(%error, "a socket option was refused");
        }
    }

    /// The addresses of both ends. `unix_path` stands for the addresses that Unix sockets lack.
    pub(super) fn endpoints(&self, unix_path: &str) -> Endpoints {
        use std::os::fd::AsRawFd;
        let text = |address: io::Result<std::net::SocketAddr>| {
            address.map_or("?:0".into(), |address| address.to_string())
        };
        match self {
            Self::Tcp(stream) => Endpoints {
                address: text(stream.peer_addr()),
                local_address: text(stream.local_addr()),
                is_unix: false,
                fd: stream.as_raw_fd(),
            },
            Self::Unix(stream) => Endpoints {
                address: format!("{unix_path}:0"),
                local_address: format!("{unix_path}:0"),
                is_unix: true,
                fd: stream.as_raw_fd(),
            },
        }
    }

    /// True of a client on another machine. One whose address is not known counts as one.
    pub(super) fn is_from_elsewhere(&self) -> bool {
        match self {
            Self::Tcp(stream) => !stream.peer_addr().is_ok_and(|peer| peer.ip().to_canonical().is_loopback()),
            Self::Unix(_) => false,
        }
    }

    /// Sends an error and closes: one write without waiting, to a client that has read nothing yet.
    pub(super) fn refuse(mut self, message: &[u8]) {
        use std::io::Write;
        let written = match &mut self {
            Self::Tcp(stream) => stream.write(message),
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
            Self::Unix(stream) => Accepted::Unix(stream.into_std()?),
        })
    }

    pub(super) fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_write_ready(cx),
            Self::Unix(stream) => stream.poll_write_ready(cx),
        }
    }

    /// Writes what fits now.
    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_write(bytes),
            Self::Unix(stream) => stream.try_write(bytes),
        }
    }

    /// The same for bytes that lie in several places.
    pub(super) fn try_write_vectored(&self, pieces: &[io::IoSlice]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_write_vectored(pieces),
            Self::Unix(stream) => stream.try_write_vectored(pieces),
        }
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
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}
