//! `DEBUG <subcommand>`: for tests of clients and of this server. Off unless `enable-debug-command` allows it.

use std::time::Duration;

use super::{debug_object, digest};
use crate::commands::client::Shown;
use crate::commands::{Arity, Context, Flags, Group, Run, Spec, Weight};
use crate::config::DebugAccess;
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "debug",
    arity: Arity::AtLeast(2),
    flags: Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
    keys: &[],
    group: Group::Server,
    since: "1.0.0",
    complexity: "Depends on subcommand.",
    summary: "A container for debugging commands.",
    syntax: "",
    tips: &[],
    weight: Weight::Heavy,
    run: Run::Read(debug),
};

const NOT_ALLOWED: Error = Error::new(
    "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a \
     local connection, otherwise you need to set this option in the configuration file, and then restart the server.",
);

/// Longest `DEBUG SLEEP`: a day.
const MAX_SLEEP_SECONDS: f64 = 86_400.0;

fn debug(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    check_access(cx)?;
    let name = args.bytes()?;
    match (name.to_ascii_uppercase().as_slice(), args.remaining()) {
        (b"DIGEST", 0) => Ok(digest::of_all(&cx.server.keyspace)),
        (b"DIGEST-VALUE", _) => Ok(digest::of_values(args, cx.db(), cx.server.keyspace.clock().now_ms())),
        (b"OBJECT", 1) => debug_object::describe(args.bytes()?, cx),
        (b"SLEEP", 1) => sleep(args.float()?),
        (b"PANIC", 0) => panic!("DEBUG PANIC"),
        (b"HELP", 0) => Ok(help()),
        _ => Err(Error::from(format!(
            "ERR unknown subcommand or wrong number of arguments for '{}'. Try DEBUG HELP.",
            String::from_utf8_lossy(name)
        ))),
    }
}

fn check_access(cx: &Context) -> Result<(), Error> {
    let allowed = match cx.server.config.settings().debug_access() {
        DebugAccess::Yes => true,
        DebugAccess::Local => is_local(&cx.client.shown),
        DebugAccess::No => false,
    };
    if allowed { Ok(()) } else { Err(NOT_ALLOWED) }
}

fn is_local(shown: &Shown) -> bool {
    let address: Result<std::net::SocketAddr, _> = shown.address.parse();
    shown.is_unix || address.is_ok_and(|address| address.ip().is_loopback())
}

/// Blocks a compute thread and this client; unlike in Redis the others go on.
fn sleep(seconds: f64) -> Result<Reply, Error> {
    std::thread::sleep(Duration::from_secs_f64(seconds.clamp(0.0, MAX_SLEEP_SECONDS)));
    Ok(Reply::OK)
}

fn help() -> Reply {
    let lines = [
        "DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "DIGEST",
        "    Output a hex signature representing the current DB content.",
        "DIGEST-VALUE <key> [<key> ...]",
        "    Output a hex signature of the values of all the specified keys.",
        "OBJECT <key>",
        "    Show low level info about `key` and associated value.",
        "PANIC",
        "    Panic while the command runs; the client gets an error and the server goes on.",
        "SLEEP <seconds>",
        "    Keep one compute thread busy for <seconds>. Decimals allowed.",
        "HELP",
        "    Print this help.",
    ];
    Reply::Array(lines.into_iter().map(Reply::Simple).collect())
}
