//! `WAIT numreplicas timeout`: waits until so many replicas have the client's last change, or the
//! time is over. The reply is how many have it: 0, as there are no replicas.

use super::{REPLICAS, check_unblocked, deadline, hold};
use crate::commands::{Arity, Client, Context, Flags, Group, Hold, Run, Scope, Server, Spec, Weight};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "wait",
    arity: Arity::Exactly(3),
    flags: Flags::BLOCKING.and(Flags::CONNECTION).and(Flags::NO_FAMILY_CATEGORY),
    keys: &[],
    scope: Scope::NoKeys,
    redact: None,
    group: Group::Generic,
    since: "3.0.0",
    complexity: "O(1)",
    summary: "Wait for replicas, of which there are none: replies 0 when the time is over",
    syntax: "numreplicas:integer timeout:integer",
    tips: &["request_policy:all_shards", "response_policy:agg_min"],
    weight: Weight::Light,
    run: Run::Waiting(until, wait),
};

fn until(mut args: Args, _: &Server, client: &Client) -> Option<Hold> {
    let replicas: i64 = args.integer().ok()?;
    let deadline = deadline(&mut args).ok()?;
    if replicas <= REPLICAS { None } else { hold(client, deadline, || None) }
}

fn wait(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    args.integer::<i64>()?;
    deadline(&mut args)?;
    check_unblocked(cx)?;
    Ok(Reply::Integer(REPLICAS))
}
