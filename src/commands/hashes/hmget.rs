//! `HMGET key field [field …]`: the values of fields.

use super::value_or_null;
use crate::commands::keys::BY_ARGUMENTS;
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "hmget",
    arity: Arity::AtLeast(3),
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[Keys::at(1, &["RO", "access"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Hash,
    since: "2.0.0",
    complexity: "O(N) for N fields",
    summary: "Value of each named field, null where there is none",
    syntax: "key field...",
    tips: &[],
    weight: BY_ARGUMENTS,
    run: Run::Read(values),
};

fn values(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let values =
        cx.db().hash(key, |hash| args.iter().map(|field| value_or_null(hash.get(field))).collect())?;
    Ok(Reply::Array(values.unwrap_or_else(|| vec![Reply::Null; args.remaining()])))
}
