//! `LATENCY <subcommand>`: when was the server slow, and why?

mod doctor;
mod graph;
mod histogram;

use crate::commands::observers::{Event, Sample, Series};
use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight, help};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    arity: Arity::AtLeast(2),
    flags: Flags::NONE,
    complexity: "Depends on subcommand.",
    summary: "A container for latency diagnostics commands.",
    run: Run::Container(SUBCOMMANDS),
    ..SUBCOMMAND
};

/// What the subcommands share.
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
    summary: "Returns the latest latency samples for all events.",
    tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
    run: Run::Read(|_, cx| Ok(latest(cx))),
    ..SUBCOMMAND
};

const HISTORY: Spec = Spec {
    name: "latency|history",
    arity: Arity::Exactly(3),
    summary: "Returns timestamp-latency samples for an event.",
    syntax: "event",
    tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
    run: Run::Read(history),
    ..SUBCOMMAND
};

const RESET: Spec = Spec {
    name: "latency|reset",
    arity: Arity::AtLeast(2),
    summary: "Resets the latency data for one or more events.",
    syntax: "[event...]",
    tips: &["request_policy:all_nodes", "response_policy:agg_sum"],
    run: Run::Read(|args, cx| Ok(reset(args, cx))),
    ..SUBCOMMAND
};

const HELP: Spec = Spec {
    name: "latency|help",
    flags: Flags::LOADING.and(Flags::STALE),
    summary: "Returns helpful text about the different subcommands.",
    run: Run::Read(|_, _| Ok(help::lines("LATENCY", HELP_LINES))),
    ..SUBCOMMAND
};

const HELP_LINES: &[&str] = &[
    "DOCTOR",
    "    Return a human readable latency analysis report.",
    "GRAPH <event>",
    "    Return an ASCII latency graph for the <event> class.",
    "HISTORY <event>",
    "    Return time-latency samples for the <event> class.",
    "LATEST",
    "    Return the latest latency samples for all events.",
    "RESET [<event> ...]",
    "    Reset latency data of one or more <event> classes.",
    "    (default: reset all data for all event classes)",
    "HISTOGRAM [COMMAND ...]",
    "    Return a cumulative distribution of latencies in the format of a histogram for the specified command names.",
    "    If no commands are specified then all histograms are replied.",
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

/// What is known of the event of this name.
fn series(name: &[u8], cx: &Context) -> Option<Series> {
    cx.server.observers.latency.of(Event::named(name)?)
}

/// Without names all events are forgotten.
fn reset(args: Args, cx: &mut Context) -> Reply {
    let latency = &cx.server.observers.latency;
    let forgotten = if args.is_empty() {
        Event::ALL.into_iter().filter(|event| latency.forget(*event)).count()
    } else {
        args.iter().filter_map(Event::named).filter(|event| latency.forget(*event)).count()
    };
    Reply::count(forgotten)
}
