//! Buckets of tokens for commands: one for each connection (`max-commands-per-second-per-client`),
//! and one for each user, which all connections of the user share
//! (`max-commands-per-second-per-user`).
//!
//! A connection without a token does not answer and, but for some kilobytes, does not read, so that
//! the client is slowed by its own socket. An error instead would cost as much as most commands,
//! and libraries would send the command again. There is no such limit on new connections: accepting
//! one costs less than a command, `maxclients` bounds them, and handshakes take turns (`tls`).

use std::time::{Duration, Instant};

/// The tokens of a connection, or of a user: a command takes one, and a second brings as many as
/// the limit says, which is also the most that there are.
#[derive(Debug, Default)]
pub(crate) struct Allowance {
    /// None before the first command under a limit.
    filled: Option<(f64, Instant)>,
}

impl Allowance {
    /// True if there is a token at `now`; else the time at which there is one.
    pub(crate) fn check(&mut self, per_second: u64, now: Instant) -> Result<(), Instant> {
        let most = per_second as f64;
        let (tokens, at) = self.filled.unwrap_or((most, now));
        let passed = now.saturating_duration_since(at).as_secs_f64();
        let tokens = (tokens + passed * most).min(most);
        self.filled = Some((tokens, now.max(at)));
        if tokens >= 1.0 {
            return Ok(());
        }
        // A moment more, as the clock may count in coarser steps.
        Err(now + Duration::from_secs_f64((1.0 - tokens) / most) + Duration::from_micros(1))
    }

    /// Takes a token.
    pub(crate) fn take(&mut self) {
        if let Some((tokens, _)) = &mut self.filled {
            *tokens -= 1.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_brings_as_many_commands_as_the_limit_says_and_no_more() {
        let mut allowance = Allowance::default();
        let began = Instant::now();
        let at = |ms| began + Duration::from_millis(ms);
        let mut run = |ms| {
            let mut count = 0;
            while allowance.check(10, at(ms)).is_ok() {
                allowance.take();
                count += 1;
            }
            count
        };
        assert_eq!((run(0), run(0), run(99), run(101)), (10, 0, 0, 1));
        assert_eq!((run(601), run(60_000), run(60_050)), (5, 10, 0));
        let next = allowance.check(10, at(60_050)).expect_err("there is none");
        assert!(next > at(60_099) && next < at(60_101));
    }

    #[test]
    fn a_new_limit_holds_at_once() {
        let mut allowance = Allowance::default();
        let now = Instant::now();
        assert!(allowance.check(1000, now).is_ok());
        assert!(allowance.check(1, now).is_ok());
        allowance.take();
        assert!(allowance.check(1, now).is_err());
        assert!(allowance.check(1000, now + Duration::from_millis(2)).is_ok());
    }
}
