//! `DUMP key`: the value as bytes that RESTORE takes, here and in Redis.

use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight};
use crate::keyspace::{Accounting, Entry};
use crate::persistence::rdb::dump;
use crate::persistence::rdb::format::MAX_STRING_LEN;
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "dump",
    arity: Arity::Exactly(2),
    flags: Flags::READONLY,
    keys: &[Keys::at(1, &["RO", "access"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Generic,
    since: "2.6.0",
    complexity: "O(N) for a value of N bytes",
    summary: "Value as bytes from which RESTORE makes it again",
    syntax: "key",
    tips: &["nondeterministic_output"],
    weight: Weight::HeavyIf(is_large),
    run: Run::Read(execute),
};

/// Bytes of a value, or of a dump, from which on the work leaves the network thread.
pub(super) const LARGE: usize = 16 * 1024;

fn is_large(args: Args, cx: &Context) -> bool {
    let is_large = |entry: &Entry| {
        let value = entry.value();
        let is_set = value.as_vector_set().is_ok() || value.as_cold_set().is_some();
        is_set || entry.memory_bytes() >= LARGE
    };
    args.peek().and_then(|key| cx.db().lookup(key, Accounting::None, is_large)).unwrap_or(false)
}

fn execute(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let seen = |entry: &Entry| (entry.value().to_value(), entry.memory_bytes());
    let Some((value, memory_bytes)) = cx.db().lookup(args.bytes()?, Accounting::Used, seen) else {
        return Ok(Reply::Null);
    };
    let pieces = dump::pieces(value.view(), memory_bytes, limit(cx));
    pieces.map(Reply::Pieces).map_err(|error| Error::from(format!("ERR cannot dump: {error}")))
}

/// The most that a RESTORE could take, here or at a Redis with its defaults.
fn limit(cx: &Context) -> usize {
    let here = cx.server.config.settings().proto_max_bulk_len;
    usize::try_from(here).unwrap_or(usize::MAX).max(MAX_STRING_LEN)
}
