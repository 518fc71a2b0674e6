//! `DEBUG <subcommand>`: for tests of clients and of this server. Off unless `enable-debug-command`
//! allows it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{debug_object, debug_populate, digest};
use crate::commands::client::ClientInfo;
use crate::commands::recovery;
use crate::commands::{Arity, Context, Flags, Group, Place, Run, Scope, Spec, Weight, help};
use crate::config::DebugAccess;
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "debug",
    arity: Arity::AtLeast(2),
    flags: Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
    keys: &[],
    scope: Scope::AllKeys,
    redact: None,
    group: Group::Server,
    since: "1.0.0",
    complexity: "That of the subcommand",
    summary: "Commands for tests; refused unless enable-debug-command allows them",
    syntax: "",
    tips: &[],
    weight: Weight::PlacedBy(|mut args, _| place(args.bytes().unwrap_or_default())),
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
        (b"DIGEST-VALUE", _) => Ok(digest::of_values(args, cx.db(), cx.now_ms())),
        (b"RELOAD", _) => reload(args, cx),
        (b"LOADAOF", 0) => load_log(cx),
        (b"OBJECT", 1) => debug_object::describe(args.bytes()?, cx),
        (b"SLEEP", 1) => Ok(sleep(args.float().unwrap_or(0.0))),
        (b"ERROR", 1) => Err(Error::from(args.bytes()?.to_vec())),
        (b"LOG", 1) => Ok(log(args.bytes()?)),
        (b"SET-ACTIVE-EXPIRE", 1) => Ok(set_active_expire(args.integer().unwrap_or(0), cx)),
        (b"SET-ALLOW-ACCESS-EXPIRED", 1) => Ok(set_allow_access_expired(&args, cx)),
        (b"SET-SKIP-CHECKSUM-VALIDATION", 1) => Ok(set_skip_checksum_validation(&args, cx)),
        (b"POPULATE", 1..=3) => debug_populate::populate(args, cx),
        (b"CHANGE-REPL-ID", 0) => Ok(change_repl_id(cx)),
        (b"PANIC", 0) => panic!("DEBUG PANIC"),
        (b"HELP", 0) => Ok(help::lines("DEBUG", HELP)),
        _ => Err(Error::unknown_subcommand_or_arity("DEBUG", name)),
    }
}

/// RELOAD, LOADAOF and SLEEP wait, so subcommands are blocking by default; these ones compute.
fn place(name: &[u8]) -> Place {
    let computes = [&b"DIGEST"[..], b"DIGEST-VALUE", b"OBJECT", b"POPULATE"];
    let is_computed = computes.iter().any(|other| name.eq_ignore_ascii_case(other));
    if is_computed { Place::Compute } else { Place::Blocking }
}

fn check_access(cx: &Context) -> Result<(), Error> {
    let allowed = match cx.server.config.settings().debug_access() {
        DebugAccess::Yes => true,
        DebugAccess::Local => is_local(&cx.client.info),
        DebugAccess::No => false,
    };
    if allowed { Ok(()) } else { Err(NOT_ALLOWED) }
}

fn is_local(info: &ClientInfo) -> bool {
    let address: Result<std::net::SocketAddr, _> = info.address.parse();
    info.is_unix || address.is_ok_and(|address| address.ip().is_loopback())
}

fn reload(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let mut saves = true;
    let mut flushes = true;
    while !args.is_empty() {
        match args.keyword_of(&[("nosave", 0), ("noflush", 1)]) {
            Some(0) => saves = false,
            Some(_) => flushes = false,
            None => {
                return Err(Error::new(
                    "ERR DEBUG RELOAD only supports the NOFLUSH and NOSAVE options here.",
                ));
            }
        }
    }
    if cx.is_in_exec() {
        return Err(Error::new("ERR DEBUG RELOAD is not allowed inside a transaction here"));
    }
    let outcome = recovery::reload(cx.server, saves, flushes);
    outcome.map(|()| Reply::OK).map_err(|error| {
        tracing::error!("{error}");
        Error::new("ERR Error trying to load the RDB dump, check server logs")
    })
}

fn load_log(cx: &mut Context) -> Result<Reply, Error> {
    if cx.is_in_exec() {
        return Err(Error::new("ERR DEBUG LOADAOF is not allowed inside a transaction here"));
    }
    let outcome = recovery::load_log(cx.server);
    outcome.map(|()| Reply::OK).map_err(|error| {
        tracing::error!("{error}");
        Error::new("ERR Error trying to load the AOF files, check server logs")
    })
}

/// Blocks a thread for blocking commands and this client; unlike in Redis other clients are not
/// blocked. A text that is not a number is 0, as in Redis.
fn sleep(seconds: f64) -> Reply {
    std::thread::sleep(Duration::from_secs_f64(seconds.clamp(0.0, MAX_SLEEP_SECONDS)));
    Reply::OK
}

fn log(message: &[u8]) -> Reply {
    tracing::warn!("DEBUG LOG: {}", String::from_utf8_lossy(message));
    Reply::OK
}

/// With 0, expired keys stay in memory until a command looks them up.
fn set_active_expire(is_on: i64, cx: &Context) -> Reply {
    cx.server.expires_actively.store(is_on != 0, Ordering::Relaxed);
    Reply::OK
}

/// With 1, commands see expired keys and fields, and none is removed.
fn set_allow_access_expired(args: &Args, cx: &Context) -> Reply {
    cx.server.keyspace.show_expired(is_on(args));
    Reply::OK
}

/// With 1, the checksums of dumped values and of files are not checked.
fn set_skip_checksum_validation(args: &Args, cx: &Context) -> Reply {
    cx.server.skips_checksums.store(is_on(args), Ordering::Relaxed);
    Reply::OK
}

/// A text that is not a number is 0, as in Redis.
fn is_on(args: &Args) -> bool {
    args.clone().integer().unwrap_or(0) != 0
}

/// No replica compares it, so only `master_replid` changes.
fn change_repl_id(cx: &Context) -> Reply {
    tracing::warn!("Changing replication IDs after receiving change-repl-id");
    cx.server.replication_id.change();
    Reply::OK
}

const HELP: &[&str] = &[
    "CHANGE-REPL-ID",
    "    Make a new 'master_replid' (INFO replication). Nothing else depends on it here.",
    "DIGEST",
    "    Show a hash of all keys, values and expiry times: equal data have equal digests.",
    "DIGEST-VALUE <key> [<key> ...]",
    "    Show such a hash for each of these values, without its key; zeros where there is none.",
    "ERROR <string>",
    "    Reply with <string> as an error, so that a client can test how it treats errors.",
    "LOADAOF",
    "    Write the rest of the log to disk, then replace the data in memory by what the log holds.",
    "LOG <message>",
    "    Write <message> as a warning to the log of the server.",
    "OBJECT <key>",
    "    Show the encoding of a value, its length in a snapshot, and its idle time.",
    "PANIC",
    "    Panic while the command runs; the client gets an error and the server goes on.",
    "POPULATE <count> [<prefix>] [<size>]",
    "    Store <count> strings: value:0 under key:0 and so on. <prefix> replaces 'key', and zero bytes",
    "    fill each value up to <size>. Keys that exist stay as they are. The log does not get any of it.",
    "RELOAD [option ...]",
    "    Write a snapshot, remove all data, and load the snapshot again. Options:",
    "    * NOFLUSH: keep the data. If a key of the snapshot exists already, loading fails.",
    "    * NOSAVE: load the snapshot that is there, without writing a new one.",
    "SET-ACTIVE-EXPIRE <0|1>",
    "    0: keys and fields that have expired stay in memory until a command meets them.",
    "    1: they are removed in the background too, which is the default.",
    "SET-ALLOW-ACCESS-EXPIRED <0|1>",
    "    1: commands see keys and fields that have expired, and none is removed. 0 is the default.",
    "SET-SKIP-CHECKSUM-VALIDATION <0|1>",
    "    1: load snapshots, and values of RESTORE, whose checksum is wrong. 0 is the default.",
    "SLEEP <seconds>",
    "    Occupy one thread for blocking commands for <seconds>, which may have a fraction.",
];
