//! When keys were last used, and how often, as commands count and show it.

use crate::commands::testing::Session;
use crate::config::Settings;

const NOW_MS: i64 = 1_790_000_000_000;

const NO_IDLE_TIME: &str = "-ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when \
    switching between policies at runtime LRU and LFU data will take some time to adjust.";

fn under(maxmemory_policy: &'static str) -> Session {
    let enable_debug_command = "yes";
    Session::with(Settings { maxmemory_policy, enable_debug_command, ..Settings::defaults() }, NOW_MS)
}

fn advance(session: &Session, ms: i64) {
    session.server.keyspace.clock().advance(ms);
}

#[test]
fn frequencies_are_shown_under_policies_that_evict_by_them() {
    for policy in ["allkeys-lfu", "volatile-lfu"] {
        let mut session = under(policy);
        session.hold_to(&[
            ("set k 1", "+OK"),
            ("object freq k", ":5"),
            ("get k", "$1 1"),
            ("object freq k", ":6"),
            ("exists k", ":1"),
            ("object freq k", ":6"),
            ("object freq none", "$-1"),
            ("object idletime k", NO_IDLE_TIME),
            ("object idletime none", "$-1"),
        ]);
        advance(&session, 3 * 60_000);
        session.hold_to(&[
            ("object freq k", ":3"),
            ("incr k", ":2"),
            ("object freq k", ":4"),
            ("rename k l", "+OK"),
            ("object freq l", ":5"),
            ("config set maxmemory-policy allkeys-lru", "+OK"),
            ("object idletime l", ":0"),
        ]);
        assert!(session.ask("object freq l").starts_with("-ERR An LFU maxmemory policy is not selected"));
    }
}

#[test]
fn counters_follow_their_options() {
    let mut session = under("allkeys-lfu");
    session.hold_to(&[
        ("config set lfu-log-factor 0 lfu-decay-time 2", "+OK"),
        ("set k 1", "+OK"),
        ("mget k k k k k k k k k k", "*10 $1 1 $1 1 $1 1 $1 1 $1 1 $1 1 $1 1 $1 1 $1 1 $1 1"),
        ("object freq k", ":15"),
    ]);
    advance(&session, 3 * 60_000);
    session.hold_to(&[
        ("object freq k", ":14"),
        ("config set lfu-decay-time 0", "+OK"),
        ("object freq k", ":15"),
    ]);
}

#[test]
fn only_changes_count_where_the_least_recently_modified_key_is_evicted() {
    for policy in ["allkeys-lrm", "volatile-lrm"] {
        for (request, idle_s) in [
            ("get k", 5),
            ("touch k", 5),
            ("getex k", 5),
            ("strlen k", 5),
            ("object encoding k", 5),
            ("set k 2 nx", 5),
            ("set k 2", 0),
            ("append k 2", 0),
            ("incr k", 0),
            ("expire k 100", 0),
            ("bless set k no-evict", 0),
        ] {
            for no_touch in [false, true] {
                let mut session = under(policy);
                session.hold_to(&[("set k 1", "+OK")]);
                advance(&session, 5_000);
                session.client.no_touch = no_touch;
                session.ask(request);
                assert_eq!(session.ask("object idletime k"), format!(":{idle_s}"), "{policy} {request}");
            }
        }
        let mut session = under(policy);
        session.hold_to(&[("hset h f 1", ":1"), ("vadd v VALUES 2 1 2 e", ":1")]);
        advance(&session, 5_000);
        session.ask("hget h f");
        session.ask("vsim v VALUES 2 1 2");
        session.hold_to(&[("object idletime h", ":5"), ("object idletime v", ":5")]);
        session.hold_to(&[("hset h f 2", ":0"), ("vadd v VALUES 2 1 2 f", ":1")]);
        session.hold_to(&[("object idletime h", ":0"), ("object idletime v", ":0")]);
    }
}

#[test]
fn a_change_of_a_vector_set_is_a_use_of_its_key() {
    for (no_touch, idle_s) in [(false, ":0"), (true, ":5")] {
        let mut session = under("allkeys-lru");
        session.hold_to(&[("vadd v VALUES 2 1 2 e", ":1")]);
        advance(&session, 5_000);
        session.client.no_touch = no_touch;
        session.hold_to(&[("vadd v VALUES 2 1 2 f", ":1"), ("object idletime v", idle_s)]);
    }
}

#[test]
fn restore_sets_what_the_policy_needs() {
    let options = [("IDLETIME", "1000"), ("FREQ", "99")];
    for (policy, shown) in [("allkeys-lru", [":1000", ":0"]), ("allkeys-lfu", [":5", ":99"])] {
        let mut session = under(policy);
        session.ask("set plain 1");
        let dump = session.reply_to(&["DUMP", "plain"]);
        let payload = &dump[5..dump.len() - 2];
        for ((word, figure), shown) in options.into_iter().zip(shown) {
            let words =
                [b"RESTORE", &b"k"[..], b"0", payload, b"REPLACE", word.as_bytes(), figure.as_bytes()];
            assert_eq!(session.reply_to(&words), b"+OK\r\n");
            let subcommand = if policy.ends_with("lfu") { "freq" } else { "idletime" };
            assert_eq!(session.ask(&format!("object {subcommand} k")), shown, "{policy} {word}");
        }
    }
}

#[test]
fn a_restored_frequency_is_logged_with_a_time_since_1970() {
    let mut session = under("allkeys-lfu").streaming();
    session.ask("set plain 1");
    let dump = session.reply_to(&["DUMP", "plain"]);
    let payload = &dump[5..dump.len() - 2];
    let words = [b"RESTORE", &b"k"[..], b"5000", payload, b"FREQ", b"99"];
    assert_eq!(session.reply_to(&words), b"+OK\r\n");
    assert!(session.streamed().ends_with("REPLACE ABSTTL FREQ 99"));
}

#[test]
fn the_policies_are_those_of_redis() {
    let mut session = under("noeviction");
    let refused = session.ask("config set maxmemory-policy foo");
    assert_eq!(
        refused,
        "-ERR CONFIG SET failed (possibly related to argument 'maxmemory-policy') - argument(s) must be one of the \
         following: volatile-lru, volatile-lfu, volatile-random, volatile-ttl, volatile-lrm, allkeys-lru, \
         allkeys-lfu, allkeys-random, allkeys-lrm, noeviction"
    );
    for policy in crate::keyspace::Policy::all().map(crate::keyspace::Policy::name) {
        session.hold_to(&[(&format!("config set maxmemory-policy {policy}"), "+OK")]);
        assert_eq!(session.server.keyspace.policy().name(), policy);
        assert!(session.ask("info memory").contains(&format!("maxmemory_policy:{policy}")));
    }
}
