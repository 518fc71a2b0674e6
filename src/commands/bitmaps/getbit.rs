//! `GETBIT key offset`: a bit of a string; 0 behind its end, or without a key.

use super::{bit_number, byte_of, is_slow_to_look_into, look_at_text, mask_of};
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "getbit",
    arity: Arity::Exactly(3),
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[Keys::at(1, &["RO", "access"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Bitmap,
    since: "2.2.0",
    complexity: "O(1)",
    summary: "One bit of a string; 0 beyond its end, or if there is no key",
    syntax: "key offset:integer",
    tips: &[],
    weight: Weight::HeavyIf(|args, cx| args.peek().is_some_and(|key| is_slow_to_look_into(key, cx))),
    run: Run::Read(getbit),
};

fn getbit(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let bit = bit_number(args.bytes()?, cx)?;
    let is_set = |text: &[u8]| text.get(byte_of(bit)).is_some_and(|byte| byte & mask_of(bit) != 0);
    let is_set = look_at_text(cx, key, usize::MAX, is_set)?;
    Ok(Reply::Integer(is_set.unwrap_or(false).into()))
}
