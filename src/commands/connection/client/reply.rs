//! `CLIENT REPLY ON|OFF|SKIP`: whether replies are written at all.

use super::SUBCOMMAND;
use crate::commands::client::Replies;
use crate::commands::{Arity, Context, Run, Spec};
use crate::resp::{Args, Error, Reply};

pub(super) const REPLY: Spec = Spec {
    name: "client|reply",
    arity: Arity::Exactly(3),
    since: "3.2.0",
    summary: "Turn replies to this connection on, off, or off for one command",
    syntax: "action(ON|OFF|SKIP)",
    run: Run::Read(reply),
    ..SUBCOMMAND
};

/// How Redis changes its flags.
type Change = fn(Replies) -> Replies;

/// Each mode, and whether it gets a reply: `ON` gets one, also after a `SKIP`.
const MODES: [(&str, (Change, bool)); 3] =
    [("on", (on, true)), ("off", (off, false)), ("skip", (skip, false))];

fn on(before: Replies) -> Replies {
    Replies { off: false, skips: false, ..before }
}

fn off(before: Replies) -> Replies {
    Replies { off: true, ..before }
}

/// Has no effect while replies are off.
fn skip(before: Replies) -> Replies {
    Replies { skips_next: before.skips_next || !before.off, ..before }
}

fn reply(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let (change, is_answered) = args.keyword_of(&MODES).ok_or(Error::syntax())?;
    cx.client.set_replies(change(cx.client.replies));
    Ok(if is_answered { Reply::OK } else { Reply::None })
}
