//! `HEXPIRE key seconds [NX|XX|GT|LT] FIELDS numfields field [field …]`, and `HPEXPIRE`, `HEXPIREAT`, `HPEXPIREAT`: when
//! fields end.

use super::fields::{self, refusal, unknown_argument};
use super::lifetime::end_ms;
use crate::commands::keys::lifetime::Lifetime;
use crate::commands::keys::{BY_ARGUMENTS, Names};
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Spec};
use crate::keyspace::{Deadline, Hash, HashView};
use crate::record::Record;
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const HEXPIRE: Spec = Spec {
    name: "hexpire",
    arity: Arity::AtLeast(6),
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[Keys::at(1, &["RW", "update"])],
    group: Group::Hash,
    since: "7.4.0",
    complexity: "O(N) where N is the number of specified fields",
    summary: "Set expiry for hash field using relative time to expire (seconds)",
    syntax: "",
    tips: &[],
    weight: BY_ARGUMENTS,
    run: Run::Write(|args, cx, record| expire("hexpire", Lifetime::EX, args, cx, record)),
};

pub(in crate::commands) const HPEXPIRE: Spec = Spec {
    name: "hpexpire",
    arity: Arity::AtLeast(6),
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[Keys::at(1, &["RW", "update"])],
    group: Group::Hash,
    since: "7.4.0",
    complexity: "O(N) where N is the number of specified fields",
    summary: "Set expiry for hash field using relative time to expire (milliseconds)",
    syntax: "",
    tips: &[],
    weight: BY_ARGUMENTS,
    run: Run::Write(|args, cx, record| expire("hpexpire", Lifetime::PX, args, cx, record)),
};

pub(in crate::commands) const HEXPIREAT: Spec = Spec {
    name: "hexpireat",
    arity: Arity::AtLeast(6),
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[Keys::at(1, &["RW", "update"])],
    group: Group::Hash,
    since: "7.4.0",
    complexity: "O(N) where N is the number of specified fields",
    summary: "Set expiry for hash field using an absolute Unix timestamp (seconds)",
    syntax: "",
    tips: &[],
    weight: BY_ARGUMENTS,
    run: Run::Write(|args, cx, record| expire("hexpireat", Lifetime::EXAT, args, cx, record)),
};

pub(in crate::commands) const HPEXPIREAT: Spec = Spec {
    name: "hpexpireat",
    arity: Arity::AtLeast(6),
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[Keys::at(1, &["RW", "update"])],
    group: Group::Hash,
    since: "7.4.0",
    complexity: "O(N) where N is the number of specified fields",
    summary: "Set expiry for hash field using an absolute Unix timestamp (milliseconds)",
    syntax: "",
    tips: &[],
    weight: BY_ARGUMENTS,
    run: Run::Write(|args, cx, record| expire("hpexpireat", Lifetime::PXAT, args, cx, record)),
};

const NO_COUNT: &str = "ERR Parameter `numFields` should be greater than 0";
const NO_FIELD: &str = "ERR FIELDS requires at least numfields and one field argument";

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
    end_ms: i64,
    condition: Option<Condition>,
    fields: Names<'r>,
}

/// What must be true of a field's present deadline.
#[derive(Clone, Copy, PartialEq)]
enum Condition {
    None,
    Some,
    Sooner,
    Later,
}

const CONDITIONS: [(&str, Condition); 4] =
    [("NX", Condition::None), ("XX", Condition::Some), ("GT", Condition::Sooner), ("LT", Condition::Later)];

/// What becomes of a field. The numbers are those of the reply.
#[derive(Clone, Copy, PartialEq)]
enum Outcome {
    NoField = -2,
    NotMet = 0,
    Set = 1,
    Removed = 2,
}

#[derive(Default)]
struct Options<'r> {
    condition: Option<Condition>,
    fields: Option<Names<'r>>,
}

impl<'r> Options<'r> {
    fn parse(mut args: Args<'r>) -> Result<Self, Error> {
        let mut options = Self::default();
        while !args.is_empty() {
            options.take(&mut args)?;
        }
        Ok(options)
    }

    fn take(&mut self, args: &mut Args<'r>) -> Result<(), Error> {
        if args.keyword("FIELDS") {
            return self.take_fields(args);
        }
        let Some(condition) = args.keyword_of(&CONDITIONS) else {
            return Err(unknown_argument(args.bytes()?));
        };
        if self.condition.is_some_and(|present| present != condition) {
            return Err(Error::new("ERR Multiple condition flags specified"));
        }
        self.condition = Some(condition);
        Ok(())
    }

    fn take_fields(&mut self, args: &mut Args<'r>) -> Result<(), Error> {
        if self.fields.is_some() {
            return Err(fields::REPEATED);
        }
        if args.remaining() < 2 {
            return Err(Error::new(NO_FIELD));
        }
        self.fields = Some(fields::counted(args, 1, NO_COUNT)?);
        Ok(())
    }
}

impl<'r> Expire<'r> {
    fn parse(command: &str, lifetime: Lifetime, mut args: Args<'r>, cx: &Context) -> Result<Self, Error> {
        let end_ms = end_ms(command, lifetime, args.integer()?, cx)?;
        let Options { condition, fields } = Options::parse(args)?;
        Ok(Self { end_ms, condition, fields: fields.ok_or(fields::MISSING)? })
    }

    fn execute(self, key: &[u8], cx: &Context, record: Record) -> Result<Reply, Error> {
        let mut keys = cx.db().exclusive(&[key]);
        let now_ms = keys.now_ms();
        let hash = keys.hash(key)?;
        let outcome = |field: &&[u8]| hash.map_or(Outcome::NoField, |hash| self.outcome(hash, field, now_ms));
        let mut outcomes: Vec<Outcome> = self.fields.iter().map(outcome).collect();
        if outcomes.iter().any(|outcome| matches!(outcome, Outcome::Set | Outcome::Removed)) {
            // Asked once more, as a field may be named twice.
            let apply =
                |hash: &mut Hash| self.fields.iter().map(|field| self.apply(hash, field, now_ms)).collect();
            outcomes = keys.edit_hash(key, apply)?;
            keys.commit(record);
        }
        Ok(Reply::Array(outcomes.into_iter().map(|outcome| Reply::Integer(outcome as i64)).collect()))
    }

    fn outcome(&self, hash: HashView, field: &[u8], now_ms: i64) -> Outcome {
        match hash.deadline(field) {
            None => Outcome::NoField,
            Some(present) if !self.allows(present) => Outcome::NotMet,
            Some(_) if self.end_ms <= now_ms => Outcome::Removed,
            Some(_) => Outcome::Set,
        }
    }

    /// A field that never ends counts as ending after all others.
    fn allows(&self, present: Deadline) -> bool {
        let Some(condition) = self.condition else { return true };
        match (condition, present.unix_ms()) {
            (Condition::None, at_ms) => at_ms.is_none(),
            (Condition::Some, at_ms) => at_ms.is_some(),
            (Condition::Sooner, at_ms) => at_ms.is_some_and(|at_ms| at_ms < self.end_ms),
            (Condition::Later, at_ms) => at_ms.is_none_or(|at_ms| at_ms > self.end_ms),
        }
    }

    fn apply(&self, hash: &mut Hash, field: &[u8], now_ms: i64) -> Outcome {
        let outcome = self.outcome(hash.view(now_ms), field, now_ms);
        match outcome {
            Outcome::NoField | Outcome::NotMet => false,
            Outcome::Set => hash.set_deadline(field, Deadline::at(self.end_ms)),
            Outcome::Removed => hash.remove(field),
        };
        outcome
    }
}
