//! The clients that see every command: `MONITOR`.

use std::io::Write;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};

use crate::commands::client::{Client, ClientInfo};
use crate::commands::spec::Flags;
use crate::config::OutputLimit;

use super::Observed;

/// Limit of the bytes that wait for a monitor, if its class has no smaller one. A monitor with more
/// is too slow and is disconnected.
const MAX_WAITING: u64 = 32 * 1024 * 1024;

/// Lines are collected in blocks of at least this length, unless a monitor needs them earlier.
const BLOCK_LEN: usize = 16 * 1024;

/// The monitors, and the lines for them. Each line is in memory once, however many monitors there
/// are. All changes happen under the lock of [`super::Observers`], so that all monitors get
/// commands in one order.
#[derive(Default)]
pub(super) struct Monitors {
    members: Vec<Member>,
    /// The last lines, which no member has got yet.
    open: BytesMut,
}

/// One monitor.
struct Member {
    info: Arc<ClientInfo>,
    /// Lines that it has not got yet, before those in `open`.
    blocks: Vec<Bytes>,
}

impl Monitors {
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(super) fn join(&mut self, info: &Arc<ClientInfo>) {
        self.end_block(|_| true);
        self.members.push(Member { info: Arc::clone(info), blocks: Vec::new() });
    }

    pub(super) fn leave(&mut self, id: u64) {
        self.members.retain(|member| member.info.id != id);
        if self.members.is_empty() {
            self.open = BytesMut::new();
        }
    }

    /// Adds a line for all monitors whose replies are not suppressed by `CLIENT REPLY`, as in
    /// Redis. Returns how many are too slow and are disconnected.
    pub(super) fn feed(&mut self, line: &[u8], limit: OutputLimit) -> usize {
        let is_for_all = self.members.iter().all(Member::is_fed);
        if !is_for_all {
            self.end_block(|_| true);
        }
        self.open.extend_from_slice(line);
        let before = self.members.len();
        self.members.retain(|member| !member.is_fed() || member.announce(line.len(), limit));
        if !is_for_all {
            self.end_block(Member::is_fed);
        } else if self.open.len() >= BLOCK_LEN {
            self.end_block(|_| true);
        }
        before - self.members.len()
    }

    /// Takes the lines that wait for a monitor.
    pub(super) fn collect(&mut self, id: u64) -> Vec<Bytes> {
        self.end_block(|_| true);
        let member = self.members.iter_mut().find(|member| member.info.id == id);
        member.map_or_else(Vec::new, |member| {
            member.info.waiting_lines.store(0, Ordering::Relaxed);
            mem::take(&mut member.blocks)
        })
    }

    /// Closes the open block, and queues it for the members for which `is_for` is true.
    fn end_block(&mut self, is_for: fn(&Member) -> bool) {
        if self.open.is_empty() {
            return;
        }
        let block = self.open.split().freeze();
        for member in self.members.iter_mut().filter(|member| is_for(member)) {
            member.blocks.push(block.clone());
        }
    }
}

impl Member {
    fn is_fed(&self) -> bool {
        !self.info.is_silent.load(Ordering::Relaxed)
    }

    /// Counts a line that waits for the connection; false if too much waits and it is disconnected.
    /// The connection is woken when the first line waits, and when the soft limit begins to count.
    fn announce(&self, len: usize, limit: OutputLimit) -> bool {
        let before = self.info.waiting_lines.fetch_add(len, Ordering::Relaxed);
        let unsent = self.info.output_buffer.load(Ordering::Relaxed) + before;
        let hard_bytes = if limit.hard_bytes == 0 { MAX_WAITING } else { limit.hard_bytes.min(MAX_WAITING) };
        if (unsent + len) as u64 > hard_bytes {
            self.info.kill();
            return false;
        }
        let passes_soft_limit =
            (unsent as u64) <= limit.soft_bytes && (unsent + len) as u64 > limit.soft_bytes;
        if before == 0 || passes_soft_limit {
            self.info.wake();
        }
        true
    }
}

/// True if monitors get the command. Commands of administrators are not shown.
pub(super) fn is_visible(flags: Flags) -> bool {
    !flags.has(Flags::SKIP_MONITOR) && !flags.has(Flags::ADMIN)
}

/// `+1339518083.107412 [0 127.0.0.1:60866] "keys" "*"`.
pub(super) fn line(client: &Client, observed: &Observed) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let address = client.info.shown_address();
    let mut line =
        format!("+{}.{:06} [{} {address}]", now.as_secs(), now.subsec_micros(), client.db).into_bytes();
    for argument in observed.arguments() {
        line.push(b' ');
        quote(argument, &mut line);
    }
    line.extend_from_slice(b"\r\n");
    line
}

/// In quotes, as a string of C: bytes that are not printable are escaped.
fn quote(argument: &[u8], line: &mut Vec<u8>) {
    line.push(b'"');
    for &byte in argument {
        match byte {
            b'\\' | b'"' => line.extend([b'\\', byte]),
            b'\n' => line.extend(b"\\n"),
            b'\r' => line.extend(b"\\r"),
            b'\t' => line.extend(b"\\t"),
            0x07 => line.extend(b"\\a"),
            0x08 => line.extend(b"\\b"),
            b' '..=b'~' => line.push(byte),
            _ => {
                let written = write!(line, "\\x{byte:02x}");
                debug_assert!(written.is_ok(), "a vector takes any bytes");
            }
        }
    }
    line.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::client::{Clients, Endpoints};

    fn monitors(clients: &Clients, count: usize) -> (Monitors, Vec<Arc<ClientInfo>>) {
        let connect = || clients.connect(Endpoints::default(), count, false).expect("there is room");
        let mut monitors = Monitors::default();
        let info = (0..count).map(|_| connect()).collect::<Vec<_>>();
        info.iter().for_each(|info| monitors.join(info));
        (monitors, info)
    }

    #[test]
    fn all_monitors_share_the_lines() {
        let (mut monitors, info) = monitors(&Clients::default(), 3);
        let line = [b'x'; 1000];
        for _ in 0..1000 {
            assert_eq!(monitors.feed(&line, OutputLimit::default()), 0);
        }
        assert!(info.iter().all(|info| info.waiting_bytes() == 1_000_000));
        let lines = [0, 1, 2].map(|n| monitors.collect(info[n].id));
        for others in &lines[1..] {
            assert!(lines[0].iter().zip(others).all(|(one, other)| one.as_ptr() == other.as_ptr()));
        }
        assert_eq!(lines[0].iter().map(Bytes::len).sum::<usize>(), 1_000_000);
        assert!(lines[0].len() < 100, "they lie in blocks");
        assert!(info.iter().all(|info| info.waiting_bytes() == 0));
    }

    #[test]
    fn a_monitor_gets_the_lines_since_it_joined_but_those_while_it_was_silent() {
        let clients = Clients::default();
        let (mut monitors, mut info) = monitors(&clients, 2);
        let feed = |monitors: &mut Monitors, line: &[u8]| monitors.feed(line, OutputLimit::default());
        feed(&mut monitors, b"1");
        info[0].is_silent.store(true, Ordering::Relaxed);
        feed(&mut monitors, b"2");
        info[0].is_silent.store(false, Ordering::Relaxed);
        feed(&mut monitors, b"3");
        info.push(clients.connect(Endpoints::default(), 3, false).expect("there is room"));
        monitors.join(&info[2]);
        feed(&mut monitors, b"4");
        let texts = [0, 1, 2].map(|n| monitors.collect(info[n].id).concat());
        assert_eq!(texts, [b"134".to_vec(), b"1234".to_vec(), b"4".to_vec()]);
    }

    #[test]
    fn a_monitor_with_too_many_waiting_lines_is_disconnected_and_its_lines_are_freed() {
        let (mut monitors, info) = monitors(&Clients::default(), 1);
        let limit = OutputLimit { hard_bytes: 10, ..OutputLimit::default() };
        assert_eq!(monitors.feed(&[b'x'; 10], limit), 0);
        assert!(!info[0].is_killed());
        assert_eq!(monitors.feed(b"x", limit), 1);
        assert!(info[0].is_killed() && monitors.is_empty());
    }

    #[test]
    fn arguments_are_quoted_as_redis_does() {
        let mut line = Vec::new();
        quote(b"k\"\\\n\x00\x07\xff\x80\t\r \x1f\x7f\x08", &mut line);
        assert_eq!(line, br#""k\"\\\n\x00\a\xff\x80\t\r \x1f\x7f\b""#);
    }
}
