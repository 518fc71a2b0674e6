//! `MODULE LIST`: vector sets are a module in Redis, so clients look for them here.

use crate::commands::{Arity, Flags, Group, Run, Spec, Weight, help};
use crate::resp::Reply;

/// What Redis calls the module of the vector commands.
pub(in crate::commands) const VECTOR_SETS: &str = "vectorset";
/// Its version.
const VERSION: i64 = 1;

pub(in crate::commands) const SPEC: Spec = Spec {
    arity: Arity::AtLeast(2),
    complexity: "Depends on subcommand.",
    summary: "A container for module commands.",
    run: Run::Container(SUBCOMMANDS),
    ..SUBCOMMAND
};

/// What the subcommands share.
const SUBCOMMAND: Spec = Spec {
    name: "module",
    arity: Arity::Exactly(2),
    flags: Flags::NONE,
    keys: &[],
    group: Group::Server,
    since: "4.0.0",
    complexity: "O(1)",
    summary: "",
    weight: Weight::Light,
    run: Run::Container(&[]),
};

const SUBCOMMANDS: &[&Spec] = &[&HELP, &LIST];

const LIST: Spec = Spec {
    name: "module|list",
    arity: Arity::Exactly(2),
    flags: Flags::ADMIN.and(Flags::NOSCRIPT),
    complexity: "O(N) where N is the number of loaded modules.",
    summary: "Returns all loaded modules.",
    run: Run::Read(|_, _| Ok(modules())),
    ..SUBCOMMAND
};

const HELP: Spec = Spec {
    name: "module|help",
    arity: Arity::Exactly(2),
    flags: Flags::LOADING.and(Flags::STALE),
    since: "5.0.0",
    complexity: "O(1)",
    summary: "Returns helpful text about the different subcommands.",
    run: Run::Read(|_, _| Ok(help::of("MODULE", SUBCOMMANDS))),
    ..SUBCOMMAND
};

/// The modules, as `MODULE LIST` and `HELLO` show them.
pub(in crate::commands) fn modules() -> Reply {
    Reply::Array(vec![Reply::Map(vec![
        (Reply::bulk("name"), Reply::bulk(VECTOR_SETS)),
        (Reply::bulk("ver"), Reply::Integer(VERSION)),
        (Reply::bulk("path"), Reply::bulk("")),
        (Reply::bulk("args"), Reply::Array(Vec::new())),
    ])])
}
