//! `HSETEX key [FNX|FXX] [EX seconds|PX milliseconds|EXAT time|PXAT time|KEEPTTL] FIELDS numfields
//! field value [field value …]`: sets all of the fields or none, with their deadline.

use super::options::{self, Condition, Dialect, Options};
use crate::commands::keys::{BY_ARGUMENTS, Names};
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec};
use crate::journal::Record;
use crate::keyspace::{Deadline, Hash, HashView, event};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "hsetex",
    arity: Arity::AtLeast(6),
    flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST),
    keys: &[Keys::at(1, &["RW", "update"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Hash,
    since: "8.0.0",
    complexity: "O(N) for N fields",
    summary: "Store all of these fields or none, and when they expire",
    syntax: "key [condition(FNX|FXX)] [expiration(EX seconds:integer|PX milliseconds:integer|\
        EXAT unix-time-seconds:unix-time|PXAT unix-time-milliseconds:unix-time|KEEPTTL)] \
        FIELDS fields(numfields:integer data(field value)...)",
    tips: &[],
    weight: BY_ARGUMENTS,
    run: Run::Write(|args, cx, record| SetEx::parse(args, cx)?.execute(cx, record)),
};

const DIALECT: Dialect = Dialect {
    command: "hsetex",
    words_each: 2,
    several_expiries: "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified",
    foreign: &["PERSIST"],
};

struct SetEx<'r> {
    key: &'r [u8],
    options: Options<'r>,
    /// Alternating names and values.
    words: Names<'r>,
}

impl<'r> SetEx<'r> {
    fn parse(mut args: Args<'r>, cx: &Context) -> Result<Self, Error> {
        let key = args.bytes()?;
        let (options, words) = Options::parse(&DIALECT, args, cx)?;
        if options.persists {
            return Err(options::FOREIGN);
        }
        Ok(Self { key, options, words })
    }

    fn execute(self, cx: &Context, record: Record) -> Result<Reply, Error> {
        let mut keys = cx.db().exclusive(&[self.key]);
        let now_ms = keys.now_ms();
        let hash = keys.hash(self.key)?;
        if !self.is_allowed(hash) {
            return Ok(Reply::Integer(0));
        }
        if !self.removes(now_ms) {
            keys.edit_hash(self.key, |hash| self.set(hash, now_ms))?;
            keys.notify_parts(event::HSET, self.key, self.fields());
            if self.options.deadline_ms.is_some() {
                keys.notify_parts(event::HEXPIRE, self.key, self.fields());
            }
            keys.commit(self.recorded(record, now_ms));
            return Ok(Reply::Integer(1));
        }
        let is_changed = self.fields().any(|field| is_in(hash, field));
        let is_new = hash.is_none();
        keys.count_expired_fields(self.pairs().len());
        if is_new {
            keys.notify(event::NEW, self.key);
        }
        if is_changed {
            keys.edit_hash(self.key, |hash| self.fields().for_each(|field| _ = hash.remove(field)))?;
        }
        keys.notify_parts(event::HSET, self.key, self.fields());
        keys.notify_removed(self.key, self.fields());
        if is_changed {
            keys.commit(self.recorded(record, now_ms));
        }
        Ok(Reply::Integer(1))
    }

    /// A deadline is logged as a time since 1970, a past one as the removal of the fields.
    fn recorded<'a>(&self, record: Record<'a>, now_ms: i64) -> Record<'a> {
        let Some(deadline_ms) = self.options.deadline_ms else { return record };
        record.instead(|effects| {
            if self.removes(now_ms) {
                return effects.command_with(&[b"HDEL", self.key], &self.fields().collect::<Names>());
            }
            let deadline_ms = deadline_ms.to_string();
            let count = self.pairs().len().to_string();
            let words: [&[u8]; 6] =
                [b"HSETEX", self.key, b"PXAT", deadline_ms.as_bytes(), b"FIELDS", count.as_bytes()];
            effects.command_with(&words, &self.words);
        })
    }

    fn is_allowed(&self, hash: Option<HashView>) -> bool {
        let Some(condition) = self.options.condition else { return true };
        self.fields().all(|field| is_in(hash, field) == (condition == Condition::Present))
    }

    /// True if the deadline has passed: then the fields are removed.
    fn removes(&self, now_ms: i64) -> bool {
        self.options.deadline_ms.is_some_and(|deadline_ms| deadline_ms <= now_ms)
    }

    fn set(&self, hash: &mut Hash, now_ms: i64) {
        for [field, value] in self.pairs() {
            let present = if self.options.keeps { hash.view(now_ms).deadline(field) } else { None };
            let deadline = self.options.deadline_ms.map(Deadline::at).or(present).unwrap_or(Deadline::NEVER);
            hash.set(field, value, deadline);
        }
    }

    fn fields(&self) -> impl Iterator<Item = &'r [u8]> {
        self.pairs().iter().map(|[field, _]| *field)
    }

    fn pairs(&self) -> &[[&'r [u8]; 2]] {
        self.words.as_chunks().0
    }
}

fn is_in(hash: Option<HashView>, field: &[u8]) -> bool {
    hash.is_some_and(|hash| hash.get(field).is_some())
}
