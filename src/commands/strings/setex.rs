//! `SETEX key seconds value`, `PSETEX key milliseconds value`, `SETNX key value`: older forms of
//! SET with one option.

use super::expiry::{deadline_ms, set_until};
use super::value_of;
use crate::commands::keys::lifetime::Lifetime;
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight};
use crate::journal::Record;
use crate::keyspace::{Deadline, event};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SETEX: Spec = Spec {
    name: "setex",
    arity: Arity::Exactly(4),
    flags: Flags::WRITE.and(Flags::DENYOOM),
    keys: &[Keys::at(1, &["OW", "update"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::String,
    since: "2.0.0",
    complexity: "O(1)",
    summary: "Store a string that expires after some seconds",
    syntax: "key seconds:integer value",
    tips: &[],
    weight: Weight::Light,
    run: Run::Write(|args, cx, record| set_for("setex", Lifetime::EX, args, cx, record)),
};

pub(in crate::commands) const PSETEX: Spec = Spec {
    name: "psetex",
    arity: Arity::Exactly(4),
    flags: Flags::WRITE.and(Flags::DENYOOM),
    keys: &[Keys::at(1, &["OW", "update"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::String,
    since: "2.6.0",
    complexity: "O(1)",
    summary: "Store a string that expires after some milliseconds",
    syntax: "key milliseconds:integer value",
    tips: &[],
    weight: Weight::Light,
    run: Run::Write(|args, cx, record| set_for("psetex", Lifetime::PX, args, cx, record)),
};

pub(in crate::commands) const SETNX: Spec = Spec {
    name: "setnx",
    arity: Arity::Exactly(3),
    flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST),
    keys: &[Keys::at(1, &["OW", "insert"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::String,
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Store a string under a key that does not exist yet",
    syntax: "key value",
    tips: &[],
    weight: Weight::Light,
    run: Run::Write(set_if_absent),
};

fn set_for(
    command: &str,
    lifetime: Lifetime,
    mut args: Args,
    cx: &mut Context,
    record: Record,
) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let number = args.integer()?;
    let text = args.bytes()?;
    let value = value_of(text);
    let deadline_ms = deadline_ms(command, lifetime, number, cx.now_ms())?;
    let mut keys = cx.db().exclusive(&[key]);
    keys.overwrite(key, value, Some(Deadline::at(deadline_ms)));
    keys.notify(event::SET, key);
    keys.notify(event::EXPIRE, key);
    keys.commit(set_until(record, key, text, deadline_ms));
    Ok(Reply::OK)
}

fn set_if_absent(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let value = value_of(args.bytes()?);
    let mut keys = cx.db().exclusive(&[key]);
    if keys.get(key).is_some() {
        return Ok(Reply::Integer(0));
    }
    keys.put(key, value, Deadline::NEVER);
    keys.notify(event::SET, key);
    keys.commit(record);
    Ok(Reply::Integer(1))
}
