//! `SETRANGE key offset value`: overwrites a part of a string; the gap between its end and the
//! offset is filled with zeros.

use super::{LONG_TEXT_LEN, check_len};
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight};
use crate::journal::Record;
use crate::keyspace::{Deadline, StringRef, StringValue, Value, event};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "setrange",
    arity: Arity::Exactly(4),
    flags: Flags::WRITE.and(Flags::DENYOOM),
    keys: &[Keys::at(1, &["RW", "update"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::String,
    since: "2.2.0",
    complexity: "O(M) for M bytes that are written, O(1) for few",
    summary: "Overwrite bytes of a string from a position on; a gap is filled with zero bytes",
    syntax: "key offset:integer value",
    tips: &[],
    weight: Weight::HeavyIf(is_far),
    run: Run::Write(setrange),
};

/// True if many zeros may have to be written before the offset.
fn is_far(mut args: Args, _: &Context) -> bool {
    args.skip(1);
    args.integer::<usize>().is_ok_and(|offset| offset >= LONG_TEXT_LEN)
}

fn setrange(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let offset = args.integer::<i64>()?;
    let part = args.bytes()?;
    let offset = usize::try_from(offset).map_err(|_| Error::new("ERR offset is out of range"))?;
    let mut keys = cx.db().exclusive(&[key]);
    let present = keys.string(key)?;
    if part.is_empty() {
        return Ok(Reply::count(present.map_or(0, StringRef::len)));
    }
    check_len(offset.saturating_add(part.len()), cx)?;
    let len = present.map_or(0, StringRef::len).max(offset + part.len());
    if present.is_none() {
        keys.put(key, Value::String(StringValue::edited(b"")), Deadline::NEVER);
    }
    keys.edit_string(key, |text| text.overwrite(offset, part))?;
    keys.notify(event::SETRANGE, key);
    keys.commit(record);
    Ok(Reply::count(len))
}
