//! `RENAME key newkey`, `RENAMENX key newkey`: moves the value and its deadline to another key,
//! atomically.

use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight};
use crate::journal::Record;
use crate::keyspace::event;
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const RENAME: Spec = Spec {
    name: "rename",
    arity: Arity::Exactly(3),
    flags: Flags::WRITE,
    keys: &[Keys::at(1, &["RW", "access", "delete"]), Keys::at(2, &["OW", "update"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Generic,
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Give a value another key, in place of what has that key",
    syntax: "key newkey:key",
    tips: &[],
    weight: Weight::Light,
    run: Run::Write(|args, cx, record| rename(args, cx, record, true).map(|_| Reply::OK)),
};

pub(in crate::commands) const RENAMENX: Spec = Spec {
    name: "renamenx",
    arity: Arity::Exactly(3),
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[Keys::at(1, &["RW", "access", "delete"]), Keys::at(2, &["OW", "insert"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Generic,
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Give a value another key, if nothing has that key",
    syntax: "key newkey:key",
    tips: &[],
    weight: Weight::Light,
    run: Run::Write(|args, cx, record| Ok(Reply::Integer(rename(args, cx, record, false)?.into()))),
};

/// False if the new key existed and may not be replaced.
fn rename(mut args: Args, cx: &mut Context, record: Record, replace: bool) -> Result<bool, Error> {
    let from = args.bytes()?;
    let to = args.bytes()?;
    let mut keys = cx.db().exclusive(&[from, to]);
    if keys.get(from).is_none() {
        return Err(Error::no_such_key());
    }
    if from == to || !replace && keys.get(to).is_some() {
        return Ok(false);
    }
    if let Some(taken) = keys.take(from) {
        let before = keys.put_taken(to, taken);
        keys.notify(event::RENAME_FROM, from);
        keys.notify(event::RENAME_TO, to);
        keys.notify_taken(to, before);
        keys.commit(record);
    }
    Ok(true)
}
