//! `RESET`: sets the connection back to its initial state.

use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "reset",
    arity: Arity::Exactly(1),
    flags: super::HANDSHAKE.and(Flags::NEVER_QUEUED).and(Flags::WHILE_SUBSCRIBED),
    keys: &[],
    scope: Scope::NoKeys,
    redact: None,
    group: Group::Connection,
    since: "6.2.0",
    complexity: "O(1)",
    summary: "Bring this connection back to its first state: RESP2, database 0, no transaction",
    syntax: "",
    tips: &[],
    weight: Weight::HeavyIf(|_, cx| cx.client.has_many_subscriptions()),
    run: Run::Read(reset),
};

fn reset(_: Args, cx: &mut Context) -> Result<Reply, Error> {
    if cx.client.is_monitor {
        cx.server.observers.leave(cx.client.info.id);
    }
    cx.client.reset(&cx.server.acl.users);
    // What was pushed in between would come behind the reply.
    cx.client.info.drop_pushes();
    Ok(Reply::Simple("RESET"))
}
