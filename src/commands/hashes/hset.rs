//! `HSET key field value [field value …]`, `HMSET …`: sets fields, and removes their deadlines.

use crate::commands::keys::BY_ARGUMENTS;
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec};
use crate::journal::Record;
use crate::keyspace::{Deadline, Hash, event};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const HSET: Spec = Spec {
    name: "hset",
    arity: Arity::AtLeast(4),
    flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST),
    keys: &[Keys::at(1, &["RW", "update"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Hash,
    since: "2.0.0",
    complexity: "O(N) for N fields",
    summary: "Store fields, in a new hash if there is none; reply how many are new",
    syntax: "key data(field value)...",
    tips: &[],
    weight: BY_ARGUMENTS,
    run: Run::Write(|args, cx, record| set("hset", args, cx, record).map(Reply::count)),
};

pub(in crate::commands) const HMSET: Spec = Spec {
    name: "hmset",
    arity: Arity::AtLeast(4),
    flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST),
    keys: &[Keys::at(1, &["RW", "update"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Hash,
    since: "2.0.0",
    complexity: "O(N) for N fields",
    summary: "HSET with OK as the reply",
    syntax: "key data(field value)...",
    tips: &[],
    weight: BY_ARGUMENTS,
    run: Run::Write(|args, cx, record| set("hmset", args, cx, record).map(|_| Reply::OK)),
};

/// Returns how many fields are new.
fn set(command: &str, mut args: Args, cx: &Context, record: Record) -> Result<usize, Error> {
    let key = args.bytes()?;
    if args.remaining() % 2 == 1 {
        return Err(Error::wrong_arity(command));
    }
    let mut keys = cx.db().exclusive(&[key]);
    let added = keys.edit_hash(key, |hash| set_pairs(hash, args))?;
    keys.notify_parts(event::HSET, key, args.iter().step_by(2));
    keys.commit(record);
    Ok(added)
}

fn set_pairs(hash: &mut Hash, mut pairs: Args) -> usize {
    let mut added = 0;
    while let (Some(field), Some(value)) = (pairs.take(), pairs.take()) {
        added += usize::from(hash.set(field, value, Deadline::NEVER));
    }
    added
}
