//! `MSET key value [key value …]`, `MSETNX …`: sets several keys atomically; MSETNX sets all of
//! them or none.

use super::value_of;
use crate::commands::keys::{BY_ARGUMENTS, Names};
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec};
use crate::journal::Record;
use crate::keyspace::{Deadline, Value, event};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const MSET: Spec = Spec {
    name: "mset",
    arity: Arity::AtLeast(3),
    flags: Flags::WRITE.and(Flags::DENYOOM),
    keys: &[Keys::from(1, &["OW", "update"]).every(2)],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::String,
    since: "1.0.1",
    complexity: "O(N) for N keys",
    summary: "Store several strings at one moment",
    syntax: "data(key value)...",
    tips: &["request_policy:multi_shard", "response_policy:all_succeeded"],
    weight: BY_ARGUMENTS,
    run: Run::Write(|args, cx, record| set_all("mset", args, cx, record, true).map(|_| Reply::OK)),
};

pub(in crate::commands) const MSETNX: Spec = Spec {
    name: "msetnx",
    arity: Arity::AtLeast(3),
    flags: Flags::WRITE.and(Flags::DENYOOM),
    keys: &[Keys::from(1, &["OW", "insert"]).every(2)],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::String,
    since: "1.0.1",
    complexity: "O(N) for N keys",
    summary: "Store several strings at one moment, if there is none of the keys",
    syntax: "data(key value)...",
    tips: &[],
    weight: BY_ARGUMENTS,
    run: Run::Write(|args, cx, record| {
        Ok(Reply::Integer(set_all("msetnx", args, cx, record, false)?.into()))
    }),
};

/// False if one of the keys existed and may not be replaced.
fn set_all(
    command: &str,
    args: Args,
    cx: &mut Context,
    record: Record,
    replace: bool,
) -> Result<bool, Error> {
    if !args.remaining().is_multiple_of(2) {
        return Err(Error::wrong_arity(command));
    }
    let names: Names = args.iter().step_by(2).collect();
    let values: Vec<Value> = args.iter().skip(1).step_by(2).map(value_of).collect();
    let mut keys = cx.db().exclusive(&names);
    if !replace && names.iter().any(|name| keys.get(name).is_some()) {
        return Ok(false);
    }
    for (name, value) in names.iter().zip(values) {
        keys.overwrite(name, value, Some(Deadline::NEVER));
        keys.notify(event::SET, name);
    }
    keys.commit(record);
    Ok(true)
}
