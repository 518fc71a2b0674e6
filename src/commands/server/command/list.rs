//! `COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN glob]`: the names of commands.

use super::SUBCOMMAND;
use crate::commands::registry;
use crate::commands::server::module::VECTOR_SETS;
use crate::commands::{Arity, Context, Flags, Run, Spec};
use crate::commands::{categories, glob};
use crate::config::Compat;
use crate::resp::{Args, Error, Reply};

pub(super) const LIST: Spec = Spec {
    name: "command|list",
    arity: Arity::AtLeast(2),
    since: "7.0.0",
    summary: "Names of all commands, or of those that pass a filter",
    syntax: "[FILTERBY filterby(MODULE module-name|ACLCAT category|PATTERN pattern:pattern)]",
    tips: &["nondeterministic_output_order"],
    run: Run::Read(|args, cx: &mut Context| Ok(names(Filter::parse(args)?, cx.server.compat))),
    ..SUBCOMMAND
};

enum Filter<'r> {
    All,
    Module(&'r [u8]),
    Category(&'r [u8]),
    Pattern(&'r [u8]),
}

impl<'r> Filter<'r> {
    fn parse(mut args: Args<'r>) -> Result<Self, Error> {
        if args.is_empty() {
            return Ok(Filter::All);
        }
        if !args.keyword("filterby") || args.remaining() != 2 {
            return Err(Error::syntax());
        }
        match args.keyword_of(&[("module", 0), ("aclcat", 1), ("pattern", 2)]) {
            Some(0) => Ok(Filter::Module(args.bytes()?)),
            Some(1) => Ok(Filter::Category(args.bytes()?)),
            Some(_) => Ok(Filter::Pattern(args.bytes()?)),
            None => Err(Error::syntax()),
        }
    }

    fn admits(&self, spec: &Spec) -> bool {
        match self {
            Filter::All => true,
            Filter::Module(name) => spec.flags.has(Flags::MODULE) && *name == VECTOR_SETS.as_bytes(),
            Filter::Category(name) => {
                let is_it = |category: &str| category.as_bytes()[1..].eq_ignore_ascii_case(name);
                categories::of(spec).into_iter().any(is_it)
            }
            Filter::Pattern(pattern) => {
                glob::matches(&pattern.to_ascii_lowercase(), spec.name.to_ascii_lowercase().as_bytes())
            }
        }
    }
}

/// The names; subcommands follow their command.
fn names(filter: Filter, release: Compat) -> Reply {
    let mut names = Vec::new();
    for command in registry::all_in(release) {
        let subcommands = command.subcommands_in(release);
        let specs = std::iter::once(command).chain(subcommands).map(|command| command.spec);
        names.extend(specs.filter(|spec| filter.admits(spec)).map(|spec| Reply::bulk(spec.name)));
    }
    Reply::Array(names)
}
