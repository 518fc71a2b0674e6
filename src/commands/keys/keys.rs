//! `KEYS pattern`: all keys that match a pattern.

use bytes::Bytes;

use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight, glob};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "keys",
    arity: Arity::Exactly(2),
    flags: Flags::READONLY.and(Flags::DANGEROUS),
    keys: &[],
    scope: Scope::AllKeys,
    redact: None,
    group: Group::Generic,
    since: "1.0.0",
    complexity: "O(N) for N keys of the database, times the cost of a match",
    summary: "Keys that match a glob pattern, all in one reply: SCAN does it in steps",
    syntax: "pattern:pattern",
    tips: &["request_policy:all_shards", "nondeterministic_output_order"],
    weight: Weight::Heavy,
    run: Run::Read(keys),
};

fn keys(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let pattern = args.bytes()?;
    let mut found = Vec::new();
    cx.db().for_each(|entry| {
        if glob::matches(pattern, entry.key()) {
            found.push(Reply::Bulk(Bytes::copy_from_slice(entry.key())));
        }
    });
    Ok(Reply::Array(found))
}
