//! What the tests share: a connection to an empty server, and an application's data.

use std::collections::BTreeMap;

use redis::{Client, Connection};
use serde_json::Value;

/// The protocols of redis-rs, as its URLs name them.
pub const PROTOCOLS: [&str; 2] = ["resp2", "resp3"];
/// Redis has ended a key that is to live until then.
pub const LONG_AGO_S: i64 = 1;
/// A moment that no test lives to see.
pub const FAR_AWAY_S: i64 = 4_102_444_800;

/// Runs a test with a connection of each protocol to an empty server.
pub fn in_both_protocols(test: impl Fn(&mut Connection)) {
    for protocol in PROTOCOLS {
        let mut connection = connect(protocol);
        redis::cmd("FLUSHALL").exec(&mut connection).unwrap();
        test(&mut connection);
    }
}

/// A connection to the server at NEARHIT_PORT.
pub fn connect(protocol: &str) -> Connection {
    let port = std::env::var("NEARHIT_PORT").expect("NEARHIT_PORT says where the server is");
    let client = Client::open(format!("redis://127.0.0.1:{port}/?protocol={protocol}")).unwrap();
    client.get_connection().unwrap()
}

/// The data that the tests of all clients share.
pub fn data(part: &str) -> Value {
    let all: Value = serde_json::from_str(include_str!("../../data.json")).unwrap();
    all[part].clone()
}

/// The fields of a session.
pub fn session(name: &str) -> BTreeMap<String, String> {
    serde_json::from_value(data("sessions")[name].clone()).unwrap()
}

/// The vector of an answer or a lookup.
pub fn vector(entry: &Value) -> Vec<f32> {
    serde_json::from_value(entry["vector"].clone()).unwrap()
}
