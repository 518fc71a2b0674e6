//! What a command touches, told from its words: whose shards EXEC has to reserve.
//!
//! A command that touched more than is told here could wait for another transaction while one waits for its own. So the
//! rule errs to one side: whatever is not known to stay within the keys it names, or to touch no key, reaches everything.

use crate::commands::registry::Command;
use crate::commands::{Group, Keys, Spec};
use crate::keyspace::{DATABASES, Reach};
use crate::resp::{Request, parse_integer};

use super::queue::Queued;

/// Commands about the server that do not look at its data, with those of the containers among them.
const WITHOUT_DATA: [&str; 8] =
    ["acl", "command", "config", "latency", "lolwut", "module", "slowlog", "time"];

/// Commands that touch other keys than their key specs tell, if this word is in them.
const STRAYS: [(&str, Option<&[u8]>); 3] =
    [("copy", Some(b"DB")), ("move", None), ("VSEARCH", Some(b"ALSO"))];

/// False if a command of this kind touches no key, however it is called.
pub(in crate::commands) fn touches_data(spec: &Spec) -> bool {
    match spec.group {
        Group::Connection | Group::Cluster => false,
        // EXEC may have to wait for others, as may WATCH; those who touch nothing are done at once.
        Group::Transactions => matches!(spec.name, "exec" | "watch"),
        Group::Server => {
            let container = spec.name.split('|').next().unwrap_or_default();
            !WITHOUT_DATA.contains(&container)
        }
        // HIMPORT has subcommands that change their own connection alone.
        Group::Hash => !spec.keys.is_empty(),
        Group::Generic | Group::String | Group::Module => true,
    }
}

/// What these commands touch, one after the other from database `db` on, and these keys besides.
pub(super) fn reach<'q>(
    commands: &'q [Queued],
    mut db: usize,
    watched: impl Iterator<Item = (usize, &'q [u8])>,
) -> Reach<'q> {
    let mut keys: Vec<_> = watched.collect();
    for Queued { command, request } in commands {
        if command.spec.name == "select" {
            db = selected(request).unwrap_or(db);
        } else if strays(command, request) {
            return Reach::Everything;
        } else {
            keys.extend(named(command, request).map(|key| (db, key)));
        }
    }
    Reach::Keys(keys)
}

/// The database that SELECT chooses, if it succeeds.
fn selected(request: &Request) -> Option<usize> {
    let number = usize::try_from(parse_integer(request.arg(1))?).ok()?;
    (number < DATABASES).then_some(number)
}

fn strays(command: &Command, request: &Request) -> bool {
    if !touches_data(command.spec) {
        return false;
    }
    let stray = STRAYS.iter().find(|(name, _)| *name == command.spec.name);
    let says = |word: &[u8]| request.words().iter().any(|other| other.eq_ignore_ascii_case(word));
    command.spec.keys.is_empty() || stray.is_some_and(|(_, word)| word.is_none_or(says))
}

/// A request that says wrongly how many keys it has is an error that touches none.
fn named<'q>(command: &Command, request: &'q Request) -> impl Iterator<Item = &'q [u8]> {
    let words: Vec<&[u8]> = request.words().iter().collect();
    let positions = |keys: &Keys| keys.positions(&words).unwrap_or_default();
    let positions: Vec<usize> = command.spec.keys.iter().flat_map(positions).collect();
    positions.into_iter().map(|at| request.arg(at))
}
