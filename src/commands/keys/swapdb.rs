//! `SWAPDB index1 index2`: exchanges the keys of two databases.

use super::checked_database;
use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight};
use crate::journal::Record;
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "swapdb",
    arity: Arity::Exactly(3),
    flags: Flags::WRITE
        .and(Flags::FAST)
        .and(Flags::DANGEROUS)
        .and(Flags::KEYSPACE)
        .and(Flags::DATABASE_FIRST)
        .and(Flags::DATABASE_SECOND),
    keys: &[],
    scope: Scope::AllKeys,
    redact: None,
    group: Group::Server,
    since: "4.0.0",
    complexity: "O(N) for N connections that watch keys of the two",
    summary: "Exchange the keys of two databases, for all connections at one moment",
    syntax: "index1:integer index2:integer",
    tips: &[],
    weight: Weight::Heavy,
    run: Run::Write(swapdb),
};

fn swapdb(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let one = args.integer_or(Error::new("ERR invalid first DB index"))?;
    let other = args.integer_or(Error::new("ERR invalid second DB index"))?;
    let one = checked_database(one)?;
    let other = checked_database(other)?;
    cx.server.keyspace.swap(one, other, record);
    Ok(Reply::OK)
}
