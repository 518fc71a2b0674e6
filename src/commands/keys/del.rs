//! `DEL key [key …]`, `UNLINK key [key …]`: the keys are gone at one moment. Large values are freed elsewhere in both.

use super::{BY_ARGUMENTS, Names};
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec};
use crate::journal::Record;
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const DEL: Spec = Spec {
    name: "del",
    arity: Arity::AtLeast(2),
    flags: Flags::WRITE,
    keys: &[Keys::from(1, &["RM", "delete"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Generic,
    since: "1.0.0",
    complexity: "O(N) where N is the number of keys that will be removed. When a key to remove holds a value other than a string, the individual complexity for this key is O(M) where M is the number of elements in the list, set, sorted set or hash. Removing a single key that holds a string value is O(1).",
    summary: "Deletes one or more keys.",
    syntax: "key...",
    tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
    weight: BY_ARGUMENTS,
    run: Run::Write(del),
};

pub(in crate::commands) const UNLINK: Spec = Spec {
    name: "unlink",
    arity: Arity::AtLeast(2),
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[Keys::from(1, &["RM", "delete"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Generic,
    since: "4.0.0",
    complexity: "O(1) for each key removed regardless of its size. Then the command does O(N) work in a different thread in order to reclaim memory, where N is the number of allocations the deleted objects where composed of.",
    summary: "Asynchronously deletes one or more keys.",
    syntax: "key...",
    tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
    weight: BY_ARGUMENTS,
    run: Run::Write(del),
};

fn del(args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let names: Names = args.iter().collect();
    let mut keys = cx.db().exclusive(&names);
    let removed = names.iter().filter(|name| keys.remove(name)).count();
    if removed > 0 {
        keys.commit(record);
    }
    Ok(Reply::count(removed))
}
