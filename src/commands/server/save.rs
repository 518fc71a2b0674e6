//! `SAVE`, `BGSAVE [SCHEDULE]`, `LASTSAVE`: the data in a file.

use crate::commands::{Arity, Context, Flags, Group, Run, Spec, Weight};
use crate::persistence::saving::{Saver, Wished};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SAVE: Spec = Spec {
    name: "save",
    arity: Arity::Exactly(1),
    flags: Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::NO_ASYNC_LOADING).and(Flags::NO_MULTI),
    keys: &[],
    group: Group::Server,
    since: "1.0.0",
    complexity: "O(N) where N is the total number of keys in all databases",
    summary: "Synchronously saves the database(s) to disk.",
    syntax: "",
    tips: &[],
    weight: Weight::Heavy,
    run: Run::Read(save),
};

pub(in crate::commands) const BGSAVE: Spec = Spec {
    name: "bgsave",
    arity: Arity::AtLeast(1),
    flags: Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::NO_ASYNC_LOADING),
    complexity: "O(1)",
    summary: "Asynchronously saves the database(s) to disk.",
    syntax: "[SCHEDULE@3.2.2]",
    weight: Weight::Light,
    run: Run::Read(bgsave),
    ..SAVE
};

pub(in crate::commands) const LASTSAVE: Spec = Spec {
    name: "lastsave",
    flags: Flags::LOADING.and(Flags::STALE).and(Flags::FAST),
    complexity: "O(1)",
    summary: "Returns the Unix timestamp of the last successful save to disk.",
    tips: &["nondeterministic_output"],
    weight: Weight::Light,
    run: Run::Read(lastsave),
    ..SAVE
};

const IN_PROGRESS: Error = Error::new("ERR Background save already in progress");

/// Other clients go on, unlike in Redis: what is saved is the moment at which it begins.
fn save(_: Args, cx: &mut Context) -> Result<Reply, Error> {
    if matches!(cx.server.saving.status().running, Some((Saver::Background, _))) {
        return Err(IN_PROGRESS);
    }
    // The log tells why.
    cx.server.save().map(|_| Reply::OK).map_err(|_| Error::new("ERR"))
}

fn bgsave(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let may_wait = !args.is_empty();
    if may_wait && args.keyword_of(&[("schedule", ())]).is_none() || !args.is_empty() {
        return Err(Error::syntax());
    }
    match cx.server.save_in_background(may_wait, cx.client.in_exec) {
        Wished::Started => Ok(Reply::Simple("Background saving started")),
        Wished::Scheduled => Ok(Reply::Simple("Background saving scheduled")),
        Wished::AlreadyRunning => Err(IN_PROGRESS),
        Wished::Busy => Err(Error::new(
            "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to \
             schedule a BGSAVE whenever possible.",
        )),
    }
}

fn lastsave(_: Args, cx: &mut Context) -> Result<Reply, Error> {
    Ok(Reply::Integer(cx.server.saving.status().history.last_save_s as i64))
}
