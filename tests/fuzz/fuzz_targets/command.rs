//! Any requests to a server without sockets: nothing panics, and every reply is one well-formed value in both protocols.
#![no_main]

#[path = "../reply.rs"]
mod reply;

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use nearhit::commands::client::Endpoints;
use nearhit::commands::{Client, Server, dispatch};
use nearhit::config::Config;
use nearhit::keyspace::{Clock, Keyspace};
use nearhit::resp::{Limits, Protocol, Request, RequestParser};

/// What would end or stall the fuzzer.
const LEFT_OUT: [&[u8]; 2] = [b"SHUTDOWN", b"DEBUG"];

/// The server's clock stands still here.
const NOW_MS: i64 = 1_800_000_000_000;

// Requests as a client sends them; the inline form is the easiest to mutate.
fuzz_target!(|data: &[u8]| {
    let server = Server::new(Config::default(), Keyspace::new(Clock::manual(NOW_MS)));
    let shown = server.clients.connect(Endpoints::default(), 1).expect("there is room for one");
    let mut client = Client::new(shown, true);
    let (mut parser, mut buf) = (RequestParser::new(), BytesMut::from(data));
    while let Ok(Some(request)) = parser.next(&mut buf, &Limits::default()) {
        if !LEFT_OUT.iter().any(|name| request.arg(0).eq_ignore_ascii_case(name)) {
            ask(&server, &mut client, &request);
        }
    }
});

// Panics in a command are caught by `dispatch`; the fuzzer's own hook ends the process before that.
fn ask(server: &Server, client: &mut Client, request: &Request) {
    let reply = dispatch(server, client, request);
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        let mut bytes = BytesMut::new();
        reply.encode(protocol, &mut bytes);
        if !bytes.is_empty() {
            reply::check(&bytes, protocol);
        }
    }
}
