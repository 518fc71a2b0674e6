//! `SETBIT key offset value`: sets a bit of a string to 0 or 1; the reply is what it was. A string
//! that is too short gets zeros up to there.

use super::{bit_number, byte_of, is_far_behind, mask_of};
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight};
use crate::journal::Record;
use crate::keyspace::{Deadline, StringValue, Value, event};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "setbit",
    arity: Arity::Exactly(4),
    flags: Flags::WRITE.and(Flags::DENYOOM),
    keys: &[Keys::at(1, &["RW", "access", "update"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Bitmap,
    since: "2.2.0",
    complexity: "O(1), and O(N) for a string that gets N bytes longer",
    summary: "Store a bit of a string and reply the one that it replaces; a gap is filled with zeros",
    syntax: "key offset:integer value:integer",
    tips: &[],
    weight: Weight::HeavyIf(is_far),
    run: Run::Write(setbit),
};

const BAD_BIT: Error = Error::new("ERR bit is not an integer or out of range");

fn is_far(mut args: Args, cx: &Context) -> bool {
    let Some(key) = args.take() else { return false };
    args.integer::<u64>().is_ok_and(|bit| is_far_behind(bit / 8, key, cx))
}

fn setbit(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let bit = bit_number(args.bytes()?, cx)?;
    let value = args.integer_or::<i64>(BAD_BIT)?;
    if !matches!(value, 0 | 1) {
        return Err(BAD_BIT);
    }
    let (at, mask) = (byte_of(bit), mask_of(bit));
    let mut keys = cx.db().exclusive(&[key]);
    // None: there is no key; its inner one: the string is too short.
    let present = keys.string(key)?.map(|string| string.text().get(at).copied());
    let before = present.flatten().unwrap_or(0);
    let after = if value == 1 { before | mask } else { before & !mask };
    match present {
        Some(Some(_)) if before == after => return Ok(reply(before & mask)),
        Some(_) => {
            keys.edit_string(key, |text| text.overwrite(at, &[after]))?;
        }
        None => {
            let mut text = vec![0; at + 1];
            text[at] = after;
            keys.put(key, Value::String(StringValue::of_edit(text)), Deadline::NEVER);
        }
    }
    keys.notify(event::SETBIT, key);
    keys.commit(record);
    Ok(reply(before & mask))
}

fn reply(bit: u8) -> Reply {
    Reply::Integer((bit != 0).into())
}
