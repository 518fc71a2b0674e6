//! `HGETALL key`, `HKEYS key`, `HVALS key`: all fields, as pairs, names or values.

use super::{BY_LENGTH, bulk, value_bulk};
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec};
use crate::compressed::Stored;
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const HGETALL: Spec = Spec {
    name: "hgetall",
    arity: Arity::Exactly(2),
    flags: Flags::READONLY,
    keys: &[Keys::at(1, &["RO", "access"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Hash,
    since: "2.0.0",
    complexity: "O(N) for N fields",
    summary: "Every field with its value",
    syntax: "key",
    tips: &["nondeterministic_output_order"],
    weight: BY_LENGTH,
    run: Run::Read(|args, cx| all(args, cx, |field, value| (bulk(field), value_bulk(value))).map(Reply::Map)),
};

pub(in crate::commands) const HKEYS: Spec = Spec {
    name: "hkeys",
    arity: Arity::Exactly(2),
    flags: Flags::READONLY,
    keys: &[Keys::at(1, &["RO", "access"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Hash,
    since: "2.0.0",
    complexity: "O(N) for N fields",
    summary: "The name of every field",
    syntax: "key",
    tips: &["nondeterministic_output_order"],
    weight: BY_LENGTH,
    run: Run::Read(|args, cx| all(args, cx, |field, _| bulk(field)).map(Reply::Array)),
};

pub(in crate::commands) const HVALS: Spec = Spec {
    name: "hvals",
    arity: Arity::Exactly(2),
    flags: Flags::READONLY,
    keys: &[Keys::at(1, &["RO", "access"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Hash,
    since: "2.0.0",
    complexity: "O(N) for N fields",
    summary: "The value of every field",
    syntax: "key",
    tips: &["nondeterministic_output_order"],
    weight: BY_LENGTH,
    run: Run::Read(|args, cx| all(args, cx, |_, value| value_bulk(value)).map(Reply::Array)),
};

/// What `to_reply` makes of each field and its value; empty if there is no such key.
fn all<R>(mut args: Args, cx: &Context, to_reply: fn(&[u8], Stored) -> R) -> Result<Vec<R>, Error> {
    let key = args.bytes()?;
    let replies =
        cx.db().hash(key, |hash| hash.iter().map(|(field, value, _)| to_reply(field, value)).collect())?;
    Ok(replies.unwrap_or_default())
}
