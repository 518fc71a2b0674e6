//! `MGET key [key …]`: the strings of several keys, read atomically.

use super::text_or_null;
use crate::commands::keys::{BY_ARGUMENTS, Names};
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec};
use crate::keyspace::{Accounting, ReplyText, Shared};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "mget",
    arity: Arity::AtLeast(2),
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[Keys::from(1, &["RO", "access"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::String,
    since: "1.0.0",
    complexity: "O(N) for N keys",
    summary: "Strings under several keys at one moment, null where there is none",
    syntax: "key...",
    tips: &["request_policy:multi_shard"],
    weight: BY_ARGUMENTS,
    run: Run::Read(mget),
};

fn mget(args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let names: Names = args.iter().collect();
    let keys = cx.db().shared(&names);
    let texts: Vec<_> = names.iter().map(|name| text(&keys, name)).collect();
    drop(keys);
    Ok(Reply::Array(texts.into_iter().map(text_or_null).collect()))
}

/// The string of a key; none for a value of another type.
fn text(keys: &Shared, name: &[u8]) -> Option<ReplyText> {
    let string = keys.get(name, Accounting::Used).and_then(|entry| entry.value().as_string().ok());
    string.map(|string| string.for_reply())
}
