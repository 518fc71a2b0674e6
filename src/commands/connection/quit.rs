//! `QUIT`: the connection closes after the reply.

use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "quit",
    arity: Arity::AtLeast(1),
    flags: super::HANDSHAKE.and(Flags::NEVER_QUEUED).and(Flags::WHILE_SUBSCRIBED),
    keys: &[],
    scope: Scope::NoKeys,
    redact: None,
    group: Group::Connection,
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Reply OK and close this connection",
    syntax: "",
    tips: &[],
    weight: Weight::Light,
    run: Run::Read(quit),
};

fn quit(_: Args, cx: &mut Context) -> Result<Reply, Error> {
    cx.client.closing = true;
    Ok(Reply::OK)
}
