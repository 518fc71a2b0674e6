//! The keys that a command touches, computed from its words: EXEC reserves their shards.
//!
//! A command that touched other keys could deadlock with another transaction: see [`Scope`].

use crate::commands::connection::SELECT;
use crate::commands::registry::Command;
use crate::commands::{Client, Keys, Scope};
use crate::keyspace::{DATABASES, Reach};
use crate::resp::{Request, parse_integer};

use super::EXEC;
use super::queue::Queued;

/// What these commands touch, in order, beginning in database `db`, and these keys besides.
pub(super) fn reach<'q>(
    commands: &'q [Queued],
    mut db: usize,
    watched: impl Iterator<Item = (usize, &'q [u8])>,
) -> Reach<'q> {
    let mut keys: Vec<_> = watched.collect();
    for Queued { command, request } in commands {
        if command.spec.is(&SELECT) {
            db = selected(request).unwrap_or(db);
        } else if reaches_everything(command, request) {
            return Reach::Everything;
        } else {
            keys.extend(named(command, request).map(|key| (db, key)));
        }
    }
    Reach::Keys(keys)
}

/// What a command touches if it runs now; for EXEC, what its queued commands touch.
pub(in crate::commands) fn reach_of<'q>(
    command: &Command,
    client: &'q Client,
    request: &'q Request,
) -> Reach<'q> {
    if command.spec.is(&EXEC) {
        let queued = client.queue.as_ref().map_or(&[][..], |queue| queue.commands());
        reach(queued, client.db, client.watches.keys())
    } else if reaches_everything(command, request) {
        Reach::Everything
    } else {
        Reach::Keys(named(command, request).map(|key| (client.db, key)).collect())
    }
}

/// The database that SELECT chooses, if it succeeds.
fn selected(request: &Request) -> Option<usize> {
    let number = usize::try_from(parse_integer(request.arg(1))?).ok()?;
    (number < DATABASES).then_some(number)
}

/// True if the command can touch keys that it does not name.
fn reaches_everything(command: &Command, request: &Request) -> bool {
    match command.spec.scope {
        Scope::NoKeys | Scope::NamedKeys => false,
        Scope::NamedKeysUnless(word) => {
            request.words().iter().any(|other| other.eq_ignore_ascii_case(word.as_bytes()))
        }
        Scope::AllKeys => true,
    }
}

/// The keys that a request names. None if its count of keys is wrong, since it fails then.
pub(in crate::commands) fn named<'q>(
    command: &Command,
    request: &'q Request,
) -> impl Iterator<Item = &'q [u8]> {
    let words: Vec<&[u8]> = request.words().iter().collect();
    let positions = |keys: &Keys| keys.positions(&words).unwrap_or_default();
    let positions: Vec<usize> =
        command.spec.keys.iter().filter(|keys| keys.are_keys()).flat_map(positions).collect();
    positions.into_iter().map(|at| request.arg(at))
}
