//! One connection: requests in, responses out, one at a time.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::head::{self, Head, Malformed, Method};
use super::response::Response;
use super::seats::Seat;
use super::site::Site;

/// Longest body. A vector of 4096 numbers as text takes less.
pub(super) const MAX_BODY: u64 = 256 << 10;

struct Connection {
    stream: TcpStream,
    buffer: BytesMut,
}

/// Why no request comes any more.
enum End {
    /// The client has closed, or was too slow.
    Gone,
    /// It gets a response before the connection is closed.
    Refused(Malformed),
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

/// Serves until either side closes.
pub(super) async fn serve(stream: TcpStream, peer: IpAddr, seat: Seat, site: Arc<Site>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a socket option was refused");
    }
    let mut connection = Connection { stream, buffer: BytesMut::new() };
    let mut wait = site.times.request;
    loop {
        let head = tokio::select! {
            () = seat.must_leave() => return,
            head = connection.next_head(wait, &site) => head,
        };
        seat.set_waiting(false);
        let stays_open = match head {
            Ok(head) => connection.answer(&head, peer, &site).await,
            Err(End::Gone) => return,
            Err(End::Refused(Malformed(status))) => {
                connection.send(&Response::status(status), false, true, &site).await;
                false
            }
        };
        if !stays_open {
            return connection.close(&site).await;
        }
        seat.set_waiting(true);
        wait = site.times.idle;
    }
}

impl Connection {
    /// The next head. It must begin within `wait`, and then be complete within the time for a
    /// request.
    async fn next_head(&mut self, wait: std::time::Duration, site: &Site) -> Result<Head, End> {
        if self.buffer.is_empty() {
            timeout(wait, self.read()).await.map_err(|_| End::Gone)??;
        }
        timeout(site.times.request, self.read_head()).await.map_err(|_| End::Gone)?
    }

    async fn read_head(&mut self) -> Result<Head, End> {
        let mut searched = 0;
        loop {
            // The end may have begun in what was searched before. So each byte is looked at once,
            // however small the pieces are.
            let from = searched.min(self.buffer.len());
            if let Some(at) = memmem::find(&self.buffer[from..], head::END) {
                let end = from + at + head::END.len();
                let parsed = Head::parse(&self.buffer[..end]).map_err(End::Refused)?;
                self.buffer.advance(end);
                return Ok(parsed);
            }
            if self.buffer.len() >= head::MAX_LEN {
                return Err(End::Refused(head::TOO_LARGE));
            }
            searched = self.buffer.len().saturating_sub(head::END.len() - 1);
            self.read().await?;
        }
    }

    async fn read(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Answers a request; false if the connection ends.
    async fn answer(&mut self, head: &Head, peer: IpAddr, site: &Arc<Site>) -> bool {
        let with_body = head.method != Method::Head;
        let response = match site.admit(peer, head) {
            Err(denied) => denied.response().await,
            Ok(()) if head.body_len == 0 => site.respond(head, BytesMut::new(), peer).await,
            Ok(()) if head.body_len > MAX_BODY => Response::status(413),
            Ok(()) => match timeout(site.times.request, self.read_body(head)).await {
                Ok(Ok(body)) => {
                    let response = site.respond(head, body, peer).await;
                    return self.send(&response, head.stays_open, with_body, site).await;
                }
                _ => return false,
            },
        };
        // A body that was not read would be taken for the next request.
        let stays_open = head.stays_open && head.body_len == 0;
        self.send(&response, stays_open, with_body, site).await
    }

    async fn read_body(&mut self, head: &Head) -> io::Result<BytesMut> {
        if head.expects_continue && self.buffer.is_empty() {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        let len = head.body_len as usize;
        while self.buffer.len() < len {
            self.read().await?;
        }
        Ok(self.buffer.split_to(len))
    }

    /// Sends a response; false if the connection ends.
    async fn send(&mut self, response: &Response, stays_open: bool, with_body: bool, site: &Site) -> bool {
        let head = response.head(stays_open);
        let body = if with_body { response.body() } else { &[] };
        let written = timeout(site.times.response, async {
            self.stream.write_all(head.as_bytes()).await?;
            self.stream.write_all(body).await
        });
        matches!(written.await, Ok(Ok(()))) && stays_open
    }

    /// Closes in such a way that the client reads the last response also if it is still sending.
    async fn close(mut self, site: &Site) {
        if self.stream.shutdown().await.is_err() {
            return;
        }
        let drained = timeout(site.times.request, async {
            let mut left = MAX_BODY as usize;
            while left > 0 {
                self.buffer.clear();
                self.read().await?;
                left = left.saturating_sub(self.buffer.len());
            }
            io::Result::Ok(())
        });
        // However it ends, the connection is over.
        let _ = drained.await;
    }
}
