//! `GET key`, `GETDEL key`, `GETSET key value`: the string of a key. GETDEL also removes the key;
//! GETSET also sets another string.

use super::{text_or_null, value_of};
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight};
use crate::journal::Record;
use crate::keyspace::{Deadline, StringRef, event};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const GET: Spec = Spec {
    name: "get",
    arity: Arity::Exactly(2),
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[Keys::at(1, &["RO", "access"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::String,
    since: "1.0.0",
    complexity: "O(1)",
    summary: "The string under a key, or null",
    syntax: "key",
    tips: &[],
    weight: Weight::Light,
    run: Run::Read(get),
};

pub(in crate::commands) const GETDEL: Spec = Spec {
    name: "getdel",
    arity: Arity::Exactly(2),
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[Keys::at(1, &["RW", "access", "delete"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::String,
    since: "6.2.0",
    complexity: "O(1)",
    summary: "The string under a key, which is removed with that",
    syntax: "key",
    tips: &[],
    weight: Weight::Light,
    run: Run::Write(get_and_delete),
};

pub(in crate::commands) const GETSET: Spec = Spec {
    name: "getset",
    arity: Arity::Exactly(3),
    flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST),
    keys: &[Keys::at(1, &["RW", "access", "update"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::String,
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Store a string and reply the one that it replaces",
    syntax: "key value",
    tips: &[],
    weight: Weight::Light,
    run: Run::Write(get_and_set),
};

fn get(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let text = cx.db().read_string(args.bytes()?, |string| string.for_reply())?;
    Ok(text_or_null(text))
}

fn get_and_delete(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let mut keys = cx.db().exclusive(&[key]);
    keys.count_lookup(key);
    let Some(text) = keys.string(key)?.map(StringRef::for_reply) else { return Ok(Reply::Null) };
    keys.remove(key);
    keys.notify(event::DEL, key);
    keys.commit(record.instead(|effects| effects.command(&[b"DEL", key])));
    Ok(Reply::Bulk(text.into_bytes()))
}

fn get_and_set(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let text = args.bytes()?;
    let value = value_of(text);
    let mut keys = cx.db().exclusive(&[key]);
    keys.count_lookup(key);
    let before = keys.string(key)?.map(StringRef::for_reply);
    keys.overwrite(key, value, Some(Deadline::NEVER));
    keys.notify(event::SET, key);
    keys.commit(record.instead(|effects| effects.command(&[b"SET", key, text])));
    Ok(text_or_null(before))
}
