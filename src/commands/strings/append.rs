//! `APPEND key value`: extends a string. Spare room is reserved only if it is long and has grown
//! before.

use super::{check_len, value_of};
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight};
use crate::journal::Record;
use crate::keyspace::{Deadline, event};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "append",
    arity: Arity::Exactly(3),
    flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST),
    keys: &[Keys::at(1, &["RW", "insert"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::String,
    since: "2.0.0",
    complexity: "O(M) amortised for M bytes that are added",
    summary: "Add bytes to the end of a string; a missing key counts as empty",
    syntax: "key value",
    tips: &[],
    weight: Weight::Light,
    run: Run::Write(append),
};

fn append(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let tail = args.bytes()?;
    let mut keys = cx.db().exclusive(&[key]);
    let Some(present) = keys.string(key)? else {
        keys.put(key, value_of(tail), Deadline::NEVER);
        keys.notify(event::APPEND, key);
        keys.commit(record);
        return Ok(Reply::count(tail.len()));
    };
    let len = present.len() + tail.len();
    check_len(len, cx)?;
    keys.edit_string(key, |text| text.append(tail))?;
    keys.notify(event::APPEND, key);
    keys.commit(record);
    Ok(Reply::count(len))
}
