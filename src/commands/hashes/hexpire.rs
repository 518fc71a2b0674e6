//! `HEXPIRE key seconds [NX|XX|GT|LT] FIELDS numfields field [field …]`, and `HPEXPIRE`,
//! `HEXPIREAT`, `HPEXPIREAT`: sets when fields expire.

use super::fields::{FIELDS, refusal};
use super::lifetime::expire_at;
use crate::commands::keys::lifetime::Lifetime;
use crate::commands::keys::{BY_ARGUMENTS, Names};
use crate::commands::parts::{Condition, Options, SEVERAL_CONDITIONS, deadline_ms};
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec};
use crate::journal::Record;
use crate::keyspace::{Deadline, Exclusive, Hash, HashView, event};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const HEXPIRE: Spec = Spec {
    name: "hexpire",
    arity: Arity::AtLeast(6),
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[Keys::at(1, &["RW", "update"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Hash,
    since: "7.4.0",
    complexity: "O(N) for N fields",
    summary: "Let fields expire after some seconds",
    syntax: "key seconds:integer [condition(NX|XX|GT|LT)] FIELDS fields(numfields:integer field...)",
    tips: &[],
    weight: BY_ARGUMENTS,
    run: Run::Write(|args, cx, record| expire("hexpire", Lifetime::EX, args, cx, record)),
};

pub(in crate::commands) const HPEXPIRE: Spec = Spec {
    name: "hpexpire",
    arity: Arity::AtLeast(6),
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[Keys::at(1, &["RW", "update"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Hash,
    since: "7.4.0",
    complexity: "O(N) for N fields",
    summary: "Let fields expire after some milliseconds",
    syntax: "key milliseconds:integer [condition(NX|XX|GT|LT)] FIELDS fields(numfields:integer field...)",
    tips: &[],
    weight: BY_ARGUMENTS,
    run: Run::Write(|args, cx, record| expire("hpexpire", Lifetime::PX, args, cx, record)),
};

pub(in crate::commands) const HEXPIREAT: Spec = Spec {
    name: "hexpireat",
    arity: Arity::AtLeast(6),
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[Keys::at(1, &["RW", "update"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Hash,
    since: "7.4.0",
    complexity: "O(N) for N fields",
    summary: "Let fields expire at a moment given in seconds since 1970",
    syntax: "key unix-time-seconds:unix-time [condition(NX|XX|GT|LT)] \
        FIELDS fields(numfields:integer field...)",
    tips: &[],
    weight: BY_ARGUMENTS,
    run: Run::Write(|args, cx, record| expire("hexpireat", Lifetime::EXAT, args, cx, record)),
};

pub(in crate::commands) const HPEXPIREAT: Spec = Spec {
    name: "hpexpireat",
    arity: Arity::AtLeast(6),
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[Keys::at(1, &["RW", "update"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Hash,
    since: "7.4.0",
    complexity: "O(N) for N fields",
    summary: "Let fields expire at a moment given in milliseconds since 1970",
    syntax: "key unix-time-milliseconds:unix-time [condition(NX|XX|GT|LT)] \
        FIELDS fields(numfields:integer field...)",
    tips: &[],
    weight: BY_ARGUMENTS,
    run: Run::Write(|args, cx, record| expire("hpexpireat", Lifetime::PXAT, args, cx, record)),
};

fn expire(
    command: &str,
    lifetime: Lifetime,
    mut args: Args,
    cx: &Context,
    record: Record,
) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let expire = Expire::parse(command, lifetime, args, cx).map_err(|error| refusal(error, key, cx))?;
    expire.execute(key, cx, record)
}

struct Expire<'r> {
    deadline_ms: i64,
    condition: Option<Condition>,
    fields: Names<'r>,
}

/// The effect on a field. The numbers are those of the reply.
#[derive(Clone, Copy, PartialEq)]
enum Outcome {
    NoField = -2,
    NotMet = 0,
    Set = 1,
    Removed = 2,
}

impl<'r> Expire<'r> {
    fn parse(command: &str, lifetime: Lifetime, mut args: Args<'r>, cx: &Context) -> Result<Self, Error> {
        let deadline_ms = deadline_ms(command, lifetime, args.integer()?, cx)?;
        let mut options = Options::default();
        while !args.is_empty() {
            options.take(&FIELDS, &mut args)?;
        }
        let fields = options.names.ok_or(Error::new(FIELDS.missing))?;
        if options.has_several {
            return Err(SEVERAL_CONDITIONS);
        }
        Ok(Self { deadline_ms, condition: options.condition, fields })
    }

    fn execute(self, key: &[u8], cx: &Context, record: Record) -> Result<Reply, Error> {
        let mut keys = cx.db().exclusive(&[key]);
        let now_ms = keys.now_ms();
        let hash = keys.hash(key)?;
        let outcome = |field: &&[u8]| hash.map_or(Outcome::NoField, |hash| self.outcome(hash, field, now_ms));
        let mut outcomes: Vec<Outcome> = self.fields.iter().map(outcome).collect();
        if outcomes.iter().any(|outcome| matches!(outcome, Outcome::Set | Outcome::Removed)) {
            // Computed again, since a field may be named twice.
            let apply =
                |hash: &mut Hash| self.fields.iter().map(|field| self.apply(hash, field, now_ms)).collect();
            outcomes = keys.edit_hash(key, apply)?;
            let removed = outcomes.iter().filter(|outcome| **outcome == Outcome::Removed);
            keys.count_expired_fields(removed.count());
            self.notify(key, &outcomes, &mut keys);
            keys.commit(self.recorded(key, &outcomes, record));
        }
        Ok(Reply::Array(outcomes.into_iter().map(|outcome| Reply::Integer(outcome as i64)).collect()))
    }

    fn notify(&self, key: &[u8], outcomes: &[Outcome], keys: &mut Exclusive) {
        let with = |expected| {
            let fields = self.fields.iter().zip(outcomes).filter(move |(_, outcome)| **outcome == expected);
            fields.map(|(field, _)| *field)
        };
        if outcomes.contains(&Outcome::Removed) {
            keys.notify_removed(key, with(Outcome::Removed));
        } else {
            keys.notify_parts(event::HEXPIRE, key, with(Outcome::Set));
        }
    }

    /// Logs the fields for which the condition was true: they all have one deadline, or were all
    /// removed.
    fn recorded<'a>(&self, key: &[u8], outcomes: &[Outcome], record: Record<'a>) -> Record<'a> {
        let with = |expected| -> Names {
            let fields = self.fields.iter().zip(outcomes).filter(|(_, outcome)| **outcome == expected);
            fields.map(|(field, _)| *field).collect()
        };
        if outcomes.contains(&Outcome::Removed) {
            return record.instead(|effects| effects.command_with(&[b"HDEL", key], &with(Outcome::Removed)));
        }
        record.instead(|effects| expire_at(effects, key, self.deadline_ms, &with(Outcome::Set)))
    }

    fn outcome(&self, hash: HashView, field: &[u8], now_ms: i64) -> Outcome {
        match hash.deadline(field) {
            None => Outcome::NoField,
            Some(present) if !self.allows(present) => Outcome::NotMet,
            Some(_) if self.deadline_ms <= now_ms => Outcome::Removed,
            Some(_) => Outcome::Set,
        }
    }

    fn allows(&self, present: Deadline) -> bool {
        self.condition.is_none_or(|condition| condition.allows(present.unix_ms(), self.deadline_ms))
    }

    fn apply(&self, hash: &mut Hash, field: &[u8], now_ms: i64) -> Outcome {
        let outcome = self.outcome(hash.view(now_ms), field, now_ms);
        match outcome {
            Outcome::NoField | Outcome::NotMet => false,
            Outcome::Set => hash.set_deadline(field, Deadline::at(self.deadline_ms)),
            Outcome::Removed => hash.remove(field),
        };
        outcome
    }
}
