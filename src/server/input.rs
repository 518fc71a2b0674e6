//! What a client has sent and is not answered yet: bytes, and the requests cut from them.

use std::collections::VecDeque;
use std::io;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::BytesMut;
use smallvec::SmallVec;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

use super::socket::Socket;
use crate::resp::{Limits, ProtocolError, Request, RequestParser};

/// Bytes read at once, on the stack: a connection that waits keeps at most a small read buffer.
pub(super) const READ_LEN: usize = 16 * 1024;
/// Room that a connection keeps for its next requests: what most single requests need, and little
/// for 10,000 idle clients.
const KEPT_LEN: usize = 512;
/// Requests of a pipeline whose keys are prefetched side by side.
const LOOK_AHEAD: usize = 16;

/// The way in.
#[derive(Default)]
pub(super) struct Input {
    parser: RequestParser,
    bytes: BytesMut,
    /// Requests cut from `bytes` that wait for their turn.
    ahead: VecDeque<Request>,
    /// Why none can be cut any more, when those are answered.
    failure: Option<ProtocolError>,
    /// The most that was in `bytes` since it was made.
    longest: usize,
}

impl Input {
    /// Bytes of which no request is cut yet.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Room that is left behind them.
    pub(super) fn room(&self) -> usize {
        self.bytes.capacity() - self.bytes.len()
    }

    /// The next request; none if it has not come whole. `prefetch` is called with the first
    /// arguments, mostly keys, of the requests of a pipeline before any of them runs.
    pub(super) fn next(
        &mut self,
        limits: &Limits,
        prefetch: impl FnOnce(&[&[u8]]),
    ) -> Result<Option<Request>, ProtocolError> {
        if let Some(request) = self.ahead.pop_front() {
            return Ok(Some(request));
        }
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let request = self.parser.next(&mut self.bytes, limits)?;
        // What may come before AUTH is not known until the requests before it have run.
        if request.is_some() && !self.bytes.is_empty() && limits.authenticated {
            self.look_ahead(limits);
            let requests = request.iter().chain(&self.ahead).filter(|request| request.len() > 1);
            let keys: SmallVec<[&[u8]; LOOK_AHEAD]> = requests.map(|request| request.arg(1)).collect();
            prefetch(&keys);
        }
        Ok(request)
    }

    fn look_ahead(&mut self, limits: &Limits) {
        while self.ahead.len() + 1 < LOOK_AHEAD && self.failure.is_none() {
            match self.parser.next(&mut self.bytes, limits) {
                Ok(Some(request)) => self.ahead.push_back(request),
                Ok(None) => return,
                Err(failure) => self.failure = Some(failure),
            }
        }
    }

    /// Gives a large buffer back when it is empty. Its capacity is no measure then: it is what lies
    /// behind the requests that were cut from it.
    pub(super) fn tidy(&mut self) {
        if self.bytes.is_empty() && self.longest > KEPT_LEN {
            self.bytes = BytesMut::new();
            self.longest = 0;
        }
    }

    /// Reads what there is, and says how much. While a long argument comes in, straight into its
    /// place; else through the stack.
    pub(super) fn poll_read(&mut self, socket: &mut Socket, cx: &mut Context) -> Poll<io::Result<usize>> {
        let read = if self.parser.hint() > READ_LEN {
            self.bytes.reserve(self.parser.hint());
            pin!(socket.read_buf(&mut self.bytes)).poll(cx)
        } else {
            self.poll_through_stack(socket, cx)
        };
        self.longest = self.longest.max(self.bytes.len());
        read
    }

    fn poll_through_stack(&mut self, socket: &mut Socket, cx: &mut Context) -> Poll<io::Result<usize>> {
        let mut scratch = [MaybeUninit::<u8>::uninit(); READ_LEN];
        let mut buffer = ReadBuf::uninit(&mut scratch);
        Pin::new(socket).poll_read(cx, &mut buffer).map_ok(|()| {
            self.bytes.extend_from_slice(buffer.filled());
            buffer.filled().len()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(bytes: &[u8]) -> Input {
        Input { bytes: bytes.into(), ..Input::default() }
    }

    fn next(input: &mut Input, limits: &Limits) -> (Option<String>, usize) {
        let mut told = 0;
        let request = input.next(limits, |keys| told = keys.len()).expect("it is well-formed");
        (request.map(|request| String::from_utf8_lossy(request.arg(0)).into_owned()), told)
    }

    #[test]
    fn the_keys_of_a_pipeline_are_told_once_and_its_requests_come_in_order() {
        let limits = Limits { authenticated: true, ..Limits::default() };
        let mut input = input(b"GET a\r\nPING\r\nSET b 1\r\n*1\r\n");
        assert_eq!(next(&mut input, &limits), (Some("GET".into()), 2));
        assert_eq!(next(&mut input, &limits), (Some("PING".into()), 0));
        assert_eq!(next(&mut input, &limits), (Some("SET".into()), 0));
        assert_eq!(next(&mut input, &limits), (None, 0));
    }

    #[test]
    fn a_failure_waits_for_the_requests_before_it() {
        let limits = Limits { authenticated: true, ..Limits::default() };
        let mut input = input(b"PING\r\n*1\r\n!bad\r\nPING\r\n");
        assert_eq!(next(&mut input, &limits), (Some("PING".into()), 0));
        assert!(input.next(&limits, |_| ()).is_err());
    }

    #[test]
    fn nothing_is_cut_ahead_of_a_password() {
        let limits = Limits { authenticated: false, ..Limits::default() };
        let mut input = input(b"AUTH secret\r\nGET a\r\n");
        assert_eq!(next(&mut input, &limits), (Some("AUTH".into()), 0));
        assert_eq!(input.len(), b"GET a\r\n".len());
    }
}
