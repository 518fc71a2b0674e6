//! `INCR key`, `DECR key`, `INCRBY key number`, `DECRBY key number`: changes the integer of a key.
//! A missing key counts as 0.

use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight};
use crate::journal::Record;
use crate::keyspace::{StringValue, Value, event};
use crate::resp::{Error, Reply};

pub(in crate::commands) const INCR: Spec = Spec {
    name: "incr",
    arity: Arity::Exactly(2),
    flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST),
    keys: &[Keys::at(1, &["RW", "access", "update"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::String,
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Add 1 to the integer under a key; a missing key counts as 0",
    syntax: "key",
    tips: &[],
    weight: Weight::Light,
    run: Run::Write(|mut args, cx, record| add(args.bytes()?, 1, cx, record)),
};

pub(in crate::commands) const DECR: Spec = Spec {
    name: "decr",
    arity: Arity::Exactly(2),
    flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST),
    keys: &[Keys::at(1, &["RW", "access", "update"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::String,
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Take 1 from the integer under a key; a missing key counts as 0",
    syntax: "key",
    tips: &[],
    weight: Weight::Light,
    run: Run::Write(|mut args, cx, record| add(args.bytes()?, -1, cx, record)),
};

pub(in crate::commands) const INCRBY: Spec = Spec {
    name: "incrby",
    arity: Arity::Exactly(3),
    flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST),
    keys: &[Keys::at(1, &["RW", "access", "update"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::String,
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Add a number to the integer under a key; a missing key counts as 0",
    syntax: "key increment:integer",
    tips: &[],
    weight: Weight::Light,
    run: Run::Write(|mut args, cx, record| add(args.bytes()?, args.integer()?, cx, record)),
};

pub(in crate::commands) const DECRBY: Spec = Spec {
    name: "decrby",
    arity: Arity::Exactly(3),
    flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST),
    keys: &[Keys::at(1, &["RW", "access", "update"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::String,
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Take a number from the integer under a key; a missing key counts as 0",
    syntax: "key decrement:integer",
    tips: &[],
    weight: Weight::Light,
    run: Run::Write(|mut args, cx, record| add(args.bytes()?, negated(args.integer()?)?, cx, record)),
};

fn negated(number: i64) -> Result<i64, Error> {
    number.checked_neg().ok_or(Error::new("ERR decrement would overflow"))
}

fn add(key: &[u8], number: i64, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let mut keys = cx.db().exclusive(&[key]);
    let present = match keys.string(key)? {
        Some(string) => string.as_integer().ok_or(Error::not_an_integer())?,
        None => 0,
    };
    let sum = present.checked_add(number);
    let sum = sum.ok_or(Error::new("ERR increment or decrement would overflow"))?;
    keys.put_keeping_deadline(key, Value::String(StringValue::integer(sum)));
    keys.notify(event::INCRBY, key);
    keys.commit(record);
    Ok(Reply::Integer(sum))
}
