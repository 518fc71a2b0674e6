//! `CLIENT TRACKING`, `CACHING`, `TRACKINGINFO`, `GETREDIR`: client-side caching, which is off here
//! and cannot be turned on.

use super::SUBCOMMAND;
use crate::commands::{Arity, Context, Run, Spec};
use crate::resp::{Args, Error, Reply};

/// Redis' number for "no redirection" while tracking is off.
const NO_REDIRECTION: i64 = -1;

pub(super) const TRACKINGINFO: Spec = Spec {
    name: "client|trackinginfo",
    since: "6.2.0",
    summary: "State of client-side caching, which is off here",
    run: Run::Read(|_, _| Ok(tracking_is_off())),
    ..SUBCOMMAND
};

pub(super) const GETREDIR: Spec = Spec {
    name: "client|getredir",
    since: "6.0.0",
    summary: "Always -1: no connection gets invalidation messages",
    run: Run::Read(|_, _| Ok(Reply::Integer(NO_REDIRECTION))),
    ..SUBCOMMAND
};

pub(super) const TRACKING: Spec = Spec {
    name: "client|tracking",
    arity: Arity::AtLeast(3),
    since: "6.0.0",
    complexity: "O(1)",
    summary: "ON is refused: this server sends no invalidation messages",
    syntax: "status(ON|OFF) [REDIRECT client-id:integer] [PREFIX... prefix] [BCAST] [OPTIN] [OPTOUT] \
        [NOLOOP]",
    run: Run::Read(tracking),
    ..SUBCOMMAND
};

pub(super) const CACHING: Spec = Spec {
    name: "client|caching",
    arity: Arity::Exactly(3),
    since: "6.0.0",
    summary: "Refused: tracking of keys is never on here",
    syntax: "mode(YES|NO)",
    run: Run::Read(|_, _| Err(NOT_TRACKING)),
    ..SUBCOMMAND
};

const NOT_SUPPORTED: Error = Error::new("ERR client tracking is not supported by this server");

const NOT_TRACKING: Error = Error::new(
    "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
);

/// Turning it off changes nothing, and gets Redis' reply.
fn tracking(mut args: Args, _: &mut Context) -> Result<Reply, Error> {
    let switch = args.bytes()?;
    while !args.is_empty() {
        take_option(&mut args)?;
    }
    match switch.to_ascii_lowercase().as_slice() {
        b"on" => Err(NOT_SUPPORTED),
        b"off" => Ok(Reply::OK),
        _ => Err(Error::syntax()),
    }
}

fn take_option(args: &mut Args) -> Result<(), Error> {
    let flags = [("bcast", ()), ("optin", ()), ("optout", ()), ("noloop", ())];
    if args.keyword_of(&flags).is_some() {
        return Ok(());
    }
    let is_prefix = args.keyword("prefix");
    if (!is_prefix && !args.keyword("redirect")) || args.is_empty() {
        return Err(Error::syntax());
    }
    if is_prefix { args.bytes().map(drop) } else { args.integer::<i64>().map(drop) }
}

fn tracking_is_off() -> Reply {
    Reply::Map(vec![
        (Reply::bulk("flags"), Reply::Set(vec![Reply::bulk("off")])),
        (Reply::bulk("redirect"), Reply::Integer(NO_REDIRECTION)),
        (Reply::bulk("prefixes"), Reply::Array(Vec::new())),
    ])
}
