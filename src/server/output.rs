//! Replies on their way to a client, and how long they may wait.

use std::io;
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};

use super::socket::Socket;
use crate::config::OutputLimit;

/// Bytes of replies that may wait for a client that must give the password and never has, as in Redis.
const STRANGERS_LIMIT: u64 = 1024;

/// Room that a connection keeps for its next replies; more is given back as soon as all is sent.
const KEPT_CAPACITY: usize = 4 * 1024;

/// What is yet to be sent.
#[derive(Default)]
pub(super) struct Output {
    bytes: BytesMut,
    over_soft_limit: Option<Waiting>,
}

/// More than the soft limit waits.
#[derive(Clone, Copy)]
struct Waiting {
    since: Instant,
    until: Instant,
}

/// Whether a client may stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Fine,
    TooMuch,
}

/// The limit for a client that must give the password and never has: less than what the operator chose, and at once.
pub(super) fn for_stranger(limit: OutputLimit) -> OutputLimit {
    let chosen = if limit.hard_bytes == 0 { u64::MAX } else { limit.hard_bytes };
    OutputLimit { hard_bytes: chosen.min(STRANGERS_LIMIT), ..OutputLimit::default() }
}

impl Output {
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Where replies are encoded.
    pub(super) fn end(&mut self) -> &mut BytesMut {
        &mut self.bytes
    }

    /// Adds replies encoded elsewhere; without a copy if nothing else waits.
    pub(super) fn append(&mut self, encoded: BytesMut) {
        if self.bytes.is_empty() {
            self.bytes = encoded;
        } else {
            self.bytes.extend_from_slice(&encoded);
        }
    }

    /// Writes until all is written or the socket is full; how many bytes it took.
    pub(super) fn write_to(&mut self, socket: &Socket) -> io::Result<u64> {
        let before = self.bytes.len();
        while !self.bytes.is_empty() {
            match socket.try_write(&self.bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => self.bytes.advance(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        let written = before - self.bytes.len();
        self.tidy();
        Ok(written as u64)
    }

    fn tidy(&mut self) {
        if self.bytes.is_empty() {
            self.bytes.clear();
            if self.bytes.capacity() > KEPT_CAPACITY {
                self.bytes = BytesMut::new();
            }
        }
    }

    /// Looks at `client-output-buffer-limit`, and notes since when the soft one is exceeded.
    pub(super) fn check(&mut self, limit: OutputLimit, now: Instant) -> Verdict {
        let len = self.bytes.len() as u64;
        let exceeds = |bytes: u64| bytes > 0 && len > bytes;
        if exceeds(limit.hard_bytes) {
            return Verdict::TooMuch;
        }
        if !exceeds(limit.soft_bytes) {
            self.over_soft_limit = None;
            return Verdict::Fine;
        }
        let patience = Duration::from_secs(limit.soft_seconds);
        let since = self.over_soft_limit.map_or(now, |waiting| waiting.since);
        let until = since.checked_add(patience).unwrap_or(now + Duration::from_secs(u32::MAX.into()));
        self.over_soft_limit = Some(Waiting { since, until });
        if now > until { Verdict::TooMuch } else { Verdict::Fine }
    }

    /// When [`check`](Self::check) must be asked again, if it must.
    pub(super) fn patience(&self) -> Option<Instant> {
        self.over_soft_limit.map(|waiting| waiting.until + Duration::from_millis(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(len: usize) -> Output {
        let mut output = Output::default();
        output.end().extend_from_slice(&vec![0; len]);
        output
    }

    #[test]
    fn the_hard_limit_holds_at_once_and_zero_means_none() {
        let limit = OutputLimit { hard_bytes: 10, soft_bytes: 0, soft_seconds: 0 };
        assert_eq!(waiting(10).check(limit, Instant::now()), Verdict::Fine);
        assert_eq!(waiting(11).check(limit, Instant::now()), Verdict::TooMuch);
        assert_eq!(waiting(11).check(OutputLimit::default(), Instant::now()), Verdict::Fine);
    }

    #[test]
    fn the_soft_limit_holds_when_its_time_is_over() {
        let limit = OutputLimit { hard_bytes: 0, soft_bytes: 10, soft_seconds: 2 };
        let (mut output, now) = (waiting(11), Instant::now());
        assert_eq!(output.check(limit, now), Verdict::Fine);
        assert_eq!(output.check(limit, now + Duration::from_secs(1)), Verdict::Fine);
        assert!(output.patience().is_some());
        assert_eq!(output.check(limit, now + Duration::from_secs(3)), Verdict::TooMuch);
        output.end().clear();
        assert_eq!(output.check(limit, now + Duration::from_secs(3)), Verdict::Fine);
        assert!(output.patience().is_none());
    }
}
