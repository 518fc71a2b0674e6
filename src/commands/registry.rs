//! From the name in a request to the command: one hash lookup, no allocation.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::{FAMILIES, Run, Spec};
use crate::config::Compat;
use crate::resp::{Error, Request};

/// Names longer than this are unknown without being looked up.
const MAX_NAME_LEN: usize = 40;

type Names = HashMap<Box<[u8]>, Command, ahash::RandomState>;

/// A registered command: its spec, and its number for statistics.
pub struct Command {
    /// Its spec in the table.
    pub spec: &'static Spec,
    /// Dense, from 0; containers and subcommands have their own.
    pub id: usize,
    subcommands: Names,
    /// It has no subcommands, and is not one itself.
    stands_alone: bool,
    /// The first release that has it.
    came_with: Compat,
}

impl Command {
    /// True if it has no subcommands, is not one itself, and has this name in any case.
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

    /// The subcommands that a release has, in the order of their table.
    pub fn subcommands_in(&self, release: Compat) -> Vec<&Command> {
        self.subcommands().into_iter().filter(|command| command.is_in(release)).collect()
    }

    /// True if this release has it.
    pub fn is_in(&self, release: Compat) -> bool {
        self.came_with <= release
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
        let came_with = first_release(spec);
        names.insert(name, Command { spec, id, subcommands, stands_alone, came_with });
    }
    names
}

/// The first release that has the command. The last release, if none has it: the table has such a
/// command too early.
fn first_release(spec: &Spec) -> Compat {
    let has_it = |release: &Compat| release.has(spec.since);
    Compat::ALL.into_iter().find(has_it).unwrap_or_default()
}

/// How many commands and subcommands there are.
pub fn count() -> usize {
    REGISTRY.1
}

/// Commands and subcommands, each at the place of its number.
static BY_ID: LazyLock<Vec<&Command>> = LazyLock::new(|| {
    let with_subcommands = |command| std::iter::once(command).chain(Command::subcommands(command));
    all().into_iter().flat_map(with_subcommands).collect()
});

/// A command or subcommand by its number.
pub fn by_id(id: usize) -> Option<&'static Command> {
    BY_ID.get(id).copied()
}

/// The commands (not their subcommands) that a release has, in the order of the table.
pub fn all_in(release: Compat) -> Vec<&'static Command> {
    all().into_iter().filter(|command| command.is_in(release)).collect()
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

/// The same among the commands that a release has.
pub fn find_of(release: Compat, name: &[u8]) -> Option<&'static Command> {
    find(name).filter(|command| command.is_in(release))
}

fn find_in<'n>(names: &'n Names, name: &[u8]) -> Option<&'n Command> {
    let mut buffer = [0; MAX_NAME_LEN];
    let upper = buffer.get_mut(..name.len())?;
    upper.copy_from_slice(name);
    upper.make_ascii_uppercase();
    names.get(&*upper)
}

/// The command that a request names, its subcommand if it names a container. `guess`, the last one
/// of the same client, is often the right one, and cheaper to compare with than to look another up.
/// Commands that the release does not have are unknown.
///
/// # Errors
/// Unknown commands and subcommands, with Redis' texts.
pub fn resolve(
    request: &Request,
    guess: Option<&'static Command>,
    release: Compat,
) -> Result<&'static Command, Error> {
    if let Some(command) = guess.filter(|command| command.is_named(request.arg(0))) {
        return Ok(command);
    }
    let unknown = || Error::unknown_command(request.arg(0), request.args().iter());
    let found = find_in(&REGISTRY.0, request.arg(0)).filter(|command| command.is_in(release));
    let command = found.ok_or_else(unknown)?;
    let is_container = matches!(command.spec.run, Run::Container(_) | Run::Family(..));
    if !is_container || request.len() < 2 {
        return Ok(command);
    }
    command
        .subcommand(request.arg(1))
        .filter(|command| command.is_in(release))
        .ok_or_else(|| Error::unknown_subcommand(command.spec.name, request.arg(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::{Flags, Scope};

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
            let found = resolve(&Request::from_args(&[name]), find(guess.as_bytes()), Compat::default());
            found.map(|command| command.spec.name).ok()
        };
        assert_eq!((guess(b"GeT", "get"), guess(b"set", "get")), (Some("get"), Some("set")));
        assert_eq!(guess(b"client|id", "client|id"), None);
        assert_eq!(guess(b"get|", "get"), None);
    }

    #[test]
    fn what_a_release_does_not_have_is_unknown_in_it() {
        let ping = find(b"ping").expect("it is a command").spec;
        let newer =
            Spec { since: "8.8.0", run: Run::Container(&[]), syntax: "", keys: &[], tips: &[], ..*ping };
        let names = register(&[Box::leak(Box::new(newer))], &mut 0);
        let command = find_in(&names, b"ping").expect("it is registered");
        assert_eq!(Compat::ALL.map(|release| command.is_in(release)), [false, true, true]);
    }

    #[test]
    fn every_command_came_with_a_release_that_can_be_chosen() {
        let all = all().into_iter().flat_map(|command| [vec![command], command.subcommands()].concat());
        let too_new: Vec<_> = all
            .filter(|command| !Compat::default().has(command.spec.since))
            .map(|command| command.spec.name)
            .collect();
        assert!(too_new.is_empty(), "no release has {too_new:?}");
    }

    fn all_specs() -> Vec<&'static Spec> {
        let all = all().into_iter().flat_map(|command| [vec![command], command.subcommands()].concat());
        all.map(|command| command.spec).collect()
    }

    /// A scope that is too narrow can cause a deadlock of two transactions.
    #[test]
    fn scopes_agree_with_keys_flags_and_syntax() {
        // LOLWUT has the flag of a read, and reads no data.
        let is_flagged = |spec: &Spec| spec.flags.has_any(Flags::WRITE.and(Flags::READONLY));
        let uses_data = |spec: &Spec| is_flagged(spec) && spec.name != "lolwut";
        let has_word =
            |spec: &Spec, word: &str| spec.syntax.split(['[', ']', ' ', '|', '(']).any(|it| it == word);
        let agrees = |spec: &Spec| match spec.scope {
            Scope::NoKeys => !spec.keys.iter().any(|keys| keys.are_keys()) && !uses_data(spec),
            Scope::NamedKeys => !spec.keys.is_empty(),
            Scope::NamedKeysUnless(word) => !spec.keys.is_empty() && has_word(spec, word),
            Scope::AllKeys => true,
        };
        let wrong: Vec<_> = all_specs().into_iter().filter(|spec| !agrees(spec)).map(|s| s.name).collect();
        assert!(wrong.is_empty(), "too narrow a scope, or none of their keys: {wrong:?}");
    }

    #[test]
    fn passwords_are_redacted() {
        let takes_one = |spec: &&Spec| spec.syntax.contains("password");
        let shown: Vec<_> = all_specs().into_iter().filter(takes_one).collect();
        assert_eq!(shown.len(), 2, "AUTH and HELLO");
        assert!(shown.iter().all(|spec| spec.redact.is_some()));
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
        assert!(ids.iter().all(|&id| by_id(id).is_some_and(|command| command.id == id)));
    }
}
