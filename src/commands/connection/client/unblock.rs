//! `CLIENT UNBLOCK id [TIMEOUT|ERROR]`: ends the wait of another client whose command waits.

use super::{ADMIN, SUBCOMMAND};
use crate::commands::client::Unblock;
use crate::commands::{Arity, Context, Run, Spec};
use crate::resp::{Args, Error, Reply, parse_integer};

pub(super) const UNBLOCK: Spec = Spec {
    name: "client|unblock",
    arity: Arity::AtLeast(3),
    flags: ADMIN,
    complexity: "O(log N) for N connections",
    summary: "Let a command that waits, such as WAIT, reply at once, as after its time or with an error",
    syntax: "client-id:integer [unblock-type(TIMEOUT|ERROR)]",
    run: Run::Read(unblock),
    ..SUBCOMMAND
};

const UNKNOWN_REASON: Error = Error::new("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");

/// A client whose command is held back by a pause is not unblocked, as in Redis.
fn unblock(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    if args.remaining() > 2 {
        return Err(Error::unknown_subcommand_or_arity("CLIENT", b"unblock"));
    }
    let id = args.bytes()?;
    let how = match args.is_empty() {
        true => Unblock::Timeout,
        false => {
            let words = [("timeout", Unblock::Timeout), ("error", Unblock::Error)];
            args.keyword_of(&words).ok_or(UNKNOWN_REASON)?
        }
    };
    let id = parse_integer(id).ok_or(Error::not_an_integer())?;
    let client = u64::try_from(id).ok().and_then(|id| cx.server.clients.get(id));
    Ok(Reply::Integer(client.is_some_and(|client| client.unblock(how)).into()))
}
