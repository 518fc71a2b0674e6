//! The clients that see every command: `MONITOR`.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::BytesMut;

use crate::commands::client::{Client, ClientInfo, Pushed, counted_block};
use crate::commands::spec::Flags;
use crate::config::OutputLimits;

use super::Observed;

/// Lines are collected in blocks of at least this length, unless a monitor needs them earlier.
const BLOCK_LEN: usize = 16 * 1024;

/// The monitors, and the last lines for them; the lines before are in their queues. Each line is in
/// memory once, however many monitors there are. All changes happen under the lock of
/// [`super::Observers`], so that all monitors get commands in one order.
#[derive(Default)]
pub(super) struct Monitors {
    members: Vec<Arc<ClientInfo>>,
    /// The last lines, which are not in the queue of any member yet.
    open: BytesMut,
}

impl Monitors {
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(super) fn join(&mut self, info: &Arc<ClientInfo>) {
        self.end_block(|_| true);
        self.members.push(Arc::clone(info));
    }

    pub(super) fn leave(&mut self, id: u64) {
        self.members.retain(|member| member.id != id);
        if self.members.is_empty() {
            self.open = BytesMut::new();
        }
    }

    /// Adds a line for all monitors whose replies are not suppressed by `CLIENT REPLY`, as in
    /// Redis. Returns how many are too slow and are disconnected.
    pub(super) fn feed(&mut self, line: &[u8], limits: &OutputLimits) -> usize {
        let is_for_all = self.members.iter().all(|member| is_fed(member));
        if !is_for_all {
            self.end_block(|_| true);
        }
        self.open.extend_from_slice(line);
        let before = self.members.len();
        self.members
            .retain(|member| !is_fed(member) || member.announce_line(line.len(), limits) == Pushed::Queued);
        if !is_for_all {
            self.end_block(is_fed);
        } else if self.open.len() >= BLOCK_LEN {
            self.end_block(|_| true);
        }
        before - self.members.len()
    }

    /// Puts the lines so far into the queues of the monitors.
    pub(super) fn queue_lines(&mut self) {
        self.end_block(|_| true);
    }

    /// Closes the open block, and queues it for the members for which `is_for` is true.
    fn end_block(&mut self, is_for: fn(&ClientInfo) -> bool) {
        if self.open.is_empty() {
            return;
        }
        let block = counted_block(self.open.split().freeze());
        for member in self.members.iter().filter(|member| is_for(member)) {
            member.push_lines(block.clone());
        }
    }
}

fn is_fed(member: &ClientInfo) -> bool {
    !member.is_silent.load(Ordering::Relaxed)
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
    use crate::config::OutputLimit;
    use crate::resp::Encoded;

    fn monitors(clients: &Clients, count: usize) -> (Monitors, Vec<Arc<ClientInfo>>) {
        let connect = || clients.connect(Endpoints::default(), count, false).expect("there is room");
        let mut monitors = Monitors::default();
        let info = (0..count).map(|_| connect()).collect::<Vec<_>>();
        info.iter().for_each(|info| monitors.join(info));
        (monitors, info)
    }

    fn collected(monitors: &mut Monitors, info: &ClientInfo) -> Encoded {
        let mut lines = Encoded::default();
        monitors.queue_lines();
        info.take_pushes(usize::MAX, &mut lines);
        lines
    }

    #[test]
    fn all_monitors_share_the_lines() {
        let (mut monitors, info) = monitors(&Clients::default(), 3);
        let line = [b'x'; 1000];
        for _ in 0..1000 {
            assert_eq!(monitors.feed(&line, &OutputLimits::default()), 0);
        }
        assert!(info.iter().all(|info| info.waiting_bytes() == 1_000_000));
        let lines = [0, 1, 2].map(|n| collected(&mut monitors, &info[n]));
        for other in &lines[1..] {
            let pairs = lines[0].pieces().zip(other.pieces());
            let shared = pairs.filter(|(one, other)| one.as_ptr() == other.as_ptr()).count();
            assert!((50..100).contains(&shared), "they lie in blocks");
        }
        assert_eq!(lines[0].len(), 1_000_000);
        assert!(info.iter().all(|info| info.waiting_bytes() == 0));
    }

    #[test]
    fn a_monitor_gets_the_lines_since_it_joined_but_those_while_it_was_silent() {
        let clients = Clients::default();
        let (mut monitors, mut info) = monitors(&clients, 2);
        let feed = |monitors: &mut Monitors, line: &[u8]| monitors.feed(line, &OutputLimits::default());
        feed(&mut monitors, b"1");
        info[0].is_silent.store(true, Ordering::Relaxed);
        feed(&mut monitors, b"2");
        info[0].is_silent.store(false, Ordering::Relaxed);
        feed(&mut monitors, b"3");
        info.push(clients.connect(Endpoints::default(), 3, false).expect("there is room"));
        monitors.join(&info[2]);
        feed(&mut monitors, b"4");
        let texts = [0, 1, 2].map(|n| collected(&mut monitors, &info[n]).to_vec());
        assert_eq!(texts, [b"134".to_vec(), b"1234".to_vec(), b"4".to_vec()]);
    }

    #[test]
    fn a_monitor_with_too_many_waiting_lines_is_disconnected_and_its_lines_are_freed() {
        let (mut monitors, info) = monitors(&Clients::default(), 1);
        let normal = OutputLimit { hard_bytes: 10, ..OutputLimit::default() };
        let limits = OutputLimits { normal, ..OutputLimits::default() };
        assert_eq!(monitors.feed(&[b'x'; 10], &limits), 0);
        assert!(!info[0].is_killed());
        assert_eq!(monitors.feed(b"x", &limits), 1);
        assert!(info[0].is_killed() && monitors.is_empty());
        assert_eq!(info[0].waiting_bytes(), 0);
    }

    #[test]
    fn arguments_are_quoted_as_redis_does() {
        let mut line = Vec::new();
        quote(b"k\"\\\n\x00\x07\xff\x80\t\r \x1f\x7f\x08", &mut line);
        assert_eq!(line, br#""k\"\\\n\x00\a\xff\x80\t\r \x1f\x7f\b""#);
    }
}
