//! `VTTL key MEMBERS n element …`, and `VPTTL`, `VEXPIRETIME`, `VPEXPIRETIME`: when elements expire
//! (an extension). -1 is never, -2 no such element, as in `STTL` and its family in Redis 8.12.

use super::elements::BY_ELEMENTS;
use super::members::{refusal, to_the_end};
use super::{KEY, READ_FAST, look_at_set};
use crate::commands::keys::lifetime::{expiry_number, remaining_ms};
use crate::commands::parts::seconds;
use crate::commands::{Arity, Context, Group, Run, Scope, Spec};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const VTTL: Spec = Spec {
    name: "VTTL",
    arity: Arity::AtLeast(5),
    flags: READ_FAST,
    keys: KEY,
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(N) for N elements",
    summary: "Seconds until elements of a vector set expire: -1 is never, -2 no such element (an extension to Redis)",
    syntax: "key MEMBERS members(nummembers:integer member...)",
    tips: &["nondeterministic_output"],
    weight: BY_ELEMENTS,
    run: Run::Read(|args, cx| reply(args, cx, |at_ms, now_ms| seconds(remaining_ms(at_ms, now_ms)))),
};

pub(in crate::commands) const VPTTL: Spec = Spec {
    name: "VPTTL",
    summary: "Milliseconds until elements of a vector set expire: -1 is never, -2 no such element (an extension to Redis)",
    run: Run::Read(|args, cx| reply(args, cx, remaining_ms)),
    ..VTTL
};

pub(in crate::commands) const VEXPIRETIME: Spec = Spec {
    name: "VEXPIRETIME",
    summary: "When elements of a vector set expire, in seconds since 1970: -1 is never, -2 no such element (an extension to Redis)",
    tips: &[],
    run: Run::Read(|args, cx| reply(args, cx, |at_ms, _| seconds(at_ms))),
    ..VTTL
};

pub(in crate::commands) const VPEXPIRETIME: Spec = Spec {
    name: "VPEXPIRETIME",
    summary: "When elements of a vector set expire, in milliseconds since 1970: -1 is never, -2 no such element (an extension to Redis)",
    tips: &[],
    run: Run::Read(|args, cx| reply(args, cx, |at_ms, _| at_ms)),
    ..VTTL
};

fn reply(mut args: Args, cx: &Context, to_number: fn(i64, i64) -> i64) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let elements = to_the_end(args).map_err(|error| refusal(error, key, cx))?;
    let deadlines = look_at_set(cx, key, |set| set.deadlines(&elements))?;
    let deadlines = deadlines.unwrap_or_else(|| vec![None; elements.len()]);
    let now_ms = cx.now_ms();
    let number = |deadline| Reply::Integer(expiry_number(deadline, |at_ms| to_number(at_ms, now_ms)));
    Ok(Reply::Array(deadlines.into_iter().map(number).collect()))
}
