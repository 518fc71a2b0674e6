//! `STRLEN key`: the length of a string in bytes; 0 if there is no key.

use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "strlen",
    arity: Arity::Exactly(2),
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[Keys::at(1, &["RO"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::String,
    since: "2.2.0",
    complexity: "O(1)",
    summary: "How many bytes a string has; 0 if there is no key",
    syntax: "key",
    tips: &[],
    weight: Weight::Light,
    run: Run::Read(strlen),
};

fn strlen(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    Ok(Reply::count(cx.db().read_string(args.bytes()?, |string| string.len())?.unwrap_or(0)))
}
