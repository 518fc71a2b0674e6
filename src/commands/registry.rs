//! From the name in a request to the command: one hash lookup, no allocation.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::{FAMILIES, Run, Spec};
use crate::resp::{Error, Request};

/// Names longer than this are unknown without being looked up.
const MAX_NAME_LEN: usize = 40;

type Names = HashMap<Box<[u8]>, Command, ahash::RandomState>;

/// A registered command: its spec, and its number for statistics.
pub struct Command {
    /// What the table says of it.
    pub spec: &'static Spec,
    /// Dense, from 0; containers and subcommands have their own.
    pub id: usize,
    subcommands: Names,
    /// It has no subcommands, and is none.
    stands_alone: bool,
}

impl Command {
    /// True if it has no subcommands, is none, and has this name in any case.
    fn is_named(&self, name: &[u8]) -> bool {
        self.stands_alone && self.spec.name.as_bytes().eq_ignore_ascii_case(name)
    }

    /// A subcommand by its name in any case.
    pub fn subcommand(&self, name: &[u8]) -> Option<&Command> {
        find_in(&self.subcommands, name)
    }

    /// The subcommands, in the order of their table.
    pub fn subcommands(&self) -> Vec<&Command> {
        in_order(&self.subcommands)
    }
}

static REGISTRY: LazyLock<(Names, usize)> = LazyLock::new(|| {
    let mut count = 0;
    let commands: Vec<&'static Spec> = FAMILIES.concat();
    let names = register(&commands, &mut count);
    (names, count)
});

fn register(table: &[&'static Spec], next_id: &mut usize) -> Names {
    let mut names = Names::default();
    for &spec in table {
        let id = *next_id;
        *next_id += 1;
        let subcommands = register(spec.subcommands(), next_id);
        let name = spec.last_name().to_ascii_uppercase().into_bytes().into_boxed_slice();
        let stands_alone = subcommands.is_empty() && !spec.name.contains('|');
        names.insert(name, Command { spec, id, subcommands, stands_alone });
    }
    names
}

/// How many commands and subcommands there are.
pub fn count() -> usize {
    REGISTRY.1
}

/// A command or subcommand by its number. Walks the table: for people, not for requests.
pub fn by_id(id: usize) -> Option<&'static Command> {
    let with_subcommands =
        all().into_iter().flat_map(|command| std::iter::once(command).chain(command.subcommands()));
    with_subcommands.into_iter().find(|command| command.id == id)
}

/// All commands (not their subcommands) in the order of the table.
pub fn all() -> Vec<&'static Command> {
    in_order(&REGISTRY.0)
}

fn in_order(names: &Names) -> Vec<&Command> {
    let mut commands: Vec<_> = names.values().collect();
    commands.sort_unstable_by_key(|command| command.id);
    commands
}

/// A command by its name in any case; `config|get` finds a subcommand, as in `COMMAND INFO`.
pub fn find(name: &[u8]) -> Option<&'static Command> {
    match name.iter().position(|&byte| byte == b'|') {
        None => find_in(&REGISTRY.0, name),
        Some(bar) => find_in(&REGISTRY.0, &name[..bar])?.subcommand(&name[bar + 1..]),
    }
}

fn find_in<'n>(names: &'n Names, name: &[u8]) -> Option<&'n Command> {
    let mut buffer = [0; MAX_NAME_LEN];
    let upper = buffer.get_mut(..name.len())?;
    upper.copy_from_slice(name);
    upper.make_ascii_uppercase();
    names.get(&*upper)
}

/// The command that a request names, its subcommand if it names a container. `guess`, the last one of the same client,
/// is often the right one, and cheaper to compare with than to look another up.
///
/// # Errors
/// Unknown commands and subcommands, with Redis' texts.
pub fn resolve(request: &Request, guess: Option<&'static Command>) -> Result<&'static Command, Error> {
    if let Some(command) = guess.filter(|command| command.is_named(request.arg(0))) {
        return Ok(command);
    }
    let unknown = || Error::unknown_command(request.arg(0), request.args().iter());
    let command = find_in(&REGISTRY.0, request.arg(0)).ok_or_else(unknown)?;
    let is_container = matches!(command.spec.run, Run::Container(_) | Run::Family(..));
    if !is_container || request.len() < 2 {
        return Ok(command);
    }
    command
        .subcommand(request.arg(1))
        .ok_or_else(|| Error::unknown_subcommand(command.spec.name, request.arg(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case() {
        for name in [&b"ping"[..], b"PING", b"PiNg"] {
            assert_eq!(find(name).map(|command| command.spec.name), Some("ping"));
        }
        assert!(find(b"no-such-command").is_none());
        assert!(find(&[b'x'; 4096]).is_none());
    }

    #[test]
    fn a_guess_is_taken_only_for_its_own_name() {
        let guess = |name: &[u8], guess: &str| {
            let found = resolve(&Request::from_args(&[name]), find(guess.as_bytes()));
            found.map(|command| command.spec.name).ok()
        };
        assert_eq!((guess(b"GeT", "get"), guess(b"set", "get")), (Some("get"), Some("set")));
        assert_eq!(guess(b"client|id", "client|id"), None);
        assert_eq!(guess(b"get|", "get"), None);
    }

    #[test]
    fn subcommands_are_found_below_their_container_only() {
        assert_eq!(find(b"client|ID").map(|command| command.spec.name), Some("client|id"));
        assert!(find(b"id").is_none());
    }

    #[test]
    fn every_command_has_its_own_number() {
        let all: Vec<_> =
            all().into_iter().flat_map(|command| [vec![command], command.subcommands()].concat()).collect();
        let mut ids: Vec<_> = all.iter().map(|command| command.id).collect();
        ids.sort_unstable();
        assert_eq!(ids, (0..count()).collect::<Vec<_>>());
    }
}
