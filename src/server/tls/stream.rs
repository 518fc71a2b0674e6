//! A socket with TLS: plain bytes on one side, records on the other.
//!
//! ```text
//! read    what is decrypted first; then the socket, as long as it has bytes
//! write   what is encrypted first; then at most `MAX_UNSENT` more, encrypted and sent at once
//! ```
//!
//! So nothing waits unseen: bytes that are decrypted and not read are found by the next read before
//! it reads the socket, and bytes that are encrypted and not sent count as output that waits.

use std::io::{self, BufRead, IoSlice, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use rustls::ServerConnection;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;

use super::subject;

/// Bytes that a connection with TLS takes beside what one without takes: keys and state, and the
/// buffer into which records are read. Measured, with idle connections of TLS 1.3.
pub(in crate::server) const OWN_BYTES: usize = 8 * 1024 + 512;

/// A socket, and the state of its TLS. `T` is the socket on a thread, or on its way to one.
pub(in crate::server) struct TlsStream<T> {
    socket: T,
    session: ServerConnection,
    /// Plain bytes in records that are not all sent.
    unsent: usize,
}

impl TlsStream<std::net::TcpStream> {
    /// Before its handshake; None if there is no `tls-port` any more.
    pub(in crate::server) fn new(socket: std::net::TcpStream, context: &super::Context) -> Option<Self> {
        Some(Self { socket, session: context.session()?, unsent: 0 })
    }
}

impl<T> TlsStream<T> {
    /// The socket.
    pub(in crate::server) fn socket(&self) -> &T {
        &self.socket
    }

    /// The same after its socket was put into another state.
    pub(in crate::server) fn with_socket<U>(
        self,
        change: impl FnOnce(T) -> io::Result<U>,
    ) -> io::Result<TlsStream<U>> {
        Ok(TlsStream { socket: change(self.socket)?, session: self.session, unsent: self.unsent })
    }

    /// The common name in the certificate of the client, if it has one. Its authority vouches for
    /// it.
    pub(super) fn client_name(&self) -> Option<Vec<u8>> {
        subject::common_name(self.session.peer_certificates()?.first()?)
    }

    /// True if records wait to be sent.
    pub(in crate::server) fn has_unsent(&self) -> bool {
        self.session.wants_write()
    }

    /// Plain bytes in them.
    pub(in crate::server) fn unsent(&self) -> usize {
        if self.has_unsent() { self.unsent } else { 0 }
    }
}

impl TlsStream<TcpStream> {
    /// Sends what is encrypted. With `WouldBlock` the rest waits.
    pub(in crate::server) fn send(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            if self.session.write_tls(&mut Sink(&self.socket))? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        self.unsent = 0;
        Ok(())
    }

    /// Takes plain bytes that lie in several places, as many as may be taken now. Some of those
    /// that it took may wait.
    pub(in crate::server) fn try_write_vectored(&mut self, pieces: &[IoSlice]) -> io::Result<usize> {
        self.send()?;
        let taken = self.session.writer().write_vectored(pieces)?;
        self.unsent = taken;
        match self.send() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(taken),
        }
    }

    /// Sends the client the end of the stream, if that can be sent now: without it, an attacker who
    /// cuts the connection could not be told from the server.
    pub(in crate::server) fn say_goodbye(&mut self) {
        self.session.send_close_notify();
        if let Err(error) = self.send() {
            tracing::trace!(%error, "a client was not told that its connection closes");
        }
    }

    /// One step of a handshake: reads and sends what can be read and sent now. True if it is
    /// complete.
    pub(super) fn step(&mut self) -> Result<bool, StepError> {
        self.flush()?;
        match self.session.read_tls(&mut Source(&self.socket)) {
            Ok(0) => return Err(StepError::Left),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        if let Err(error) = self.session.process_new_packets() {
            // An alert says why.
            let _ = self.send();
            return Err(StepError::Tls(error));
        }
        self.flush()?;
        Ok(!self.session.is_handshaking())
    }

    /// Waits until [`step`](Self::step) may get further.
    pub(super) async fn changed(&self) -> io::Result<()> {
        if self.has_unsent() { self.socket.writable().await } else { self.socket.readable().await }
    }

    /// Sends what can be sent now.
    pub(in crate::server) fn flush(&mut self) -> io::Result<()> {
        match self.send() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }
}

/// Why a handshake ends without success.
#[derive(Debug)]
pub(super) enum StepError {
    /// The client has closed the connection.
    Left,
    /// TLS cannot be agreed on.
    Tls(rustls::Error),
    /// The socket fails.
    Socket(io::Error),
}

impl From<io::Error> for StepError {
    fn from(error: io::Error) -> Self {
        Self::Socket(error)
    }
}

impl AsyncRead for TlsStream<TcpStream> {
    /// Nothing is read at the end of the connection. That some clients do not announce it is no
    /// matter: a request that is cut off is not run.
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match this.take_decrypted(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Poll::Ready(Ok(())),
                done => return Poll::Ready(done),
            }
            let mut source = Polled { socket: &mut this.socket, cx };
            match this.session.read_tls(&mut source) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                read => read?,
            };
            if let Err(error) = this.session.process_new_packets() {
                // An alert says why.
                let _ = this.send();
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, error)));
            }
            // What TLS replies by itself; if it does not fit now, it goes with the next replies.
            this.flush()?;
        }
    }
}

impl TlsStream<TcpStream> {
    /// Copies what is decrypted, as far as there is room. `WouldBlock` if there is none.
    fn take_decrypted(&mut self, buffer: &mut ReadBuf<'_>) -> io::Result<()> {
        let mut reader = self.session.reader();
        let before = buffer.filled().len();
        while buffer.remaining() > 0 {
            let decrypted = match reader.fill_buf() {
                Err(_) if buffer.filled().len() > before => break,
                other => other?,
            };
            let len = decrypted.len().min(buffer.remaining());
            if len == 0 {
                break;
            }
            buffer.put_slice(&decrypted[..len]);
            reader.consume(len);
        }
        Ok(())
    }
}

/// The way out, for `rustls`.
struct Sink<'s>(&'s TcpStream);

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(pieces)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The way in, during a handshake.
struct Source<'s>(&'s TcpStream);

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

/// The way in, which wakes the task when there is more. A read that does not fill the buffer is the
/// last one for now: the system need not be asked twice.
struct Polled<'s, 'c, 'w> {
    socket: &'s mut TcpStream,
    cx: &'c mut Context<'w>,
}

impl Read for Polled<'_, '_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(buffer);
        match Pin::new(&mut *self.socket).poll_read(self.cx, &mut buffer) {
            Poll::Ready(read) => read.map(|()| buffer.filled().len()),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::sync::Arc;

    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

    use super::*;
    use crate::config::{Settings, Tls};
    use crate::server::tls::{Context, prepare};

    /// What the server has, and what its clients have.
    fn certificate() -> (Context, Arc<ClientConfig>) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("keys can be made");
        let folder = std::env::temp_dir().join(format!("nearhit-tls-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
        let path = |name: &str| folder.join(name).to_str().expect("the path is text").to_owned();
        std::fs::write(path("crt"), made.cert.pem()).expect("the folder is writable");
        std::fs::write(path("key"), made.signing_key.serialize_pem()).expect("the folder is writable");
        let (cert_file, key_file) = (path("crt"), path("key"));
        let options = Settings::defaults().tls;
        let options = Tls { port: 1, cert_file, key_file, auth_clients: "no", ..options };
        let context = Context::default();
        context.replace(prepare(&options).expect("the files fit"));
        // A file left in the temporary folder does no harm.
        let _ = std::fs::remove_dir_all(&folder);
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).expect("it is a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.expect("there are some").with_root_certificates(roots);
        (context, Arc::new(builder.with_no_client_auth()))
    }

    async fn read(stream: &mut TlsStream<TcpStream>, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        let mut buffer = ReadBuf::new(&mut bytes);
        std::future::poll_fn(|cx| Pin::new(&mut *stream).poll_read(cx, &mut buffer))
            .await
            .expect("it is read");
        buffer.filled().to_vec()
    }

    /// What is decrypted and not read, and what is encrypted and not sent, go with a connection
    /// that moves to another thread.
    #[test]
    fn a_stream_that_moves_loses_nothing() {
        const LEN: usize = 400_000;
        let (context, client) = certificate();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let text: Vec<u8> = (0..LEN).map(|n| (n / 7) as u8).collect();
        let sent = text.clone();
        let client = std::thread::spawn(move || {
            let name = ServerName::try_from("localhost").expect("it is a name");
            let session = ClientConnection::new(client, name).expect("it can be made");
            let mut stream =
                StreamOwned::new(session, std::net::TcpStream::connect(address).expect("it listens"));
            stream.write_all(&sent).expect("it is read");
            let mut back = vec![0; LEN];
            stream.read_exact(&mut back).expect("it is sent");
            back
        });
        let socket = listener.accept().expect("the client connects").0;
        socket.set_nonblocking(true).expect("it is a socket");
        let mut resting = TlsStream::new(socket, &context).expect("there is a certificate");
        let mut is_complete = false;
        let (mut received, mut returned) = (Vec::new(), 0);
        // Each round is a thread of its own, as far as the socket can know.
        while returned < LEN {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            resting = runtime.expect("there is an epoll").block_on(async {
                let mut stream = resting.with_socket(TcpStream::from_std).expect("it is a socket");
                while !is_complete {
                    stream.changed().await.expect("the client is there");
                    is_complete = stream.step().expect("the handshake goes on");
                }
                if received.len() < LEN {
                    received.extend(read(&mut stream, 1000).await);
                } else {
                    let pieces =
                        [&text[returned..(returned + 10).min(LEN)], &text[(returned + 10).min(LEN)..]];
                    stream.socket().writable().await.expect("the client is there");
                    match stream.try_write_vectored(&pieces.map(IoSlice::new)) {
                        Ok(taken) => returned += taken,
                        Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
                    }
                    assert!(stream.unsent() <= 64 * 1024);
                }
                stream.with_socket(TcpStream::into_std).expect("it is a socket")
            });
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("there is an epoll").block_on(async {
            let mut stream = resting.with_socket(TcpStream::from_std).expect("it is a socket");
            while stream.has_unsent() {
                stream.socket().writable().await.expect("the client reads");
                stream.flush().expect("the client reads");
            }
        });
        assert_eq!(received, text);
        assert_eq!(client.join().expect("the client gets all"), text);
    }
}
