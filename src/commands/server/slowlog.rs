//! `SLOWLOG GET [count]`, `SLOWLOG LEN`, `SLOWLOG RESET`: the slow commands.

use crate::commands::observers::SlowEntry;
use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight, help};
use crate::config::Compat;
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    arity: Arity::AtLeast(2),
    flags: Flags::NONE,
    complexity: "That of the subcommand",
    summary: "Commands about the log of slow commands",
    run: Run::Container(SUBCOMMANDS),
    ..SUBCOMMAND
};

/// Shared fields of the subcommands.
const SUBCOMMAND: Spec = Spec {
    name: "slowlog",
    arity: Arity::Exactly(2),
    flags: Flags::ADMIN.and(Flags::LOADING).and(Flags::STALE),
    keys: &[],
    scope: Scope::NoKeys,
    redact: None,
    group: Group::Server,
    since: "2.2.12",
    complexity: "O(1)",
    summary: "",
    syntax: "",
    tips: &[],
    weight: Weight::Light,
    run: Run::Container(&[]),
};

const SUBCOMMANDS: &[&Spec] = &[&GET, &HELP, &LEN, &RESET];

const GET: Spec = Spec {
    name: "slowlog|get",
    arity: Arity::AtLeast(2),
    complexity: "O(N) for N entries in the reply",
    summary: "Slow commands, the newest first, with time, arguments and client",
    syntax: "[count:integer]",
    tips: &["request_policy:all_nodes", "nondeterministic_output"],
    run: Run::Read(get),
    ..SUBCOMMAND
};

const LEN: Spec = Spec {
    name: "slowlog|len",
    summary: "How many slow commands are recorded",
    tips: &["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"],
    run: Run::Read(|_, cx| Ok(Reply::count(cx.server.observers.slow_log.len()))),
    ..SUBCOMMAND
};

const RESET: Spec = Spec {
    name: "slowlog|reset",
    complexity: "O(N) for N entries",
    summary: "Drop the recorded slow commands",
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    run: Run::Read(|_, cx| {
        cx.server.observers.slow_log.reset();
        Ok(Reply::OK)
    }),
    ..SUBCOMMAND
};

const HELP: Spec = Spec {
    name: "slowlog|help",
    flags: Flags::LOADING.and(Flags::STALE),
    since: "6.2.0",
    summary: "List the subcommands, one or more lines for each",
    run: Run::Read(|_, _| Ok(help::lines("SLOWLOG", HELP_LINES))),
    ..SUBCOMMAND
};

const HELP_LINES: &[&str] = &[
    "GET [<count>]",
    "    Show the newest <count> commands that took longer than slowlog-log-slower-than (10 if it is",
    "    left out, all with -1). Each is an array: number, Unix time, microseconds, arguments, address",
    "    of the client, its name, and with 'compat 8.10' how many arguments there were.",
    "LEN",
    "    Show how many are recorded; slowlog-max-len is the most.",
    "RESET",
    "    Drop all of them.",
];

/// Number of entries for a `GET` without a number.
const DEFAULT_COUNT: usize = 10;

fn get(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    if args.remaining() > 1 {
        return Err(Error::unknown_subcommand_or_arity("SLOWLOG", b"get"));
    }
    let count = if args.is_empty() { DEFAULT_COUNT } else { count(&mut args)? };
    let is_counted = cx.is_like(Compat::V8_10);
    let entries = cx.server.observers.slow_log.newest(count).into_iter();
    Ok(Reply::Array(entries.map(|entry| shown(entry, is_counted)).collect()))
}

/// -1 means all.
fn count(args: &mut Args) -> Result<usize, Error> {
    const OUT_OF_RANGE: &str = "ERR count should be greater than or equal to -1";
    match args.integer_or::<i64>(OUT_OF_RANGE)? {
        -1 => Ok(usize::MAX),
        count => usize::try_from(count).map_err(|_| Error::new(OUT_OF_RANGE)),
    }
}

/// Since 8.10 an entry also has the number of arguments.
fn shown(entry: SlowEntry, is_counted: bool) -> Reply {
    let arguments = entry.arguments.into_iter().map(Reply::bulk).collect();
    let mut fields = vec![
        Reply::Integer(entry.id as i64),
        Reply::Integer(entry.unix_s as i64),
        Reply::Integer(entry.micros as i64),
        Reply::Array(arguments),
        Reply::bulk(entry.address),
        Reply::bulk(entry.client_name),
    ];
    fields.extend(is_counted.then(|| Reply::count(entry.argument_count)));
    Reply::Array(fields)
}
