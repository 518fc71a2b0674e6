//! `LATENCY <subcommand>`: events at which the server was slow.

mod doctor;
mod graph;
mod histogram;

use crate::commands::observers::{Event, Sample, Series};
use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight, help};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    arity: Arity::AtLeast(2),
    flags: Flags::NONE,
    complexity: "That of the subcommand",
    summary: "Commands about events that took long: lists, graphs, advice",
    run: Run::Container(SUBCOMMANDS),
    ..SUBCOMMAND
};

/// Shared fields of the subcommands.
const SUBCOMMAND: Spec = Spec {
    name: "latency",
    arity: Arity::Exactly(2),
    flags: Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
    keys: &[],
    scope: Scope::NoKeys,
    redact: None,
    group: Group::Server,
    since: "2.8.13",
    complexity: "O(1)",
    summary: "",
    syntax: "",
    tips: &[],
    weight: Weight::Light,
    run: Run::Container(&[]),
};

const SUBCOMMANDS: &[&Spec] =
    &[&doctor::DOCTOR, &graph::GRAPH, &HELP, &histogram::HISTOGRAM, &HISTORY, &LATEST, &RESET];

const LATEST: Spec = Spec {
    name: "latency|latest",
    summary: "Last and longest recorded time of each event",
    tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
    run: Run::Read(|_, cx| Ok(latest(cx))),
    ..SUBCOMMAND
};

const HISTORY: Spec = Spec {
    name: "latency|history",
    arity: Arity::Exactly(3),
    summary: "Recorded times of one event: when, and how many milliseconds",
    syntax: "event",
    tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
    run: Run::Read(history),
    ..SUBCOMMAND
};

const RESET: Spec = Spec {
    name: "latency|reset",
    arity: Arity::AtLeast(2),
    summary: "Drop the recorded times of these events, or of all",
    syntax: "[event...]",
    tips: &["request_policy:all_nodes", "response_policy:agg_sum"],
    run: Run::Read(|args, cx| Ok(reset(args, cx))),
    ..SUBCOMMAND
};

const HELP: Spec = Spec {
    name: "latency|help",
    flags: Flags::LOADING.and(Flags::STALE),
    summary: "List the subcommands, one or more lines for each",
    run: Run::Read(|_, _| Ok(help::lines("LATENCY", HELP_LINES))),
    ..SUBCOMMAND
};

const HELP_LINES: &[&str] = &[
    "DOCTOR",
    "    Describe each event that took longer than latency-monitor-threshold, with a remedy.",
    "GRAPH <event>",
    "    Draw the recorded times of an event with characters.",
    "HISTORY <event>",
    "    Show for an event when it was slow (Unix time), and for how many milliseconds.",
    "LATEST",
    "    Show for each event when it was slow last, for how long then, and its longest time.",
    "RESET [<event> ...]",
    "    Drop what is recorded of these events, or of all if none is named, and show how many those were.",
    "HISTOGRAM [COMMAND ...]",
    "    Show for these commands, or for all, how many calls took at most 1, 2, 4, 8 and so on microseconds.",
];

fn latest(cx: &Context) -> Reply {
    let line = |(event, series): (Event, Series)| {
        let last = series.samples.back()?;
        Some(Reply::Array(vec![
            Reply::bulk(event.name()),
            Reply::Integer(last.unix_s as i64),
            Reply::Integer(last.millis as i64),
            Reply::Integer(series.max_millis as i64),
        ]))
    };
    Reply::Array(cx.server.observers.latency.all().into_iter().filter_map(line).collect())
}

fn history(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let pair = |sample: &Sample| {
        Reply::Array(vec![Reply::Integer(sample.unix_s as i64), Reply::Integer(sample.millis as i64)])
    };
    let series = series(args.bytes()?, cx).unwrap_or_default();
    Ok(Reply::Array(series.samples.iter().map(pair).collect()))
}

/// The samples of the event of this name.
fn series(name: &[u8], cx: &Context) -> Option<Series> {
    cx.server.observers.latency.of(Event::named(name)?)
}

/// Removes the samples of these events; of all without names.
fn reset(args: Args, cx: &mut Context) -> Reply {
    let latency = &cx.server.observers.latency;
    let forgotten = if args.is_empty() {
        Event::ALL.into_iter().filter(|event| latency.remove(*event)).count()
    } else {
        args.iter().filter_map(Event::named).filter(|event| latency.remove(*event)).count()
    };
    Reply::count(forgotten)
}
