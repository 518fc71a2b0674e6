//! `COMMAND DOCS [name …]`: the documentation that redis-cli shows. redis-cli asserts the types:
//! names and texts are bulk strings.

use super::history;
use super::syntax::{self, Argument, Kind};
use super::{SUBCOMMAND, field, is_long};
use crate::commands::registry::{self, Command};
use crate::commands::server::module::VECTOR_SETS;
use crate::commands::{Arity, Context, Flags, Run, Spec, Weight};
use crate::config::Compat;
use crate::resp::{Args, Error, Reply};

pub(super) const DOCS: Spec = Spec {
    name: "command|docs",
    arity: Arity::AtLeast(2),
    since: "7.0.0",
    complexity: "O(N) for N commands in the reply",
    summary: "Summary, arguments and history of the named commands, or of all",
    syntax: "[command-name...]",
    tips: &["nondeterministic_output_order"],
    weight: Weight::HeavyIf(is_long),
    run: Run::Read(docs),
    ..SUBCOMMAND
};

type Fields = Vec<(Reply, Reply)>;

/// Unknown names are left out.
fn docs(args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let release = cx.server.compat;
    let commands = match args.is_empty() {
        true => registry::all_in(release),
        false => args.iter().filter_map(|name| registry::find_of(release, name)).collect(),
    };
    Ok(Reply::Map(commands.into_iter().map(|command| entry(command, release)).collect()))
}

fn entry(command: &Command, release: Compat) -> (Reply, Reply) {
    let spec = command.spec;
    let mut fields =
        vec![text("summary", spec.summary), text("since", spec.since), text("group", spec.group.name())];
    if spec.flags.has(Flags::MODULE) {
        fields.push(text("module", VECTOR_SETS));
    } else if !spec.complexity.is_empty() {
        fields.push(text("complexity", spec.complexity));
    }
    past(spec.name, release, &mut fields);
    // A test parses the syntax of every command.
    let arguments = syntax::parse(spec.syntax).unwrap_or_default();
    if !arguments.is_empty() {
        let keys = KeyNumbers { next: 0, specs: spec.keys.len() };
        fields.push(field("arguments", ClientInfo { release, keys }.list(&arguments)));
    }
    let subcommands = command.subcommands_in(release);
    if !subcommands.is_empty() {
        let entries = subcommands.into_iter().map(|command| entry(command, release));
        fields.push(field("subcommands", Reply::Map(entries.collect())));
    }
    (Reply::bulk(spec.name), Reply::Map(fields))
}

fn text(name: &'static str, value: &'static str) -> (Reply, Reply) {
    field(name, Reply::bulk(value))
}

fn past(name: &str, release: Compat, fields: &mut Fields) {
    let mut history = history::of(name);
    history.changes.retain(|(version, _)| release.has(version));
    if !history.flags.is_empty() {
        let flags = history.flags.into_iter().map(Reply::Simple).collect();
        fields.push(field("doc_flags", Reply::Set(flags)));
    }
    if let Some((since, instead)) = history.deprecated {
        fields.push(text("deprecated_since", since));
        fields.push(text("replaced_by", instead));
    }
    if !history.changes.is_empty() {
        let change = |(version, what)| Reply::Array(vec![Reply::bulk(version), Reply::bulk(what)]);
        fields.push(field("history", Reply::Set(history.changes.into_iter().map(change).collect())));
    }
}

/// The arguments in one release.
struct ClientInfo {
    release: Compat,
    keys: KeyNumbers,
}

/// Numbers the key arguments: they belong to the key specs in order, further ones to the last.
struct KeyNumbers {
    next: usize,
    specs: usize,
}

impl KeyNumbers {
    fn take(&mut self) -> usize {
        self.next += 1;
        self.next.min(self.specs).saturating_sub(1)
    }
}

impl ClientInfo {
    fn list(&mut self, arguments: &[Argument]) -> Reply {
        let release = self.release;
        let is_there = |argument: &&Argument| argument.since.is_none_or(|since| release.has(since));
        let info = arguments.iter().filter(is_there).map(|argument| Reply::Map(self.fields(argument)));
        Reply::Array(info.collect())
    }

    fn fields(&mut self, argument: &Argument) -> Fields {
        let name = || Reply::bulk(argument.name.clone());
        let mut fields = vec![field("name", name()), text("type", self.type_of(&argument.kind))];
        let members = match &argument.kind {
            Kind::Block(members) | Kind::OneOf(members) => Some(members),
            Kind::Value(_) | Kind::Token => None,
        };
        if members.is_none() {
            fields.push(field("display_text", argument.display.map_or_else(name, Reply::bulk)));
        }
        if matches!(argument.kind, Kind::Value("key")) {
            fields.push(field("key_spec_index", Reply::count(self.keys.take())));
        }
        let texts =
            [("token", argument.token), ("since", argument.since), ("deprecated_since", argument.deprecated)];
        fields.extend(texts.into_iter().filter_map(|(name, value)| Some(text(name, value?))));
        fields.extend(flags(argument));
        fields.extend(members.map(|members| field("arguments", self.list(members))));
        fields
    }

    fn type_of(&self, kind: &Kind) -> &'static str {
        match kind {
            // A digest is a text of hexadecimal digits. The documentation of 8.6 calls it a number.
            Kind::Value("digest") if self.release == Compat::V8_6 => "integer",
            Kind::Value("digest") => "string",
            Kind::Value(name) => name,
            Kind::Token => "pure-token",
            Kind::Block(_) => "block",
            Kind::OneOf(_) => "oneof",
        }
    }
}

fn flags(argument: &Argument) -> Option<(Reply, Reply)> {
    let all = [
        ("optional", argument.optional),
        ("multiple", argument.repeated),
        ("multiple_token", argument.token_repeated),
    ];
    let set: Vec<_> = all.into_iter().filter(|(_, set)| *set).map(|(name, _)| Reply::Simple(name)).collect();
    (!set.is_empty()).then(|| field("flags", Reply::Set(set)))
}
