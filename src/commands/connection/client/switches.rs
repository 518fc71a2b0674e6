//! `CLIENT NO-EVICT on|off`, `CLIENT NO-TOUCH on|off`.
//!
//! This server disconnects no client for its use of memory, so `NO-EVICT on` changes nothing.

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
    summary: "Set the no-evict flag of this connection; none is ever evicted here",
    syntax: "enabled(ON|OFF)",
    run: Run::Read(|args, cx| {
        cx.client.info.no_evict.store(on_or_off(args)?, Ordering::Relaxed);
        Ok(Reply::OK)
    }),
    ..SUBCOMMAND
};

pub(super) const NO_TOUCH: Spec = Spec {
    name: "client|no-touch",
    arity: Arity::Exactly(3),
    since: "7.2.0",
    summary: "Choose whether reads through this connection leave the idle time of keys as it is",
    syntax: "enabled(ON|OFF)",
    run: Run::Read(|args, cx| {
        let is_on = on_or_off(args)?;
        cx.client.no_touch = is_on;
        cx.client.info.no_touch.store(is_on, Ordering::Relaxed);
        Ok(Reply::OK)
    }),
    ..SUBCOMMAND
};

fn on_or_off(mut args: Args) -> Result<bool, Error> {
    args.keyword_of(&[("on", true), ("off", false)]).ok_or(Error::syntax())
}
