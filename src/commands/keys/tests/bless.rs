//! BLESS is new in Redis 8.12: the replies follow its documentation and its tests.

use crate::commands::testing::Session;
use crate::keyspace::DATABASES;

const NOW_MS: i64 = 1_790_000_000_000;

#[test]
fn a_key_is_blessed_until_it_is_cleared() {
    Session::at(NOW_MS).hold_to(&[
        ("set k v", "+OK"),
        ("bless get k", "*0"),
        ("bless set k no-evict", ":1"),
        ("bless set k NO-EVICT", ":0"),
        ("bless get k", "*1 $8 NO-EVICT"),
        ("bless scan 0 no-evict", "*2 $1 0 *1 $1 k"),
        ("bless clear k no-evict", ":1"),
        ("bless clear k no-evict", ":0"),
        ("bless get k", "*0"),
        ("bless scan 0 no-evict", "*2 $1 0 *0"),
    ]);
}

#[test]
fn bad_requests_are_refused() {
    Session::at(NOW_MS).hold_to(&[
        ("bless", "-ERR wrong number of arguments for 'bless' command"),
        ("bless foo k", "-ERR unknown subcommand 'foo'. Try BLESS HELP."),
        ("bless set none no-evict", "-ERR no such key"),
        ("bless clear none no-evict", "-ERR no such key"),
        ("bless get none", "-ERR no such key"),
        ("bless set none bogus", "-ERR syntax error"),
        ("set k v", "+OK"),
        ("bless set k", "-ERR wrong number of arguments for 'bless|set' command"),
        ("bless clear k", "-ERR wrong number of arguments for 'bless|clear' command"),
        ("bless set k no-evict no-evict", "-ERR wrong number of arguments for 'bless|set' command"),
        ("bless get k no-evict", "-ERR wrong number of arguments for 'bless|get' command"),
        ("bless set k none", "-ERR syntax error"),
        ("bless clear k evict", "-ERR syntax error"),
        ("bless scan 0", "-ERR wrong number of arguments for 'bless|scan' command"),
        ("bless scan x bogus", "-ERR invalid cursor"),
        ("bless scan 0 bogus", "-ERR syntax error"),
        ("bless scan 0 no-evict count", "-ERR syntax error"),
        ("bless scan 0 no-evict count 1 2", "-ERR syntax error"),
        ("bless scan 0 no-evict match x", "-ERR syntax error"),
        ("bless scan 0 no-evict count x", "-ERR value is not an integer or out of range"),
        ("bless scan 0 no-evict count 0", "-ERR syntax error"),
        ("bless scan 0 no-evict count -1", "-ERR syntax error"),
        ("bless get k", "*0"),
    ]);
}

#[test]
fn a_blessing_stays_with_the_key_whatever_value_it_gets() {
    let mut session = Session::debugging(NOW_MS);
    session.hold_to(&[("set plain 1", "+OK"), ("set k 1", "+OK"), ("bless set k no-evict", ":1")]);
    let dump = session.reply_to(&["DUMP", "plain"]);
    let payload = dump[5..dump.len() - 2].to_vec();
    for request in [
        "set k 2",
        "set k 3 ex 100",
        "append k x",
        "getset k 5",
        "incr k",
        "expire k 50",
        "persist k",
        "copy plain other",
    ] {
        session.ask(request);
        assert_eq!(session.ask("bless get k"), "*1 $8 NO-EVICT", "{request}");
    }
    session.reply_to(&[&b"RESTORE"[..], b"k", b"0", &payload, b"REPLACE"]);
    session.reply_to(&[&b"RESTORE"[..], b"new", b"0", &payload]);
    session.hold_to(&[
        ("get k", "$1 1"),
        ("bless get k", "*1 $8 NO-EVICT"),
        ("bless get new", "*0"),
        ("hset h f v", ":1"),
        ("bless set h no-evict", ":1"),
        ("set h text", "+OK"),
        ("bless get h", "*1 $8 NO-EVICT"),
        ("vadd s VALUES 2 1 2 e", ":1"),
        ("bless set s no-evict", ":1"),
        ("vadd s VALUES 2 2 2 f", ":1"),
        ("bless get s", "*1 $8 NO-EVICT"),
    ]);
}

#[test]
fn a_blessing_ends_with_the_key() {
    let mut session = Session::at(NOW_MS);
    for request in ["del k", "unlink k", "getdel k", "flushdb", "flushall", "set k 1 exat 1", "expire k -1"] {
        session.hold_to(&[("set k 1", "+OK"), ("bless set k no-evict", ":1")]);
        session.ask(request);
        assert_eq!(session.server.keyspace.blessed_keys(), 0, "{request}");
        session.hold_to(&[("set k 2", "+OK"), ("bless get k", "*0")]);
    }
    session.hold_to(&[
        ("vadd s VALUES 2 1 2 e", ":1"),
        ("bless set s no-evict", ":1"),
        ("vrem s e", ":1"),
        ("vadd s VALUES 2 1 2 e", ":1"),
        ("bless get s", "*0"),
    ]);
}

#[test]
fn a_blessing_goes_with_the_key() {
    let mut session = Session::at(NOW_MS);
    session.hold_to(&[
        ("mset a 1 b 2 c 3 d 4", "+OK"),
        ("bless set a no-evict", ":1"),
        ("bless set d no-evict", ":1"),
        ("rename a b", "+OK"),
        ("bless get b", "*1 $8 NO-EVICT"),
        ("copy b c replace", ":1"),
        ("bless get c", "*1 $8 NO-EVICT"),
        ("set e 5", "+OK"),
        ("copy e d replace", ":1"),
        ("bless get d", "*0"),
        ("move c 3", ":1"),
        ("bless scan 0 no-evict", "*2 $1 0 *1 $1 b"),
        ("swapdb 0 3", "+OK"),
        ("bless scan 0 no-evict", "*2 $1 0 *1 $1 c"),
        ("rename c e", "+OK"),
        ("bless scan 0 no-evict", "*2 $1 0 *1 $1 e"),
    ]);
    assert_eq!(session.server.keyspace.blessed_keys(), 2);
    assert!(session.ask("info stats").contains("blessed_keys:2"));
}

#[test]
fn a_change_of_a_blessing_is_logged_and_seen_by_watches() {
    let mut session = Session::at(NOW_MS).streaming();
    session.hold_to(&[("set k 1", "+OK"), ("watch k", "+OK"), ("bless set k no-evict", ":1")]);
    session.hold_to(&[("multi", "+OK"), ("exec", "*-1"), ("bless set k no-evict", ":0")]);
    assert_eq!(session.streamed(), "SELECT 0 | set k 1 | bless set k no-evict");
}

#[test]
fn the_commands_are_there_whichever_release_is_chosen() {
    for release in ["8.6", "8.10"] {
        let mut session = Session::like_redis(release, NOW_MS);
        session.hold_to(&[("set k 1", "+OK"), ("bless set k no-evict", ":1")]);
        let info = session.ask("command info bless|set bless|get bless|clear bless|scan bless");
        for part in [
            "$9 bless|set :4 *3 +write +denyoom +fast :2 :2 :1 *3 +@write +@fast +@dangerous",
            "$11 bless|clear :4 *2 +write +fast :2 :2 :1 *3 +@write +@fast +@dangerous",
            "$9 bless|get :3 *1 +fast :2 :2 :1 *2 +@fast +@keyspace",
            "$10 bless|scan :-4 *0 :0 :0 :0 *2 +@slow +@keyspace",
            "$5 bless :-2 *0 :0 :0 :0 *1 +@slow",
        ] {
            assert!(info.contains(part), "{part} in {info}");
        }
    }
}

#[test]
fn all_databases_are_counted() {
    let mut session = Session::at(NOW_MS);
    for db in 0..DATABASES {
        session.ask(&format!("select {db}"));
        session.hold_to(&[("set k 1", "+OK"), ("bless set k no-evict", ":1")]);
    }
    assert!(session.ask("info stats").contains(&format!("blessed_keys:{DATABASES}")));
}
