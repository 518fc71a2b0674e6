//! `PERSIST key`: removes the deadline of a key.

use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight};
use crate::journal::Record;
use crate::keyspace::{Deadline, Entry, event};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "persist",
    arity: Arity::Exactly(2),
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[Keys::at(1, &["RW", "update"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Generic,
    since: "2.2.0",
    complexity: "O(1)",
    summary: "Cancel the expiry of a key",
    syntax: "key",
    tips: &[],
    weight: Weight::Light,
    run: Run::Write(persist),
};

fn persist(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let mut keys = cx.db().exclusive(&[key]);
    let deadline = keys.get(key).map_or(Deadline::NEVER, Entry::deadline);
    if deadline == Deadline::NEVER {
        return Ok(Reply::Integer(0));
    }
    keys.set_deadline(key, Deadline::NEVER);
    keys.notify(event::PERSIST, key);
    keys.commit(record);
    Ok(Reply::Integer(1))
}
