//! `CLIENT PAUSE milliseconds [WRITE|ALL]`, `CLIENT UNPAUSE`: connections hold commands back.

use super::{ADMIN, SUBCOMMAND};
use crate::commands::pause::Paused;
use crate::commands::{Arity, Context, Run, Spec, timeout};
use crate::resp::{Args, Error, Reply};

pub(super) const PAUSE: Spec = Spec {
    name: "client|pause",
    arity: Arity::AtLeast(3),
    flags: ADMIN,
    since: "3.0.0",
    summary: "Hold back all commands, or writes only, for some milliseconds",
    syntax: "timeout:integer [mode(WRITE|ALL)@6.2.0]",
    run: Run::Read(pause),
    ..SUBCOMMAND
};

pub(super) const UNPAUSE: Spec = Spec {
    name: "client|unpause",
    flags: ADMIN,
    since: "6.2.0",
    complexity: "O(N) for N held connections",
    summary: "End CLIENT PAUSE at once and run what it held back",
    run: Run::Read(unpause),
    ..SUBCOMMAND
};

const UNKNOWN_MODE: Error = Error::new("ERR CLIENT PAUSE mode must be WRITE or ALL");

fn pause(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    if args.remaining() > 2 {
        return Err(Error::unknown_subcommand_or_arity("CLIENT", b"pause"));
    }
    let time = args.bytes()?;
    let scope = match args.remaining() {
        0 => Paused::Everything,
        _ => {
            args.keyword_of(&[("write", Paused::Writes), ("all", Paused::Everything)]).ok_or(UNKNOWN_MODE)?
        }
    };
    cx.server.pause.begin(scope, timeout::milliseconds(time)?);
    Ok(Reply::OK)
}

/// All connections are woken; those that hold a command back run it.
fn unpause(_: Args, cx: &mut Context) -> Result<Reply, Error> {
    cx.server.pause.end();
    cx.server.clients.list().iter().for_each(|info| info.wake());
    Ok(Reply::OK)
}
