//! `CLIENT ID`, `CLIENT INFO`, `CLIENT LIST [TYPE type | ID id …]`: who is connected?

use std::fmt::Write;
use std::sync::atomic::Ordering::Relaxed;

use super::filter::Filter;
use super::{ADMIN, SUBCOMMAND};
use crate::commands::client::Shown;
use crate::commands::{Arity, Context, Run, Spec};
use crate::config::Compat;
use crate::resp::{Args, Error, Reply};

pub(super) const ID: Spec = Spec {
    name: "client|id",
    summary: "Returns the unique client ID of the connection.",
    run: Run::Read(|_, cx| Ok(Reply::Integer(cx.client.shown.id as i64))),
    ..SUBCOMMAND
};

pub(super) const INFO: Spec = Spec {
    name: "client|info",
    since: "6.2.0",
    summary: "Returns information about the connection.",
    tips: &["nondeterministic_output"],
    run: Run::Read(|_, cx| Ok(text(line(&cx.client.shown, cx)))),
    ..SUBCOMMAND
};

pub(super) const LIST: Spec = Spec {
    name: "client|list",
    arity: Arity::AtLeast(2),
    flags: ADMIN,
    since: "2.4.0",
    complexity: "O(N) where N is the number of client connections",
    summary: "Lists open connections.",
    syntax: "[TYPE client-type(NORMAL|MASTER|REPLICA|PUBSUB)@5.0.0] [ID client-id:integer...@6.2.0]",
    tips: &["nondeterministic_output"],
    run: Run::Read(list),
    ..SUBCOMMAND
};

fn list(args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let filter = Filter::of_list(args)?;
    let me = cx.client.shown.id;
    let lines = cx.server.clients.list().into_iter().filter(|shown| filter.admits(shown, me));
    Ok(text(lines.map(|shown| line(&shown, cx)).collect()))
}

fn text(lines: String) -> Reply {
    Reply::Verbatim { format: *b"txt", text: lines.into() }
}

/// One line in Redis' shape. Figures of what this server does not have (pub/sub) say so.
fn line(shown: &Shown, cx: &Context) -> String {
    let mut line = fields(shown);
    if cx.is_like(Compat::V8_10) {
        line.push_str(&pipeline_fields(shown));
    }
    line.push('\n');
    line
}

/// How its requests came; since 8.10.
fn pipeline_fields(shown: &Shown) -> String {
    let counters = [&shown.reads, &shown.pipelined, &shown.pipelines].map(|counter| counter.get());
    let [reads, requests, pipelines] = counters;
    format!(" read-events={reads} avg-pipeline-len-sum={requests} avg-pipeline-len-cnt={pipelines}")
}

fn fields(shown: &Shown) -> String {
    let labels = shown.labels.lock().clone();
    let mut line = String::with_capacity(400);
    let (query, free) = (shown.query_buffer.load(Relaxed), shown.query_buffer_free.load(Relaxed));
    let (output, own) = (shown.waiting_bytes(), shown.output_own.load(Relaxed));
    let written = write!(
        line,
        "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub=0 psub=0 ssub=0 multi={} watch={} \
         qbuf={query} qbuf-free={free} argv-mem=0 multi-mem={} rbs=0 rbp=0 obl={own} oll=0 omem={output} \
         tot-mem={} events=r cmd={} user=default redir=-1 resp={} lib-name={} lib-ver={} io-thread=0 \
         tot-net-in={} tot-net-out={} tot-cmds={}",
        shown.id,
        shown.address,
        shown.local_address,
        shown.fd,
        labels.name,
        shown.since.elapsed().as_secs(),
        shown.idle_seconds(),
        flags(shown),
        shown.db.load(Relaxed),
        shown.multi.load(Relaxed),
        shown.watch.load(Relaxed),
        shown.multi_bytes.load(Relaxed),
        shown.memory_bytes(),
        shown.last_command().unwrap_or("NULL"),
        shown.protocol.load(Relaxed),
        labels.library,
        labels.library_version,
        shown.bytes_in.get(),
        shown.bytes_out.get(),
        shown.commands.get(),
    );
    debug_assert!(written.is_ok(), "a string takes any text");
    line
}

/// Redis' letters: m`O`nitor, in MULTI (`x`), `b`locked, a watched key has changed (`d`), `U`nix socket, no-`e`vict,
/// no-`T`ouch, `N`one.
fn flags(shown: &Shown) -> String {
    let letters = [
        ('O', shown.is_monitor.load(Relaxed)),
        ('x', shown.multi.load(Relaxed) >= 0),
        ('b', shown.is_held.load(Relaxed)),
        ('d', shown.touched.load(Relaxed)),
        ('U', shown.is_unix),
        ('e', shown.no_evict.load(Relaxed)),
        ('T', shown.no_touch.load(Relaxed)),
    ];
    let flags: String = letters.into_iter().filter(|(_, set)| *set).map(|(letter, _)| letter).collect();
    if flags.is_empty() { "N".to_owned() } else { flags }
}
