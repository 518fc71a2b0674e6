//! Handshakes: what they may cost, and what is logged when they fail.
//!
//! - Time: the server waits for a client for `tls-handshake-timeout-ms` in all.
//! - Processor: a handshake takes some steps of up to a millisecond (a signature by RSA). Those of
//!   one network thread take turns, and between two of them all other connections of the thread
//!   have theirs: so however many clients connect at once, a request waits for one step at most.
//! - Places: a client in a handshake can be replaced by another one when there are `maxclients`.
//! - Lines of the log: one in [`BETWEEN_LINES`].

use std::fmt;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::context::Context;
use super::stream::{StepError, TlsStream};
use crate::commands::Server;
use crate::commands::client::ClientInfo;
use crate::server::listener::{PROTECTED, is_protected_from};

/// Time between two lines about handshakes that failed.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// Why a client is not served.
#[derive(Debug)]
enum Failure {
    /// It is to be disconnected.
    Killed,
    /// It did not go on in time.
    Silent,
    Step(StepError),
}

impl From<StepError> for Failure {
    fn from(error: StepError) -> Self {
        Self::Step(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Step(error.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Killed => out.write_str("it was disconnected"),
            Self::Silent => out.write_str("nothing came for tls-handshake-timeout-ms"),
            Self::Step(StepError::Left) => out.write_str("it closed the connection"),
            Self::Step(StepError::Tls(rustls::Error::InvalidMessage(error))) => {
                write!(out, "what it sends is not TLS ({error:?})")
            }
            Self::Step(StepError::Tls(error)) => error.fmt(out),
            Self::Step(StepError::Socket(error)) => error.fmt(out),
        }
    }
}

/// How a handshake ended.
pub(in crate::server) enum Greeted {
    /// The connection is to be closed.
    Refused,
    /// The client is to be served.
    Served {
        /// The user that its certificate names, where certificates name users.
        user: Option<Vec<u8>>,
    },
}

/// Carries a handshake out.
pub(in crate::server) async fn greet(
    stream: &mut TlsStream<TcpStream>,
    info: &ClientInfo,
    server: &Server,
    context: &Context,
    turns: &Semaphore,
) -> Greeted {
    let settings = server.config.settings();
    let shaken = tokio::select! {
        biased;
        () = killed(info) => Err(Failure::Killed),
        shaken = shake_hands(stream, turns, settings.tls.handshake_timeout()) => shaken,
    };
    if let Err(failure) = shaken {
        server.traffic.mine().tls_handshake_failures.add(1);
        context.complaints.note(&failure, info);
        return Greeted::Refused;
    }
    info.in_handshake.store(false, Ordering::Relaxed);
    if is_protected_from(stream.socket().peer_addr().as_ref().ok(), server) {
        server.traffic.mine().rejected_connections.add(1);
        // The reason may get lost, as without TLS.
        let _ = stream.try_write_vectored(&[std::io::IoSlice::new(PROTECTED)]);
        stream.say_goodbye();
        return Greeted::Refused;
    }
    Greeted::Served { user: settings.tls.names_users().then(|| stream.client_name()).flatten() }
}

async fn killed(info: &ClientInfo) {
    while !info.is_killed() {
        info.woken().await;
    }
}

/// The time in which other connections have their turn does not count.
async fn shake_hands(
    stream: &mut TlsStream<TcpStream>,
    turns: &Semaphore,
    limit: Duration,
) -> Result<(), Failure> {
    let mut left = limit;
    loop {
        let began = Instant::now();
        tokio::time::timeout(left, stream.changed()).await.map_err(|_| Failure::Silent)??;
        left = left.saturating_sub(began.elapsed());
        // Never closed.
        let _turn = turns.acquire().await;
        let is_complete = stream.step()?;
        tokio::task::yield_now().await;
        if is_complete {
            return Ok(());
        }
    }
}

/// What is logged of handshakes that failed.
#[derive(Default)]
pub(super) struct Complaints(Mutex<Suppressed>);

#[derive(Default)]
struct Suppressed {
    last_line: Option<Instant>,
    failures: u64,
}

impl Complaints {
    /// Who only looks whether the port is open is not worth a line.
    fn note(&self, failure: &Failure, info: &ClientInfo) {
        let is_usual = matches!(failure, Failure::Killed | Failure::Step(StepError::Left));
        let suppressed = if is_usual { None } else { self.line_is_due(Instant::now()) };
        match suppressed {
            None => tracing::debug!(client = info.id, "a TLS handshake failed: {failure}"),
            Some(others) => {
                let address = &info.address;
                tracing::warn!(
                    "a TLS handshake with {address} failed: {failure} ({others} others before it)"
                );
            }
        }
    }

    /// If there may be another line, how many failures had none since the last.
    fn line_is_due(&self, now: Instant) -> Option<u64> {
        let mut suppressed = self.0.lock();
        let is_due = suppressed.last_line.is_none_or(|last| now.duration_since(last) >= BETWEEN_LINES);
        if !is_due {
            suppressed.failures += 1;
            return None;
        }
        suppressed.last_line = Some(now);
        Some(std::mem::take(&mut suppressed.failures))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_have_one_line_in_some_seconds() {
        let complaints = Complaints::default();
        let now = Instant::now();
        let due = [0, 0, 5, 11, 12].map(|s| complaints.line_is_due(now + Duration::from_secs(s)));
        assert_eq!(due, [Some(0), None, None, Some(2), None]);
    }
}
