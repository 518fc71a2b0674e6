//! `CLIENT UNBLOCK id [TIMEOUT|ERROR]`: this server has no commands that wait for keys, so there is
//! never a client to unblock.

use super::{ADMIN, SUBCOMMAND};
use crate::commands::{Arity, Context, Run, Spec};
use crate::resp::{Args, Error, Reply, parse_integer};

pub(super) const UNBLOCK: Spec = Spec {
    name: "client|unblock",
    arity: Arity::AtLeast(3),
    flags: ADMIN,
    complexity: "O(log N) for N connections",
    summary: "Wake a client that waits for a key; no command here does, so the reply is 0",
    syntax: "client-id:integer [unblock-type(TIMEOUT|ERROR)]",
    run: Run::Read(unblock),
    ..SUBCOMMAND
};

const UNKNOWN_REASON: Error = Error::new("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");

/// A client whose command is held back by a pause is not unblocked, as in Redis.
fn unblock(mut args: Args, _: &mut Context) -> Result<Reply, Error> {
    if args.remaining() > 2 {
        return Err(Error::unknown_subcommand_or_arity("CLIENT", b"unblock"));
    }
    let id = args.bytes()?;
    if !args.is_empty() {
        args.keyword_of(&[("timeout", ()), ("error", ())]).ok_or(UNKNOWN_REASON)?;
    }
    parse_integer(id).ok_or(Error::not_an_integer())?;
    Ok(Reply::Integer(0))
}
