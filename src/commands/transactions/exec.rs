//! `EXEC`: runs the queued commands as one transaction, unless a watched key has changed.

use super::queue::{Queue, Queued};
use super::reach::reach;
use crate::commands::{
    Arity, Context, Flags, Group, Place, Run, Scope, Spec, Weight, dispatch, permissions, registry,
};
use crate::keyspace::Reach;
use crate::resp::{Args, Encoded, Error, Reply};

/// A static, since other modules compare a command's spec with it by address.
pub(in crate::commands) static SPEC: Spec = Spec {
    name: "exec",
    arity: Arity::Exactly(1),
    flags: Flags::NOSCRIPT
        .and(Flags::LOADING)
        .and(Flags::STALE)
        .and(Flags::SKIP_SLOWLOG)
        .and(Flags::NEVER_QUEUED),
    keys: &[],
    scope: Scope::AllKeys,
    redact: None,
    group: Group::Transactions,
    since: "1.2.0",
    complexity: "The sum of the queued commands",
    summary: "Run what is queued since MULTI as one change, or nothing if a watched key has changed",
    syntax: "",
    tips: &[],
    weight: Weight::PlacedBy(|_, cx| cx.client.queue.as_ref().map_or(Place::Network, |queue| queue.place())),
    run: Run::Read(exec),
};

fn exec(_: Args, cx: &mut Context) -> Result<Reply, Error> {
    let Some(queue) = cx.client.queue.take() else { return Err(Error::new("ERR EXEC without MULTI")) };
    let outcome = if queue.has_failed() {
        Err(Error::new("EXECABORT Transaction discarded because of previous errors."))
    } else {
        let reply = attempt(&queue, cx);
        wait_for_log(cx).map(|()| reply)
    };
    cx.client.watches.clear();
    if let Some(exec) = registry::find(SPEC.name.as_bytes()) {
        cx.client.info.set_last_command(exec);
    }
    outcome
}

/// The reply to `CONFIG SET appendonly yes` must be true when the client reads it.
fn wait_for_log(cx: &mut Context) -> Result<(), Error> {
    if !std::mem::take(&mut cx.client.awaits_log) {
        return Ok(());
    }
    let outcome = cx.server.aof.wait_until_on();
    outcome.map_err(|why| Error::from(format!("ERR the transaction was carried out, but: {why}")))
}

fn attempt(queue: &Queue, cx: &mut Context) -> Reply {
    if cx.client.watches.are_touched() {
        return Reply::NullArray;
    }
    let keyspace = &cx.server.keyspace;
    let db = cx.client.db;
    let watches = std::mem::replace(&mut cx.client.watches, super::Watches::new(&cx.client.info));
    let reach = reach(queue.commands(), db, watches.keys());
    let is_long = queue.place() > Place::Network;
    open_sets(&reach, cx);
    let _long = is_long.then(|| keyspace.announce_long_transaction(&reach));
    keyspace.transaction(&reach, || {
        let now_ms = keyspace.clock().now_ms();
        if watches.have_changed(now_ms) {
            return Reply::NullArray;
        }
        run_all(queue.commands(), cx, now_ms)
    })
}

/// Opens sets that are in files, before others have to wait for their keys. One that cannot be read
/// is an error of the command that needs it.
fn open_sets(reach: &Reach<'_>, cx: &Context) {
    if let Reach::Keys(keys) = reach
        && cx.server.keyspace.has_cold_sets()
    {
        keys.iter().for_each(|&(db, key)| _ = cx.server.keyspace.view(db, cx.access()).open_set(key));
    }
}

/// Replies are encoded one by one, since HELLO and CLIENT REPLY among the commands apply to the
/// replies after them.
fn run_all(commands: &[Queued], cx: &mut Context, now_ms: i64) -> Reply {
    let mut replies = Encoded::default();
    if !cx.client.replies.are_silent() {
        Reply::encode_array_header(commands.len(), &mut replies);
    }
    for Queued { command, request } in commands {
        let allowed = permissions::recheck(command, cx.server, cx.client, request);
        let reply = match allowed {
            Ok(()) => dispatch::run(command, cx.server, cx.client, request, Some(now_ms)),
            Err(refusal) => {
                cx.server.statistics.rejected(command, &refusal);
                Reply::Error(refusal)
            }
        };
        cx.server.remove_expired(cx.client);
        if !cx.client.replies.are_silent() || matches!(reply, Reply::Encoded(_)) {
            reply.encode(cx.client.protocol, &mut replies);
        }
    }
    Reply::Encoded(Box::new(replies))
}
