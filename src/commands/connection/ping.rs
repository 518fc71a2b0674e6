//! `PING [message]`: replies `PONG`, or the message.

use bytes::Bytes;

use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "ping",
    arity: Arity::AtLeast(1),
    flags: Flags::FAST.and(Flags::REPORTS_REFUSAL).and(Flags::WHILE_SUBSCRIBED),
    keys: &[],
    scope: Scope::NoKeys,
    redact: None,
    group: Group::Connection,
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Show that the connection works: the reply is PONG, or the argument",
    syntax: "[message]",
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    weight: Weight::Light,
    run: Run::Read(ping),
};

fn ping(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let message = args.take();
    args.finish_or(Error::wrong_arity(SPEC.name))?;
    let text = |message| Reply::Bulk(Bytes::copy_from_slice(message));
    if cx.client.takes_messages_only() {
        // In the shape of a message.
        return Ok(Reply::Array(vec![Reply::bulk("pong"), text(message.unwrap_or_default())]));
    }
    Ok(message.map_or(Reply::Simple("PONG"), text))
}
