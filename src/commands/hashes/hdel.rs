//! `HDEL key field [field …]`: removes fields, and the key with the last of them.

use crate::commands::keys::{BY_ARGUMENTS, Names};
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec};
use crate::journal::Record;
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "hdel",
    arity: Arity::AtLeast(3),
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[Keys::at(1, &["RW", "delete"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Hash,
    since: "2.0.0",
    complexity: "O(N) for N fields",
    summary: "Remove fields; with its last field a hash is removed too",
    syntax: "key field...",
    tips: &[],
    weight: BY_ARGUMENTS,
    run: Run::Write(remove),
};

fn remove(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let mut keys = cx.db().exclusive(&[key]);
    if !keys.hash(key)?.is_some_and(|hash| args.iter().any(|field| hash.get(field).is_some())) {
        return Ok(Reply::Integer(0));
    }
    let removed: Names =
        keys.edit_hash(key, |hash| args.iter().filter(|field| hash.remove(field)).collect())?;
    keys.notify_removed(key, removed.iter().copied());
    keys.commit(record);
    Ok(Reply::count(removed.len()))
}
