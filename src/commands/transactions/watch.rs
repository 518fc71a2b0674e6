//! `WATCH key …`: the next EXEC does nothing if one of these keys changes before it. `UNWATCH`:
//! stops that.

use super::FLAGS;
use crate::commands::keys::BY_ARGUMENTS;
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight};
use crate::resp::{Args, Error, Reply};

pub(super) const WATCH: Spec = Spec {
    name: "watch",
    arity: Arity::AtLeast(2),
    flags: FLAGS.and(Flags::NEVER_QUEUED),
    keys: &[Keys::from(1, &["RO"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Transactions,
    since: "2.2.0",
    complexity: "O(N) for N keys",
    summary: "Let the next EXEC run nothing if one of these keys changes before",
    syntax: "key...",
    tips: &[],
    weight: BY_ARGUMENTS,
    run: Run::Read(watch),
};

pub(super) const UNWATCH: Spec = Spec {
    name: "unwatch",
    arity: Arity::Exactly(1),
    flags: FLAGS,
    keys: &[],
    scope: Scope::NoKeys,
    complexity: "O(1)",
    summary: "Cancel every WATCH of this connection",
    syntax: "",
    weight: Weight::Light,
    run: Run::Read(unwatch),
    ..WATCH
};

fn watch(args: Args, cx: &mut Context) -> Result<Reply, Error> {
    // To be opened later would look like a change.
    args.iter().for_each(|key| _ = cx.db().open_set(key));
    let client = &mut *cx.client;
    if client.queue.is_some() {
        return Err(Error::new("ERR WATCH inside MULTI is not allowed"));
    }
    // EXEC will fail in any case, so no more keys need to be watched.
    if client.watches.are_touched() {
        return Ok(Reply::OK);
    }
    let max_bytes = cx.server.config.settings().client_query_buffer_limit;
    for key in args.iter() {
        client.watches.add(&cx.server.keyspace, client.db, key, max_bytes)?;
    }
    Ok(Reply::OK)
}

fn unwatch(_: Args, cx: &mut Context) -> Result<Reply, Error> {
    cx.client.watches.clear();
    Ok(Reply::OK)
}
