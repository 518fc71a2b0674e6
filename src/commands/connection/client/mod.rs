//! `CLIENT <subcommand>`: what clients say of themselves, see of each other, and do to each other.

mod filter;
mod kill;
mod labels;
mod list;
mod pause;
mod reply;
mod switches;
mod tracking;

pub(super) use labels::checked_name;

use crate::commands::{Arity, Flags, Group, Run, Spec, Weight, help};
use crate::resp::Error;

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "client",
    arity: Arity::AtLeast(2),
    flags: Flags::NONE,
    since: "2.4.0",
    complexity: "Depends on subcommand.",
    summary: "A container for client connection commands.",
    run: Run::Container(SUBCOMMANDS),
    ..SUBCOMMAND
};

/// What most subcommands share.
const SUBCOMMAND: Spec = Spec {
    name: "client",
    arity: Arity::Exactly(2),
    flags: Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE),
    keys: &[],
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
    &labels::GETNAME,
    &tracking::GETREDIR,
    &HELP,
    &list::ID,
    &list::INFO,
    &kill::KILL,
    &list::LIST,
    &switches::NO_EVICT,
    &pause::PAUSE,
    &reply::REPLY,
    &labels::SETINFO,
    &labels::SETNAME,
    &tracking::TRACKINGINFO,
    &pause::UNPAUSE,
];

const HELP: Spec = Spec {
    name: "client|help",
    flags: Flags::LOADING.and(Flags::STALE),
    summary: "Returns helpful text about the different subcommands.",
    run: Run::Read(|_, _| Ok(help::of("CLIENT", SUBCOMMANDS))),
    ..SUBCOMMAND
};

/// A subcommand with too many words, where its arity says only how many there must be at least.
fn wrong_arguments(name: &str) -> Error {
    Error::from(format!("ERR unknown subcommand or wrong number of arguments for '{name}'. Try CLIENT HELP."))
}
