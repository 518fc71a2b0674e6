//! `HLEN key`: the number of fields that have not expired.

use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "hlen",
    arity: Arity::Exactly(2),
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[Keys::at(1, &["RO"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Hash,
    since: "2.0.0",
    complexity: "O(1)",
    summary: "Count the fields of a hash",
    syntax: "key",
    tips: &[],
    weight: Weight::Light,
    run: Run::Read(len),
};

fn len(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let len = cx.db().hash(args.bytes()?, |hash| hash.len())?;
    Ok(Reply::count(len.unwrap_or(0)))
}
