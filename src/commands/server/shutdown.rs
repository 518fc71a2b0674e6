//! `SHUTDOWN [NOSAVE|SAVE] [NOW] [FORCE] [ABORT]`: stops the server.

use crate::commands::{Arity, Context, FinalSave, Flags, Group, Run, Scope, Spec, Weight};
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
        let mut options = Self::default();
        while !args.is_empty() {
            let words = [("save", 0), ("nosave", 1), ("now", 2), ("force", 3), ("abort", 4)];
            match args.keyword_of(&words) {
                Some(0) => options.save = true,
                Some(1) => options.no_save = true,
                Some(2) => options.now = true,
                Some(3) => options.force = true,
                Some(_) => options.abort = true,
                None => return Err(Error::syntax()),
            }
        }
        let more_than_abort = options.save || options.no_save || options.now || options.force;
        if (options.save && options.no_save) || (options.abort && more_than_abort) {
            return Err(Error::syntax());
        }
        Ok(options)
    }

    /// The client gets no reply: its connection closes with the server.
    fn execute(self, cx: &mut Context) -> Result<Reply, Error> {
        if self.abort {
            return Err(Error::new("ERR No shutdown in progress."));
        }
        let options = match (self.save, self.no_save) {
            (true, _) => FinalSave::Save,
            (_, true) => FinalSave::NoSave,
            _ => FinalSave::ByRules,
        };
        if cx.server.save_before_stop(options).is_err() && !self.force {
            return Err(Error::new("ERR Errors trying to SHUTDOWN. Check logs."));
        }
        cx.server.stop.request();
        cx.client.closing = true;
        Ok(Reply::None)
    }
}
