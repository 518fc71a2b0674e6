//! `DBSIZE`: the number of keys that have not expired.

use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "dbsize",
    arity: Arity::Exactly(1),
    flags: Flags::READONLY.and(Flags::FAST).and(Flags::KEYSPACE),
    keys: &[],
    scope: Scope::AllKeys,
    redact: None,
    group: Group::Server,
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Count the keys of this database",
    syntax: "",
    tips: &["request_policy:all_shards", "response_policy:agg_sum"],
    weight: Weight::Light,
    run: Run::Read(dbsize),
};

fn dbsize(_: Args, cx: &mut Context) -> Result<Reply, Error> {
    Ok(Reply::count(cx.db().census().keys))
}
