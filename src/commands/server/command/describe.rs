//! One command as `COMMAND INFO` shows it.

use crate::commands::registry::Command;
use crate::commands::spec::Keys;
use crate::commands::{Flags, Spec};
use crate::resp::Reply;

/// Ten fields: name, arity, flags, first key, last key, step, ACL categories, tips, key specs, subcommands.
pub(super) fn command(command: &Command) -> Reply {
    let spec = command.spec;
    let (first, last, step) = key_range(spec.keys);
    Reply::Array(vec![
        Reply::bulk(spec.name),
        Reply::Integer(spec.arity.as_redis()),
        Reply::Set(spec.flags.names().map(Reply::Simple).collect()),
        Reply::Integer(first),
        Reply::Integer(last),
        Reply::Integer(step),
        Reply::Set(categories(spec).into_iter().map(Reply::Simple).collect()),
        Reply::Set(Vec::new()),
        Reply::Set(spec.keys.iter().map(key_spec).collect()),
        subcommands(command),
    ])
}

/// None are an empty set in Redis, some are an array.
fn subcommands(command: &Command) -> Reply {
    let subcommands: Vec<_> = command.subcommands().into_iter().map(self::command).collect();
    if subcommands.is_empty() { Reply::Set(subcommands) } else { Reply::Array(subcommands) }
}

/// The three numbers that old clients know: they span all key specs.
fn key_range(keys: &[Keys]) -> (i64, i64, i64) {
    let (Some(first), Some(last)) = (keys.first(), keys.last()) else { return (0, 0, 0) };
    let end = if last.last < 0 { 0 } else { i64::from(last.begin) };
    (i64::from(first.begin), end + i64::from(last.last), i64::from(first.step))
}

/// ACL categories follow from flags and group. As in Redis, vector commands have none.
pub(super) fn categories(spec: &Spec) -> Vec<&'static str> {
    let has = |flag| spec.flags.has(flag);
    if has(Flags::MODULE) {
        return Vec::new();
    }
    let is_container = spec.last_name() == spec.name && !spec.subcommands().is_empty();
    let dangerous = has(Flags::ADMIN) || has(Flags::DANGEROUS);
    let by_flag = [
        ("@write", has(Flags::WRITE)),
        ("@read", has(Flags::READONLY)),
        ("@admin", has(Flags::ADMIN) || has(Flags::ADMIN_CATEGORY)),
        (if has(Flags::FAST) { "@fast" } else { "@slow" }, true),
        ("@dangerous", dangerous),
        ("@connection", has(Flags::CONNECTION)),
        ("@keyspace", has(Flags::KEYSPACE)),
    ];
    let set = by_flag.into_iter().filter(|(_, set)| *set).map(|(name, _)| name);
    set.chain(spec.group.category().filter(|_| !is_container)).collect()
}

fn key_spec(keys: &Keys) -> Reply {
    let pair = |key: &'static str, value: Reply| (Reply::bulk(key), value);
    let search = |kind: &'static str, spec: Vec<(Reply, Reply)>| {
        Reply::Map(vec![pair("type", Reply::bulk(kind)), pair("spec", Reply::Map(spec))])
    };
    let begin = vec![pair("index", Reply::Integer(keys.begin.into()))];
    let range = vec![
        pair("lastkey", Reply::Integer(keys.last.into())),
        pair("keystep", Reply::Integer(keys.step.into())),
        pair("limit", Reply::Integer(0)),
    ];
    Reply::Map(vec![
        pair("flags", Reply::Set(keys.access.iter().copied().map(Reply::Simple).collect())),
        pair("begin_search", search("index", begin)),
        pair("find_keys", search("range", range)),
    ])
}
