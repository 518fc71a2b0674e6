//! Tests that make fields of `INFO` change.

use std::time::{Duration, Instant};

use crate::commands::registry;
use crate::commands::testing::Session;

/// A field of `INFO everything`.
fn field(session: &mut Session, name: &str) -> String {
    let text = String::from_utf8(session.reply_to(&["info", "everything"])).expect("INFO is text");
    let line = text.split("\r\n").find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no field {name}")).to_owned()
}

#[track_caller]
fn expect(session: &mut Session, fields: &[(&str, &str)]) {
    for (name, value) in fields {
        assert_eq!(field(session, name), *value, "{name}");
    }
}

/// Runs `line` in a server with an expired key `a`, and checks the counts.
#[track_caller]
fn finds_an_expired_key(line: &str, is_removed: bool) {
    let mut session = Session::debugging(1_000_000);
    session.ask("set a 1 px 1");
    session.advance(10);
    session.ask(line);
    let count = if is_removed { "1" } else { "0" };
    assert_eq!(field(&mut session, "expired_keys"), count, "{line}");
    assert_eq!(field(&mut session, "expired_keys_active"), "0", "{line}");
    session.ask(line);
    assert_eq!(field(&mut session, "expired_keys"), count, "{line}, again");
}

#[test]
fn an_expired_key_is_counted_by_whatever_command_finds_it() {
    let lines = "get a|exists a|ttl a|type a|object encoding a|strlen a|getrange a 0 1|mget a b|touch a|\
        expiretime a|del a|unlink a|set a 2|setnx a 2|incr a|append a x|rename a b|copy a b|persist a|\
        expire a 100|dump a|scan 0|randomkey|getdel a|getex a|move a 1|vcard a|hget a f|hset a f v";
    lines.split('|').for_each(|line| finds_an_expired_key(line, true));
    ["keys *", "dbsize", "watch a", "debug digest", "flushall"]
        .into_iter()
        .for_each(|line| finds_an_expired_key(line, false));
}

#[test]
fn an_expired_field_is_counted_where_redis_counts_it() {
    for (line, count) in [
        ("hget h f", "1"),
        ("hmget h g f", "1"),
        ("hexists h f", "1"),
        ("hstrlen h f", "1"),
        ("hincrby h f 1", "1"),
        ("hgetall h", "0"),
        ("hlen h", "0"),
        ("httl h fields 1 f", "0"),
        ("hscan h 0", "0"),
        ("hget h g", "0"),
    ] {
        let mut session = Session::at(1_000_000);
        session.ask("hset h f v g w");
        session.ask("hpexpire h 5 fields 1 f");
        session.advance(10);
        session.ask(line);
        assert_eq!(field(&mut session, "expired_subkeys"), count, "{line}");
        assert_eq!(field(&mut session, "expired_subkeys_active"), "0", "{line}");
    }
}

/// The counts of expired keys and fields.
fn expired_counts(session: &mut Session) -> [String; 2] {
    ["expired_keys", "expired_subkeys"].map(|name| field(session, name))
}

/// Runs commands, of which the last gives a past deadline, and checks the counts of keys and
/// fields.
#[track_caller]
fn expires_at_once(lines: &str, keys: &str, fields: &str) {
    let mut session = Session::like_redis("8.10", 1_000_000);
    lines.split('|').for_each(|line| drop(session.ask(line)));
    assert_eq!(expired_counts(&mut session), [keys, fields], "{lines}");
    ["exists k j", "hmget k f g"].into_iter().for_each(|line| drop(session.ask(line)));
    assert_eq!(expired_counts(&mut session), [keys, fields], "{lines}, and looked for");
}

#[test]
fn keys_set_with_a_past_deadline_are_counted_as_redis_counts_them() {
    for (lines, keys) in [
        ("set k v pxat 1", "1"),
        ("set k v|set k v exat 1", "1"),
        ("set k v|set k v get xx pxat 1", "1"),
        ("set k v|set k v nx pxat 1", "0"),
        ("set k v xx pxat 1", "0"),
        ("hset k f v|set k v pxat 1", "1"),
        ("msetex 2 k v j v pxat 1", "2"),
        ("set k v|msetex 2 k v k v exat 1", "2"),
        ("set k 5|increx k pxat 1", "1"),
        ("increx k exat 1", "1"),
        ("set k 5 px 100000|increx k pxat 1 enx", "0"),
        ("set k v|getex k pxat 1", "0"),
        ("set k v|expire k -1", "0"),
        ("set k v|pexpireat k 1", "0"),
    ] {
        expires_at_once(lines, keys, "0");
    }
}

#[test]
fn fields_set_with_a_past_deadline_are_counted_as_redis_counts_them() {
    for (line, fields) in [
        ("hexpireat k 1 fields 1 f", "1"),
        ("hpexpireat k 1 fields 3 f g n", "2"),
        ("hpexpire k 0 fields 2 f f", "1"),
        ("hexpire k 0 xx fields 1 f", "0"),
        ("hgetex k pxat 1 fields 2 f n", "1"),
        ("hgetex k exat 1 fields 3 f g f", "2"),
        ("hgetex k exat 1 fields 1 n", "0"),
        ("hsetex k pxat 1 fields 1 f w", "1"),
        ("hsetex k exat 1 fields 2 n w n w", "2"),
        ("hsetex k fnx pxat 1 fields 1 f w", "0"),
        ("hsetex j pxat 1 fields 1 f w", "1"),
    ] {
        expires_at_once(&format!("hset k f v g w|{line}"), "0", fields);
    }
}

#[test]
fn keys_expired_in_the_background_are_counted_apart() {
    let mut session = Session::at(1_000_000);
    (0..10).for_each(|number| drop(session.ask(&format!("set k{number} v px 1"))));
    session.ask("set stays v px 100000");
    session.advance(10);
    expect(&mut session, &[("expired_stale_perc", "90.91"), ("expired_time_cap_reached_count", "0")]);
    let removed = session.server.keyspace.db(0).expire_cycle(4);
    assert_eq!(removed, 4);
    expect(
        &mut session,
        &[("expired_keys", "4"), ("expired_keys_active", "4"), ("expired_time_cap_reached_count", "1")],
    );
    session.ask("hset h f v g w");
    session.ask("hpexpire h 1 fields 1 f");
    session.advance(10);
    session.server.keyspace.db(0).expire_cycle(1000);
    session.ask("get k0");
    expect(
        &mut session,
        &[
            ("expired_keys", "10"),
            ("expired_keys_active", "10"),
            ("expired_subkeys", "1"),
            ("expired_subkeys_active", "1"),
            ("expired_stale_perc", "0.00"),
            ("expired_time_cap_reached_count", "1"),
        ],
    );
    session.ask("config resetstat");
    expect(
        &mut session,
        &[("expired_keys", "0"), ("expired_keys_active", "0"), ("expired_subkeys_active", "0")],
    );
}

#[test]
fn keys_that_expire_during_a_pause_are_counted_afterwards() {
    let mut session = Session::at(1_000_000);
    session.ask("set a 1 px 1");
    session.ask("client pause 100000 write");
    session.advance(10);
    session.hold_to(&[("get a", "$-1")]);
    expect(&mut session, &[("expired_keys", "0")]);
    session.ask("client unpause");
    session.hold_to(&[("get a", "$-1")]);
    expect(&mut session, &[("expired_keys", "1"), ("expired_keys_active", "0")]);
}

#[test]
fn an_expired_key_is_removed_from_the_log_too_and_after_its_transaction() {
    let mut session = Session::at(1_000_000).streaming();
    session.ask("set a 1 px 1");
    session.ask("set b 1 px 1");
    session.advance(10);
    session.streamed();
    session.hold_stream_to(&[
        ("get a", "DEL a"),
        ("get a", ""),
        ("multi", ""),
        ("get b", ""),
        ("exec", "DEL b"),
    ]);
}

#[test]
fn watched_keys_are_counted_once_for_all_clients() {
    let mut session = Session::at(0);
    let mut other = session.connect();
    session.ask("watch a b");
    session.ask_as(&mut other, "watch a");
    session.ask_as(&mut other, "select 1");
    session.ask_as(&mut other, "watch a");
    expect(&mut session, &[("total_watched_keys", "3"), ("watching_clients", "2")]);
    session.ask("unwatch");
    expect(&mut session, &[("total_watched_keys", "2"), ("watching_clients", "1")]);
}

#[test]
fn clients_that_a_pause_holds_are_blocked() {
    let mut session = Session::at(0);
    let other = session.connect();
    expect(&mut session, &[("blocked_clients", "0")]);
    other.info.is_held.store(true, std::sync::atomic::Ordering::Relaxed);
    expect(&mut session, &[("blocked_clients", "1")]);
}

#[test]
fn clients_with_a_recent_request_are_active() {
    let mut session = Session::like_redis("8.10", 0);
    let other = session.connect();
    expect(&mut session, &[("connected_clients", "2"), ("active_clients", "1")]);
    let ping = registry::find(b"ping").expect("it is registered");
    let deadline = Instant::now() + Duration::from_secs(60);
    while field(&mut session, "active_clients") != "2" {
        assert!(Instant::now() < deadline, "it is never active");
        other.info.begin(ping, Instant::now());
    }
}

#[test]
fn fields_that_came_with_8_10_are_not_shown_by_8_6() {
    const NEWER: [&str; 4] =
        ["active_clients", "used_memory_hash_templates", "hash_templates", "hash_template_keys"];
    for (release, are_there) in [("8.6", false), ("8.10", true)] {
        let mut session = Session::like_redis(release, 0);
        let text = String::from_utf8(session.reply_to(&["info", "everything"])).expect("INFO is text");
        let has = |name: &str| text.contains(&format!("\r\n{name}:"));
        NEWER.iter().for_each(|name| assert_eq!(has(name), are_there, "{name} in {release}"));
    }
}

#[test]
fn commands_that_read_what_they_change_count_hits_and_misses() {
    for line in
        ["getdel K", "getex K", "getset K v", "set K v get", "copy K there", "get K", "set K v ifeq 1"]
    {
        let mut session = Session::at(0);
        session.ask("set k 1");
        session.ask(&line.replace('K', "k"));
        expect(&mut session, &[("keyspace_hits", "1"), ("keyspace_misses", "0")]);
    }
    for line in ["getdel K", "getex K", "getset K v", "set K v get", "copy K there", "get K"] {
        let mut session = Session::at(0);
        session.ask(&line.replace('K', "k"));
        expect(&mut session, &[("keyspace_hits", "0"), ("keyspace_misses", "1")]);
    }
}

#[test]
fn wrong_passwords_are_counted() {
    let mut session = Session::at(0);
    session.ask("config set requirepass secret");
    session.ask("auth wrong");
    session.ask("hello 3 auth default wrong");
    expect(&mut session, &[("acl_access_denied_auth", "2")]);
}

#[test]
fn the_peak_has_a_time_and_data_and_overhead_are_all_that_is_used() {
    let mut session = Session::at(0);
    let number = |text: String| text.parse::<u64>().expect("a number");
    assert!(number(field(&mut session, "used_memory_peak_time")) > 1_700_000_000);
    let overhead = number(field(&mut session, "used_memory_overhead"));
    assert!(overhead >= number(field(&mut session, "used_memory_startup")));
    assert!(field(&mut session, "used_memory_dataset_perc").ends_with('%'));
}

#[test]
fn the_whole_list_of_commands_names_subcommands() {
    let list = Session::at(0).ask("command list");
    for name in ["client|list", "config|get", "object|encoding", "get"] {
        assert!(list.contains(&format!(" {name}")), "{name}");
    }
}

#[test]
fn debug_change_repl_id_changes_the_replication_id_and_not_the_run_id() {
    let mut session = Session::debugging(0);
    let [replication, run] = ["master_replid", "run_id"].map(|name| field(&mut session, name));
    session.hold_to(&[("debug change-repl-id", "+OK")]);
    assert_ne!(field(&mut session, "master_replid"), replication);
    expect(&mut session, &[("run_id", &run)]);
}

#[test]
fn expired_keys_are_visible_while_debug_allows_it() {
    let mut session = Session::debugging(1_000_000);
    session.ask("set e 1 px 1");
    session.ask("hset h f v g w");
    session.ask("hpexpire h 1 fields 1 f");
    session.advance(10);
    session.hold_to(&[
        ("debug set-allow-access-expired 1", "+OK"),
        ("get e", "$1 1"),
        ("mget e", "*1 $1 1"),
        ("pttl e", ":0"),
        ("hget h f", "$1 v"),
        ("hlen h", ":2"),
        ("append e x", ":2"),
        ("keys e", "*1 $1 e"),
        ("dbsize", ":2"),
    ]);
    assert_eq!(session.server.keyspace.db(0).expire_cycle(10), 0);
    session.hold_to(&[
        ("debug set-allow-access-expired 0", "+OK"),
        ("get e", "$-1"),
        ("hget h f", "$-1"),
        ("hlen h", ":1"),
        ("dbsize", ":1"),
    ]);
}

#[test]
fn checksums_are_skipped_while_debug_disables_them() {
    let mut session = Session::debugging(0);
    session.ask("set k v");
    let mut reply = session.reply_to(&["dump", "k"]);
    let start = reply.windows(2).position(|pair| pair == b"\r\n").expect("a bulk string") + 2;
    let dump_end = reply.len() - 2;
    reply[dump_end - 1] ^= 1;
    let dump = reply[start..dump_end].to_vec();
    let restore = |session: &mut Session, key: &str| {
        let words: [&[u8]; 4] = [b"restore", key.as_bytes(), b"0", &dump];
        String::from_utf8(session.reply_to(&words)).expect("text")
    };
    const WRONG: &str = "-ERR DUMP payload version or checksum are wrong\r\n";
    assert_eq!(restore(&mut session, "one"), WRONG);
    session.hold_to(&[("debug set-skip-checksum-validation 1", "+OK")]);
    assert_eq!(restore(&mut session, "one"), "+OK\r\n");
    session.hold_to(&[("get one", "$1 v"), ("debug set-skip-checksum-validation 0", "+OK")]);
    assert_eq!(restore(&mut session, "two"), WRONG);
}
