//! `DEL key [key …]`, `UNLINK key [key …]`: removes the keys atomically. Both free large values in
//! the background.

use super::{BY_ARGUMENTS, Names};
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec};
use crate::journal::Record;
use crate::keyspace::event;
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
    complexity: "O(N) for N keys",
    summary: "Remove keys; memory of large values is freed in the background",
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
    complexity: "O(N) for N keys",
    summary: "The same as DEL, which frees large values in the background too",
    syntax: "key...",
    tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
    weight: BY_ARGUMENTS,
    run: Run::Write(del),
};

fn del(args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let names: Names = args.iter().collect();
    let mut keys = cx.db().exclusive(&names);
    let mut removed = 0;
    for name in &names {
        if keys.remove(name) {
            keys.notify(event::DEL, name);
            removed += 1;
        }
    }
    if removed > 0 {
        keys.commit(record);
    }
    Ok(Reply::count(removed))
}
