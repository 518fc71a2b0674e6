//! Replies on their way to a client, and how long they may wait.

use std::io::{self, IoSlice};
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::socket::Socket;
use crate::config::OutputLimit;
use crate::resp::Encoded;

/// Bytes of replies that may wait for a client that must authenticate and never has, as in Redis.
const UNAUTHENTICATED_LIMIT: u64 = 1024;

/// Room that a connection keeps for its next replies; more is given back as soon as all is sent.
const KEPT_CAPACITY: usize = 4 * 1024;

/// Pieces that are given to the system in one call.
const PIECES_PER_WRITE: usize = 64;

/// Bytes after which other connections of the thread get their turn, although the socket would take
/// more.
const BYTES_PER_TURN: usize = 4 * 1024 * 1024;

/// What is yet to be sent.
#[derive(Default)]
pub(super) struct Output {
    replies: Encoded,
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

/// What the socket took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) bytes: usize,
    /// It would take more now.
    pub(super) is_cut_short: bool,
}

/// The limit for a client that must authenticate and never has: less than what the operator chose,
/// and at once.
pub(super) fn for_unauthenticated(limit: OutputLimit) -> OutputLimit {
    let chosen = if limit.hard_bytes == 0 { u64::MAX } else { limit.hard_bytes };
    OutputLimit { hard_bytes: chosen.min(UNAUTHENTICATED_LIMIT), ..OutputLimit::default() }
}

/// Has the socket take as much as it can, in one call. Most rounds have one piece.
fn give<'p>(mut pieces: impl Iterator<Item = &'p [u8]>, socket: &mut Socket) -> io::Result<usize> {
    match (pieces.next(), pieces.next()) {
        (Some(one), None) => socket.try_write(one),
        (one, another) => {
            let pieces = one.into_iter().chain(another).chain(pieces).take(PIECES_PER_WRITE);
            let slices: SmallVec<[IoSlice; PIECES_PER_WRITE]> = pieces.map(IoSlice::new).collect();
            socket.try_write_vectored(&slices)
        }
    }
}

impl Output {
    /// Bytes to be sent. Texts that others hold too are counted in full, as by Redis since 8.10:
    /// nothing says how long they would be kept without this client.
    pub(super) fn len(&self) -> usize {
        self.replies.len()
    }

    /// Bytes in memory for this client alone.
    pub(super) fn own_len(&self) -> usize {
        self.replies.own_len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.replies.is_empty()
    }

    /// Where replies are encoded.
    pub(super) fn end(&mut self) -> &mut Encoded {
        &mut self.replies
    }

    /// Writes until all is written, the socket is full, or others must have their turn.
    pub(super) fn write_to(&mut self, socket: &mut Socket) -> io::Result<Written> {
        let mut bytes = 0;
        let mut is_cut_short = false;
        while !self.replies.is_empty() && !is_cut_short {
            match self.write_once(socket) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => bytes += written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
            is_cut_short = bytes >= BYTES_PER_TURN && !self.replies.is_empty();
        }
        self.replies.shrink(KEPT_CAPACITY);
        Ok(Written { bytes, is_cut_short })
    }

    fn write_once(&mut self, socket: &mut Socket) -> io::Result<usize> {
        let written = give(self.replies.pieces(), socket)?;
        self.replies.advance(written);
        Ok(written)
    }

    /// Looks at `client-output-buffer-limit` for `waiting` bytes, and notes since when the soft one
    /// is exceeded.
    pub(super) fn check(&mut self, waiting: usize, limit: OutputLimit, now: Instant) -> Verdict {
        let len = waiting as u64;
        let exceeds = |bytes: u64| bytes > 0 && len > bytes;
        if exceeds(limit.hard_bytes) {
            return Verdict::TooMuch;
        }
        if !exceeds(limit.soft_bytes) {
            self.over_soft_limit = None;
            return Verdict::Fine;
        }
        let time = Duration::from_secs(limit.soft_seconds);
        let since = self.over_soft_limit.map_or(now, |waiting| waiting.since);
        let until = since.checked_add(time).unwrap_or(now + Duration::from_secs(u32::MAX.into()));
        self.over_soft_limit = Some(Waiting { since, until });
        if now > until { Verdict::TooMuch } else { Verdict::Fine }
    }

    /// When [`check`](Self::check) must be called again, if it must.
    pub(super) fn soft_deadline(&self) -> Option<Instant> {
        self.over_soft_limit.map(|waiting| waiting.until + Duration::from_millis(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hard_limit_holds_at_once_and_zero_means_none() {
        let limit = OutputLimit { hard_bytes: 10, soft_bytes: 0, soft_seconds: 0 };
        assert_eq!(Output::default().check(10, limit, Instant::now()), Verdict::Fine);
        assert_eq!(Output::default().check(11, limit, Instant::now()), Verdict::TooMuch);
        assert_eq!(Output::default().check(11, OutputLimit::default(), Instant::now()), Verdict::Fine);
    }

    #[test]
    fn the_soft_limit_holds_when_its_time_is_over() {
        let limit = OutputLimit { hard_bytes: 0, soft_bytes: 10, soft_seconds: 2 };
        let mut output = Output::default();
        let now = Instant::now();
        assert_eq!(output.check(11, limit, now), Verdict::Fine);
        assert_eq!(output.check(11, limit, now + Duration::from_secs(1)), Verdict::Fine);
        assert!(output.soft_deadline().is_some());
        assert_eq!(output.check(11, limit, now + Duration::from_secs(3)), Verdict::TooMuch);
        assert_eq!(output.check(10, limit, now + Duration::from_secs(3)), Verdict::Fine);
        assert!(output.soft_deadline().is_none());
    }
}
