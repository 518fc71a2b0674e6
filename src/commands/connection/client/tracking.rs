//! `CLIENT TRACKINGINFO`, `CLIENT GETREDIR`: client-side caching, which is off here and cannot be turned on.

use super::SUBCOMMAND;
use crate::commands::{Run, Spec};
use crate::resp::Reply;

/// "No redirection", as Redis says it while tracking is off.
const NO_REDIRECTION: i64 = -1;

pub(super) const TRACKINGINFO: Spec = Spec {
    name: "client|trackinginfo",
    since: "6.2.0",
    summary: "Returns information about server-assisted client-side caching for the connection.",
    run: Run::Read(|_, _| Ok(tracking_is_off())),
    ..SUBCOMMAND
};

pub(super) const GETREDIR: Spec = Spec {
    name: "client|getredir",
    since: "6.0.0",
    summary: "Returns the client ID to which the connection's tracking notifications are redirected.",
    run: Run::Read(|_, _| Ok(Reply::Integer(NO_REDIRECTION))),
    ..SUBCOMMAND
};

fn tracking_is_off() -> Reply {
    Reply::Map(vec![
        (Reply::bulk("flags"), Reply::Set(vec![Reply::bulk("off")])),
        (Reply::bulk("redirect"), Reply::Integer(NO_REDIRECTION)),
        (Reply::bulk("prefixes"), Reply::Array(Vec::new())),
    ])
}
