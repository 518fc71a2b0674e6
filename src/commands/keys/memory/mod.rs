//! `MEMORY <subcommand>`: memory in use, by purpose.

mod allocator;
mod doctor;
mod stats;
mod usage;

use crate::commands::{Arity, Flags, Group, Run, Scope, Server, Spec, Weight, help};
use crate::resp::Reply;

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "memory",
    arity: Arity::AtLeast(2),
    complexity: "That of the subcommand",
    summary: "Commands about memory: reports, measurements, release",
    weight: Weight::Light,
    run: Run::Container(SUBCOMMANDS),
    ..SUBCOMMAND
};

/// Shared fields of the subcommands. Most of them read figures of the system and of the whole
/// keyspace.
const SUBCOMMAND: Spec = Spec {
    name: "memory",
    arity: Arity::Exactly(2),
    flags: Flags::NONE,
    keys: &[],
    scope: Scope::AllKeys,
    redact: None,
    group: Group::Server,
    since: "4.0.0",
    complexity: "O(1)",
    summary: "",
    syntax: "",
    tips: &[],
    weight: Weight::Heavy,
    run: Run::Container(&[]),
};

const SUBCOMMANDS: &[&Spec] =
    &[&doctor::SPEC, &HELP, &allocator::MALLOC_STATS, &allocator::PURGE, &stats::SPEC, &usage::SPEC];

const HELP: Spec = Spec {
    name: "memory|help",
    flags: Flags::LOADING.and(Flags::STALE),
    summary: "List the subcommands, one or more lines for each",
    weight: Weight::Light,
    run: Run::Read(|_, _| Ok(help::lines("MEMORY", HELP_LINES))),
    ..SUBCOMMAND
};

const HELP_LINES: &[&str] = &[
    "DOCTOR",
    "    Name the problems with memory, if there are any, and what to do about each.",
    "MALLOC-STATS",
    "    Show what jemalloc reports on itself.",
    "PURGE",
    "    Compact vector sets that have become small, for a tenth of a second, and have jemalloc give",
    "    pages that it does not use back to the system.",
    "STATS",
    "    Show how many bytes are in use, by purpose.",
    "USAGE <key> [SAMPLES <count>]",
    "    Show how many bytes <key> and its value take. Values know their size, so that SAMPLES is",
    "    accepted without effect.",
];

/// A text for people.
fn report(text: String) -> Reply {
    Reply::Verbatim { format: *b"txt", text: text.into() }
}

/// Bytes that wait in the buffers of clients, in both directions.
fn client_bytes(server: &Server) -> u64 {
    server.clients.list().iter().map(|client| client.buffer_bytes() as u64).sum()
}
