//! DUMP, RESTORE, and COPY of values that are dumped for it.

use super::NOW_MS;
use crate::commands::testing::Session;
use crate::resp::Request;

/// Redis 8.6.2's dump of the string `v`.
const V: &[u8] = b"\x00\x01v\x0d\x00\x33\xa1\x47\x01\x1e\x8d\xfd\x0e";

const BUSY: &str = "-BUSYKEY Target key name already exists.";
const BAD_FOOTER: &str = "-ERR DUMP payload version or checksum are wrong";
const BAD_TTL: &str = "-ERR Invalid TTL value, must be >= 0";
const NO_INTEGER: &str = "-ERR value is not an integer or out of range";

/// `RESTORE key ttl`, this dump, and the words after it.
fn restore(session: &mut Session, before: &str, dump: &[u8], after: &str) -> String {
    let words: Vec<&[u8]> = std::iter::once("RESTORE")
        .chain(before.split_whitespace())
        .map(str::as_bytes)
        .chain([dump])
        .chain(after.split_whitespace().map(str::as_bytes))
        .collect();
    String::from_utf8_lossy(&session.reply_to(&words)).trim_end().to_owned()
}

/// The dump of a key.
fn dump(session: &mut Session, key: &str) -> Vec<u8> {
    let reply = session.reply_to(&["DUMP", key]);
    let start = reply.iter().position(|byte| *byte == b'\n').expect("a bulk") + 1;
    reply[start..reply.len() - 2].to_vec()
}

#[test]
fn options_and_errors_come_in_the_order_of_redis() {
    let mut session = Session::at(NOW_MS);
    session.hold_to(&[("set s there", "+OK"), ("dump nope", "$-1")]);
    let cases: &[(&str, &[u8], &str, &str)] = &[
        ("k x", V, "", NO_INTEGER),
        ("k -1", V, "", BAD_TTL),
        ("k 0", b"bad", "", BAD_FOOTER),
        ("k -1", b"bad", "", BAD_TTL),
        ("s x", b"bad", "", BUSY),
        ("s x", b"bad", "replace", NO_INTEGER),
        ("s x", b"bad", "foo", "-ERR syntax error"),
        ("k 0", V, "IDLETIME", "-ERR syntax error"),
        ("k 0", V, "IDLETIME x", NO_INTEGER),
        ("k 0", V, "IDLETIME -1", "-ERR Invalid IDLETIME value, must be >= 0"),
        ("k 0", V, "FREQ 256", "-ERR Invalid FREQ value, must be >= 0 and <= 255"),
        ("k 0", V, "FREQ 1 IDLETIME 1", "-ERR syntax error"),
        ("k 0", V, "IDLETIME 1 FREQ 1", "-ERR syntax error"),
        ("k 0", b"\x08\x00\x0d\x00\0\0\0\0\0\0\0\0", "", "-ERR Bad data format"),
        ("k 0", b"\x04\x00\x0d\x00\0\0\0\0\0\0\0\0", "", "-ERR Bad data format"),
        ("k 9223372036854775807", V, "", "-ERR invalid expire time in 'restore' command"),
        ("k 0", V, "FREQ 1 FREQ 255 replace REPLACE", "+OK"),
        ("k 0", V, "", BUSY),
    ];
    for (before, dump, after, reply) in cases {
        assert_eq!(restore(&mut session, before, dump, after), *reply, "{before} {after}");
    }
    session.hold_to(&[("get k", "$1 v"), ("get s", "$5 there")]);
}

#[test]
fn a_restored_key_has_the_given_deadline_and_idle_time() {
    let mut session = Session::at(NOW_MS);
    assert_eq!(restore(&mut session, "k 1000", V, "IDLETIME 77"), "+OK");
    session.hold_to(&[("object idletime k", ":77"), ("pttl k", ":1000")]);
    assert_eq!(restore(&mut session, "k 1790000002000", V, "ABSTTL REPLACE"), "+OK");
    session.hold_to(&[("pttl k", ":2000"), ("object idletime k", ":0")]);
    assert_eq!(restore(&mut session, "k 0", V, "ABSTTL REPLACE"), "+OK");
    session.hold_to(&[("pttl k", ":-1")]);
    assert_eq!(restore(&mut session, "k 1000", V, "ABSTTL REPLACE"), "+OK");
    session.hold_to(&[("exists k", ":0")]);
    assert_eq!(restore(&mut session, "k 1000", V, "ABSTTL"), "+OK");
    session.hold_to(&[("exists k", ":0")]);
}

#[test]
fn what_is_dumped_is_restored() {
    let mut session = Session::debugging(NOW_MS);
    session.create_set("set");
    session.hold_to(&[
        ("set text hello", "+OK"),
        ("append text !", ":6"),
        ("hset hash a 1 b two", ":2"),
        ("hpexpire hash 5000 fields 1 b", "*1 :1"),
        ("vadd redis VALUES 3 1 2 3 a Q8 M 4 SETATTR {}", ":1"),
        ("vadd redis VALUES 3 -1 2 3 b Q8 M 4", ":1"),
        ("vadd ours VALUES 3 1 2 3 a F16 METRIC L2", ":1"),
    ]);
    for key in ["text", "hash", "set", "redis", "ours"] {
        let bytes = dump(&mut session, key);
        let digest = session.ask(&format!("debug digest-value {key}"));
        assert_eq!(restore(&mut session, "other 0", &bytes, "REPLACE"), "+OK", "{key}");
        assert_eq!(session.ask("debug digest-value other"), digest, "{key}");
    }
}

#[test]
fn a_copied_set_is_independent() {
    let mut session = Session::debugging(NOW_MS);
    session.hold_to(&[
        ("vadd v VALUES 2 1 2 a SETATTR 7", ":1"),
        ("vadd v VALUES 2 2 1 b", ":1"),
        ("expireat v 5000000000", ":1"),
        ("set t x", "+OK"),
        ("copy v t", ":0"),
        ("copy v t replace", ":1"),
        ("copy v far db 3", ":1"),
        ("copy v far db 3", ":0"),
        ("copy nope t replace", ":0"),
        ("expiretime t", ":5000000000"),
        ("vgetattr t a", "$1 7"),
        ("vrem v a", ":1"),
        ("vcard t", ":2"),
        ("vadd t VALUES 2 0 1 c", ":1"),
        ("vcard v", ":1"),
        ("select 3", "+OK"),
        ("vcard far", ":2"),
        ("multi", "+OK"),
        ("copy far near", "+QUEUED"),
        ("vcard near", "+QUEUED"),
        ("exec", "*2 :1 :2"),
    ]);
}

/// A time from now as that since 1970, and a set as it was when it was copied.
#[test]
fn logged_commands_have_the_same_effect_later() {
    let mut session = Session::at(NOW_MS).streaming();
    session.hold_to(&[("vadd v VALUES 2 1 2 a", ":1")]);
    session.stream();
    let seen = |session: &mut Session, before: &str, after: &str| {
        assert_eq!(restore(session, before, V, after), "+OK");
        session.streamed()
    };
    let shown = V.escape_ascii();
    assert_eq!(seen(&mut session, "k 0", ""), format!("RESTORE k 0 {shown}"));
    let until = format!("RESTORE k 1790000001000 {shown} REPLACE ABSTTL");
    assert_eq!(seen(&mut session, "k 1000", "REPLACE"), until);
    assert_eq!(seen(&mut session, "k 1000", "REPLACE IDLETIME 5"), format!("{until} IDLETIME 5"));
    assert_eq!(seen(&mut session, "k 1000", "REPLACE ABSTTL"), "DEL k");
    assert_eq!(seen(&mut session, "k 1000", "REPLACE ABSTTL"), "");
    let dump = dump(&mut session, "v");
    session.ask("copy v w db 2");
    let expected = format!("SELECT 2 | RESTORE w 0 {} REPLACE ABSTTL", dump.escape_ascii());
    assert_eq!(session.streamed(), expected);
}

#[test]
fn large_values_leave_the_network_thread() {
    let mut session = Session::at(NOW_MS);
    session.create_set("v");
    session.hold_to(&[("set small x", "+OK")]);
    session.reply_to(&[&b"set"[..], b"large", &crate::compressed::random(20_000)]);
    let long = "x".repeat(20_000);
    let cases: &[(&[&str], bool)] = &[
        (&["dump", "small"], false),
        (&["dump", "large"], true),
        (&["dump", "v"], true),
        (&["dump", "nope"], false),
        (&["copy", "v", "w"], true),
        (&["copy", "large", "w"], false),
        (&["restore", "k", "0", "short"], false),
        (&["restore", "k", "0", &long], true),
    ];
    for (words, heavy) in cases {
        assert_eq!(session.is_heavy(&Request::from_args(words)), *heavy, "{words:.40?}");
    }
}

#[test]
fn a_value_restored_after_its_time_counts_as_an_expired_key() {
    let mut session = Session::at(NOW_MS);
    session.hold_to(&[("set a 1", "+OK")]);
    assert_eq!(restore(&mut session, "b 1", V, "ABSTTL"), "+OK");
    assert_eq!(session.server.keyspace.expiry().keys.get(), 1);
    assert_eq!(restore(&mut session, "a 1", V, "ABSTTL REPLACE"), "+OK");
    session.hold_to(&[("exists a b", ":0")]);
    assert_eq!(session.server.keyspace.expiry().keys.get(), 2);
}
