//! `MODULE LIST`: vector sets are a module in Redis, so clients look for them here. No other
//! modules can be loaded.

use crate::commands::{Arity, Flags, Group, Run, Scope, Spec, Weight, help};
use crate::resp::{Error, Reply};

/// Redis' name of the module with the vector commands.
pub(in crate::commands) const VECTOR_SETS: &str = "vectorset";
/// Its version.
const VERSION: i64 = 1;

pub(in crate::commands) const SPEC: Spec = Spec {
    arity: Arity::AtLeast(2),
    complexity: "That of the subcommand",
    summary: "Commands about modules: vector sets count as one, no other can be loaded",
    run: Run::Container(SUBCOMMANDS),
    ..SUBCOMMAND
};

/// Shared fields of the subcommands.
const SUBCOMMAND: Spec = Spec {
    name: "module",
    arity: Arity::Exactly(2),
    flags: Flags::NONE,
    keys: &[],
    scope: Scope::NoKeys,
    redact: None,
    group: Group::Server,
    since: "4.0.0",
    complexity: "O(1)",
    summary: "",
    syntax: "",
    tips: &[],
    weight: Weight::Light,
    run: Run::Container(&[]),
};

const SUBCOMMANDS: &[&Spec] = &[&HELP, &LIST, &LOAD, &LOADEX, &UNLOAD];

const LIST: Spec = Spec {
    name: "module|list",
    arity: Arity::Exactly(2),
    flags: Flags::ADMIN.and(Flags::NOSCRIPT),
    complexity: "O(1)",
    summary: "The one module, that of vector sets",
    tips: &["nondeterministic_output_order"],
    run: Run::Read(|_, _| Ok(modules())),
    ..SUBCOMMAND
};

/// Modules cannot be loaded. Redis has the same error unless its configuration allows them.
const NOT_ALLOWED: Error = Error::new(
    "ERR MODULE command not allowed. If the enable-module-command option is set to \"local\", you can run it from a \
     local connection, otherwise you need to set this option in the configuration file, and then restart the server.",
);

const LOAD: Spec = Spec {
    name: "module|load",
    arity: Arity::AtLeast(3),
    flags: Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::NO_ASYNC_LOADING),
    summary: "Refused: this server loads no modules",
    syntax: "path [arg...]",
    run: Run::Read(|_, _| Err(NOT_ALLOWED)),
    ..SUBCOMMAND
};

const LOADEX: Spec = Spec {
    name: "module|loadex",
    syntax: "path [CONFIG... configs(name value)] [ARGS args...]",
    since: "7.0.0",
    ..LOAD
};

const UNLOAD: Spec = Spec {
    name: "module|unload",
    arity: Arity::Exactly(3),
    summary: "Refused: vector sets are built in",
    syntax: "name",
    ..LOAD
};

const HELP: Spec = Spec {
    name: "module|help",
    arity: Arity::Exactly(2),
    flags: Flags::LOADING.and(Flags::STALE),
    since: "5.0.0",
    complexity: "O(1)",
    summary: "List the subcommands, one or more lines for each",
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
