//! `HPERSIST key FIELDS numfields field [field …]`: removes deadlines of fields. Replies 1 for
//! each, -1 if it had none, -2 if there is no such field.

use super::fields::{FIELDS, refusal};
use crate::commands::keys::BY_ARGUMENTS;
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec};
use crate::journal::Record;
use crate::keyspace::{Deadline, Hash, HashView, event};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "hpersist",
    arity: Arity::AtLeast(5),
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[Keys::at(1, &["RW", "update"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Hash,
    since: "7.4.0",
    complexity: "O(N) for N fields",
    summary: "Cancel the expiry of fields",
    syntax: "key FIELDS fields(numfields:integer field...)",
    tips: &[],
    weight: BY_ARGUMENTS,
    run: Run::Write(persist),
};

/// The numbers are those of the reply.
#[derive(Clone, Copy, PartialEq)]
enum Outcome {
    NoField = -2,
    NoDeadline = -1,
    Persisted = 1,
}

fn persist(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let fields = FIELDS.to_the_end(args).map_err(|error| refusal(error, key, cx))?;
    let mut keys = cx.db().exclusive(&[key]);
    let now_ms = keys.now_ms();
    let hash = keys.hash(key)?;
    let outcome = |field| hash.map_or(Outcome::NoField, |hash| outcome(hash, field));
    let mut outcomes: Vec<Outcome> = fields.iter().map(outcome).collect();
    if outcomes.contains(&Outcome::Persisted) {
        // Computed again, since a field may be named twice.
        outcomes =
            keys.edit_hash(key, |hash| fields.iter().map(|field| apply(hash, field, now_ms)).collect())?;
        let persisted = fields.iter().zip(&outcomes).filter(|(_, outcome)| **outcome == Outcome::Persisted);
        keys.notify_parts(event::HPERSIST, key, persisted.map(|(field, _)| field));
        keys.commit(record);
    }
    Ok(Reply::Array(outcomes.into_iter().map(|outcome| Reply::Integer(outcome as i64)).collect()))
}

fn outcome(hash: HashView, field: &[u8]) -> Outcome {
    match hash.deadline(field) {
        None => Outcome::NoField,
        Some(Deadline::NEVER) => Outcome::NoDeadline,
        Some(_) => Outcome::Persisted,
    }
}

fn apply(hash: &mut Hash, field: &[u8], now_ms: i64) -> Outcome {
    let outcome = outcome(hash.view(now_ms), field);
    if outcome == Outcome::Persisted {
        hash.set_deadline(field, Deadline::NEVER);
    }
    outcome
}
