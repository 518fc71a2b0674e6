//! `FLUSHDB [ASYNC|SYNC]`, `FLUSHALL [ASYNC|SYNC]`: removes all keys.
//!
//! In both modes the keys are removed before the reply, and the reaper frees the values later. SYNC
//! differs in nothing that a client can observe.

use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight};
use crate::journal::Record;
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const FLUSHDB: Spec = Spec {
    name: "flushdb",
    arity: Arity::AtLeast(1),
    flags: Flags::WRITE.and(Flags::DANGEROUS).and(Flags::KEYSPACE),
    keys: &[],
    scope: Scope::AllKeys,
    redact: None,
    group: Group::Server,
    since: "1.0.0",
    complexity: "O(N) for N keys",
    summary: "Empty this database; memory is freed in the background",
    syntax: "[flush-type(ASYNC@4.0.0|SYNC@6.2.0)]",
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    weight: Weight::Heavy,
    run: Run::Write(flush_db),
};

pub(in crate::commands) const FLUSHALL: Spec = Spec {
    name: "flushall",
    arity: Arity::AtLeast(1),
    flags: Flags::WRITE.and(Flags::DANGEROUS).and(Flags::KEYSPACE).and(Flags::ALL_DATABASES),
    keys: &[],
    scope: Scope::AllKeys,
    redact: None,
    group: Group::Server,
    since: "1.0.0",
    complexity: "O(N) for N keys",
    summary: "Empty every database; memory is freed in the background",
    syntax: "[flush-type(ASYNC@4.0.0|SYNC@6.2.0)]",
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    weight: Weight::Heavy,
    run: Run::Write(flush_all),
};

fn flush_db(args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    check_mode(args)?;
    cx.db().flush(record);
    Ok(Reply::OK)
}

fn flush_all(args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    check_mode(args)?;
    cx.server.keyspace.flush_all(record);
    Ok(Reply::OK)
}

fn check_mode(mut args: Args) -> Result<(), Error> {
    let _either = args.keyword("ASYNC") || args.keyword("SYNC");
    args.finish()
}
