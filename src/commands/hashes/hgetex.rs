//! `HGETEX key [EX seconds|PX milliseconds|EXAT time|PXAT time|PERSIST] FIELDS numfields field
//! [field …]`: the values of fields, whose deadlines may change.

use super::fields::refusal;
use super::lifetime::expire_at;
use super::options::{self, Dialect, Options};
use super::value_or_null;
use crate::commands::keys::{BY_ARGUMENTS, Names};
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec};
use crate::journal::Record;
use crate::keyspace::{Deadline, Exclusive, Hash, HashView, event};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "hgetex",
    arity: Arity::AtLeast(5),
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[
        Keys::at(1, &["RW", "access", "update"]).noted("The expiry may change: UPDATE, and RW instead of RO")
    ],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Hash,
    since: "8.0.0",
    complexity: "O(N) for N fields",
    summary: "Values of fields, which may be given another expiry with that",
    syntax: "key [expiration(EX seconds:integer|PX milliseconds:integer|EXAT unix-time-seconds:unix-time|\
        PXAT unix-time-milliseconds:unix-time|PERSIST)] FIELDS fields(numfields:integer field...)",
    tips: &[],
    weight: BY_ARGUMENTS,
    run: Run::Write(get_and_expire),
};

const DIALECT: Dialect = Dialect {
    command: "hgetex",
    words_each: 1,
    several_expiries: "ERR Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified",
    foreign: &["FNX", "FXX", "KEEPTTL"],
};

struct GetEx<'r> {
    fields: Names<'r>,
    change: Change,
}

/// The change of the fields.
#[derive(Clone, Copy)]
enum Change {
    None,
    Persist,
    ExpireAt { deadline_ms: i64 },
}

impl Change {
    /// True if the deadline has passed.
    fn removes(self, now_ms: i64) -> bool {
        matches!(self, Self::ExpireAt { deadline_ms } if deadline_ms <= now_ms)
    }
}

fn get_and_expire(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let key = args.bytes()?;
    GetEx::parse(args, cx).map_err(|error| refusal(error, key, cx))?.execute(key, cx, record)
}

impl<'r> GetEx<'r> {
    fn parse(args: Args<'r>, cx: &Context) -> Result<Self, Error> {
        let (options, fields) = Options::parse(&DIALECT, args, cx)?;
        if options.keeps || options.condition.is_some() {
            return Err(options::FOREIGN);
        }
        let change = match options.deadline_ms {
            Some(deadline_ms) => Change::ExpireAt { deadline_ms },
            None if options.persists => Change::Persist,
            None => Change::None,
        };
        Ok(Self { fields, change })
    }

    fn execute(self, key: &[u8], cx: &Context, record: Record) -> Result<Reply, Error> {
        let mut keys = cx.db().exclusive(&[key]);
        let now_ms = keys.now_ms();
        let hash = keys.hash(key)?;
        if !hash.is_some_and(|hash| self.fields.iter().any(|field| self.changes(hash, field))) {
            let value = |field: &&[u8]| value_or_null(hash.and_then(|hash| hash.get(field)));
            return Ok(Reply::Array(self.fields.iter().map(value).collect()));
        }
        let changed: Names = self
            .fields
            .iter()
            .filter(|field| hash.is_some_and(|hash| self.changes(hash, field)))
            .copied()
            .collect();
        let take = |hash: &mut Hash| self.fields.iter().map(|field| self.take(hash, field, now_ms)).collect();
        let values: Vec<Reply> = keys.edit_hash(key, take)?;
        self.notify(key, &changed, now_ms, &mut keys);
        if self.change.removes(now_ms) {
            let removed = values.iter().filter(|value| **value != Reply::Null);
            keys.count_expired_fields(removed.count());
        }
        keys.commit(self.recorded(key, record, now_ms));
        Ok(Reply::Array(values))
    }

    fn notify(&self, key: &[u8], changed: &[&[u8]], now_ms: i64, keys: &mut Exclusive) {
        let fields = changed.iter().copied();
        match self.change {
            change if change.removes(now_ms) => keys.notify_removed(key, fields),
            Change::ExpireAt { .. } => keys.notify_parts(event::HEXPIRE, key, fields),
            Change::None | Change::Persist => keys.notify_parts(event::HPERSIST, key, fields),
        }
    }

    /// Logged with all names, also of missing fields.
    fn recorded<'a>(&self, key: &[u8], record: Record<'a>, now_ms: i64) -> Record<'a> {
        record.instead(|effects| match self.change {
            change if change.removes(now_ms) => {
                effects.command_with(&[b"HDEL", key], &self.fields);
            }
            Change::ExpireAt { deadline_ms } => expire_at(effects, key, deadline_ms, &self.fields),
            Change::None | Change::Persist => {
                let count = self.fields.len().to_string();
                effects.command_with(&[b"HPERSIST", key, b"FIELDS", count.as_bytes()], &self.fields);
            }
        })
    }

    fn changes(&self, hash: HashView, field: &[u8]) -> bool {
        hash.deadline(field).is_some_and(|deadline| match self.change {
            Change::None => false,
            Change::Persist => deadline != Deadline::NEVER,
            Change::ExpireAt { .. } => true,
        })
    }

    fn take(&self, hash: &mut Hash, field: &[u8], now_ms: i64) -> Reply {
        let value = value_or_null(hash.view(now_ms).get(field));
        match self.change {
            Change::None => false,
            Change::Persist => hash.set_deadline(field, Deadline::NEVER),
            change if change.removes(now_ms) => hash.remove(field),
            Change::ExpireAt { deadline_ms } => hash.set_deadline(field, Deadline::at(deadline_ms)),
        };
        value
    }
}
