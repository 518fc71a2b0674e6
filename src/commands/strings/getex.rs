//! `GETEX key [EX seconds|PX milliseconds|EXAT time|PXAT time|PERSIST]`: the text of a key, and a new end for it.

use super::ending::EndingWords;
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Spec, Weight};
use crate::journal::Record;
use crate::keyspace::{Deadline, Exclusive, StringRef};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "getex",
    arity: Arity::AtLeast(2),
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[Keys::at(1, &["RW", "access", "update"]).noted("RW and UPDATE because it changes the TTL")],
    group: Group::String,
    since: "6.2.0",
    complexity: "O(1)",
    summary: "Returns the string value of a key after setting its expiration time.",
    syntax: "key [expiration(EX seconds:integer|PX milliseconds:integer|EXAT unix-time-seconds:unix-time|\
        PXAT unix-time-milliseconds:unix-time|PERSIST)]",
    tips: &[],
    weight: Weight::Light,
    run: Run::Write(getex),
};

fn getex(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let (key, mut words) = (args.bytes()?, EndingWords::default());
    while !args.is_empty() {
        if !words.take(&mut args, "PERSIST") {
            return Err(Error::syntax());
        }
    }
    let mut keys = cx.db().exclusive(&[key]);
    let Some(text) = keys.string(key)?.map(StringRef::to_bytes) else { return Ok(Reply::Null) };
    // Only now is the number looked at: a key that is not there forgives it.
    if change_end(&mut keys, key, &words)? {
        keys.commit(record);
    }
    Ok(Reply::Bulk(text))
}

/// True if something changed.
fn change_end(keys: &mut Exclusive, key: &[u8], words: &EndingWords) -> Result<bool, Error> {
    let now_ms = keys.now_ms();
    match words.end_ms(SPEC.name, || now_ms)? {
        Some(end_ms) if end_ms <= now_ms => Ok(keys.remove(key)),
        Some(end_ms) => Ok(keys.set_deadline(key, Deadline::at(end_ms))),
        None if words.instead && keys.deadline(key) != Deadline::NEVER => {
            Ok(keys.set_deadline(key, Deadline::NEVER))
        }
        None => Ok(false),
    }
}
