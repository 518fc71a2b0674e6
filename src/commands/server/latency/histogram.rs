//! `LATENCY HISTOGRAM [command …]`: histograms of the durations of commands.

use super::SUBCOMMAND;
use crate::commands::registry::{self, Command};
use crate::commands::{Arity, Context, Run, Spec};
use crate::resp::{Args, Error, Reply};

pub(super) const HISTOGRAM: Spec = Spec {
    name: "latency|histogram",
    arity: Arity::AtLeast(2),
    since: "7.0.0",
    complexity: "O(N) for N commands",
    summary: "How long the calls of each command took, in powers of two",
    syntax: "[command...]",
    tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
    run: Run::Read(histogram),
    ..SUBCOMMAND
};

/// Unknown names and commands without calls are left out.
fn histogram(args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let commands: Vec<&Command> = if args.is_empty() {
        registry::all().into_iter().flat_map(with_subcommands).collect()
    } else {
        args.iter().filter_map(registry::find).flat_map(with_subcommands).collect()
    };
    Ok(Reply::Map(commands.into_iter().filter_map(|command| described(command, cx)).collect()))
}

fn with_subcommands(command: &'static Command) -> Vec<&'static Command> {
    [vec![command], command.subcommands()].concat()
}

fn described(command: &Command, cx: &Context) -> Option<(Reply, Reply)> {
    let times = cx.server.statistics.latency_of(command)?;
    let integers = |(micros, calls)| (Reply::Integer(micros as i64), Reply::Integer(calls as i64));
    let description = Reply::Map(vec![
        (Reply::bulk("calls"), Reply::Integer(times.calls() as i64)),
        (Reply::bulk("histogram_usec"), Reply::Map(times.doublings().into_iter().map(integers).collect())),
    ]);
    Some((Reply::bulk(command.spec.name), description))
}
