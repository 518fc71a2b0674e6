//! `CLIENT REPLY ON|OFF|SKIP`: whether replies are written at all.

use super::SUBCOMMAND;
use crate::commands::client::Replies;
use crate::commands::{Arity, Context, Run, Spec};
use crate::resp::{Args, Error, Reply};

pub(super) const REPLY: Spec = Spec {
    name: "client|reply",
    arity: Arity::Exactly(3),
    since: "3.2.0",
    summary: "Instructs the server whether to reply to commands.",
    syntax: "action(ON|OFF|SKIP)",
    run: Run::Read(reply),
    ..SUBCOMMAND
};

/// `OFF` and `SKIP` have no reply themselves. `SKIP` means nothing while replies are off.
fn reply(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let modes = [("on", Replies::On), ("off", Replies::Off), ("skip", Replies::SkipNext)];
    match args.keyword_of(&modes).ok_or(Error::syntax())? {
        Replies::On => {
            cx.client.replies = Replies::On;
            return Ok(Reply::OK);
        }
        Replies::SkipNext if cx.client.replies == Replies::Off => {}
        mode => cx.client.replies = mode,
    }
    Ok(Reply::None)
}
