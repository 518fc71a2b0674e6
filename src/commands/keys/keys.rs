//! `KEYS pattern`: all keys that fit a pattern.

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
    complexity: "O(N) with N being the number of keys in the database, under the assumption that the key names in the database and the given pattern have limited length.",
    summary: "Returns all key names that match a pattern.",
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
