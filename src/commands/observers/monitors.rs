//! The clients that see every command: `MONITOR`.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::commands::client::{Client, Shown};
use crate::commands::spec::Flags;

use super::Observed;

/// Who gets a line for each command. Changed and fed under the lock of [`super::Observers`], so that all of them see
/// commands in one order.
#[derive(Default)]
pub(super) struct Monitors(Vec<Arc<Shown>>);

impl Monitors {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn join(&mut self, shown: &Arc<Shown>) {
        self.0.push(Arc::clone(shown));
    }

    pub(super) fn leave(&mut self, id: u64) {
        self.0.retain(|shown| shown.id != id);
    }

    /// Sends a line to all but those that `CLIENT REPLY` keeps silent, as in Redis; how many of them are too slow and
    /// are disconnected.
    pub(super) fn feed(&mut self, line: &[u8], limit: usize) -> usize {
        let before = self.0.len();
        self.0.retain(|shown| shown.is_silent.load(Ordering::Relaxed) || shown.post(line, limit));
        before - self.0.len()
    }
}

/// True if monitors see the command. What administrators do is not for everybody's eyes.
pub(super) fn is_visible(flags: Flags) -> bool {
    !flags.has(Flags::SKIP_MONITOR) && !flags.has(Flags::ADMIN)
}

/// `+1339518083.107412 [0 127.0.0.1:60866] "keys" "*"`.
pub(super) fn line(client: &Client, observed: &Observed) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let address = client.shown.shown_address();
    let mut line =
        format!("+{}.{:06} [{} {address}]", now.as_secs(), now.subsec_micros(), client.db).into_bytes();
    for argument in observed.arguments() {
        line.push(b' ');
        quote(argument, &mut line);
    }
    line.extend_from_slice(b"\r\n");
    line
}

/// In quotes, as a string of C: what cannot be printed is escaped.
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

    #[test]
    fn arguments_are_quoted_as_redis_does() {
        let mut line = Vec::new();
        quote(b"k\"\\\n\x00\x07\xff\x80\t\r \x1f\x7f\x08", &mut line);
        assert_eq!(line, br#""k\"\\\n\x00\a\xff\x80\t\r \x1f\x7f\b""#);
    }
}
