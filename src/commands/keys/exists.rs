//! `EXISTS key [key …]`, `TOUCH key [key …]`: how many of the keys exist; a repeated key counts
//! each time.

use super::{BY_ARGUMENTS, Names};
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec};
use crate::keyspace::Accounting;
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const EXISTS: Spec = Spec {
    name: "exists",
    arity: Arity::AtLeast(2),
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[Keys::from(1, &["RO"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Generic,
    since: "1.0.0",
    complexity: "O(N) for N keys",
    summary: "How many of these keys there are; one that is named twice counts twice",
    syntax: "key...",
    tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
    weight: BY_ARGUMENTS,
    run: Run::Read(|args, cx| count(args, cx, Accounting::Counted)),
};

pub(in crate::commands) const TOUCH: Spec = Spec {
    name: "touch",
    arity: Arity::AtLeast(2),
    flags: Flags::READONLY.and(Flags::FAST).and(Flags::ALWAYS_TOUCHES),
    keys: &[Keys::from(1, &["RO"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Generic,
    since: "3.2.1",
    complexity: "O(N) for N keys",
    summary: "Set the idle time of keys to 0; reply how many there are",
    syntax: "key...",
    tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
    weight: BY_ARGUMENTS,
    run: Run::Read(|args, cx| count(args, cx, Accounting::Used)),
};

fn count(args: Args, cx: &mut Context, tracking: Accounting) -> Result<Reply, Error> {
    let names: Names = args.iter().collect();
    let keys = cx.db().shared(&names);
    Ok(Reply::count(names.iter().filter(|name| keys.get(name, tracking).is_some()).count()))
}
