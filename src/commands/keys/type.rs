//! `TYPE key`: the type of its value.

use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight};
use crate::keyspace::Accounting;
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "type",
    arity: Arity::Exactly(2),
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[Keys::at(1, &["RO"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Generic,
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Name of the type of a value: string, hash, vectorset, or none",
    syntax: "key",
    tips: &[],
    weight: Weight::Light,
    run: Run::Read(type_of),
};

fn type_of(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let name = cx.db().lookup(args.bytes()?, Accounting::Counted, |entry| entry.value().type_name());
    Ok(Reply::Simple(name.unwrap_or("none")))
}
