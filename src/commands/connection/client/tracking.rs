//! `CLIENT TRACKING`, `CACHING`, `TRACKINGINFO`, `GETREDIR`: client-side caching. What is done for
//! it is in [`tracking`](crate::commands::tracking).

use super::SUBCOMMAND;
use crate::commands::client::ClientInfo;
use crate::commands::tracking::{Modes, Tracked};
use crate::commands::{Arity, Context, Run, Spec};
use crate::resp::{Args, Error, Reply};

/// Redis' number for "no redirection" while tracking is off.
const NO_REDIRECTION: i64 = -1;

pub(super) const TRACKINGINFO: Spec = Spec {
    name: "client|trackinginfo",
    since: "6.2.0",
    summary: "How this connection tracks the keys that it reads",
    run: Run::Read(|_, cx| Ok(info(cx))),
    ..SUBCOMMAND
};

pub(super) const GETREDIR: Spec = Spec {
    name: "client|getredir",
    since: "6.0.0",
    summary: "Number of the connection that gets the messages about keys; 0 for this one, -1 without",
    run: Run::Read(|_, cx| Ok(Reply::Integer(shown_redirection(&cx.client.info)))),
    ..SUBCOMMAND
};

pub(super) const TRACKING: Spec = Spec {
    name: "client|tracking",
    arity: Arity::AtLeast(3),
    since: "6.0.0",
    complexity: "O(1), and O(N) for N prefixes",
    summary: "Have a message sent when keys change that this connection has read, or that have a prefix",
    syntax: "status(ON|OFF) [REDIRECT client-id:integer] [PREFIX... prefix] [BCAST] [OPTIN] [OPTOUT] \
        [NOLOOP]",
    run: Run::Read(|args, cx| Options::parse(args, cx)?.apply(cx)),
    ..SUBCOMMAND
};

pub(super) const CACHING: Spec = Spec {
    name: "client|caching",
    arity: Arity::Exactly(3),
    since: "6.0.0",
    summary: "Whether the keys of the next command are tracked, with OPTIN or OPTOUT",
    syntax: "mode(YES|NO)",
    run: Run::Read(caching),
    ..SUBCOMMAND
};

const OTHER_BCAST: Error = Error::new(
    "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it \
     with a different mode.",
);

const OTHER_OPT: Error = Error::new(
    "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it \
     with a different mode.",
);

/// The arguments of `CLIENT TRACKING`.
struct Options<'r> {
    is_on: bool,
    modes: Modes,
    redirection: u64,
    prefixes: Vec<&'r [u8]>,
}

impl<'r> Options<'r> {
    fn parse(mut args: Args<'r>, cx: &Context) -> Result<Self, Error> {
        let switch = args.bytes()?;
        let mut options = Self { is_on: false, modes: Modes::ON, redirection: 0, prefixes: Vec::new() };
        while !args.is_empty() {
            options.take(&mut args, cx)?;
        }
        options.is_on = match switch.to_ascii_lowercase().as_slice() {
            b"on" => true,
            b"off" => false,
            _ => return Err(Error::syntax()),
        };
        Ok(options)
    }

    fn take(&mut self, args: &mut Args<'r>, cx: &Context) -> Result<(), Error> {
        let modes = [
            ("bcast", Modes::BCAST),
            ("optin", Modes::OPTIN),
            ("optout", Modes::OPTOUT),
            ("noloop", Modes::NOLOOP),
        ];
        if let Some(mode) = args.keyword_of(&modes) {
            self.modes = self.modes.and(mode);
            return Ok(());
        }
        let is_prefix = args.keyword("prefix");
        if (!is_prefix && !args.keyword("redirect")) || args.is_empty() {
            return Err(Error::syntax());
        }
        if is_prefix {
            self.prefixes.push(args.bytes()?);
            return Ok(());
        }
        if self.redirection != 0 {
            return Err(Error::new("ERR A client can only redirect to a single other client"));
        }
        let id = u64::try_from(args.integer::<i64>()?).ok();
        let found = id.filter(|id| cx.server.clients.get(*id).is_some());
        self.redirection =
            found.ok_or(Error::new("ERR The client ID you want redirect to does not exist"))?;
        Ok(())
    }

    fn apply(self, cx: &mut Context) -> Result<Reply, Error> {
        if !self.is_on {
            cx.client.tracked = None;
            return Ok(Reply::OK);
        }
        self.check(cx.client.info.tracking_modes())?;
        let prefixes = match self.prefixes.as_slice() {
            // All keys have the empty prefix, which may be given again.
            [] if self.modes.has(Modes::BCAST) => &[&b""[..]][..],
            prefixes => {
                let max_bytes = cx.server.config.settings().client_query_buffer_limit;
                Tracked::check_prefixes(cx.client.tracked.as_deref(), prefixes, max_bytes)?;
                prefixes
            }
        };
        let info = &cx.client.info;
        let begin = || Box::new(Tracked::begin(&cx.server.tracking, info));
        let tracked = cx.client.tracked.get_or_insert_with(begin);
        tracked.set_caching(None);
        prefixes.iter().for_each(|prefix| tracked.add_prefix(prefix));
        info.set_tracking(self.modes, self.redirection);
        Ok(Reply::OK)
    }

    fn check(&self, before: Modes) -> Result<(), Error> {
        let is = |mode| self.modes.has(mode);
        let was_on = before.has(Modes::ON);
        let has_opt = is(Modes::OPTIN) || is(Modes::OPTOUT);
        if !is(Modes::BCAST) && !self.prefixes.is_empty() {
            return Err(Error::new("ERR PREFIX option requires BCAST mode to be enabled"));
        }
        if was_on && is(Modes::BCAST) != before.has(Modes::BCAST) {
            return Err(OTHER_BCAST);
        }
        if is(Modes::BCAST) && has_opt {
            return Err(Error::new("ERR OPTIN and OPTOUT are not compatible with BCAST"));
        }
        if is(Modes::OPTIN) && is(Modes::OPTOUT) {
            return Err(Error::new("ERR You can't specify both OPTIN mode and OPTOUT mode"));
        }
        let changes =
            is(Modes::OPTIN) && before.has(Modes::OPTOUT) || is(Modes::OPTOUT) && before.has(Modes::OPTIN);
        if was_on && changes { Err(OTHER_OPT) } else { Ok(()) }
    }
}

fn caching(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let modes = cx.client.info.tracking_modes();
    let Some(tracked) = &mut cx.client.tracked else {
        return Err(Error::new(
            "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode \
             enabled",
        ));
    };
    let yes = args.keyword_of(&[("yes", true), ("no", false)]).ok_or(Error::syntax())?;
    if yes && !modes.has(Modes::OPTIN) {
        return Err(Error::new(
            "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.",
        ));
    }
    if !yes && !modes.has(Modes::OPTOUT) {
        return Err(Error::new(
            "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.",
        ));
    }
    tracked.set_caching(Some(yes));
    Ok(Reply::OK)
}

/// The redirection as it is shown.
pub(super) fn shown_redirection(info: &ClientInfo) -> i64 {
    match info.tracking_modes().has(Modes::ON) {
        true => info.redirection() as i64,
        false => NO_REDIRECTION,
    }
}

fn info(cx: &Context) -> Reply {
    let modes = cx.client.info.tracking_modes();
    let tracked = cx.client.tracked.as_ref();
    let caching = tracked.and_then(|tracked| tracked.caching());
    let is_broken = modes.has(Modes::BROKEN);
    let flags = [
        ("off", tracked.is_none()),
        ("on", tracked.is_some()),
        ("bcast", modes.has(Modes::BCAST)),
        ("optin", modes.has(Modes::OPTIN)),
        ("caching-yes", caching == Some(true)),
        ("optout", modes.has(Modes::OPTOUT)),
        ("caching-no", caching == Some(false)),
        ("noloop", modes.has(Modes::NOLOOP)),
        ("broken_redirect", is_broken),
    ];
    let flags = flags.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| Reply::bulk(name));
    let prefixes = tracked.into_iter().flat_map(|tracked| tracked.prefixes().cloned()).map(Reply::bulk);
    Reply::Map(vec![
        (Reply::bulk("flags"), Reply::Set(flags.collect())),
        (Reply::bulk("redirect"), Reply::Integer(shown_redirection(&cx.client.info))),
        (Reply::bulk("prefixes"), Reply::Array(prefixes.collect())),
    ])
}
