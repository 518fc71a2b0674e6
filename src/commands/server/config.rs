//! `CONFIG GET pattern …`, `CONFIG SET name value …`, `CONFIG REWRITE`, `CONFIG RESETSTAT`.

use crate::commands::glob;
use crate::commands::{Arity, Context, Flags, Group, REDACTED, Run, Scope, Spec, Weight};
use crate::config::{self, Kind, NotApplied, OptionSpec, SetError};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    flags: Flags::NONE,
    complexity: "That of the subcommand",
    summary: "Commands about the options of the server",
    run: Run::Container(SUBCOMMANDS),
    ..SUBCOMMAND
};

/// Shared fields of the subcommands.
const SUBCOMMAND: Spec = Spec {
    name: "config",
    arity: Arity::AtLeast(2),
    flags: Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
    keys: &[],
    scope: Scope::NoKeys,
    redact: None,
    group: Group::Server,
    since: "2.0.0",
    complexity: "O(N) for N options",
    summary: "",
    syntax: "",
    tips: &[],
    weight: Weight::Light,
    run: Run::Container(&[]),
};

const SUBCOMMANDS: &[&Spec] = &[&GET, &HELP, &RESETSTAT, &REWRITE, &SET];

const GET: Spec = Spec {
    name: "config|get",
    arity: Arity::AtLeast(3),
    summary: "Options whose names match a pattern, with the values in force",
    syntax: "parameter...",
    run: Run::Read(get),
    ..SUBCOMMAND
};

const SET: Spec = Spec {
    name: "config|set",
    arity: Arity::AtLeast(4),
    redact: Some(redact),
    summary: "Change options while the server runs: all that are named, or none",
    syntax: "data(parameter value)...",
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    // It may wait for listeners to be opened.
    weight: Weight::Blocking,
    run: Run::Read(set),
    ..SUBCOMMAND
};

const RESETSTAT: Spec = Spec {
    name: "config|resetstat",
    arity: Arity::Exactly(2),
    complexity: "O(1)",
    summary: "Set the counters of INFO back to 0",
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    run: Run::Read(|_, cx| {
        cx.server.reset_statistics();
        Ok(Reply::OK)
    }),
    ..SUBCOMMAND
};

const REWRITE: Spec = Spec {
    name: "config|rewrite",
    arity: Arity::Exactly(2),
    since: "2.8.0",
    complexity: "O(1)",
    summary: "Write the options in force into the configuration file",
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    // It waits for the disk.
    weight: Weight::Blocking,
    run: Run::Read(rewrite),
    ..SUBCOMMAND
};

const HELP: Spec = Spec {
    name: "config|help",
    arity: Arity::Exactly(2),
    flags: Flags::LOADING.and(Flags::STALE),
    since: "5.0.0",
    complexity: "O(1)",
    summary: "List the subcommands, one or more lines for each",
    run: Run::Read(|_, _| Ok(Reply::Array(HELP_LINES.iter().copied().map(Reply::Simple).collect()))),
    ..SUBCOMMAND
};

/// Header and grammar are those of Redis, which clients print.
const HELP_LINES: &[&str] = &[
    "CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "GET <pattern>",
    "    Show the options whose names match <pattern> (as in KEYS), each with the value in force.",
    "SET <directive> <value>",
    "    Change an option until the server ends; REWRITE makes the change last.",
    "RESETSTAT",
    "    Set the counters of INFO, LATENCY HISTOGRAM and the like back to 0.",
    "REWRITE",
    "    Put the options in force into the configuration file; its comments and order stay.",
    "HELP",
    "    Show these lines.",
];

fn redact(words: &mut [&[u8]]) {
    for pair in words[2..].chunks_exact_mut(2) {
        let option = std::str::from_utf8(pair[0]).ok().and_then(config::find);
        if option.is_some_and(|option| option.kind.is_secret()) {
            pair[1] = REDACTED;
        }
    }
}

/// Names have the spelling of the table, or that of the request if it was not a pattern: as in
/// Redis.
fn get(args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let settings = cx.server.config.settings();
    let mut shown: Vec<(Vec<u8>, &OptionSpec)> = Vec::new();
    for pattern in args.iter() {
        for (name, option) in config::names() {
            let is_known = shown.iter().any(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()));
            if !is_known && glob::matches(&pattern.to_ascii_lowercase(), name.as_bytes()) {
                let is_spelt_out = pattern.eq_ignore_ascii_case(name.as_bytes());
                shown.push((if is_spelt_out { pattern } else { name.as_bytes() }.to_vec(), option));
            }
        }
    }
    let value = |option: &OptionSpec| match option.kind {
        // Clients read a number: the bytes in force, not `auto`.
        Kind::MaxMemory(_) => cx.server.memory.bytes().to_string(),
        _ => option.kind.show(settings.as_ref().clone()),
    };
    let pairs = shown.into_iter().map(|(name, option)| (Reply::bulk(name), Reply::bulk(value(option))));
    Ok(Reply::Map(pairs.collect()))
}

fn set(args: Args, cx: &mut Context) -> Result<Reply, Error> {
    if !args.remaining().is_multiple_of(2) {
        return Err(Error::syntax());
    }
    let words: Vec<_> = args.iter().map(String::from_utf8_lossy).collect();
    let pairs: Vec<(&str, &str)> =
        words.chunks_exact(2).map(|pair| (pair[0].as_ref(), pair[1].as_ref())).collect();
    // Options are text. Invalid bytes would be stored as other characters, and such a password
    // would never be accepted.
    if let Some((name, _)) = pairs.iter().find(|(_, value)| value.contains(char::REPLACEMENT_CHARACTER)) {
        return Err(failed(name, "argument must be UTF-8"));
    }
    let was_logging = cx.server.config.settings().appendonly;
    cx.server.config.set(&pairs).map_err(explain)?;
    cx.client.awaits_log = cx.is_in_exec() && !was_logging && cx.server.config.settings().appendonly;
    cx.server.follow_settings();
    Ok(Reply::OK)
}

fn rewrite(_: Args, cx: &mut Context) -> Result<Reply, Error> {
    let users = cx.server.acl.config_lines(&cx.server.config.settings());
    let users = users.map_err(|why| Error::from(format!("ERR Rewriting config file: {why}")))?;
    match cx.server.config.rewrite(&users) {
        Ok(()) => tracing::info!("CONFIG REWRITE executed with success."),
        Err(error) => {
            tracing::warn!("CONFIG REWRITE failed: {error}");
            return Err(Error::from(format!("ERR {error}")));
        }
    }
    Ok(Reply::OK)
}

fn explain(error: SetError) -> Error {
    match error {
        SetError::Unknown(name) => {
            Error::from(format!("ERR Unknown option or number of arguments for CONFIG SET - '{name}'"))
        }
        SetError::Immutable(name) => failed(&name, "can't set immutable config"),
        SetError::Protected(name) => failed(&name, "can't set protected config"),
        SetError::Duplicate(name) => failed(&name, "duplicate parameter"),
        SetError::Invalid(name, why) => failed(&name, why),
        SetError::NotApplied(NotApplied { option, reason }) => failed(option, reason),
    }
}

fn failed(name: &str, reason: impl std::fmt::Display) -> Error {
    Error::from(format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}"))
}
