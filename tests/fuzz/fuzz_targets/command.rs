//! Any requests of some clients to a server without sockets: nothing panics, every reply is one
//! well-formed value in both protocols, memory is bounded by the number of requests, and `FLUSHALL`
//! leaves nothing behind.
//!
//! Two lines are for the fuzzer itself: `!CLIENT n` lets client `n` speak from there on, `!TICK ms`
//! moves the clock on and ends what is over.
#![no_main]

#[path = "../memory.rs"]
mod memory;
#[path = "../reply.rs"]
mod reply;

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use memory::Counting;
use nearhit::commands::client::Endpoints;
use nearhit::commands::{Client, Server, dispatch};
use nearhit::config::{Config, Settings};
use nearhit::keyspace::{Clock, Keyspace};
use nearhit::resp::{Encoded, Limits, Protocol, Reply, Request, RequestParser, parse_integer};

#[global_allocator]
static MEMORY: Counting = Counting::new();

/// What would end or stall the fuzzer, or write files; and what would lift the bound on its memory,
/// or write files.
const LEFT_OUT: [&[u8]; 3] = [b"SHUTDOWN", b"DEBUG", b"SAVE"];
const LEFT_OUT_OPTIONS: [&[u8]; 2] = [b"proto-max-bulk-len", b"appendonly"];

/// The server's clock stands still here until it is moved on.
const NOW_MS: i64 = 1_800_000_000_000;
const LONGEST_TICK_MS: i64 = 1 << 40;
const CLIENTS: usize = 3;
/// Keys and fields that end in one go.
const EXPIRE_BUDGET: usize = 100;

/// The longest string there may be: the least that can be configured.
const MAX_BULK_LEN: usize = 1 << 20;
/// A request adds no more than a few such strings: an old and a new copy, and a reply in both
/// protocols.
const MAX_GROWTH: usize = 5 * MAX_BULK_LEN;
/// What a server and its first keys take.
const MAX_BASE: usize = 64 << 20;

// Requests as clients send them; the inline form is the easiest to mutate.
fuzz_target!(|data: &[u8]| {
    let before = MEMORY.live();
    MEMORY.take_peak();
    let server = Server::new(Config::new(settings()), Keyspace::new(Clock::manual(NOW_MS)));
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| connect(&server)).collect();
    let mut parser = RequestParser::new();
    let mut buf = BytesMut::from(data);
    let mut speaker = 0;
    let mut requests = 0;
    let mut held_back = false;
    let mut subscribes = false;
    while let Ok(Some(request)) = parser.next(&mut buf, &Limits::default()) {
        match request.arg(0) {
            b"!CLIENT" => speaker = number(&request).rem_euclid(CLIENTS as i64) as usize,
            b"!TICK" => tick(&server, number(&request)),
            _ if is_left_out(&request) => {}
            _ => {
                held_back |= request.args().iter().any(|word| word.eq_ignore_ascii_case(b"REPLY"));
                subscribes |= request.arg(0).to_ascii_uppercase().ends_with(b"SUBSCRIBE");
                let values = match (held_back, subscribes) {
                    (true, _) => Values::Any,
                    (_, true) => Values::Several,
                    _ => Values::One,
                };
                ask(&server, &mut clients[speaker], &request, values);
                clients.iter().for_each(take_messages);
            }
        }
        requests += 1;
    }
    let grown = MEMORY.take_peak().saturating_sub(before);
    assert!(grown < MAX_BASE + requests * MAX_GROWTH, "{grown} bytes for {requests} requests");
    drop(clients);
    empty(&server, before);
});

fn settings() -> Settings {
    Settings { proto_max_bulk_len: MAX_BULK_LEN as u64, ..Settings::defaults() }
}

fn connect(server: &Server) -> Client {
    let shown =
        server.clients.connect(Endpoints::default(), CLIENTS + 1, false).expect("there is room for some");
    Client::new(shown, &server.acl.users)
}

fn number(request: &Request) -> i64 {
    request.args().take().and_then(parse_integer).unwrap_or(0)
}

fn tick(server: &Server, by_ms: i64) {
    server.keyspace.clock().advance(by_ms.clamp(0, LONGEST_TICK_MS));
    for db in server.keyspace.databases() {
        db.expire_cycle(EXPIRE_BUDGET);
    }
}

fn is_left_out(request: &Request) -> bool {
    let is_one = |names: &[&[u8]], word: &[u8]| names.iter().any(|name| word.eq_ignore_ascii_case(name));
    is_one(&LEFT_OUT, request.arg(0)) || request.args().iter().any(|word| is_one(&LEFT_OUT_OPTIONS, word))
}

/// What replies consist of that are encoded already.
#[derive(Clone, Copy, PartialEq)]
enum Values {
    One,
    /// Each channel is confirmed by a value of its own, also within EXEC.
    Several,
    /// As in Redis, one that CLIENT REPLY holds back is missing in the array of EXEC.
    Any,
}

/// Reads what was published, as the client's connection would.
fn take_messages(client: &Client) {
    let mut messages = Encoded::default();
    client.info.take_pushes(usize::MAX, &mut messages);
    reply::check_several(&messages.to_vec());
}

// Panics in a command are caught by `dispatch`; the fuzzer's own hook ends the process before that.
fn ask(server: &Server, client: &mut Client, request: &Request, values: Values) {
    let reply = dispatch(server, client, request);
    // Those of an EXEC are written already, each in the protocol that the client spoke by then.
    let own = matches!(reply, Reply::Encoded(_));
    if own && values == Values::Any {
        return;
    }
    let protocols: &[_] = if own { &[client.protocol] } else { &[Protocol::Resp2, Protocol::Resp3] };
    for &protocol in protocols {
        let mut bytes = Encoded::default();
        reply.clone().encode(protocol, &mut bytes);
        let bytes = bytes.to_vec();
        if own && values == Values::Several {
            reply::check_several(&bytes);
        } else if !bytes.is_empty() {
            reply::check(&bytes, (!own).then_some(protocol));
        }
    }
}

/// Nothing is left after `FLUSHALL`, whatever was there.
fn empty(server: &Server, before: usize) {
    let mut client = connect(server);
    ask(server, &mut client, &Request::from_args(&["FLUSHALL", "SYNC"]), Values::One);
    for db in server.keyspace.databases() {
        let census = db.census();
        assert_eq!((census.keys, census.expires), (0, 0), "after FLUSHALL");
    }
    let left = MEMORY.live().saturating_sub(before);
    assert!(left < MAX_BASE, "{left} bytes after FLUSHALL");
}
