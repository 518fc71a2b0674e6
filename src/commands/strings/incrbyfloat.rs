//! `INCRBYFLOAT key number`: changes the number of a key. A missing key counts as 0.

use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight};
use crate::journal::Record;
use crate::keyspace::{StringValue, Value, event};
use crate::long_double::LongDouble;
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "incrbyfloat",
    arity: Arity::Exactly(3),
    flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST),
    keys: &[Keys::at(1, &["RW", "access", "update"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::String,
    since: "2.6.0",
    complexity: "O(1)",
    summary: "Add a number with a fraction to that under a key; a missing key counts as 0",
    syntax: "key increment:double",
    tips: &[],
    weight: Weight::Light,
    run: Run::Write(incrbyfloat),
};

fn incrbyfloat(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let increment = args.bytes()?;
    let mut keys = cx.db().exclusive(&[key]);
    let present = keys.string(key)?.map_or(Ok(LongDouble::ZERO), |string| number(&string.text()))?;
    let sum = present.checked_add(number(increment)?);
    let sum = sum.ok_or(Error::new("ERR increment would produce NaN or Infinity"))?.text();
    keys.put_keeping_deadline(key, Value::String(StringValue::written(sum.as_bytes())));
    keys.notify(event::INCRBYFLOAT, key);
    keys.commit(record.instead(|effects| effects.command(&[b"SET", key, sum.as_bytes(), b"KEEPTTL"])));
    Ok(Reply::bulk(sum))
}

fn number(text: &[u8]) -> Result<LongDouble, Error> {
    LongDouble::parse(text).ok_or(Error::not_a_float())
}
