//! `BGREWRITEAOF`: makes a new base for the log in the background.

use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "bgrewriteaof",
    arity: Arity::Exactly(1),
    flags: Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::NO_ASYNC_LOADING),
    keys: &[],
    scope: Scope::AllKeys,
    redact: None,
    group: Group::Server,
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Start to write the log anew in the background, without superseded changes",
    syntax: "",
    tips: &[],
    weight: Weight::Light,
    run: Run::Read(bgrewriteaof),
};

/// The rewrite is only scheduled while another snapshot is taken, and within a transaction.
fn bgrewriteaof(_: Args, cx: &mut Context) -> Result<Reply, Error> {
    let must_wait = cx.is_in_exec() || cx.server.saving.status().running.is_some();
    if !cx.server.aof.request_rewrite() {
        return Err(Error::new("ERR Background append only file rewriting already in progress"));
    }
    Ok(Reply::Simple(if must_wait {
        "Background append only file rewriting scheduled"
    } else {
        "Background append only file rewriting started"
    }))
}
