//! `HINCRBY key field number`, `HINCRBYFLOAT key field number`: changes the number in a field. A
//! missing field counts as 0. The deadline of the field stays.

use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight};
use crate::compressed::Stored;
use crate::journal::Record;
use crate::keyspace::{Deadline, EventKind, event};
use crate::long_double::LongDouble;
use crate::resp::{Args, Error, Reply, parse_integer};

pub(in crate::commands) const HINCRBY: Spec = Spec {
    name: "hincrby",
    arity: Arity::Exactly(4),
    flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST),
    keys: &[Keys::at(1, &["RW", "access", "update"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Hash,
    since: "2.0.0",
    complexity: "O(1)",
    summary: "Add an integer to a field; a missing field counts as 0",
    syntax: "key field increment:integer",
    tips: &[],
    weight: Weight::Light,
    run: Run::Write(add),
};

pub(in crate::commands) const HINCRBYFLOAT: Spec = Spec {
    name: "hincrbyfloat",
    arity: Arity::Exactly(4),
    flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST),
    keys: &[Keys::at(1, &["RW", "access", "update"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Hash,
    since: "2.6.0",
    complexity: "O(1)",
    summary: "Add a number with a fraction to a field; a missing field counts as 0",
    syntax: "key field increment:double",
    tips: &[],
    weight: Weight::Light,
    run: Run::Write(add_float),
};

fn add(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let field = args.bytes()?;
    let number: i64 = args.integer()?;
    let sum = |present: Option<&[u8]>| {
        let present = present.map_or(Some(0), parse_integer);
        let present = present.ok_or(Error::new("ERR hash value is not an integer"))?;
        present.checked_add(number).ok_or(Error::new("ERR increment or decrement would overflow"))
    };
    replace((key, field), event::HINCRBY, cx, |present| {
        sum(present).map(|sum| (sum.to_string(), Reply::Integer(sum), record))
    })
}

fn add_float(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let field = args.bytes()?;
    let number = LongDouble::parse(args.bytes()?).ok_or(Error::not_a_float())?;
    if number.is_infinite() {
        return Err(Error::new("ERR value is NaN or Infinity"));
    }
    let sum = |present: Option<&[u8]>| {
        let present = present.map_or(Some(LongDouble::ZERO), LongDouble::parse);
        let present = present.ok_or(Error::new("ERR hash value is not a float"))?;
        present.checked_add(number).ok_or(Error::new("ERR increment would produce NaN or Infinity"))
    };
    replace((key, field), event::HINCRBYFLOAT, cx, |present| {
        let text = sum(present)?.text();
        let words = [b"HSETEX", key, b"KEEPTTL", b"FIELDS", b"1", field, text.as_bytes()];
        let record = record.instead(|effects| effects.command::<&[u8]>(&words));
        Ok((text.clone(), Reply::bulk(text), record))
    })
}

/// Replaces the value of a field by what `change` makes of it, and returns its reply.
fn replace<'a>(
    (key, field): (&[u8], &[u8]),
    kind: EventKind,
    cx: &Context,
    change: impl FnOnce(Option<&[u8]>) -> Result<(String, Reply, Record<'a>), Error>,
) -> Result<Reply, Error> {
    let mut keys = cx.db().exclusive(&[key]);
    let hash = keys.hash(key)?;
    let present = hash.and_then(|hash| hash.get(field)).map(Stored::text);
    let (text, reply, record) = change(present.as_deref())?;
    let deadline = hash.and_then(|hash| hash.deadline(field)).unwrap_or(Deadline::NEVER);
    keys.edit_hash(key, |hash| hash.set(field, text.as_bytes(), deadline))?;
    keys.notify_parts(kind, key, [field]);
    keys.commit(record);
    Ok(reply)
}
