//! `ECHO message`: replies the message.

use bytes::Bytes;

use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "echo",
    arity: Arity::Exactly(2),
    flags: Flags::LOADING.and(Flags::STALE).and(Flags::FAST),
    keys: &[],
    scope: Scope::NoKeys,
    redact: None,
    group: Group::Connection,
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Send the argument back",
    syntax: "message",
    tips: &[],
    weight: Weight::Light,
    run: Run::Read(echo),
};

fn echo(mut args: Args, _: &mut Context) -> Result<Reply, Error> {
    Ok(Reply::Bulk(Bytes::copy_from_slice(args.bytes()?)))
}
