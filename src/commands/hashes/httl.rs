//! `HTTL key FIELDS numfields field [field …]`, and `HPTTL`, `HEXPIRETIME`, `HPEXPIRETIME`: when
//! fields expire. -1 is never, -2 no such field.

use super::fields::{refusal, to_the_end};
use crate::commands::keys::BY_ARGUMENTS;
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

const NO_SUCH_FIELD: i64 = -2;
const NEVER: i64 = -1;

fn reply(mut args: Args, cx: &Context, to_number: fn(i64, i64) -> i64) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let fields = to_the_end(args).map_err(|error| refusal(error, key, cx))?;
    let now_ms = cx.now_ms();
    let number =
        |deadline: Deadline| deadline.unix_ms().map_or(NEVER, |deadline_ms| to_number(deadline_ms, now_ms));
    let numbers = cx.db().hash(key, |hash| {
        let number = |field| hash.deadline(field).map_or(NO_SUCH_FIELD, number);
        fields.iter().map(number).collect()
    })?;
    let numbers: Vec<i64> = numbers.unwrap_or_else(|| vec![NO_SUCH_FIELD; fields.remaining()]);
    Ok(Reply::Array(numbers.into_iter().map(Reply::Integer).collect()))
}

/// Not negative: the clock may have passed the deadline since the lookup.
fn remaining_ms(deadline_ms: i64, now_ms: i64) -> i64 {
    deadline_ms.saturating_sub(now_ms).max(0)
}

/// Rounded up, unlike the seconds of TTL.
fn seconds(ms: i64) -> i64 {
    ms / 1000 + i64::from(ms % 1000 > 0)
}
