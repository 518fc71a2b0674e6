//! `TTL key`, `PTTL key`, `EXPIRETIME key`, `PEXPIRETIME key`: when the key expires. -1 is never,
//! -2 no such key.

use super::lifetime::{expiry_number, remaining_ms};
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight};
use crate::keyspace::{Accounting, Deadline};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const TTL: Spec = Spec {
    name: "ttl",
    arity: Arity::Exactly(2),
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[Keys::at(1, &["RO", "access"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Generic,
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Seconds until the key expires: -1 is never, -2 no such key",
    syntax: "key",
    tips: &["nondeterministic_output"],
    weight: Weight::Light,
    run: Run::Read(|args, cx| {
        reply(args, cx, |deadline_ms, now_ms| seconds(remaining_ms(deadline_ms, now_ms)))
    }),
};

pub(in crate::commands) const PTTL: Spec = Spec {
    name: "pttl",
    arity: Arity::Exactly(2),
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[Keys::at(1, &["RO", "access"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Generic,
    since: "2.6.0",
    complexity: "O(1)",
    summary: "Milliseconds until the key expires: -1 is never, -2 no such key",
    syntax: "key",
    tips: &["nondeterministic_output"],
    weight: Weight::Light,
    run: Run::Read(|args, cx| reply(args, cx, remaining_ms)),
};

pub(in crate::commands) const EXPIRETIME: Spec = Spec {
    name: "expiretime",
    arity: Arity::Exactly(2),
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[Keys::at(1, &["RO", "access"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Generic,
    since: "7.0.0",
    complexity: "O(1)",
    summary: "When the key expires, in seconds since 1970: -1 is never, -2 no such key",
    syntax: "key",
    tips: &[],
    weight: Weight::Light,
    run: Run::Read(|args, cx| reply(args, cx, |deadline_ms, _| seconds(deadline_ms))),
};

pub(in crate::commands) const PEXPIRETIME: Spec = Spec {
    name: "pexpiretime",
    arity: Arity::Exactly(2),
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[Keys::at(1, &["RO", "access"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Generic,
    since: "7.0.0",
    complexity: "O(1)",
    summary: "When the key expires, in milliseconds since 1970: -1 is never, -2 no such key",
    syntax: "key",
    tips: &[],
    weight: Weight::Light,
    run: Run::Read(|args, cx| reply(args, cx, |deadline_ms, _| deadline_ms)),
};

fn reply(mut args: Args, cx: &mut Context, to_number: fn(i64, i64) -> i64) -> Result<Reply, Error> {
    let deadline = cx.db().lookup(args.bytes()?, Accounting::Counted, |entry| entry.deadline());
    let now_ms = cx.now_ms();
    let number = expiry_number(deadline.map(Deadline::unix_ms), |deadline_ms| to_number(deadline_ms, now_ms));
    Ok(Reply::Integer(number))
}

/// Rounded to the nearest, without overflow.
fn seconds(ms: i64) -> i64 {
    ms / 1000 + i64::from(ms % 1000 >= 500)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_to_the_nearest() {
        assert_eq!([0, 499, 500, 1499, 1500].map(seconds), [0, 0, 1, 1, 2]);
        assert_eq!(seconds(i64::MAX), 9_223_372_036_854_776);
    }
}
