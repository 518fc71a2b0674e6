//! `MONITOR`: the client sees every command that the server runs.

use std::sync::atomic::Ordering;

use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "monitor",
    arity: Arity::Exactly(1),
    flags: Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
    keys: &[],
    scope: Scope::AllKeys,
    redact: None,
    group: Group::Server,
    since: "1.0.0",
    complexity: "",
    summary: "Send each command that the server runs to this connection, until RESET or QUIT",
    syntax: "",
    tips: &[],
    weight: Weight::Light,
    run: Run::Read(monitor),
};

const NOT_IN_EXEC: Error = Error::new("ERR MONITOR isn't allowed for DENY BLOCKING client");

/// A client that is a monitor already gets no reply, as in Redis.
fn monitor(_: Args, cx: &mut Context) -> Result<Reply, Error> {
    if cx.is_in_exec() {
        return Err(NOT_IN_EXEC);
    }
    if cx.client.is_monitor {
        return Ok(Reply::None);
    }
    cx.client.is_monitor = true;
    cx.client.info.is_monitor.store(true, Ordering::Relaxed);
    cx.server.observers.join(&cx.client.info);
    Ok(Reply::OK)
}
