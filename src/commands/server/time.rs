//! `TIME`: the server's clock, seconds and microseconds.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "time",
    arity: Arity::Exactly(1),
    flags: Flags::LOADING.and(Flags::STALE).and(Flags::FAST),
    keys: &[],
    scope: Scope::NoKeys,
    redact: None,
    group: Group::Server,
    since: "2.6.0",
    complexity: "O(1)",
    summary: "Clock of this machine: seconds since 1970, and microseconds",
    syntax: "",
    tips: &["nondeterministic_output"],
    weight: Weight::Light,
    run: Run::Read(time),
};

fn time(_: Args, _: &mut Context) -> Result<Reply, Error> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let text = |number: String| Reply::bulk(number);
    Ok(Reply::Array(vec![text(now.as_secs().to_string()), text(now.subsec_micros().to_string())]))
}
