//! `COMMAND DOCS [name …]`: what redis-cli shows as help. It asserts the types: names and texts are bulk strings.

use super::SUBCOMMAND;
use crate::commands::registry::{self, Command};
use crate::commands::server::module::VECTOR_SETS;
use crate::commands::{Arity, Context, Flags, Run, Spec};
use crate::resp::{Args, Error, Reply};

pub(super) const DOCS: Spec = Spec {
    name: "command|docs",
    arity: Arity::AtLeast(2),
    since: "7.0.0",
    complexity: "O(N) where N is the number of commands to look up",
    summary: "Returns documentary information about one, multiple or all commands.",
    run: Run::Read(docs),
    ..SUBCOMMAND
};

/// Unknown names are left out.
fn docs(args: Args, _: &mut Context) -> Result<Reply, Error> {
    let commands = match args.is_empty() {
        true => registry::all(),
        false => args.iter().filter_map(registry::find).collect(),
    };
    Ok(Reply::Map(commands.into_iter().map(entry).collect()))
}

fn entry(command: &Command) -> (Reply, Reply) {
    let spec = command.spec;
    let pair = |key: &'static str, value: &'static str| (Reply::bulk(key), Reply::bulk(value));
    let mut fields =
        vec![pair("summary", spec.summary), pair("since", spec.since), pair("group", spec.group.name())];
    if spec.flags.has(Flags::MODULE) {
        fields.push(pair("module", VECTOR_SETS));
    } else {
        fields.push(pair("complexity", spec.complexity));
    }
    let subcommands = command.subcommands();
    if !subcommands.is_empty() {
        let entries = subcommands.into_iter().map(entry).collect();
        fields.push((Reply::bulk("subcommands"), Reply::Map(entries)));
    }
    (Reply::bulk(spec.name), Reply::Map(fields))
}
