//! `SETRANGE key offset value`: a part of a text is another; zeros fill what lies between the text and the offset.

use super::{BY_LENGTH, LONG_TEXT_LEN, check_len};
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Spec, Weight};
use crate::keyspace::{StringValue, Value};
use crate::record::Record;
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "setrange",
    arity: Arity::Exactly(4),
    flags: Flags::WRITE.and(Flags::DENYOOM),
    keys: &[Keys::at(1, &["RW", "update"])],
    group: Group::String,
    since: "2.2.0",
    complexity: "O(1), not counting the time taken to copy the new string in place. Usually, this string is very small so the amortized complexity is O(1). Otherwise, complexity is O(M) with M being the length of the value argument.",
    summary: "Overwrites a part of a string value with another by an offset. Creates the key if it doesn't exist.",
    syntax: "",
    tips: &[],
    weight: Weight::Asked(is_long),
    run: Run::Write(setrange),
};

/// The text is long, or will be.
fn is_long(args: Args, cx: &Context) -> bool {
    let Weight::Asked(is_long_already) = BY_LENGTH else { return true };
    let mut ahead = args;
    ahead.skip(1);
    ahead.integer::<usize>().is_ok_and(|offset| offset >= LONG_TEXT_LEN) || is_long_already(args, cx)
}

fn setrange(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let (key, offset, part) = (args.bytes()?, args.integer::<i64>()?, args.bytes()?);
    let offset = usize::try_from(offset).map_err(|_| Error::new("ERR offset is out of range"))?;
    let mut keys = cx.db().exclusive(&[key]);
    let present = keys.string(key)?;
    if part.is_empty() {
        return Ok(Reply::count(present.map_or(0, StringValue::len)));
    }
    check_len(offset.saturating_add(part.len()), cx)?;
    let text = overwritten(present, offset, part);
    let deadline = keys.deadline(key);
    keys.put(key, Value::String(StringValue::edited(&text)), deadline);
    keys.commit(record);
    Ok(Reply::count(text.len()))
}

fn overwritten(present: Option<&StringValue>, offset: usize, part: &[u8]) -> Vec<u8> {
    let end = offset + part.len();
    let before = present.map(StringValue::text).unwrap_or_default();
    let mut text = Vec::with_capacity(end.max(before.len()));
    text.extend_from_slice(&before);
    text.resize(end.max(before.len()), 0);
    text[offset..end].copy_from_slice(part);
    text
}
