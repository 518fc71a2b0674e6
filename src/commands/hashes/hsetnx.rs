//! `HSETNX key field value`: sets a field that does not exist.

use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight};
use crate::journal::Record;
use crate::keyspace::{Deadline, event};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "hsetnx",
    arity: Arity::Exactly(4),
    flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST),
    keys: &[Keys::at(1, &["RW", "insert"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Hash,
    since: "2.0.0",
    complexity: "O(1)",
    summary: "Store a field that the hash does not have yet",
    syntax: "key field value",
    tips: &[],
    weight: Weight::Light,
    run: Run::Write(set_if_absent),
};

fn set_if_absent(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let field = args.bytes()?;
    let value = args.bytes()?;
    let mut keys = cx.db().exclusive(&[key]);
    if keys.hash(key)?.is_some_and(|hash| hash.get(field).is_some()) {
        return Ok(Reply::Integer(0));
    }
    keys.edit_hash(key, |hash| hash.set(field, value, Deadline::NEVER))?;
    keys.notify_parts(event::HSET, key, [field]);
    keys.commit(record);
    Ok(Reply::Integer(1))
}
