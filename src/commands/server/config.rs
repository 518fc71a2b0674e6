//! `CONFIG GET pattern …`, `CONFIG SET name value …`, `CONFIG RESETSTAT`.

use crate::commands::glob;
use crate::commands::{Arity, Context, Flags, Group, Run, Spec, Weight, help};
use crate::config::{OPTIONS, SetError};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    flags: Flags::NONE,
    complexity: "Depends on subcommand.",
    run: Run::Container(SUBCOMMANDS),
    ..SUBCOMMAND
};

/// What the subcommands share.
const SUBCOMMAND: Spec = Spec {
    name: "config",
    arity: Arity::AtLeast(2),
    flags: Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
    keys: &[],
    group: Group::Server,
    since: "2.0.0",
    complexity: "O(N) when N is the number of configuration parameters provided",
    summary: "A container for server configuration commands.",
    syntax: "",
    tips: &[],
    weight: Weight::Light,
    run: Run::Container(&[]),
};

const SUBCOMMANDS: &[&Spec] = &[&GET, &HELP, &RESETSTAT, &SET];

const GET: Spec = Spec {
    name: "config|get",
    arity: Arity::AtLeast(3),
    summary: "Returns the effective values of configuration parameters.",
    syntax: "parameter...",
    run: Run::Read(get),
    ..SUBCOMMAND
};

const SET: Spec = Spec {
    name: "config|set",
    arity: Arity::AtLeast(4),
    summary: "Sets configuration parameters in-flight.",
    syntax: "data(parameter value)...",
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    run: Run::Read(set),
    ..SUBCOMMAND
};

const RESETSTAT: Spec = Spec {
    name: "config|resetstat",
    arity: Arity::Exactly(2),
    complexity: "O(1)",
    summary: "Resets the server's statistics.",
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    run: Run::Read(|_, cx| {
        cx.server.reset_statistics();
        Ok(Reply::OK)
    }),
    ..SUBCOMMAND
};

const HELP: Spec = Spec {
    name: "config|help",
    arity: Arity::Exactly(2),
    flags: Flags::LOADING.and(Flags::STALE),
    since: "5.0.0",
    complexity: "O(1)",
    summary: "Returns helpful text about the different subcommands.",
    run: Run::Read(|_, _| Ok(help::of("CONFIG", SUBCOMMANDS))),
    ..SUBCOMMAND
};

fn get(args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let patterns: Vec<Vec<u8>> = args.iter().map(<[u8]>::to_ascii_lowercase).collect();
    let settings = cx.server.config.settings();
    let asked = |name: &str| patterns.iter().any(|pattern| glob::matches(pattern, name.as_bytes()));
    let shown = OPTIONS.iter().filter(|option| asked(option.name)).map(|option| {
        let value = option.kind.show(settings.as_ref().clone());
        (Reply::bulk(option.name), Reply::bulk(value))
    });
    Ok(Reply::Map(shown.collect()))
}

fn set(args: Args, cx: &mut Context) -> Result<Reply, Error> {
    if !args.remaining().is_multiple_of(2) {
        return Err(Error::wrong_arity(SET.name));
    }
    let words: Vec<_> = args.iter().map(String::from_utf8_lossy).collect();
    let pairs: Vec<(&str, &str)> =
        words.chunks_exact(2).map(|pair| (pair[0].as_ref(), pair[1].as_ref())).collect();
    cx.server.config.set(&pairs).map_err(explain)?;
    cx.server.follow_settings();
    Ok(Reply::OK)
}

fn explain(error: SetError) -> Error {
    let (name, reason) = match error {
        SetError::Unknown(name) => {
            return Error::from(format!(
                "ERR Unknown option or number of arguments for CONFIG SET - '{name}'"
            ));
        }
        SetError::Immutable(name) => (name, "can't set immutable config".to_owned()),
        SetError::Duplicate(name) => (name, "duplicate parameter".to_owned()),
        SetError::Invalid(name, why) => (name, why.to_string()),
    };
    Error::from(format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}"))
}
