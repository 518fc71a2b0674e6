//! `HTTL key FIELDS numfields field [field …]`, and `HPTTL`, `HEXPIRETIME`, `HPEXPIRETIME`: when
//! fields expire. -1 is never, -2 no such field.

use super::fields::{FIELDS, refusal};
use crate::commands::keys::BY_ARGUMENTS;
use crate::commands::keys::lifetime::{NO_SUCH, expiry_number, remaining_ms};
use crate::commands::parts::seconds;
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec};
use crate::keyspace::Deadline;
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const HTTL: Spec = Spec {
    name: "httl",
    arity: Arity::AtLeast(5),
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[Keys::at(1, &["RO", "access"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Hash,
    since: "7.4.0",
    complexity: "O(N) for N fields",
    summary: "Seconds until each field expires: -1 is never, -2 no such field",
    syntax: "key FIELDS fields(numfields:integer field...)",
    tips: &["nondeterministic_output"],
    weight: BY_ARGUMENTS,
    run: Run::Read(|args, cx| {
        reply(args, cx, |deadline_ms, now_ms| seconds(remaining_ms(deadline_ms, now_ms)))
    }),
};

pub(in crate::commands) const HPTTL: Spec = Spec {
    name: "hpttl",
    arity: Arity::AtLeast(5),
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[Keys::at(1, &["RO", "access"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Hash,
    since: "7.4.0",
    complexity: "O(N) for N fields",
    summary: "Milliseconds until each field expires: -1 is never, -2 no such field",
    syntax: "key FIELDS fields(numfields:integer field...)",
    tips: &["nondeterministic_output"],
    weight: BY_ARGUMENTS,
    run: Run::Read(|args, cx| reply(args, cx, remaining_ms)),
};

pub(in crate::commands) const HEXPIRETIME: Spec = Spec {
    name: "hexpiretime",
    arity: Arity::AtLeast(5),
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[Keys::at(1, &["RO", "access"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Hash,
    since: "7.4.0",
    complexity: "O(N) for N fields",
    summary: "When each field expires, in seconds since 1970: -1 is never, -2 no such field",
    syntax: "key FIELDS fields(numfields:integer field...)",
    tips: &[],
    weight: BY_ARGUMENTS,
    run: Run::Read(|args, cx| reply(args, cx, |deadline_ms, _| seconds(deadline_ms))),
};

pub(in crate::commands) const HPEXPIRETIME: Spec = Spec {
    name: "hpexpiretime",
    arity: Arity::AtLeast(5),
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[Keys::at(1, &["RO", "access"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Hash,
    since: "7.4.0",
    complexity: "O(N) for N fields",
    summary: "When each field expires, in milliseconds since 1970: -1 is never, -2 no such field",
    syntax: "key FIELDS fields(numfields:integer field...)",
    tips: &[],
    weight: BY_ARGUMENTS,
    run: Run::Read(|args, cx| reply(args, cx, |deadline_ms, _| deadline_ms)),
};

fn reply(mut args: Args, cx: &Context, to_number: fn(i64, i64) -> i64) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let fields = FIELDS.to_the_end(args).map_err(|error| refusal(error, key, cx))?;
    let now_ms = cx.now_ms();
    let number = |deadline: Option<Deadline>| {
        expiry_number(deadline.map(Deadline::unix_ms), |deadline_ms| to_number(deadline_ms, now_ms))
    };
    let numbers =
        cx.db().hash(key, |hash| fields.iter().map(|field| number(hash.deadline(field))).collect())?;
    let numbers: Vec<i64> = numbers.unwrap_or_else(|| vec![NO_SUCH; fields.remaining()]);
    Ok(Reply::Array(numbers.into_iter().map(Reply::Integer).collect()))
}
