//! `CLIENT ID`, `CLIENT INFO`, `CLIENT LIST [TYPE type | ID id …]`: lists connected clients.

use std::fmt::Write;
use std::sync::atomic::Ordering::Relaxed;

use super::filter::Filter;
use super::tracking::shown_redirection;
use super::{ADMIN, SUBCOMMAND};
use crate::commands::client::ClientInfo;
use crate::commands::tracking::Modes;
use crate::commands::{Arity, Context, Run, Spec};
use crate::config::Compat;
use crate::resp::{Args, Error, Reply};

pub(super) const ID: Spec = Spec {
    name: "client|id",
    summary: "Number of this connection; no other one gets it until the server restarts",
    run: Run::Read(|_, cx| Ok(Reply::Integer(cx.client.info.id as i64))),
    ..SUBCOMMAND
};

pub(super) const INFO: Spec = Spec {
    name: "client|info",
    since: "6.2.0",
    summary: "Line of CLIENT LIST about this connection",
    tips: &["nondeterministic_output"],
    run: Run::Read(|_, cx| Ok(text(line(&cx.client.info, cx.server.compat)))),
    ..SUBCOMMAND
};

pub(super) const LIST: Spec = Spec {
    name: "client|list",
    arity: Arity::AtLeast(2),
    flags: ADMIN,
    since: "2.4.0",
    complexity: "O(N) for N connections",
    summary: "One line for each connection: addresses, age, buffers, last command",
    syntax: "[TYPE client-type(NORMAL|MASTER|REPLICA|PUBSUB)@5.0.0] [ID client-id:integer...@6.2.0]",
    tips: &["nondeterministic_output"],
    run: Run::Read(list),
    ..SUBCOMMAND
};

fn list(args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let filter = Filter::of_list(args)?;
    let me = cx.client.info.id;
    let lines = cx.server.clients.list().into_iter().filter(|info| filter.admits(info, me));
    Ok(text(lines.map(|info| line(&info, cx.server.compat)).collect()))
}

fn text(lines: String) -> Reply {
    Reply::Verbatim { format: *b"txt", text: lines.into() }
}

fn line(info: &ClientInfo, release: Compat) -> String {
    described(info, release) + "\n"
}

/// One line in Redis' shape, without its end. Figures of features that this server lacks are
/// constant.
pub(in crate::commands) fn described(info: &ClientInfo, release: Compat) -> String {
    let mut line = fields(info);
    if release >= Compat::V8_10 {
        line.push_str(&pipeline_fields(info));
    }
    line
}

/// How its requests were grouped in reads; since 8.10.
fn pipeline_fields(info: &ClientInfo) -> String {
    let counters = [&info.reads, &info.pipelined, &info.pipelines].map(|counter| counter.get());
    let [reads, requests, pipelines] = counters;
    format!(" read-events={reads} avg-pipeline-len-sum={requests} avg-pipeline-len-cnt={pipelines}")
}

fn fields(info: &ClientInfo) -> String {
    let labels = info.labels.lock().clone();
    let mut line = String::with_capacity(400);
    let query = info.query_buffer.load(Relaxed);
    let free = info.query_buffer_free.load(Relaxed);
    let output = info.waiting_bytes();
    let own = info.output_own.load(Relaxed);
    let written = write!(
        line,
        "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub={} psub={} ssub={} multi={} watch={} \
         qbuf={query} qbuf-free={free} argv-mem=0 multi-mem={} rbs=0 rbp=0 obl={own} oll=0 omem={output} \
         tot-mem={} events=r cmd={} user={} redir={} resp={} lib-name={} lib-ver={} io-thread=0 \
         tot-net-in={} tot-net-out={} tot-cmds={}",
        info.id,
        info.address,
        info.local_address,
        info.fd,
        labels.name,
        info.since.elapsed().as_secs(),
        info.idle_seconds(),
        flags(info),
        info.db.load(Relaxed),
        info.subscriptions[0].load(Relaxed),
        info.subscriptions[1].load(Relaxed),
        info.subscriptions[2].load(Relaxed),
        info.multi.load(Relaxed),
        info.watch.load(Relaxed),
        info.multi_bytes.load(Relaxed),
        info.memory_bytes(),
        info.last_command().unwrap_or("NULL"),
        info.user_name(),
        shown_redirection(info),
        info.protocol.load(Relaxed),
        labels.library,
        labels.library_version,
        info.bytes_in.get(),
        info.bytes_out.get(),
        info.commands.get(),
    );
    debug_assert!(written.is_ok(), "a string takes any text");
    line
}

/// Redis' letters: m`O`nitor, `P`ub/sub, in MULTI (`x`), `b`locked, `t`racking, with a b`R`oken
/// redirection, by `B`roadcast, a watched key has changed (`d`), `U`nix socket, no-`e`vict,
/// no-`T`ouch, `N`one.
fn flags(info: &ClientInfo) -> String {
    let modes = info.tracking_modes();
    let letters = [
        ('O', info.is_monitor.load(Relaxed)),
        ('P', info.is_subscribed()),
        ('x', info.multi.load(Relaxed) >= 0),
        ('b', info.is_held.load(Relaxed)),
        ('t', modes.has(Modes::ON)),
        ('R', modes.has(Modes::BROKEN)),
        ('B', modes.has(Modes::BCAST)),
        ('d', info.touched.load(Relaxed)),
        ('U', info.is_unix),
        ('e', info.no_evict.load(Relaxed)),
        ('T', info.no_touch.load(Relaxed)),
    ];
    let flags: String = letters.into_iter().filter(|(_, set)| *set).map(|(letter, _)| letter).collect();
    if flags.is_empty() { "N".to_owned() } else { flags }
}
