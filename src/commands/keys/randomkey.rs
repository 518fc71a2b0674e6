//! `RANDOMKEY`: a key chosen uniformly.

use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "randomkey",
    arity: Arity::Exactly(1),
    flags: Flags::READONLY,
    keys: &[],
    scope: Scope::AllKeys,
    redact: None,
    group: Group::Generic,
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Any one of the keys, by chance",
    syntax: "",
    tips: &["request_policy:all_shards", "response_policy:special", "nondeterministic_output"],
    weight: Weight::Light,
    run: Run::Read(randomkey),
};

fn randomkey(_: Args, cx: &mut Context) -> Result<Reply, Error> {
    Ok(cx.db().random_key().map_or(Reply::Null, Reply::bulk))
}
