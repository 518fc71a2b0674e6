//! `PUBLISH channel message`, `SPUBLISH shardchannel message`: sends a message, and replies how
//! many subscriptions it was for.

use super::{BASE, Sent};
use crate::commands::{Arity, Context, Flags, Keys, Run, Spec, Weight};
use crate::resp::{Args, Error, Reply};

pub(super) const PUBLISH: Spec = Spec {
    name: "publish",
    arity: Arity::Exactly(3),
    flags: BASE.flags.and(Flags::FAST).and(Flags::CHANNEL),
    complexity: "O(N+M) for N subscribers of the channel and M patterns of all clients",
    summary: "Pass a message to the clients that have subscribed to its channel, by name or by pattern",
    syntax: "channel message",
    weight: Weight::HeavyIf(|args, cx| {
        args.peek().is_some_and(|channel| cx.server.pubsub.has_many_receivers(channel))
    }),
    run: Run::Read(publish),
    ..BASE
};

pub(super) const SPUBLISH: Spec = Spec {
    name: "spublish",
    keys: &[Keys::at(1, &["not_key"])],
    since: "7.0.0",
    complexity: "O(N) for N subscribers of the channel",
    summary: "Pass a message to the clients that have subscribed to its channel with SSUBSCRIBE",
    syntax: "shardchannel message",
    weight: Weight::HeavyIf(|args, cx| {
        args.peek().is_some_and(|channel| cx.server.pubsub.shard_channels.has_many(channel))
    }),
    run: Run::Read(publish_to_shard),
    ..PUBLISH
};

fn publish(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let (channel, text) = (args.bytes()?, args.bytes()?);
    args.finish()?;
    let limits = || cx.server.config.settings().client_output_buffer_limit;
    Ok(replied(cx.server.pubsub.publish(channel, text, limits), cx))
}

fn publish_to_shard(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let (channel, text) = (args.bytes()?, args.bytes()?);
    args.finish()?;
    let limits = || cx.server.config.settings().client_output_buffer_limit;
    Ok(replied(cx.server.pubsub.publish_to_shard(channel, text, limits), cx))
}

fn replied(sent: Sent, cx: &Context) -> Reply {
    if sent.overflowed > 0 {
        cx.server.traffic.mine().output_buffer_closed.add(sent.overflowed as u64);
    }
    Reply::count(sent.receivers)
}
