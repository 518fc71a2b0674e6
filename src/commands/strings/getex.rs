//! `GETEX key [EX seconds|PX milliseconds|EXAT time|PXAT time|PERSIST]`: the string of a key, whose
//! deadline may change.

use super::expiry::ExpiryOptions;
use crate::commands::keys::expire::expire_at;
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight};
use crate::journal::Record;
use crate::keyspace::{Deadline, StringRef, event};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "getex",
    arity: Arity::AtLeast(2),
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[
        Keys::at(1, &["RW", "access", "update"]).noted("The expiry may change: UPDATE, and RW instead of RO")
    ],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::String,
    since: "6.2.0",
    complexity: "O(1)",
    summary: "The string under a key, which may be given another expiry with that",
    syntax: "key [expiration(EX seconds:integer|PX milliseconds:integer|EXAT unix-time-seconds:unix-time|\
        PXAT unix-time-milliseconds:unix-time|PERSIST)]",
    tips: &[],
    weight: Weight::Light,
    run: Run::Write(getex),
};

fn getex(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let mut words = ExpiryOptions::default();
    while !args.is_empty() {
        if !words.take(&mut args, "PERSIST") {
            return Err(Error::syntax());
        }
    }
    let mut keys = cx.db().exclusive(&[key]);
    keys.count_lookup(key);
    let Some(text) = keys.string(key)?.map(StringRef::for_reply) else { return Ok(Reply::Null) };
    // The number is parsed only now: without the key, a wrong number is no error.
    match words.deadline_ms(SPEC.name, || cx.now_ms())? {
        Some(deadline_ms) => expire_at(keys, key, deadline_ms, record),
        None if words.instead && keys.deadline(key) != Deadline::NEVER => {
            keys.set_deadline(key, Deadline::NEVER);
            keys.notify(event::PERSIST, key);
            keys.commit(record.instead(|effects| effects.command(&[b"PERSIST", key])));
        }
        None => {}
    }
    Ok(Reply::Bulk(text.into_bytes()))
}
