//! `SUBSCRIBE channel …`, `PSUBSCRIBE pattern …`, `SSUBSCRIBE shardchannel …`, and `UNSUBSCRIBE`
//! and its like, which without arguments end all subscriptions of their kind.
//!
//! Each name is confirmed by a push (in RESP2 an array) of its own, which is written even if
//! `CLIENT REPLY` suppresses replies.

use super::{BASE, Kind, MANY_RECEIVERS, Subscriptions};
use crate::commands::{Arity, Context, Flags, Keys, Place, Run, Spec, Weight, permissions};
use crate::resp::{Args, Encoded, Error, Reply};

/// Flags of the commands that end subscriptions.
const ENDS: Flags = BASE.flags.and(Flags::NOSCRIPT).and(Flags::WHILE_SUBSCRIBED);

/// Flags of those that begin them.
const BEGINS: Flags = ENDS.and(Flags::DENYOOM_SINCE_8_10);

pub(super) const SUBSCRIBE: Spec = Spec {
    name: "subscribe",
    arity: Arity::AtLeast(2),
    flags: BEGINS.and(Flags::CHANNELS),
    complexity: "O(N) for N names",
    summary: "Receive what is published to these channels from now on",
    syntax: "channel...",
    weight: Weight::PlacedBy(|args, _| place(args.remaining())),
    run: Run::Read(|args, cx| subscribe(Kind::Channel, args, cx)),
    ..BASE
};

pub(super) const PSUBSCRIBE: Spec = Spec {
    name: "psubscribe",
    flags: BEGINS.and(Flags::CHANNEL_PATTERNS),
    summary: "Receive what is published to channels with names like these patterns, from now on",
    syntax: "pattern:pattern...",
    run: Run::Read(|args, cx| subscribe(Kind::Pattern, args, cx)),
    ..SUBSCRIBE
};

pub(super) const SSUBSCRIBE: Spec = Spec {
    name: "ssubscribe",
    keys: &[Keys::from(1, &["not_key"])],
    since: "7.0.0",
    summary: "Receive what SPUBLISH sends to these channels from now on",
    syntax: "shardchannel...",
    run: Run::Read(|args, cx| {
        if cx.is_in_exec() {
            return Err(Error::new("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client"));
        }
        subscribe(Kind::Shard, args, cx)
    }),
    ..SUBSCRIBE
};

pub(super) const UNSUBSCRIBE: Spec = Spec {
    name: "unsubscribe",
    arity: Arity::AtLeast(1),
    flags: ENDS,
    summary: "End the subscriptions to these channels, or to all channels",
    syntax: "[channel...]",
    weight: Weight::PlacedBy(|args, cx| place_of_end(Kind::Channel, args, cx)),
    run: Run::Read(|args, cx| unsubscribe(Kind::Channel, args, cx)),
    ..SUBSCRIBE
};

pub(super) const PUNSUBSCRIBE: Spec = Spec {
    name: "punsubscribe",
    summary: "End the subscriptions to these patterns, or to all patterns",
    syntax: "[pattern:pattern...]",
    weight: Weight::PlacedBy(|args, cx| place_of_end(Kind::Pattern, args, cx)),
    run: Run::Read(|args, cx| unsubscribe(Kind::Pattern, args, cx)),
    ..UNSUBSCRIBE
};

pub(super) const SUNSUBSCRIBE: Spec = Spec {
    name: "sunsubscribe",
    keys: SSUBSCRIBE.keys,
    since: "7.0.0",
    summary: "End the subscriptions to these channels of SPUBLISH, or to all of them",
    syntax: "[shardchannel...]",
    weight: Weight::PlacedBy(|args, cx| place_of_end(Kind::Shard, args, cx)),
    run: Run::Read(|args, cx| unsubscribe(Kind::Shard, args, cx)),
    ..UNSUBSCRIBE
};

/// The threads for a command about so many subscriptions.
fn place(names: usize) -> Place {
    if names > MANY_RECEIVERS { Place::Compute } else { Place::Network }
}

fn place_of_end(kind: Kind, args: Args, cx: &Context) -> Place {
    let all = || cx.client.subscriptions.as_ref().map_or(0, |subscriptions| subscriptions.len(kind));
    place(if args.is_empty() { all() } else { args.remaining() })
}

fn subscribe(kind: Kind, args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let subscriptions = cx.client.subscriptions.take();
    let new = || Box::new(Subscriptions::new(&cx.server.pubsub, &cx.client.info));
    let mut subscriptions = subscriptions.unwrap_or_else(new);
    let max_bytes = cx.server.config.settings().client_query_buffer_limit;
    let has_room = subscriptions.check_room(args.iter(), max_bytes);
    let mut out = Encoded::default();
    if has_room.is_ok() {
        for name in args.iter() {
            subscriptions.add(kind, name);
            confirm(subscribed(kind), name, subscriptions.shown_count(kind), cx, &mut out);
        }
    }
    cx.client.subscriptions = Some(subscriptions).filter(|subscriptions| !subscriptions.is_empty());
    // The rules may have changed since the request was checked, and whoever closes the connections
    // that have lost a channel may have looked before these were there.
    if permissions::lacks_channel(cx.client, args.iter(), kind == Kind::Pattern) {
        cx.client.closing = true;
    }
    has_room.map(|()| Reply::Encoded(Box::new(out)))
}

fn unsubscribe(kind: Kind, args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let mut subscriptions = cx.client.subscriptions.take();
    let mut out = Encoded::default();
    let all =
        subscriptions.as_ref().filter(|_| args.is_empty()).map(|all| all.names(kind)).unwrap_or_default();
    let is_without_name = args.is_empty() && all.is_empty();
    let names = || args.iter().chain(all.iter().map(|name| &**name));
    for name in names() {
        if let Some(subscriptions) = &mut subscriptions {
            subscriptions.remove(kind, name);
        }
        let count = subscriptions.as_ref().map_or(0, |subscriptions| subscriptions.shown_count(kind));
        confirm(unsubscribed(kind), name, count, cx, &mut out);
    }
    if is_without_name {
        let count = subscriptions.as_ref().map_or(0, |subscriptions| subscriptions.shown_count(kind));
        confirm_nothing(unsubscribed(kind), count, cx, &mut out);
    }
    // What was published before comes before the first confirmation. Within EXEC it comes behind
    // the replies, since it would stand among them as one of them.
    let mut messages = Encoded::default();
    if !cx.is_in_exec() && cx.client.info.pushed_bytes() > 0 {
        cx.client.info.take_pushes(usize::MAX, &mut messages);
    }
    messages.append(out);
    cx.client.subscriptions = subscriptions.filter(|subscriptions| !subscriptions.is_empty());
    Ok(Reply::Encoded(Box::new(messages)))
}

const fn subscribed(kind: Kind) -> &'static str {
    match kind {
        Kind::Channel => SUBSCRIBE.name,
        Kind::Pattern => PSUBSCRIBE.name,
        Kind::Shard => SSUBSCRIBE.name,
    }
}

const fn unsubscribed(kind: Kind) -> &'static str {
    match kind {
        Kind::Channel => UNSUBSCRIBE.name,
        Kind::Pattern => PUNSUBSCRIBE.name,
        Kind::Shard => SUNSUBSCRIBE.name,
    }
}

fn confirm(what: &'static str, name: &[u8], count: usize, cx: &Context, out: &mut Encoded) {
    let name = Reply::bulk(bytes::Bytes::copy_from_slice(name));
    Reply::Push(vec![Reply::bulk(what), name, Reply::count(count)]).encode(cx.client.protocol, out);
}

fn confirm_nothing(what: &'static str, count: usize, cx: &Context, out: &mut Encoded) {
    Reply::Push(vec![Reply::bulk(what), Reply::Null, Reply::count(count)]).encode(cx.client.protocol, out);
}
