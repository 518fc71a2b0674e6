//! Many connections driven by one thread: each keeps `depth` requests in flight and sends the next
//! when one is answered.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::Failure;
use crate::figures::Figures;
use crate::resp::{Reply, Requests};

/// After so long without any reply the server is taken for stuck.
const STALL: Duration = Duration::from_secs(60);
const READ_LEN: usize = 64 << 10;

/// Open connections and the poll they are registered with.
pub(crate) struct Fleet {
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
}

impl Fleet {
    /// Opens `count` connections.
    pub(crate) fn connect(server: SocketAddr, count: usize) -> Result<Self, Failure> {
        let poll = Poll::new()?;
        let mut connections = Vec::with_capacity(count);
        for token in 0..count {
            let mut connection = Connection::open(server)?;
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut connection.stream, Token(token), interest)?;
            connections.push(connection);
        }
        Ok(Self { poll, events: Events::with_capacity(count.max(1)), connections })
    }

    /// Sends the requests that `plan` numbers, `depth` at a time on each connection, until the plan
    /// ends and all are answered. `on_reply` gets the request's number and its reply; an error
    /// reply ends the run.
    pub(crate) fn drive(
        &mut self,
        requests: &Requests,
        plan: impl IntoIterator<Item = usize>,
        depth: usize,
        mut on_reply: impl FnMut(usize, Reply<'_>),
    ) -> Result<Figures, Failure> {
        let mut plan = plan.into_iter();
        let mut figures = Figures::default();
        let began = Instant::now();
        for connection in &mut self.connections {
            connection.send(requests, &mut plan, depth)?;
        }
        while self.connections.iter().any(|connection| !connection.in_flight.is_empty()) {
            self.poll.poll(&mut self.events, Some(STALL))?;
            if self.events.is_empty() {
                return Err(format!("no reply for {} s", STALL.as_secs()).into());
            }
            for event in &self.events {
                let connection = &mut self.connections[event.token().0];
                connection.receive(&mut figures, &mut on_reply)?;
                connection.send(requests, &mut plan, depth)?;
            }
        }
        figures.lasted(began.elapsed());
        Ok(figures)
    }
}

struct Connection {
    stream: TcpStream,
    unsent: Vec<u8>,
    chunk: Box<[u8]>,
    received: Vec<u8>,
    /// Number and time of each request not yet answered, oldest first.
    in_flight: VecDeque<(usize, Instant)>,
}

impl Connection {
    fn open(server: SocketAddr) -> Result<Self, Failure> {
        let stream = std::net::TcpStream::connect_timeout(&server, STALL)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream: TcpStream::from_std(stream),
            unsent: Vec::new(),
            chunk: vec![0; READ_LEN].into_boxed_slice(),
            received: Vec::new(),
            in_flight: VecDeque::new(),
        })
    }

    /// Fills up to `depth` requests in flight, and writes what the socket takes.
    fn send(
        &mut self,
        requests: &Requests,
        plan: &mut impl Iterator<Item = usize>,
        depth: usize,
    ) -> Result<(), Failure> {
        let now = Instant::now();
        let free = depth.saturating_sub(self.in_flight.len());
        for number in plan.take(free) {
            self.unsent.extend_from_slice(requests.get(number));
            self.in_flight.push_back((number, now));
        }
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Reads what there is, and takes the whole replies in it.
    fn receive(
        &mut self,
        figures: &mut Figures,
        on_reply: &mut impl FnMut(usize, Reply<'_>),
    ) -> Result<(), Failure> {
        loop {
            match self.stream.read(&mut self.chunk) {
                Ok(0) => return Err("the server closed the connection".into()),
                Ok(count) => {
                    self.received.extend_from_slice(&self.chunk[..count]);
                    // A short read has emptied the socket (epoll(7)): this saves a system call for
                    // each reply.
                    if count < self.chunk.len() {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.take_replies(figures, on_reply)
    }

    fn take_replies(
        &mut self,
        figures: &mut Figures,
        on_reply: &mut impl FnMut(usize, Reply<'_>),
    ) -> Result<(), Failure> {
        let now = Instant::now();
        let mut taken = 0;
        while taken < self.received.len()
            && let Some(reply) = Reply::first(&self.received[taken..])?
        {
            let (number, sent) = self.in_flight.pop_front().ok_or("a reply to nothing")?;
            figures.note(now - sent);
            on_reply(number, reply.ok()?);
            taken += reply.len();
        }
        self.received.drain(..taken);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;

    use super::*;

    /// Answers each line-shaped request of each connection with its own line, until the peer
    /// closes.
    fn echo(count: usize) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().take(count) {
                let mut stream = stream.unwrap();
                std::thread::spawn(move || {
                    for line in BufReader::new(stream.try_clone().unwrap()).lines().skip(2).step_by(3) {
                        stream.write_all(format!("+{}\r\n", line.unwrap()).as_bytes()).unwrap();
                    }
                });
            }
        });
        address
    }

    #[test]
    fn every_planned_request_is_answered_once() {
        let mut requests = Requests::default();
        for number in 0..50 {
            requests.push(&[number.to_string().as_bytes()]);
        }
        let mut fleet = Fleet::connect(echo(3), 3).unwrap();
        for depth in [1, 7] {
            let mut seen = vec![0; requests.len()];
            let plan = (0..requests.len()).cycle().take(200);
            let figures = fleet.drive(&requests, plan, depth, |number, reply| {
                assert_eq!(reply.len(), format!("+{number}\r\n").len());
                seen[number] += 1;
            });
            assert_eq!(figures.unwrap().count(), 200);
            assert_eq!(seen, [4; 50]);
        }
    }
}
