//! `MOVE key db`: moves the key to another database, unless it exists there already.

use super::database_number;
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight};
use crate::journal::Record;
use crate::keyspace::event;
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "move",
    arity: Arity::Exactly(3),
    flags: Flags::WRITE.and(Flags::FAST).and(Flags::DATABASE_SECOND),
    keys: &[Keys::at(1, &["RW", "access", "update"])],
    scope: Scope::AllKeys,
    redact: None,
    group: Group::Generic,
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Put a key into another database, if that does not have it",
    syntax: "key db:integer",
    tips: &[],
    weight: Weight::Light,
    run: Run::Write(move_key),
};

fn move_key(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let from = cx.client.db;
    let to = database_number(&mut args)?;
    if from == to {
        return Err(Error::new("ERR source and destination objects are the same"));
    }
    let (mut source, mut target) = cx.server.keyspace.exclusive_pair(cx.access(), (from, key), (to, key));
    if source.get(key).is_none() || target.get(key).is_some() {
        return Ok(Reply::Integer(0));
    }
    let Some(taken) = source.take(key) else { return Ok(Reply::Integer(0)) };
    target.put_taken(key, taken);
    source.notify(event::MOVE_FROM, key);
    target.notify(event::MOVE_TO, key);
    record.commit();
    Ok(Reply::Integer(1))
}
