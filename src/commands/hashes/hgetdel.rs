//! `HGETDEL key FIELDS numfields field [field …]`: the values of fields, which are removed.

use super::fields::{FIELDS, refusal};
use super::value_or_null;
use crate::commands::keys::{BY_ARGUMENTS, Names};
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec};
use crate::journal::{Effects, Record};
use crate::keyspace::Hash;
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "hgetdel",
    arity: Arity::AtLeast(5),
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[Keys::at(1, &["RW", "access", "delete"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Hash,
    since: "8.0.0",
    complexity: "O(N) for N fields",
    summary: "Values of fields, which are removed with that",
    syntax: "key FIELDS fields(numfields:integer field...)",
    tips: &[],
    weight: BY_ARGUMENTS,
    run: Run::Write(get_and_delete),
};

fn get_and_delete(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let fields = FIELDS.to_the_end(args).map_err(|error| refusal(error, key, cx))?;
    let mut keys = cx.db().exclusive(&[key]);
    let now_ms = keys.now_ms();
    let hash = keys.hash(key)?;
    if !hash.is_some_and(|hash| fields.iter().any(|field| hash.get(field).is_some())) {
        return Ok(Reply::Array(vec![Reply::Null; fields.remaining()]));
    }
    let values: Vec<Reply> =
        keys.edit_hash(key, |hash| fields.iter().map(|field| take(hash, field, now_ms)).collect())?;
    let there = fields.iter().zip(&values).filter(|(_, value)| **value != Reply::Null);
    keys.notify_removed(key, there.map(|(field, _)| field));
    let removed = |effects: &mut Effects| {
        effects.command_with(&[b"HDEL", key], &fields.iter().collect::<Names>());
    };
    keys.commit(record.instead(removed));
    Ok(Reply::Array(values))
}

fn take(hash: &mut Hash, field: &[u8], now_ms: i64) -> Reply {
    let value = value_or_null(hash.view(now_ms).get(field));
    hash.remove(field);
    value
}
