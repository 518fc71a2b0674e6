//! `COMMAND GETKEYS command args …` and `COMMAND GETKEYSANDFLAGS …`: the keys of a request.

use bytes::Bytes;

use super::SUBCOMMAND;
use crate::commands::registry::{self, Command};
use crate::commands::{Arity, Context, Keys, Run, Spec};
use crate::config::Compat;
use crate::resp::{Args, Error, Reply};

pub(super) const GETKEYS: Spec = Spec {
    name: "command|getkeys",
    arity: Arity::AtLeast(3),
    complexity: "O(N) for N words",
    summary: "The words of a command that are keys",
    syntax: "command [arg...]",
    run: Run::Read(|args, cx: &mut Context| get_keys(args, cx, |key, _| key)),
    ..SUBCOMMAND
};

pub(super) const GETKEYSANDFLAGS: Spec = Spec {
    name: "command|getkeysandflags",
    since: "7.0.0",
    summary: "The words of a command that are keys, and how it uses each",
    run: Run::Read(|args, cx: &mut Context| get_keys(args, cx, with_flags)),
    ..GETKEYS
};

type Access = &'static [&'static str];

fn with_flags(key: Reply, access: Access) -> Reply {
    let flags = access.iter().copied().map(Reply::Simple).collect();
    Reply::Array(vec![key, Reply::Set(flags)])
}

fn get_keys(args: Args, cx: &Context, show: fn(Reply, Access) -> Reply) -> Result<Reply, Error> {
    let words: Vec<&[u8]> = args.iter().collect();
    let spec = find(&words, cx.server.compat).ok_or(Error::new("ERR Invalid command specified"))?.spec;
    if !spec.keys.iter().any(Keys::are_keys) {
        return Err(Error::new("ERR The command has no key arguments"));
    }
    if !spec.arity.accepts(words.len()) {
        return Err(Error::new("ERR Invalid number of arguments specified for command"));
    }
    let mut shown = Vec::new();
    for keys in spec.keys {
        let invalid = Error::new("ERR Invalid arguments specified for command");
        let access = keys.access_in(&words);
        let positions = keys.positions(&words).map_err(|_| invalid)?;
        shown.extend(
            positions.into_iter().map(|at| show(Reply::bulk(Bytes::copy_from_slice(words[at])), access)),
        );
    }
    Ok(Reply::Array(shown))
}

/// The command that the words name, or the subcommand if it is a container. `config|get` is not a
/// name here.
fn find(words: &[&[u8]], release: Compat) -> Option<&'static Command> {
    let name = words.first().filter(|name| !name.contains(&b'|'))?;
    let command = registry::find_of(release, name)?;
    match words.get(1) {
        Some(subcommand) if !command.spec.subcommands().is_empty() => {
            command.subcommand(subcommand).filter(|command| command.is_in(release))
        }
        _ => Some(command),
    }
}
