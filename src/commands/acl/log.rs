//! `ACL LOG [count | RESET]`: what was refused lately.

use bytes::Bytes;

use super::ADMIN;
use crate::acl::Entry;
use crate::commands::{Context, Run, Spec};
use crate::resp::{Args, Error, Reply};

/// Entries without a count.
const DEFAULT_COUNT: usize = 10;

pub(super) const LOG: Spec = Spec {
    name: "acl|log",
    complexity: "O(N) for N entries in the reply",
    summary: "What was refused lately, and to whom; RESET forgets it",
    syntax: "[operation(count:integer|RESET)]",
    run: Run::Read(log),
    ..ADMIN
};

fn log(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    if args.remaining() > 1 {
        return Err(Error::unknown_subcommand_or_arity("ACL", b"log"));
    }
    if args.keyword("RESET") {
        cx.server.acl.log.clear();
        return Ok(Reply::OK);
    }
    let count =
        if args.is_empty() { DEFAULT_COUNT } else { usize::try_from(args.integer::<i64>()?).unwrap_or(0) };
    let now_ms = cx.now_ms();
    let entries = cx.server.acl.log.last(count).into_iter();
    Ok(Reply::Array(entries.map(|entry| shown(entry, now_ms)).collect()))
}

fn shown(entry: Entry, now_ms: i64) -> Reply {
    let age_ms = now_ms.saturating_sub(entry.updated_ms);
    let context = if entry.denial.is_in_transaction { "multi" } else { "toplevel" };
    let text = |bytes: Vec<u8>| Reply::bulk(Bytes::from(bytes));
    let fields = [
        ("count", Reply::Integer(entry.count as i64)),
        ("reason", Reply::bulk(entry.denial.reason.name())),
        ("context", Reply::bulk(context)),
        ("object", text(entry.denial.object)),
        ("username", text(entry.denial.user)),
        ("age-seconds", Reply::Double(age_ms as f64 / 1000.0)),
        ("client-info", Reply::bulk(entry.client)),
        ("entry-id", Reply::Integer(entry.id as i64)),
        ("timestamp-created", Reply::Integer(entry.created_ms)),
        ("timestamp-last-updated", Reply::Integer(entry.updated_ms)),
    ];
    Reply::Map(fields.map(|(name, value)| (Reply::bulk(name), value)).into())
}
