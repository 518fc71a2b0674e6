//! `EXPIRE key seconds [NX|XX|GT|LT]`, and `PEXPIRE`, `EXPIREAT`, `PEXPIREAT`: sets when the key
//! expires.

use super::lifetime::{Lifetime, invalid_expire_time};
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight};
use crate::journal::Record;
use crate::keyspace::{Deadline, Entry, Exclusive, event};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const EXPIRE: Spec = Spec {
    name: "expire",
    arity: Arity::AtLeast(3),
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[Keys::at(1, &["RW", "update"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Generic,
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Let a key expire after some seconds",
    syntax: "key seconds:integer [condition(NX|XX|GT|LT)@7.0.0]",
    tips: &[],
    weight: Weight::Light,
    run: Run::Write(|args, cx, record| Expire::parse("expire", Lifetime::EX, args)?.execute(cx, record)),
};

pub(in crate::commands) const PEXPIRE: Spec = Spec {
    name: "pexpire",
    arity: Arity::AtLeast(3),
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[Keys::at(1, &["RW", "update"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Generic,
    since: "2.6.0",
    complexity: "O(1)",
    summary: "Let a key expire after some milliseconds",
    syntax: "key milliseconds:integer [condition(NX|XX|GT|LT)@7.0.0]",
    tips: &[],
    weight: Weight::Light,
    run: Run::Write(|args, cx, record| Expire::parse("pexpire", Lifetime::PX, args)?.execute(cx, record)),
};

pub(in crate::commands) const EXPIREAT: Spec = Spec {
    name: "expireat",
    arity: Arity::AtLeast(3),
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[Keys::at(1, &["RW", "update"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Generic,
    since: "1.2.0",
    complexity: "O(1)",
    summary: "Let a key expire at a moment given in seconds since 1970",
    syntax: "key unix-time-seconds:unix-time [condition(NX|XX|GT|LT)@7.0.0]",
    tips: &[],
    weight: Weight::Light,
    run: Run::Write(|args, cx, record| Expire::parse("expireat", Lifetime::EXAT, args)?.execute(cx, record)),
};

pub(in crate::commands) const PEXPIREAT: Spec = Spec {
    name: "pexpireat",
    arity: Arity::AtLeast(3),
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[Keys::at(1, &["RW", "update"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Generic,
    since: "2.6.0",
    complexity: "O(1)",
    summary: "Let a key expire at a moment given in milliseconds since 1970",
    syntax: "key unix-time-milliseconds:unix-time [condition(NX|XX|GT|LT)@7.0.0]",
    tips: &[],
    weight: Weight::Light,
    run: Run::Write(|args, cx, record| Expire::parse("pexpireat", Lifetime::PXAT, args)?.execute(cx, record)),
};

struct Expire<'r> {
    command: &'static str,
    key: &'r [u8],
    lifetime: Lifetime,
    number: i64,
    condition: Condition,
}

/// Conditions on the present deadline; all that are set must be true.
#[derive(Clone, Copy, Default)]
struct Condition {
    none: bool,
    some: bool,
    sooner: bool,
    later: bool,
}

impl<'r> Expire<'r> {
    fn parse(command: &'static str, lifetime: Lifetime, mut args: Args<'r>) -> Result<Self, Error> {
        let key = args.bytes()?;
        let mut number = args;
        args.bytes()?;
        let condition = Condition::parse(args)?;
        Ok(Self { command, key, lifetime, number: number.integer()?, condition })
    }

    fn execute(self, cx: &Context, record: Record) -> Result<Reply, Error> {
        let mut keys = cx.db().exclusive(&[self.key]);
        // Counted from the time at which the lock was taken: with an earlier time, this could be a
        // removal, which is not counted.
        let deadline_ms = self.lifetime.deadline_ms(self.number, keys.used_ms());
        let deadline_ms = deadline_ms.ok_or_else(|| invalid_expire_time(self.command))?;
        let present = keys.get(self.key).map(Entry::deadline);
        if !present.is_some_and(|deadline| self.condition.allows(deadline, deadline_ms)) {
            return Ok(Reply::Integer(0));
        }
        expire_at(keys, self.key, deadline_ms, record);
        Ok(Reply::Integer(1))
    }
}

/// Sets the deadline of an existing key, in milliseconds since 1970, or removes the key if the
/// deadline has passed.
pub(in crate::commands) fn expire_at(mut keys: Exclusive, key: &[u8], deadline_ms: i64, record: Record) {
    let record = if deadline_ms <= keys.now_ms() {
        keys.remove(key);
        keys.notify(event::DEL, key);
        record.instead(|effects| effects.command(&[b"DEL", key]))
    } else {
        keys.set_deadline(key, Deadline::at(deadline_ms));
        keys.notify(event::EXPIRE, key);
        record.instead(|effects| effects.command(&[b"PEXPIREAT", key, deadline_ms.to_string().as_bytes()]))
    };
    keys.commit(record);
}

impl Condition {
    fn parse(args: Args) -> Result<Self, Error> {
        let mut condition = Self::default();
        for option in args.iter() {
            *condition.field(option)? = true;
        }
        if condition.none && (condition.some || condition.sooner || condition.later) {
            return Err(Error::new("ERR NX and XX, GT or LT options at the same time are not compatible"));
        }
        if condition.sooner && condition.later {
            return Err(Error::new("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(condition)
    }

    fn field(&mut self, option: &[u8]) -> Result<&mut bool, Error> {
        match option.to_ascii_uppercase().as_slice() {
            b"NX" => Ok(&mut self.none),
            b"XX" => Ok(&mut self.some),
            b"GT" => Ok(&mut self.sooner),
            b"LT" => Ok(&mut self.later),
            _ => Err(Error::from(format!("ERR Unsupported option {}", String::from_utf8_lossy(option)))),
        }
    }

    /// No deadline counts as later than any deadline.
    fn allows(self, present: Deadline, deadline_ms: i64) -> bool {
        match present.unix_ms() {
            None => !self.some && !self.sooner,
            Some(at_ms) => {
                !(self.none || self.sooner && deadline_ms <= at_ms || self.later && deadline_ms >= at_ms)
            }
        }
    }
}
