//! `COMMAND GETKEYS command args …` and `COMMAND GETKEYSANDFLAGS …`: the keys of a request.

use bytes::Bytes;

use super::SUBCOMMAND;
use crate::commands::registry::{self, Command};
use crate::commands::{Arity, Context, Run, Spec};
use crate::resp::{Args, Error, Reply};

pub(super) const GETKEYS: Spec = Spec {
    name: "command|getkeys",
    arity: Arity::AtLeast(3),
    complexity: "O(N) where N is the number of arguments to the command",
    summary: "Extracts the key names from an arbitrary command.",
    run: Run::Read(|args, cx| get_keys(args, cx, |key, _| key)),
    ..SUBCOMMAND
};

pub(super) const GETKEYSANDFLAGS: Spec = Spec {
    name: "command|getkeysandflags",
    since: "7.0.0",
    summary: "Extracts the key names and access flags for an arbitrary command.",
    run: Run::Read(|args, cx| get_keys(args, cx, with_flags)),
    ..GETKEYS
};

fn with_flags(key: Reply, access: &'static [&'static str]) -> Reply {
    let flags = access.iter().copied().map(Reply::Simple).collect();
    Reply::Array(vec![key, Reply::Set(flags)])
}

fn get_keys(
    args: Args,
    _: &mut Context,
    show: fn(Reply, &'static [&'static str]) -> Reply,
) -> Result<Reply, Error> {
    let words: Vec<&[u8]> = args.iter().collect();
    let spec = find(&words)?.spec;
    if spec.keys.is_empty() {
        return Err(Error::new("ERR The command has no key arguments"));
    }
    if !spec.arity.accepts(words.len()) {
        return Err(Error::new("ERR Invalid number of arguments specified for command"));
    }
    let keys =
        spec.keys.iter().flat_map(|keys| keys.positions(words.len()).map(|at| (words[at], keys.access)));
    Ok(Reply::Array(
        keys.map(|(key, access)| show(Reply::Bulk(Bytes::copy_from_slice(key)), access)).collect(),
    ))
}

/// The command that the words name, its subcommand if they name one.
fn find(words: &[&[u8]]) -> Result<&'static Command, Error> {
    let invalid = Error::new("ERR Invalid command specified");
    let command = words.first().and_then(|name| registry::find(name)).ok_or(invalid)?;
    let subcommand = words.get(1).and_then(|name| command.subcommand(name));
    Ok(subcommand.unwrap_or(command))
}
