//! `WAITAOF numlocal numreplicas timeout`: waits until the client's last change is safe in the log
//! here (if `numlocal` is 1) and in those of so many replicas, or the time is over. The reply says
//! where it is safe: `[1, 0]` if here.
//!
//! Safe means synced: the files of the log have been written to the disk up to there, and no sync
//! of them has failed since their base was made. A log that is being begun is not safe before it
//! has its base.

use super::{REPLICAS, check_unblocked, deadline, hold};
use crate::commands::{Arity, Client, Context, Flags, Group, Hold, Run, Scope, Server, Spec, Weight};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "waitaof",
    arity: Arity::Exactly(4),
    flags: Flags::BLOCKING.and(Flags::CONNECTION).and(Flags::NO_FAMILY_CATEGORY),
    keys: &[],
    scope: Scope::NoKeys,
    redact: None,
    group: Group::Generic,
    since: "7.2.0",
    complexity: "O(1)",
    summary: "Wait until what the connection has changed is synced in the log",
    syntax: "numlocal:integer numreplicas:integer timeout:integer",
    tips: &["request_policy:all_shards", "response_policy:agg_min"],
    weight: Weight::Light,
    run: Run::Waiting(until, waitaof),
};

struct Wanted {
    here: bool,
    replicas: i64,
}

impl Wanted {
    fn parse(args: &mut Args) -> Result<Self, Error> {
        let here = match args.integer()? {
            0 => false,
            1 => true,
            _ => return Err(Error::new("ERR value is out of range, value must between 0 and 1")),
        };
        let replicas: i64 = args.integer_or(Error::new("ERR value is out of range, must be positive"))?;
        if replicas < 0 {
            return Err(Error::new("ERR value is out of range, must be positive"));
        }
        Ok(Self { here, replicas })
    }
}

fn until(mut args: Args, server: &Server, client: &Client) -> Option<Hold> {
    let wanted = Wanted::parse(&mut args).ok()?;
    let deadline = deadline(&mut args).ok()?;
    let aof = &server.aof;
    // What it is now is read before it is decided to wait: a change in between ends the wait.
    let change = aof.durability_change(client.last_write);
    let is_here = !wanted.here || aof.is_durable(client.last_write);
    let is_satisfied = is_here && wanted.replicas <= REPLICAS;
    let is_refused = wanted.here && !aof.is_on();
    if is_satisfied || is_refused { None } else { hold(client, deadline, || Some(Box::pin(change))) }
}

fn waitaof(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let wanted = Wanted::parse(&mut args)?;
    deadline(&mut args)?;
    let aof = &cx.server.aof;
    if wanted.here && !aof.is_on() {
        return Err(Error::new(
            "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
        ));
    }
    check_unblocked(cx)?;
    let here = aof.is_durable(cx.client.last_write);
    Ok(Reply::Array(vec![Reply::Integer(here.into()), Reply::Integer(REPLICAS)]))
}
