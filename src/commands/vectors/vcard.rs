//! `VCARD key`: the number of elements of a vector set.

use super::{KEY, READ_FAST, look_at_set};
use crate::commands::{Arity, Context, Group, Run, Scope, Spec, Weight};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "VCARD",
    arity: Arity::Exactly(2),
    flags: READ_FAST,
    keys: KEY,
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(1)",
    summary: "Count the elements",
    syntax: "key",
    tips: &[],
    weight: Weight::Light,
    run: Run::Read(vcard),
};

fn vcard(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let len = look_at_set(cx, args.bytes()?, |set| set.len())?;
    Ok(Reply::count(len.unwrap_or(0)))
}
