//! The real server on a free port, and clients that wait for each reply.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

pub(crate) use crate::support::Running;
use crate::support::settings;

impl Running {
    pub(crate) fn start() -> Self {
        Self::with(settings(4, 2), None)
    }

    pub(crate) fn connect(&self) -> Connection {
        let stream = TcpStream::connect(self.address).expect("the server listens");
        stream.set_nodelay(true).expect("a TCP socket");
        Connection(BufReader::new(stream))
    }
}

pub(crate) struct Connection(BufReader<TcpStream>);

impl Connection {
    /// The bytes that answer a command of words without blanks.
    pub(crate) fn ask(&mut self, words: &str) -> String {
        self.0.get_mut().write_all(&encode(words)).expect("the server reads");
        self.reply()
    }

    /// One whole reply.
    fn reply(&mut self) -> String {
        let mut reply = String::new();
        let mut missing = 1;
        while missing > 0 {
            missing = missing - 1 + self.one(&mut reply);
        }
        reply
    }

    /// The replies to the commands of a transaction: none if a watched key had changed.
    pub(crate) fn execute(&mut self) -> Option<Vec<String>> {
        self.0.get_mut().write_all(&encode("EXEC")).expect("the server reads");
        let mut header = String::new();
        self.0.read_line(&mut header).expect("the server replies");
        let count = header.trim_end().strip_prefix('*').unwrap_or_else(|| panic!("EXEC: {header}"));
        let count = count.parse::<usize>().ok()?;
        Some((0..count).map(|_| self.reply()).collect())
    }

    /// The elements of a reply that is an array of strings.
    pub(crate) fn ask_list(&mut self, words: &str) -> Vec<String> {
        let reply = self.ask(words);
        assert!(reply.starts_with('*'), "{words}: {reply}");
        reply.split("\r\n").skip(2).step_by(2).filter(|text| !text.is_empty()).map(str::to_owned).collect()
    }

    /// Appends one value; returns how many follow because it is an array.
    fn one(&mut self, reply: &mut String) -> usize {
        let start = reply.len();
        self.0.read_line(reply).expect("the server replies");
        let (kind, rest) = reply[start..].split_at(1);
        let number = rest.trim_end().parse::<usize>().unwrap_or(0);
        match kind {
            "*" => number,
            "$" if rest.trim_end() != "-1" => {
                let mut text = vec![0; number + 2];
                self.0.read_exact(&mut text).expect("the server replies");
                reply.push_str(&String::from_utf8_lossy(&text));
                0
            }
            _ => 0,
        }
    }
}

fn encode(words: &str) -> Vec<u8> {
    let words: Vec<&str> = words.split(' ').collect();
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    words.iter().for_each(|word| bytes.extend(format!("${}\r\n{word}\r\n", word.len()).bytes()));
    bytes
}
