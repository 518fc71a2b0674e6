//! The expected replies are those of Redis 8.6.2 to the same requests.

mod bless;
mod dump;
mod usage;

use crate::commands::testing::Session;

/// A time in 2026; the replies below do not depend on it.
const NOW_MS: i64 = 1_790_000_000_000;

#[test]
fn keys_are_removed_counted_and_named() {
    Session::at(NOW_MS).hold_to(&[
        ("mset a 1 b 2 c 3", "+OK"),
        ("exists a a b nope", ":3"),
        ("touch a b nope", ":2"),
        ("type a", "+string"),
        ("type nope", "+none"),
        ("dbsize", ":3"),
        ("del a a nope", ":1"),
        ("unlink b nope", ":1"),
        ("dbsize", ":1"),
        ("randomkey", "$1 c"),
        ("keys *", "*1 $1 c"),
        ("keys [a-c]", "*1 $1 c"),
        ("keys x*", "*0"),
        ("flushdb async x", "-ERR syntax error"),
        ("flushall foo", "-ERR syntax error"),
        ("flushdb", "+OK"),
        ("flushall async", "+OK"),
        ("flushall sync", "+OK"),
        ("dbsize", ":0"),
        ("randomkey", "$-1"),
        ("keys *", "*0"),
        ("del", "-ERR wrong number of arguments for 'del' command"),
    ]);
}

#[test]
fn scan_refuses_as_redis_does() {
    Session::at(NOW_MS).hold_to(&[
        ("set s 1", "+OK"),
        ("scan x", "-ERR invalid cursor"),
        ("scan -1", "-ERR invalid cursor"),
        ("scan +0", "*2 $1 0 *1 $1 s"),
        ("scan 18446744073709551616", "-ERR invalid cursor"),
        ("scan 0 count 0", "-ERR syntax error"),
        ("scan 0 count -1", "-ERR syntax error"),
        ("scan 0 count x", "-ERR value is not an integer or out of range"),
        ("scan 0 foo", "-ERR syntax error"),
        ("scan 0 count", "-ERR syntax error"),
        ("scan 0 type", "-ERR syntax error"),
        ("scan 0 match", "-ERR syntax error"),
        ("scan 0 foo 1", "-ERR syntax error"),
        ("scan 0 novalues", "-ERR NOVALUES option can only be used in HSCAN"),
        ("scan 0 match s* count 1000", "*2 $1 0 *1 $1 s"),
        ("scan 0 type STRING count 1000", "*2 $1 0 *1 $1 s"),
        ("scan 0 type hash count 1000", "*2 $1 0 *0"),
        ("scan 0 match x* count 1000", "*2 $1 0 *0"),
    ]);
}

#[test]
fn renamed_keys_keep_value_and_deadline() {
    Session::at(NOW_MS).hold_to(&[
        ("rename nope x", "-ERR no such key"),
        ("renamenx nope x", "-ERR no such key"),
        ("set s v exat 9999999999", "+OK"),
        ("set t w", "+OK"),
        ("rename s s", "+OK"),
        ("renamenx s s", ":0"),
        ("renamenx s t", ":0"),
        ("rename s t", "+OK"),
        ("get t", "$1 v"),
        ("expiretime t", ":9999999999"),
        ("exists s", ":0"),
        ("renamenx t u", ":1"),
        ("get u", "$1 v"),
        ("ttl t", ":-2"),
    ]);
}

#[test]
fn conditions_of_expire() {
    Session::at(NOW_MS).hold_to(&[
        ("expire nope 10", ":0"),
        ("set s v", "+OK"),
        ("expire s x", "-ERR value is not an integer or out of range"),
        ("expire s x foo", "-ERR Unsupported option foo"),
        ("expire s 9223372036854775807", "-ERR invalid expire time in 'expire' command"),
        ("expire s -9223372036854775808", "-ERR invalid expire time in 'expire' command"),
        ("pexpire s 9223372036854775807", "-ERR invalid expire time in 'pexpire' command"),
        ("expireat s 9223372036854776", "-ERR invalid expire time in 'expireat' command"),
        ("expire s 10 nx xx", "-ERR NX and XX, GT or LT options at the same time are not compatible"),
        ("expire s 10 nx gt", "-ERR NX and XX, GT or LT options at the same time are not compatible"),
        ("expire s 10 gt lt", "-ERR GT and LT options at the same time are not compatible"),
        ("expire s 10 foo", "-ERR Unsupported option foo"),
        ("expireat s 5000000000 gt", ":0"),
        ("expireat s 5000000000 xx", ":0"),
        ("expireat s 5000000000 lt", ":1"),
        ("expireat s 6000000000 nx", ":0"),
        ("expireat s 6000000000 xx gt", ":1"),
        ("expireat s 7000000000 lt", ":0"),
        ("expireat s 4000000000 GT", ":0"),
        ("expiretime s", ":6000000000"),
        ("expireat s 4000000000 lt", ":1"),
        ("pexpiretime s", ":4000000000000"),
        ("persist s", ":1"),
        ("persist s", ":0"),
        ("persist nope", ":0"),
        ("ttl s", ":-1"),
        ("pttl s", ":-1"),
        ("expiretime s", ":-1"),
        ("pexpiretime s", ":-1"),
        ("ttl nope", ":-2"),
        ("pttl nope", ":-2"),
        ("pexpireat s 4000000000499", ":1"),
        ("expiretime s", ":4000000000"),
        ("pexpireat s 4000000000500", ":1"),
        ("expiretime s", ":4000000001"),
        ("pexpireat s 9223372036854775807", ":1"),
        ("expiretime s", ":9223372036854776"),
        ("expire s -1", ":1"),
        ("exists s", ":0"),
        ("set s v", "+OK"),
        ("expire s 0", ":1"),
        ("exists s", ":0"),
        ("set s v", "+OK"),
        ("pexpireat s -9223372036854775808", ":1"),
        ("exists s", ":0"),
        ("get s", "$-1"),
    ]);
}

#[test]
fn objects_and_their_memory() {
    Session::at(NOW_MS).hold_to(&[
        ("set n 12", "+OK"),
        ("set s hello", "+OK"),
        ("set long 0123456789012345678901234567890123456789", "+OK"),
        ("append n 3", ":3"),
        ("object encoding n", "$3 raw"),
        ("object encoding s", "$6 embstr"),
        ("object encoding long", "$3 raw"),
        ("set i 7", "+OK"),
        ("object encoding i", "$3 int"),
        ("incr i", ":8"),
        ("object encoding i", "$3 int"),
        ("object encoding nope", "$-1"),
        ("object refcount s", ":1"),
        ("object idletime s", ":0"),
        ("object freq s", "-ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust."),
        ("object freq nope", "$-1"),
        ("object idletime nope", "$-1"),
        ("object foo s", "-ERR unknown subcommand 'foo'. Try OBJECT HELP."),
        ("object", "-ERR wrong number of arguments for 'object' command"),
        ("object encoding", "-ERR wrong number of arguments for 'object|encoding' command"),
        ("memory usage nope", "$-1"),
        ("memory usage s samples -1", "-ERR syntax error"),
        ("memory usage s samples x", "-ERR value is not an integer or out of range"),
        ("memory usage s foo 1", "-ERR syntax error"),
        ("memory usage s samples", "-ERR syntax error"),
        ("memory foo", "-ERR unknown subcommand 'foo'. Try MEMORY HELP."),
        ("memory usage", "-ERR wrong number of arguments for 'memory|usage' command"),
    ]);
}

#[test]
fn copies_and_moves() {
    Session::at(NOW_MS).hold_to(&[
        ("set s v", "+OK"),
        ("copy s s", "-ERR source and destination objects are the same"),
        ("copy nope nope", "-ERR source and destination objects are the same"),
        ("copy s t", ":1"),
        ("copy s t", ":0"),
        ("copy s t replace", ":1"),
        ("copy s t db 99", "-ERR DB index is out of range"),
        ("copy s t db x", "-ERR value is not an integer or out of range"),
        ("copy s t db", "-ERR syntax error"),
        ("copy s t foo", "-ERR syntax error"),
        ("copy s s db 1", ":1"),
        ("copy s s db 1", ":0"),
        ("copy s s DB 1 REPLACE", ":1"),
        ("copy nope x", ":0"),
        ("move s 0", "-ERR source and destination objects are the same"),
        ("move s 99", "-ERR DB index is out of range"),
        ("move s x", "-ERR value is not an integer or out of range"),
        ("move s 1", ":0"),
        ("move t 1", ":1"),
        ("move nope 3", ":0"),
        ("exists t", ":0"),
        ("select 1", "+OK"),
        ("get t", "$1 v"),
        (
            "copy s t db 3000000000",
            "-ERR value is out of range, value must between -2147483648 and 2147483647",
        ),
        ("swapdb 0 99", "-ERR DB index is out of range"),
        ("swapdb 3000000000 0", "-ERR invalid first DB index"),
        ("swapdb x 0", "-ERR invalid first DB index"),
        ("swapdb 0 x", "-ERR invalid second DB index"),
        ("swapdb 99 x", "-ERR invalid second DB index"),
        ("swapdb -1 0", "-ERR DB index is out of range"),
        ("swapdb 1 1", "+OK"),
        ("swapdb 0 1", "+OK"),
        ("dbsize", ":1"),
        ("select 0", "+OK"),
        ("dbsize", ":2"),
    ]);
}

#[test]
fn vector_sets_are_values() {
    let mut session = Session::at(NOW_MS);
    session.create_set("v");
    session.hold_to(&[
        ("type v", "+vectorset"),
        ("object encoding v", "$3 raw"),
        ("object refcount v", ":1"),
        ("exists v", ":1"),
        ("scan 0 type vectorset count 1000", "*2 $1 0 *1 $1 v"),
        ("scan 0 type string count 1000", "*2 $1 0 *0"),
        ("set t x", "+OK"),
        ("copy v t", ":0"),
        ("rename v w", "+OK"),
        ("type v", "+none"),
        ("type w", "+vectorset"),
        ("expireat w 5000000000", ":1"),
        ("expiretime w", ":5000000000"),
        ("move w 2", ":1"),
        ("exists w", ":0"),
        ("select 2", "+OK"),
        ("type w", "+vectorset"),
        ("swapdb 2 0", "+OK"),
        ("exists w", ":0"),
        ("del w", ":0"),
        ("select 0", "+OK"),
        ("type w", "+vectorset"),
        ("del w", ":1"),
        ("unlink w", ":0"),
        ("dbsize", ":0"),
    ]);
}

#[test]
fn with_no_touch_reads_do_not_count_as_uses() {
    const UNNOTICED: &[&str] = &[
        "get s",
        "set s 2",
        "append s 2",
        "getex s",
        "incr s",
        "mget s",
        "expire s 100",
        "persist s",
        "strlen s",
        "copy s t replace",
        "exists s",
        "type s",
        "ttl s",
        "object encoding s",
    ];
    for request in UNNOTICED {
        let mut session = Session::at(NOW_MS);
        session.ask("set s 1");
        session.server.keyspace.clock().advance(5_000);
        session.client.no_touch = true;
        session.ask(request);
        assert_eq!(session.ask("object idletime s"), ":5", "{request}");
        session.hold_to(&[("touch s", ":1"), ("object idletime s", ":0")]);
    }
}

#[test]
fn which_commands_count_as_uses_of_a_key() {
    let idle_after = |request: &str| {
        let mut session = Session::at(NOW_MS);
        session.ask("set s 1");
        session.server.keyspace.clock().advance(5_000);
        session.ask(request);
        session.ask("object idletime s")
    };
    for request in ["get s", "setnx s 2", "set s 2 nx", "expire s 100", "persist s", "strlen s", "rename s s"]
    {
        assert_eq!(idle_after(request), ":0", "{request}");
    }
    for request in ["exists s", "type s", "ttl s", "object encoding s", "memory usage s"] {
        assert_eq!(idle_after(request), ":5", "{request}");
    }
}

#[test]
fn memory_subcommands_reply() {
    let mut session = Session::at(NOW_MS);
    session.ask("mset a 1 b 2");
    let stats = session.ask("memory stats");
    assert!(stats.contains(" $10 keys.count :2 "), "{stats}");
    let peak = stats.split_once("$14 peak.allocated :").and_then(|(_, rest)| rest.split_once(' '));
    assert!(peak.and_then(|(bytes, _)| bytes.parse::<u64>().ok()).is_some_and(|bytes| bytes > 0), "{stats}");
    session.hold_to(&[("memory purge", "+OK")]);
}

/// As Redis 8.6.2 logs it, but without conditions that were true.
#[test]
fn logged_commands_have_the_same_effect_later() {
    let mut session = Session::at(NOW_MS).streaming();
    session.hold_stream_to(&[
        ("mset a 1 b 2 c 3 d 4", "SELECT 0 | mset a 1 b 2 c 3 d 4"),
        ("expire a 100", "PEXPIREAT a 1790000100000"),
        ("pexpire a 100 LT", "PEXPIREAT a 1790000000100"),
        ("pexpire a 100 GT", ""),
        ("expireat a 1790000001 XX", "PEXPIREAT a 1790000001000"),
        ("persist a", "persist a"),
        ("persist a", ""),
        ("pexpireat a 1789999999999", "DEL a"),
        ("expire nope 0", ""),
        ("pexpire b 1", "PEXPIREAT b 1790000000001"),
        ("copy b c", ""),
        ("copy b c REPLACE", "copy b c REPLACE"),
        ("rename c c", ""),
        ("move c 1", "move c 1"),
        ("unlink nope", ""),
    ]);
    session.advance(2);
    session.hold_stream_to(&[
        ("get b", "DEL b"),
        ("set b 1 NX", "set b 1 NX"),
        ("multi", ""),
        ("expire b 1", ""),
        ("select 1", ""),
        ("set c 1 KEEPTTL", ""),
        ("exec", "MULTI | PEXPIREAT b 1790000001002 | SELECT 1 | DEL c | set c 1 KEEPTTL | EXEC"),
        ("flushdb", "flushdb"),
    ]);
    session.advance(2000);
    session.server.keyspace.databases().iter().for_each(|db| _ = db.expire_cycle(10));
    session.hold_stream_to(&[("swapdb 0 1", "SELECT 0 | DEL b | SELECT 1 | swapdb 0 1")]);
}
