//! `PUBSUB <subcommand>`: what is subscribed to, and by how many clients.

use bytes::Bytes;

use super::BASE;
use super::channels::Channels;
use crate::commands::keys::BY_ARGUMENTS;
use crate::commands::{Arity, Context, Flags, Run, Spec, Weight, help};
use crate::resp::{Args, Error, Reply};

pub(super) const SPEC: Spec = Spec {
    name: "pubsub",
    arity: Arity::AtLeast(2),
    flags: Flags::NONE,
    since: "2.8.0",
    complexity: "That of the subcommand",
    summary: "Commands about subscriptions: what there are, and how many",
    run: Run::Container(SUBCOMMANDS),
    ..BASE
};

const SUBCOMMANDS: &[&Spec] = &[&CHANNELS, &HELP, &NUMPAT, &NUMSUB, &SHARDCHANNELS, &SHARDNUMSUB];

const CHANNELS: Spec = Spec {
    name: "pubsub|channels",
    arity: Arity::AtLeast(2),
    since: "2.8.0",
    complexity: "O(N) for N channels with subscribers",
    summary: "Names of the channels that have subscribers, or of those like a pattern",
    syntax: "[pattern:pattern]",
    weight: Weight::Heavy,
    run: Run::Read(|args, cx| names(&cx.server.pubsub.channels, args, b"channels")),
    ..BASE
};

const NUMPAT: Spec = Spec {
    name: "pubsub|numpat",
    arity: Arity::Exactly(2),
    complexity: "O(1)",
    summary: "How many patterns have subscribers",
    syntax: "",
    weight: Weight::Light,
    run: Run::Read(|_, cx| Ok(Reply::count(cx.server.pubsub.patterns()))),
    ..CHANNELS
};

const NUMSUB: Spec = Spec {
    name: "pubsub|numsub",
    complexity: "O(N) for N names",
    summary: "How many subscribers each of these channels has, without those by pattern",
    syntax: "[channel...]",
    weight: BY_ARGUMENTS,
    run: Run::Read(|args, cx: &mut Context| Ok(counts(&cx.server.pubsub.channels, args))),
    ..CHANNELS
};

const SHARDCHANNELS: Spec = Spec {
    name: "pubsub|shardchannels",
    since: "7.0.0",
    complexity: "O(N) for N shard channels with subscribers",
    summary: "The same for channels of SSUBSCRIBE: those with subscribers",
    run: Run::Read(|args, cx| names(&cx.server.pubsub.shard_channels, args, b"shardchannels")),
    ..CHANNELS
};

const SHARDNUMSUB: Spec = Spec {
    name: "pubsub|shardnumsub",
    since: "7.0.0",
    summary: "How many subscribers each of these channels of SSUBSCRIBE has",
    syntax: "[shardchannel...]",
    run: Run::Read(|args, cx: &mut Context| Ok(counts(&cx.server.pubsub.shard_channels, args))),
    ..NUMSUB
};

const HELP: Spec = Spec {
    name: "pubsub|help",
    arity: Arity::Exactly(2),
    flags: Flags::LOADING.and(Flags::STALE).and(Flags::NO_FAMILY_CATEGORY),
    since: "6.2.0",
    complexity: "O(1)",
    summary: "List the subcommands, one or more lines for each",
    syntax: "",
    weight: Weight::Light,
    run: Run::Read(|_, _| Ok(help::lines("PUBSUB", LINES))),
    ..CHANNELS
};

const LINES: &[&str] = &[
    "CHANNELS [<pattern>]",
    "    List the channels that clients have subscribed to, only those like <pattern> if it is given.",
    "    A pattern of PSUBSCRIBE is no channel.",
    "NUMPAT",
    "    Count the patterns of PSUBSCRIBE, each once.",
    "NUMSUB [<channel> ...]",
    "    For each <channel>: its name, and how many clients have subscribed to it by this name.",
    "SHARDCHANNELS [<pattern>]",
    "    CHANNELS for those of SSUBSCRIBE.",
    "SHARDNUMSUB [<shardchannel> ...]",
    "    NUMSUB for those of SSUBSCRIBE.",
];

fn names(channels: &Channels, mut args: Args, subcommand: &[u8]) -> Result<Reply, Error> {
    if args.remaining() > 1 {
        return Err(Error::unknown_subcommand_or_arity("PUBSUB", subcommand));
    }
    let names = channels.names(args.take());
    Ok(Reply::Array(names.into_iter().map(Reply::Bulk).collect()))
}

/// Each name and its count in turn, in both protocols.
fn counts(channels: &Channels, args: Args) -> Reply {
    let pair =
        |name: &[u8]| [Reply::Bulk(Bytes::copy_from_slice(name)), Reply::count(channels.subscribers(name))];
    Reply::Array(args.iter().flat_map(pair).collect())
}
