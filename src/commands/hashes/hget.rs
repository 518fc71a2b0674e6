//! `HGET key field`, `HEXISTS key field`, `HSTRLEN key field`: one field.

use super::value_or_null;
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight};
use crate::compressed::Stored;
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const HGET: Spec = Spec {
    name: "hget",
    arity: Arity::Exactly(3),
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[Keys::at(1, &["RO", "access"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Hash,
    since: "2.0.0",
    complexity: "O(1)",
    summary: "Value of one field, or null",
    syntax: "key field",
    tips: &[],
    weight: Weight::Light,
    run: Run::Read(|args, cx| field_reply(args, cx, value_or_null)),
};

pub(in crate::commands) const HEXISTS: Spec = Spec {
    name: "hexists",
    arity: Arity::Exactly(3),
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[Keys::at(1, &["RO"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Hash,
    since: "2.0.0",
    complexity: "O(1)",
    summary: "1 if the hash has this field, else 0",
    syntax: "key field",
    tips: &[],
    weight: Weight::Light,
    run: Run::Read(|args, cx| field_reply(args, cx, |value| Reply::count(usize::from(value.is_some())))),
};

pub(in crate::commands) const HSTRLEN: Spec = Spec {
    name: "hstrlen",
    arity: Arity::Exactly(3),
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[Keys::at(1, &["RO"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Hash,
    since: "3.2.0",
    complexity: "O(1)",
    summary: "How many bytes the value of a field has; 0 if there is none",
    syntax: "key field",
    tips: &[],
    weight: Weight::Light,
    run: Run::Read(|args, cx| {
        field_reply(args, cx, |value| Reply::count(value.map_or(0, |value| value.len())))
    }),
};

/// The reply that `to_reply` makes of the value of a field, if there is one.
fn field_reply(mut args: Args, cx: &Context, to_reply: fn(Option<Stored>) -> Reply) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let field = args.bytes()?;
    let reply = cx.db().hash(key, |hash| to_reply(hash.get(field)))?;
    Ok(reply.unwrap_or_else(|| to_reply(None)))
}
