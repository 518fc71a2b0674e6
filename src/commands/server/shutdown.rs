//! `SHUTDOWN [NOSAVE|SAVE] [NOW] [FORCE] [ABORT]`: the server ends.

use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight, Wish};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "shutdown",
    arity: Arity::AtLeast(1),
    flags: Flags::ADMIN
        .and(Flags::NOSCRIPT)
        .and(Flags::LOADING)
        .and(Flags::STALE)
        .and(Flags::NO_MULTI)
        .and(Flags::ALLOW_BUSY),
    keys: &[],
    scope: Scope::AllKeys,
    redact: None,
    group: Group::Server,
    since: "1.0.0",
    complexity: "O(N) for N keys if a snapshot is written, else O(1)",
    summary: "End the server, with a snapshot if there are save rules or SAVE is given",
    syntax: "[save-selector(NOSAVE|SAVE)] [NOW@7.0.0] [FORCE@7.0.0] [ABORT@7.0.0]",
    tips: &[],
    // It may save.
    weight: Weight::Blocking,
    run: Run::Read(|args, cx| Shutdown::parse(args)?.execute(cx)),
};

#[derive(Default)]
struct Shutdown {
    save: bool,
    no_save: bool,
    now: bool,
    force: bool,
    abort: bool,
}

impl Shutdown {
    fn parse(mut args: Args) -> Result<Self, Error> {
        let mut wish = Self::default();
        while !args.is_empty() {
            let words = [("save", 0), ("nosave", 1), ("now", 2), ("force", 3), ("abort", 4)];
            match args.keyword_of(&words) {
                Some(0) => wish.save = true,
                Some(1) => wish.no_save = true,
                Some(2) => wish.now = true,
                Some(3) => wish.force = true,
                Some(_) => wish.abort = true,
                None => return Err(Error::syntax()),
            }
        }
        let more_than_abort = wish.save || wish.no_save || wish.now || wish.force;
        if (wish.save && wish.no_save) || (wish.abort && more_than_abort) {
            return Err(Error::syntax());
        }
        Ok(wish)
    }

    /// The client gets no reply: its connection ends with the server.
    fn execute(self, cx: &mut Context) -> Result<Reply, Error> {
        if self.abort {
            return Err(Error::new("ERR No shutdown in progress."));
        }
        let wish = match (self.save, self.no_save) {
            (true, _) => Wish::Save,
            (_, true) => Wish::NoSave,
            _ => Wish::ByRules,
        };
        if cx.server.save_before_end(wish).is_err() && !self.force {
            return Err(Error::new("ERR Errors trying to SHUTDOWN. Check logs."));
        }
        cx.server.stop.request();
        cx.client.closing = true;
        Ok(Reply::None)
    }
}
