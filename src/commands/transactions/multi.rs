//! `MULTI`: from now on commands are queued. `DISCARD`: the queue is dropped.

use super::{FLAGS, Queue};
use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight};
use crate::resp::{Args, Error, Reply};

/// A static, since other modules compare a command's spec with it by address.
pub(in crate::commands) static MULTI: Spec = BASE;

const BASE: Spec = Spec {
    name: "multi",
    arity: Arity::Exactly(1),
    flags: FLAGS.and(Flags::NEVER_QUEUED),
    keys: &[],
    scope: Scope::NoKeys,
    redact: None,
    group: Group::Transactions,
    since: "1.2.0",
    complexity: "O(1)",
    summary: "Begin a transaction: commands are queued until EXEC",
    syntax: "",
    tips: &[],
    weight: Weight::Light,
    run: Run::Read(multi),
};

pub(super) const DISCARD: Spec = Spec {
    name: "discard",
    since: "2.0.0",
    complexity: "O(N) for N queued commands",
    summary: "Drop the queued commands and end the transaction",
    run: Run::Read(discard),
    ..BASE
};

fn multi(_: Args, cx: &mut Context) -> Result<Reply, Error> {
    if cx.client.queue.is_some() {
        return Err(Error::new("ERR MULTI calls can not be nested"));
    }
    cx.client.queue = Some(Box::new(Queue::new(&cx.client.info)));
    Ok(Reply::OK)
}

fn discard(_: Args, cx: &mut Context) -> Result<Reply, Error> {
    if cx.client.queue.take().is_none() {
        return Err(Error::new("ERR DISCARD without MULTI"));
    }
    cx.client.watches.clear();
    Ok(Reply::OK)
}
