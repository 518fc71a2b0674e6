//! `CLIENT NO-EVICT on|off`. No client is disconnected for its memory here, so `on` promises what holds anyway.

use std::sync::atomic::Ordering;

use super::{ADMIN, SUBCOMMAND};
use crate::commands::{Arity, Run, Spec};
use crate::resp::Reply;
use crate::resp::{Args, Error};

pub(super) const NO_EVICT: Spec = Spec {
    name: "client|no-evict",
    arity: Arity::Exactly(3),
    flags: ADMIN,
    since: "7.0.0",
    summary: "Sets the client eviction mode of the connection.",
    syntax: "enabled(ON|OFF)",
    run: Run::Read(|args, cx| {
        cx.client.shown.no_evict.store(on_or_off(args)?, Ordering::Relaxed);
        Ok(Reply::OK)
    }),
    ..SUBCOMMAND
};

fn on_or_off(mut args: Args) -> Result<bool, Error> {
    args.keyword_of(&[("on", true), ("off", false)]).ok_or(Error::syntax())
}
