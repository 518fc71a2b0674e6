//! `MEMORY <subcommand>`: what takes how many bytes.

mod allocator;
mod doctor;
mod stats;
mod usage;

use crate::commands::{Arity, Flags, Group, Run, Scope, Server, Spec, Weight, help};
use crate::resp::Reply;

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "memory",
    arity: Arity::AtLeast(2),
    complexity: "Depends on subcommand.",
    summary: "A container for memory diagnostics commands.",
    weight: Weight::Light,
    run: Run::Container(SUBCOMMANDS),
    ..SUBCOMMAND
};

/// What the subcommands share. Most ask the system and all of the keyspace.
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
    summary: "Returns helpful text about the different subcommands.",
    weight: Weight::Light,
    run: Run::Read(|_, _| Ok(help::lines("MEMORY", &HELP_LINES))),
    ..SUBCOMMAND
};

const HELP_LINES: [&str; 11] = [
    "DOCTOR",
    "    Return memory problems reports.",
    "MALLOC-STATS",
    "    Return internal statistics report from the memory allocator.",
    "PURGE",
    "    Attempt to purge dirty pages for reclamation by the allocator.",
    "STATS",
    "    Return information about the memory usage of the server.",
    "USAGE <key> [SAMPLES <count>]",
    "    Return memory in bytes used by <key> and its value. Nested values are",
    "    sampled up to <count> times (default: 5, 0 means sample all).",
];

/// Text as it is shown to people.
fn report(text: String) -> Reply {
    Reply::Verbatim { format: *b"txt", text: text.into() }
}

/// Bytes that wait in the buffers of clients, in both directions.
fn client_bytes(server: &Server) -> u64 {
    server.clients.list().iter().map(|client| client.buffer_bytes() as u64).sum()
}
