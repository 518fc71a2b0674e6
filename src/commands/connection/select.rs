//! `SELECT index`: chooses the database of later commands.

use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight};
use crate::resp::{Args, Error, Reply};

/// A static, since other modules compare a command's spec with it by address.
pub(in crate::commands) static SPEC: Spec = Spec {
    name: "select",
    arity: Arity::Exactly(2),
    flags: Flags::LOADING.and(Flags::STALE).and(Flags::FAST).and(Flags::DATABASE_FIRST),
    keys: &[],
    scope: Scope::NoKeys,
    redact: None,
    group: Group::Connection,
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Choose the database that this connection uses",
    syntax: "index:integer",
    tips: &[],
    weight: Weight::Light,
    run: Run::Read(select),
};

const NOT_AN_INT: Error =
    Error::new("ERR value is out of range, value must between -2147483648 and 2147483647");

fn select(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let index: i64 = args.integer()?;
    let index = i32::try_from(index).map_err(|_| NOT_AN_INT)?;
    let databases = cx.server.keyspace.databases().len();
    let index = usize::try_from(index).ok().filter(|&index| index < databases);
    cx.client.select(index.ok_or(Error::new("ERR DB index is out of range"))?);
    Ok(Reply::OK)
}
