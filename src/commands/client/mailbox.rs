//! What others want to send to a client, until its connection comes and takes it.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::BytesMut;
use parking_lot::Mutex;

/// Bytes that may wait in a mailbox if the client's class has no smaller limit. A client that leaves more is too slow
/// for what it asked for.
pub(in crate::commands) const MAX_MAIL: usize = 64 * 1024 * 1024;

/// Bytes for a client. Anyone may post, only its own connection collects.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    /// True if there may be some. Set and cleared under the lock, so that a look without it is enough when it is empty.
    is_filled: AtomicBool,
    bytes: Mutex<BytesMut>,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Posted {
    /// It is the first one: nobody has told the connection yet.
    First,
    /// It lies behind others.
    Behind,
    /// There is no room; it is lost.
    Full,
}

impl Mailbox {
    pub(super) fn post(&self, message: &[u8], limit: usize) -> Posted {
        let mut bytes = self.bytes.lock();
        if bytes.len() + message.len() > limit.min(MAX_MAIL) {
            return Posted::Full;
        }
        let is_first = bytes.is_empty();
        bytes.extend_from_slice(message);
        self.is_filled.store(true, Ordering::Release);
        if is_first { Posted::First } else { Posted::Behind }
    }

    pub(super) fn is_filled(&self) -> bool {
        self.is_filled.load(Ordering::Acquire)
    }

    /// Takes all there is.
    pub(super) fn collect(&self) -> BytesMut {
        let mut bytes = self.bytes.lock();
        self.is_filled.store(false, Ordering::Release);
        std::mem::take(&mut *bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_message_is_announced_and_nothing_exceeds_the_limit() {
        let mailbox = Mailbox::default();
        assert_eq!(mailbox.post(b"abc", 5), Posted::First);
        assert_eq!(mailbox.post(b"de", 5), Posted::Behind);
        assert_eq!(mailbox.post(b"f", 5), Posted::Full);
        assert!(mailbox.is_filled());
        assert_eq!(mailbox.collect(), b"abcde"[..]);
        assert!(!mailbox.is_filled());
        assert_eq!(mailbox.post(b"f", 5), Posted::First);
    }
}
