//! `CLIENT <subcommand>`: settings of the client, and commands on other clients.

mod filter;
mod help;
mod kill;
mod labels;
mod list;
mod pause;
mod reply;
mod switches;
mod tracking;
mod unblock;

pub(super) use labels::checked_name;
pub(in crate::commands) use list::described;

use crate::commands::{Arity, Flags, Group, Run, Scope, Spec, Weight};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "client",
    arity: Arity::AtLeast(2),
    flags: Flags::NONE,
    since: "2.4.0",
    complexity: "That of the subcommand",
    summary: "Commands about connections: list, name, hold back, close",
    run: Run::Container(SUBCOMMANDS),
    ..SUBCOMMAND
};

/// What most subcommands share.
const SUBCOMMAND: Spec = Spec {
    name: "client",
    arity: Arity::Exactly(2),
    flags: Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE),
    keys: &[],
    scope: Scope::NoKeys,
    redact: None,
    group: Group::Connection,
    since: "5.0.0",
    complexity: "O(1)",
    summary: "",
    syntax: "",
    tips: &[],
    weight: Weight::Light,
    run: Run::Container(&[]),
};

/// Flags of the subcommands that reach other clients.
const ADMIN: Flags = SUBCOMMAND.flags.and(Flags::ADMIN);

const SUBCOMMANDS: &[&Spec] = &[
    &tracking::CACHING,
    &labels::GETNAME,
    &tracking::GETREDIR,
    &help::HELP,
    &list::ID,
    &list::INFO,
    &kill::KILL,
    &list::LIST,
    &switches::NO_EVICT,
    &switches::NO_TOUCH,
    &pause::PAUSE,
    &reply::REPLY,
    &labels::SETINFO,
    &labels::SETNAME,
    &tracking::TRACKING,
    &tracking::TRACKINGINFO,
    &unblock::UNBLOCK,
    &pause::UNPAUSE,
];
