//! Replays the requests of a log.
//!
//! They run as those of clients do, with three differences. Checks that depend on this run
//! (passwords, limits) are left out. Nothing is counted, shown or logged. Nothing expires: keys and
//! fields whose deadlines have passed are removed where the log says so, or when the replay has
//! ended.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::client::Client;
use super::connection::SELECT;
use super::dispatch;
use super::registry::{self, Command};
use super::spec::Flags;
use super::transactions::{EXEC, MULTI};
use super::{Context, Server};
use crate::config::Compat;
use crate::journal::Record;
use crate::resp::{Error, Request};

/// Replays a log, request by request, on the thread that made this value.
pub struct Replay<'s> {
    server: &'s Server,
    client: Client,
    /// The requests since a `MULTI`, until its `EXEC`. A log may end between them.
    transaction: Option<Vec<(&'static Command, Request)>>,
}

/// Why a request was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// There is no such command here.
    Unknown(Error),
    /// There is no such form of the command here: a later release wrote the log, or another server.
    UnknownForm(Error),
    /// The number of arguments is wrong, or the command is misplaced: this is not a log of this
    /// server.
    Malformed(Error),
    /// It was carried out when it was logged, and is refused now, for instance since the key has
    /// another type.
    Refused(Error),
}

impl<'s> Replay<'s> {
    /// Begins with the first database selected.
    pub fn begin(server: &'s Server) -> Self {
        Self { server, client: Client::of_replay(), transaction: None }
    }

    /// Carries a request out, or within a transaction queues it until `EXEC`. Requests that change
    /// no data are skipped.
    pub fn play(&mut self, request: &Request) -> Result<(), Failure> {
        let command = known_command(request)?;
        if command.spec.is(&MULTI) {
            return self.begin_transaction();
        }
        if command.spec.is(&EXEC) {
            return self.play_transaction();
        }
        match &mut self.transaction {
            Some(requests) => requests.push((command, request.detached())),
            None => return self.carry_out(command, request),
        }
        Ok(())
    }

    /// True between a `MULTI` and its `EXEC`: the requests since then were not carried out.
    pub fn is_in_transaction(&self) -> bool {
        self.transaction.is_some()
    }

    fn begin_transaction(&mut self) -> Result<(), Failure> {
        if self.is_in_transaction() {
            return Err(malformed("ERR MULTI calls can not be nested"));
        }
        self.transaction = Some(Vec::new());
        Ok(())
    }

    /// As in the original run, a request that fails does not stop those after it. Returns the last
    /// failure, or that of a form that is not known here.
    fn play_transaction(&mut self) -> Result<(), Failure> {
        let requests = self.transaction.take().ok_or_else(|| malformed("ERR EXEC without MULTI"))?;
        let mut outcome = Ok(());
        for (command, request) in &requests {
            let failed = self.carry_out(command, request);
            if !matches!(outcome, Err(Failure::UnknownForm(_))) {
                outcome = failed.and(outcome);
            }
        }
        outcome
    }

    fn carry_out(&mut self, command: &'static Command, request: &Request) -> Result<(), Failure> {
        let changes = command.spec.flags.has(Flags::WRITE) || command.spec.is(&SELECT);
        if !changes {
            return Ok(());
        }
        let mut context = Context::new(self.server, &mut self.client);
        let run = || dispatch::execute(command, &mut context, request, Record::unlogged());
        let ran = catch_unwind(AssertUnwindSafe(run));
        let outcome = ran.unwrap_or_else(|_| Err(dispatch::panicked(command, self.server)));
        outcome.map(|_| ()).map_err(|error| match error.is_of_grammar() {
            true => Failure::UnknownForm(error),
            false => Failure::Refused(error),
        })
    }
}

fn known_command(request: &Request) -> Result<&'static Command, Failure> {
    // The commands of a log are replayed whichever release is chosen now.
    let command = registry::resolve(request, None, Compat::default()).map_err(Failure::Unknown)?;
    let fits = command.spec.arity.accepts(request.len());
    if fits { Ok(command) } else { Err(Failure::Malformed(Error::wrong_arity(command.spec.name))) }
}

fn malformed(why: &'static str) -> Failure {
    Failure::Malformed(Error::new(why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::Session;

    const NOW_MS: i64 = 1_790_000_000_000;

    fn play(session: &Session, lines: &[&str]) -> Vec<Result<(), Failure>> {
        let mut replay = Replay::begin(&session.server);
        let words = |line: &&str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        lines.iter().map(|line| replay.play(&Request::from_args(&words(line)))).collect()
    }

    #[test]
    fn nothing_expires_before_the_replay_ends() {
        let mut session = Session::at(NOW_MS);
        let played = play(
            &session,
            &["SET a 1 PXAT 5", "APPEND a 2", "RENAME a b", "SET c 1", "PEXPIREAT b 1790000000001"],
        );
        assert_eq!(played, vec![Ok(()); 5]);
        session.hold_to(&[
            ("get b", "$2 12"),
            ("pttl b", ":1"),
            ("object idletime b", ":0"),
            ("dbsize", ":2"),
        ]);
        play(&session, &["PEXPIREAT c 1789999999999"]);
        session.hold_to(&[("exists c", ":0")]);
        assert_eq!(session.server.keyspace.journal().changes(), 0, "nothing of this is a change");
    }

    #[test]
    fn a_transaction_is_carried_out_at_its_end() {
        let mut session = Session::at(NOW_MS);
        play(&session, &["MULTI", "SET a 1"]);
        session.hold_to(&[("exists a", ":0")]);
        play(&session, &["MULTI", "SELECT 3", "SET a 1", "HSET a f 1", "SET b 1", "EXEC", "SET c 1"]);
        session.hold_to(&[("dbsize", ":0"), ("select 3", "+OK"), ("dbsize", ":3")]);
    }

    #[test]
    fn malformed_requests_are_distinguished_from_refused_ones() {
        let session = Session::at(NOW_MS);
        let played = play(&session, &["NOPE", "GET", "EXEC", "SET a 1", "HSET a f 1", "GET a", "SHUTDOWN"]);
        let is_known = |outcome: &Result<(), Failure>| matches!(outcome, Ok(()) | Err(Failure::Refused(_)));
        assert_eq!(
            played.iter().map(is_known).collect::<Vec<_>>(),
            [false, false, false, true, true, true, true]
        );
        assert!(
            matches!(played[0], Err(Failure::Unknown(_))) && !matches!(played[1], Err(Failure::Unknown(_)))
        );
        assert_eq!(played[4], Err(Failure::Refused(Error::wrong_type())));
        assert!(!session.server.stop.is_requested());
    }

    #[test]
    fn forms_that_are_not_known_are_distinguished_too() {
        let session = Session::at(NOW_MS);
        let lines =
            ["SET a 1 NOSUCH", "VADD v VALUES 2 1 2 e NOSUCH", "MULTI", "SET b 1 NOSUCH", "INCR b", "EXEC"];
        let played = play(&session, &lines);
        let unknown = |outcome: &Result<(), Failure>| matches!(outcome, Err(Failure::UnknownForm(_)));
        assert_eq!(played.iter().map(unknown).collect::<Vec<_>>(), [true, true, false, false, false, true]);
    }
}
