//! `CLIENT PAUSE milliseconds [WRITE|ALL]`, `CLIENT UNPAUSE`: connections hold commands back.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{ADMIN, SUBCOMMAND};
use crate::commands::pause::Paused;
use crate::commands::{Arity, Context, Run, Spec};
use crate::resp::{Args, Error, Reply, parse_integer};

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
    cx.server.pause.begin(scope, duration(time)?);
    Ok(Reply::OK)
}

fn duration(text: &[u8]) -> Result<Duration, Error> {
    const NOT_AN_INTEGER: Error = Error::new("ERR timeout is not an integer or out of range");
    let millis = parse_integer(text).ok_or(NOT_AN_INTEGER)?;
    let millis = u64::try_from(millis).map_err(|_| Error::new("ERR timeout is negative"))?;
    let time = Duration::from_millis(millis);
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + time;
    // Redis stores the end of a pause as signed milliseconds.
    match i64::try_from(since_epoch.as_millis()) {
        Ok(_) => Ok(time),
        Err(_) => Err(Error::new("ERR timeout is out of range")),
    }
}

/// All connections are woken; those that hold a command back run it.
fn unpause(_: Args, cx: &mut Context) -> Result<Reply, Error> {
    cx.server.pause.end();
    cx.server.clients.list().iter().for_each(|info| info.wake());
    Ok(Reply::OK)
}
