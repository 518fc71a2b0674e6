//! A client connection: requests written together, replies read one by one.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The longest wait for a reply: then the server counts as hanging.
const REPLY_TIMEOUT: Duration = Duration::from_secs(60);

/// A reply that has not arrived after this time counts as withheld.
const PROMPT: Duration = Duration::from_millis(300);

/// The words of one command.
pub(crate) type Request = Vec<Vec<u8>>;

/// A request of words without blanks.
pub(crate) fn words(line: &str) -> Request {
    line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reply {
    Simple(String),
    Error(String),
    Integer(i64),
    Bulk(Option<Vec<u8>>),
    Array(Vec<Reply>),
}

impl Reply {
    /// The first error in the reply.
    pub(crate) fn error(&self) -> Option<&str> {
        match self {
            Reply::Error(text) => Some(text),
            Reply::Array(items) => items.iter().find_map(Reply::error),
            _ => None,
        }
    }

    pub(crate) fn integer(&self) -> i64 {
        let Reply::Integer(number) = self else { panic!("an integer, not {self:?}") };
        *number
    }

    pub(crate) fn bulk(self) -> Option<Vec<u8>> {
        let Reply::Bulk(bytes) = self else { panic!("a string, not {self:?}") };
        bytes
    }

    /// Null is an empty array too.
    pub(crate) fn array(self) -> Vec<Reply> {
        match self {
            Reply::Array(items) => items,
            Reply::Bulk(None) => Vec::new(),
            other => panic!("an array, not {other:?}"),
        }
    }
}

pub(crate) struct Connection(BufReader<TcpStream>);

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
        Ok(Self(BufReader::with_capacity(1 << 16, stream)))
    }

    /// Writes requests together.
    pub(crate) fn send(&mut self, requests: &[Request]) -> io::Result<()> {
        let mut bytes = Vec::new();
        requests.iter().for_each(|request| encode(request, &mut bytes));
        self.0.get_mut().write_all(&bytes)
    }

    pub(crate) fn call(&mut self, request: Request) -> io::Result<Reply> {
        self.send(&[request])?;
        self.receive()
    }

    /// The reply if it arrives promptly; otherwise none, and it can be received later.
    pub(crate) fn call_promptly(&mut self, request: Request) -> Option<Reply> {
        self.send(&[request]).expect("the server reads");
        self.has_reply().then(|| self.receive().expect("the server replies"))
    }

    /// True if a reply has arrived, or arrives promptly.
    pub(crate) fn has_reply(&mut self) -> bool {
        self.0.get_ref().set_read_timeout(Some(PROMPT)).expect("a TCP socket");
        let is_there = self.0.fill_buf().is_ok_and(|bytes| !bytes.is_empty());
        self.0.get_ref().set_read_timeout(Some(REPLY_TIMEOUT)).expect("a TCP socket");
        is_there
    }

    /// Sends a request to which the server must reply.
    pub(crate) fn must(&mut self, line: &str) -> Reply {
        self.call(words(line)).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    /// The replies to many requests.
    pub(crate) fn call_all(&mut self, requests: &[Request]) -> Vec<Reply> {
        // In portions: otherwise both sides could wait for the other to read.
        const PORTION: usize = 64;
        let mut replies = Vec::with_capacity(requests.len());
        for portion in requests.chunks(PORTION) {
            self.send(portion).expect("the server reads");
            replies.extend(portion.iter().map(|_| self.receive().expect("the server replies")));
        }
        replies
    }

    /// One whole reply.
    pub(crate) fn receive(&mut self) -> io::Result<Reply> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 || !line.ends_with("\r\n") {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (kind, rest) = line.trim_end().split_at(1);
        let number = || rest.parse::<i64>().map_err(io::Error::other);
        Ok(match kind {
            "+" => Reply::Simple(rest.to_owned()),
            "-" => Reply::Error(rest.to_owned()),
            ":" => Reply::Integer(number()?),
            "$" => Reply::Bulk(usize::try_from(number()?).ok().map(|len| self.text(len)).transpose()?),
            "*" => Reply::Array((0..number()?).map(|_| self.receive()).collect::<io::Result<_>>()?),
            _ => return Err(io::Error::other(line)),
        })
    }

    fn text(&mut self, len: usize) -> io::Result<Vec<u8>> {
        let mut text = vec![0; len + 2];
        self.0.read_exact(&mut text)?;
        text.truncate(len);
        Ok(text)
    }

    /// The value of a field of INFO.
    pub(crate) fn info(&mut self, field: &str) -> String {
        let text = self.must("INFO everything").bulk().expect("INFO is a text");
        let text = String::from_utf8_lossy(&text).into_owned();
        let found = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        found.unwrap_or_else(|| panic!("INFO has no {field}")).to_owned()
    }
}

fn encode(request: &Request, bytes: &mut Vec<u8>) {
    bytes.extend(format!("*{}\r\n", request.len()).bytes());
    for word in request {
        bytes.extend(format!("${}\r\n", word.len()).bytes());
        bytes.extend_from_slice(word);
        bytes.extend(b"\r\n");
    }
}
