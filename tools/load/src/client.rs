//! One connection, one call at a time.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::Failure;
use crate::resp::{self, Reply};

/// How long a single reply may take; dropping a large set may take seconds.
const TIMEOUT: Duration = Duration::from_secs(60);
const READ_LEN: usize = 16 << 10;

/// A blocking connection.
pub(crate) struct Client {
    stream: TcpStream,
    request: Vec<u8>,
    received: Vec<u8>,
}

impl Client {
    /// Connects to a server.
    pub(crate) fn connect(server: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect_timeout(&server, TIMEOUT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok(Self { stream, request: Vec::new(), received: Vec::new() })
    }

    /// Sends one request and waits for its reply; an error reply is an error.
    pub(crate) fn call(&mut self, args: &[&[u8]]) -> Result<Reply<'_>, Failure> {
        self.request.clear();
        resp::encode(args, &mut self.request);
        self.stream.write_all(&self.request)?;
        self.reply()
    }

    /// The same with a request that is encoded already.
    pub(crate) fn send(&mut self, request: &[u8]) -> Result<Reply<'_>, Failure> {
        self.stream.write_all(request)?;
        self.reply()
    }

    fn reply(&mut self) -> Result<Reply<'_>, Failure> {
        self.received.clear();
        while Reply::first(&self.received)?.is_none() {
            self.receive()?;
        }
        // Parsed again because a reply found in the loop would borrow the buffer that the loop
        // fills.
        Reply::first(&self.received)?.ok_or("the reply was lost")?.ok()
    }

    fn receive(&mut self) -> Result<(), Failure> {
        let len = self.received.len();
        self.received.resize(len + READ_LEN, 0);
        let count = self.stream.read(&mut self.received[len..])?;
        self.received.truncate(len + count);
        if count == 0 { Err("the server closed the connection".into()) } else { Ok(()) }
    }
}
