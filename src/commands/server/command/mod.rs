//! `COMMAND [subcommand]`: facts about commands, from their table.

mod describe;
mod docs;
mod getkeys;
mod history;
mod list;
mod syntax;
#[cfg(test)]
mod tests;

use crate::commands::registry;
use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight, help};
use crate::config::Compat;
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    arity: Arity::AtLeast(1),
    tips: &["nondeterministic_output_order"],
    weight: Weight::Heavy,
    run: Run::Family(|_, cx| Ok(all(cx.server.compat)), SUBCOMMANDS),
    ..SUBCOMMAND
};

/// Shared fields of the subcommands.
const SUBCOMMAND: Spec = Spec {
    name: "command",
    arity: Arity::AtLeast(2),
    flags: Flags::LOADING.and(Flags::STALE).and(Flags::CONNECTION),
    keys: &[],
    scope: Scope::NoKeys,
    redact: None,
    group: Group::Server,
    since: "2.8.13",
    complexity: "O(N) for N commands",
    summary: "Table of all commands: arity, flags, where their keys stand",
    syntax: "",
    tips: &[],
    weight: Weight::Light,
    run: Run::Container(&[]),
};

const SUBCOMMANDS: &[&Spec] =
    &[&COUNT, &docs::DOCS, &getkeys::GETKEYS, &getkeys::GETKEYSANDFLAGS, &HELP, &INFO, &list::LIST];

const COUNT: Spec = Spec {
    name: "command|count",
    arity: Arity::Exactly(2),
    complexity: "O(1)",
    summary: "How many commands there are",
    run: Run::Read(|_, cx| Ok(Reply::count(registry::all_in(cx.server.compat).len()))),
    ..SUBCOMMAND
};

const INFO: Spec = Spec {
    name: "command|info",
    arity: Arity::AtLeast(2),
    complexity: "O(N) for N commands in the reply",
    summary: "Rows of the table for the named commands, or for all",
    syntax: "[command-name...]",
    tips: &["nondeterministic_output_order"],
    weight: Weight::HeavyIf(is_long),
    run: Run::Read(info),
    ..SUBCOMMAND
};

const HELP: Spec = Spec {
    name: "command|help",
    arity: Arity::Exactly(2),
    since: "5.0.0",
    complexity: "O(1)",
    summary: "List the subcommands, one or more lines for each",
    run: Run::Read(|_, _| Ok(help::of("COMMAND", SUBCOMMANDS))),
    ..SUBCOMMAND
};

/// Up to so many commands are described on a network thread.
const FEW: usize = 4;

/// True if more than a few commands are requested; without names it is all of them.
fn is_long(args: Args, _: &Context) -> bool {
    args.is_empty() || args.remaining() > FEW
}

/// A field of a reply that is a map.
fn field(name: &'static str, value: Reply) -> (Reply, Reply) {
    (Reply::bulk(name), value)
}

fn all(release: Compat) -> Reply {
    let all = registry::all_in(release).into_iter();
    Reply::Array(all.map(|command| describe::command(command, release)).collect())
}

fn info(args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let release = cx.server.compat;
    if args.is_empty() {
        return Ok(all(release));
    }
    let describe = |command| describe::command(command, release);
    let show = |name| registry::find_of(release, name).map_or(Reply::Null, describe);
    Ok(Reply::Array(args.iter().map(show).collect()))
}
