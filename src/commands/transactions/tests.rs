//! The expected replies are those of Redis 8.6.2 to the same requests.

use std::sync::atomic::Ordering;

use crate::commands::Place;
use crate::commands::testing::Session;
use crate::keyspace::Reach;
use crate::resp::Request;

/// A time in 2026; the replies below do not depend on it.
const NOW_MS: i64 = 1_790_000_000_000;

const ABORTED: &str = "-EXECABORT Transaction discarded because of previous errors.";

#[test]
fn commands_are_queued_and_run_together() {
    Session::at(NOW_MS).hold_to(&[
        ("multi", "+OK"),
        ("set k 1", "+QUEUED"),
        ("incr k", "+QUEUED"),
        ("incr nope extra", "-ERR wrong number of arguments for 'incr' command"),
        ("exec", ABORTED),
        ("get k", "$-1"),
        ("multi", "+OK"),
        ("set k 1", "+QUEUED"),
        ("incr k", "+QUEUED"),
        ("vcard k", "+QUEUED"),
        ("mget k nope", "+QUEUED"),
        ("exec", "*4 +OK :2 -WRONGTYPE Operation against a key holding the wrong kind of value *2 $1 2 $-1"),
        ("multi", "+OK"),
        ("exec", "*0"),
    ]);
}

#[test]
fn what_is_no_transaction_is_refused() {
    Session::at(NOW_MS).hold_to(&[
        ("exec", "-ERR EXEC without MULTI"),
        ("discard", "-ERR DISCARD without MULTI"),
        ("multi", "+OK"),
        ("multi", "-ERR MULTI calls can not be nested"),
        ("watch k", "-ERR WATCH inside MULTI is not allowed"),
        ("exec", "*0"),
        ("multi", "+OK"),
        ("nosuch a", "-ERR unknown command 'nosuch', with args beginning with: 'a'"),
        ("set k v", "+QUEUED"),
        ("exec", ABORTED),
        ("exec", "-ERR EXEC without MULTI"),
        ("multi", "+OK"),
        ("shutdown", "-ERR Command not allowed inside a transaction"),
        ("exec", ABORTED),
        ("multi", "+OK"),
        (
            "exec x",
            "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command",
        ),
        ("exec", "-ERR EXEC without MULTI"),
        ("multi", "+OK"),
        ("discard x", "-ERR wrong number of arguments for 'discard' command"),
        ("exec", ABORTED),
    ]);
}

#[test]
fn a_discarded_transaction_is_forgotten() {
    Session::at(NOW_MS).hold_to(&[
        ("set k 1", "+OK"),
        ("watch k", "+OK"),
        ("set k 2", "+OK"),
        ("multi", "+OK"),
        ("set k 3", "+QUEUED"),
        ("discard", "+OK"),
        ("get k", "$1 2"),
        ("multi", "+OK"),
        ("get k", "+QUEUED"),
        ("exec", "*1 $1 2"),
        ("multi", "+OK"),
        ("set k 4", "+QUEUED"),
        ("reset", "+RESET"),
        ("exec", "-ERR EXEC without MULTI"),
        ("get k", "$1 2"),
    ]);
}

#[test]
fn the_database_and_the_protocol_change_on_the_way() {
    Session::at(NOW_MS).hold_to(&[
        ("multi", "+OK"),
        ("set k zero", "+QUEUED"),
        ("select 3", "+QUEUED"),
        ("set k three", "+QUEUED"),
        ("select 99", "+QUEUED"),
        ("get k", "+QUEUED"),
        ("exec", "*5 +OK +OK +OK -ERR DB index is out of range $5 three"),
        ("get k", "$5 three"),
        ("select 0", "+OK"),
        ("get k", "$4 zero"),
        ("watch k", "+OK"),
        ("set k again", "+OK"),
        ("multi", "+OK"),
        ("exec", "*-1"),
        ("client reply skip", ""),
        ("multi", ""),
        ("get nope", "+QUEUED"),
        ("client reply skip", "+QUEUED"),
        ("get nope", "+QUEUED"),
        ("exec", "*3 $-1 $-1"),
        ("get k", ""),
        ("multi", "+OK"),
        ("client reply off", "+QUEUED"),
        ("get k", "+QUEUED"),
        ("client reply on", "+QUEUED"),
        ("get k", "+QUEUED"),
        ("exec", "*4 +OK $5 again"),
        ("ping", "+PONG"),
    ]);
    let mut session = Session::at(NOW_MS);
    session.hold_to(&[("multi", "+OK"), ("get nope", "+QUEUED"), ("hello 3", "+QUEUED")]);
    session.hold_to(&[("get nope", "+QUEUED")]);
    let replies = session.ask("exec");
    assert!(replies.starts_with("*3 $-1 %7 ") && replies.ends_with(" _"), "{replies}");
    session.hold_to(&[("watch k", "+OK"), ("set k v", "+OK"), ("multi", "+OK"), ("exec", "_")]);
}

#[test]
fn commands_beyond_their_named_keys_run_in_a_transaction() {
    let mut session = Session::debugging(NOW_MS);
    session.hold_to(&[("set a 1", "+OK"), ("multi", "+OK")]);
    let replies = [
        ("copy a b", ":1"),
        ("copy a b db 5", ":1"),
        ("move a 4", ":1"),
        ("swapdb 0 5", "+OK"),
        ("keys *", "*1 $1 b"),
        ("scan 0", "*2 $1 0 *1 $1 b"),
        ("randomkey", "$1 b"),
        ("dbsize", ":1"),
        ("debug sleep 0", "+OK"),
        ("vsearch s values 1 1 also 1 t", "*1 *0"),
        ("flushall", "+OK"),
        ("dbsize", ":0"),
    ];
    for (command, _) in replies {
        session.hold_to(&[(command, "+QUEUED")]);
    }
    let all: Vec<_> = replies.iter().map(|(_, reply)| *reply).collect();
    session.hold_to(&[("exec", &format!("*{} {}", all.len(), all.join(" ")))]);
}

#[test]
fn a_transaction_sees_one_moment() {
    let mut session = Session::at(NOW_MS);
    session.hold_to(&[("set k v px 100", "+OK"), ("multi", "+OK"), ("pttl k", "+QUEUED")]);
    session.server.keyspace.clock().advance(40);
    session.hold_to(&[("exec", "*1 :60")]);
}

/// The reply to EXEC of a client that watches `k`, after the requests `before`, and after another
/// client's requests `meanwhile`.
fn watched(before: &[&str], meanwhile: &[&str], later_ms: i64) -> String {
    let mut session = Session::debugging(NOW_MS);
    let mut other = session.connect();
    before.iter().for_each(|line| drop(session.ask(line)));
    session.hold_to(&[("watch k j k", "+OK")]);
    meanwhile.iter().for_each(|line| drop(session.ask_as(&mut other, line)));
    session.server.keyspace.clock().advance(later_ms);
    session.hold_to(&[("multi", "+OK"), ("ping", "+QUEUED")]);
    session.ask("exec")
}

const DONE: &str = "*1 +PONG";
const CHANGED: &str = "*-1";

#[test]
fn a_change_of_a_watched_key_is_noticed() {
    let changes: [&[&str]; 18] = [
        &["set k v"],
        &["set k w"],
        &["append k x"],
        &["del k"],
        &["unlink k"],
        &["rename k elsewhere"],
        &["set other x", "rename other k"],
        &["expire k 100"],
        &["expire k -1"],
        &["set k v get"],
        &["copy other k replace", "set other x", "copy other k replace"],
        &["move k 3"],
        &["flushdb"],
        &["flushall"],
        &["swapdb 0 7"],
        &["mset a 1 k 2"],
        &["multi", "set k v", "exec"],
        &["del k", "set k v"],
    ];
    for change in changes {
        assert_eq!(watched(&["set k v"], change, 0), CHANGED, "{change:?}");
    }
    for change in [&["set k v"], &["incr k"], &["vadd k values 1 1 e"], &["vcreate k dim 3"]] {
        assert_eq!(watched(&[], change, 0), CHANGED, "{change:?} of a missing key");
    }
    assert_eq!(watched(&["select 7", "set k v", "select 0"], &["swapdb 0 7"], 0), CHANGED);
    assert_eq!(watched(&["set k v ex 100"], &["persist k"], 0), CHANGED);
}

#[test]
fn what_leaves_a_watched_key_as_it_was_is_not() {
    let others: [&[&str]; 9] = [
        &["get k"],
        &["set other v"],
        &["set k w nx"],
        &["expire k 100 xx"],
        &["persist k"],
        &["touch k"],
        &["select 1", "set k v", "flushdb"],
        &["swapdb 1 2", "swapdb 0 0"],
        &["multi", "set k w", "discard"],
    ];
    for other in others {
        assert_eq!(watched(&["set k v"], other, 0), DONE, "{other:?}");
    }
    for other in [&["del k"][..], &["flushall"], &["swapdb 0 7"], &["expire k 10"], &["select 3", "set k v"]]
    {
        assert_eq!(watched(&[], other, 0), DONE, "{other:?} of a missing key");
    }
}

#[test]
fn a_watched_key_that_expires_has_changed() {
    assert_eq!(watched(&["set k v px 10"], &[], 10), DONE);
    assert_eq!(watched(&["set k v px 10"], &[], 11), CHANGED);
    let mut session = Session::at(NOW_MS);
    session.hold_to(&[("set k v px 10", "+OK")]);
    session.server.keyspace.clock().advance(11);
    session.hold_to(&[("watch k", "+OK")]);
    assert_eq!(session.server.keyspace.db(0).expire_cycle(10), 1);
    session.hold_to(&[("multi", "+OK"), ("ping", "+QUEUED"), ("exec", DONE)]);
    session.hold_to(&[("set k v px 10", "+OK")]);
    session.server.keyspace.clock().advance(11);
    session.hold_to(&[("watch k", "+OK"), ("get k", "$-1")]);
    session.hold_to(&[("multi", "+OK"), ("ping", "+QUEUED"), ("exec", DONE)]);
    session.hold_to(&[("set k v px 10", "+OK"), ("watch k", "+OK")]);
    session.server.keyspace.clock().advance(11);
    assert_eq!(session.server.keyspace.db(0).expire_cycle(10), 1);
    session.hold_to(&[("multi", "+OK"), ("ping", "+QUEUED"), ("exec", CHANGED)]);
}

#[test]
fn changes_of_a_watched_vector_set_are_noticed() {
    let set = ["vadd k values 1 1 e setattr {}", "vadd k values 1 1 f"];
    let changes = [
        "vadd k values 1 2 g",
        "vadd k values 1 2 e",
        "vadd k values 1 1 e setattr 1",
        "vrem k e",
        "vsetattr k e 7",
        "vsetattr k e ''",
        "del k",
    ];
    for change in changes {
        assert_eq!(watched(&set, &[change], 0), CHANGED, "{change}");
    }
    for other in [
        "vrem k nope",
        "vsetattr k nope 1",
        "vadd other values 1 1 e",
        "vsim k ele e",
        "vadd k values 2 1 1 e",
    ] {
        assert_eq!(watched(&set, &[other], 0), DONE, "{other}");
    }
}

#[test]
fn unwatched_keys_may_change() {
    let mut session = Session::at(NOW_MS);
    session.hold_to(&[
        ("watch k", "+OK"),
        ("set k 1", "+OK"),
        ("unwatch", "+OK"),
        ("multi", "+OK"),
        ("ping", "+QUEUED"),
        ("exec", DONE),
        ("watch k", "+OK"),
        ("set k 1", "+OK"),
        ("multi", "+OK"),
        ("exec", CHANGED),
        ("set k 2", "+OK"),
        ("multi", "+OK"),
        ("ping", "+QUEUED"),
        ("exec", DONE),
    ]);
}

/// The fields `multi`, `watch`, `multi-mem` and the flags of a client in CLIENT LIST.
fn info(session: &mut Session) -> String {
    let info = session.ask("client info");
    let shown = ["flags=", "multi=", "watch=", "multi-mem=", "cmd="];
    info.split(' ')
        .filter(|field| shown.iter().any(|name| field.starts_with(name)))
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn a_transaction_shows() {
    let mut session = Session::at(NOW_MS);
    session.ask("watch a b");
    session.ask("watch b");
    assert_eq!(info(&mut session), "flags=N multi=-1 watch=2 multi-mem=0 cmd=client|info");
    session.ask("set a 1");
    assert_eq!(info(&mut session), "flags=d multi=-1 watch=2 multi-mem=0 cmd=client|info");
    session.ask("unwatch");
    session.ask("multi");
    session.ask("set k value");
    let own = std::sync::Arc::clone(&session.server.clients.list()[0]);
    assert_eq!(own.multi.load(Ordering::Relaxed), 1);
    assert_eq!(own.multi_bytes.load(Ordering::Relaxed), "setkvalue".len());
    session.ask("exec");
    assert_eq!(own.last_command(), Some("exec"));
    assert_eq!(info(&mut session), "flags=N multi=-1 watch=0 multi-mem=0 cmd=client|info");
}

#[test]
fn inner_commands_are_counted() {
    let mut session = Session::at(NOW_MS);
    session.hold_to(&[("multi", "+OK"), ("set k v", "+QUEUED"), ("incr k", "+QUEUED")]);
    session.hold_to(&[("exec", "*2 +OK -ERR value is not an integer or out of range")]);
    let calls = |name: &str| {
        let totals = session.server.statistics.of(crate::commands::registry::find(name.as_bytes()).unwrap());
        (totals.calls, totals.failed)
    };
    assert_eq!(
        [calls("multi"), calls("set"), calls("incr"), calls("exec")],
        [(1, 0), (1, 0), (1, 1), (1, 0)]
    );
    assert_eq!(session.server.keyspace.journal().changes(), 1);
}

#[test]
fn a_panic_ends_one_command_and_no_reservation_stays() {
    let mut session = Session::debugging(NOW_MS);
    session.hold_to(&[
        ("multi", "+OK"),
        ("set k v", "+QUEUED"),
        ("debug panic", "+QUEUED"),
        ("get k", "+QUEUED"),
    ]);
    let replies = session.ask("exec");
    assert!(replies.starts_with("*3 +OK -ERR internal error") && replies.ends_with(" $1 v"), "{replies}");
    session.hold_to(&[("set k w", "+OK"), ("dbsize", ":1")]);
}

#[test]
fn a_transaction_is_bounded() {
    let mut session = Session::with(
        crate::config::Settings { client_query_buffer_limit: 2000, ..crate::config::Settings::defaults() },
        NOW_MS,
    );
    session.hold_to(&[("multi", "+OK"), ("set k v", "+QUEUED")]);
    let refused = session.ask(&format!("set k {}", "x".repeat(2000)));
    assert!(refused.starts_with("-ERR the transaction is too large"), "{refused}");
    session.hold_to(&[("set k v", "+QUEUED"), ("exec", ABORTED), ("get k", "$-1")]);
    let refused = session.ask(&format!("watch a b {}", "x".repeat(1000)));
    assert!(refused.starts_with("-ERR too many watched keys"), "{refused}");
}

#[test]
fn a_transaction_is_as_heavy_as_its_commands() {
    let mut session = Session::at(NOW_MS);
    let is_heavy = |session: &mut Session, words: &[&str]| session.is_heavy(&Request::from_args(words));
    session.hold_to(&[("multi", "+OK"), ("set k v", "+QUEUED")]);
    assert!(!is_heavy(&mut session, &["exec"]));
    assert!(!is_heavy(&mut session, &["keys", "*"]), "it is only queued");
    session.hold_to(&[("keys *", "+QUEUED")]);
    assert!(is_heavy(&mut session, &["exec"]));
    session.hold_to(&[("discard", "+OK"), ("multi", "+OK")]);
    (0..100).for_each(|_| session.hold_to(&[("ping", "+QUEUED")]));
    assert!(is_heavy(&mut session, &["exec"]));
    session.hold_to(&[("discard", "+OK")]);
}

#[test]
fn what_waits_runs_on_a_blocking_thread_also_in_a_transaction() {
    let mut session = Session::at(NOW_MS);
    let place = |session: &mut Session, line: &str| {
        session.place(&Request::from_args(&line.split(' ').collect::<Vec<_>>()))
    };
    for line in ["save", "shutdown", "config set timeout 1", "config rewrite", "backup seal", "debug sleep 1"]
    {
        assert_eq!(place(&mut session, line), Place::Blocking, "{line}");
    }
    assert_eq!(place(&mut session, "debug digest"), Place::Compute);
    assert_eq!(place(&mut session, "lastsave"), Place::Network);
    session.hold_to(&[("multi", "+OK"), ("keys *", "+QUEUED"), ("config set timeout 1", "+QUEUED")]);
    assert_eq!(place(&mut session, "exec"), Place::Blocking);
    session.hold_to(&[("keys *", "+QUEUED")]);
    assert_eq!(place(&mut session, "exec"), Place::Blocking);
}

#[test]
fn a_transaction_waits_for_the_end_of_a_pause_as_its_commands_would() {
    let mut session = Session::at(NOW_MS);
    let mut other = session.connect();
    session.hold_to(&[("multi", "+OK"), ("get k", "+QUEUED")]);
    assert_eq!(session.ask_as(&mut other, "client pause 1000000 write"), "+OK");
    assert!(!session.is_held(&Request::from_args(&["exec"])));
    assert!(session.is_held(&Request::from_args(&["set", "k", "v"])));
    session.hold_to(&[("set k v", "+QUEUED")]);
    assert!(session.is_held(&Request::from_args(&["exec"])));
}

#[test]
fn the_expiry_cycle_does_not_wait_for_a_transaction() {
    let session = Session::at(NOW_MS);
    let keyspace = &session.server.keyspace;
    let mut other = session.connect();
    session.ask_as(&mut other, "set k v px 1");
    session.advance(2);
    keyspace.transaction(&Reach::Everything, || {
        let cycle = || keyspace.db(0).expire_cycle(10);
        assert_eq!(std::thread::scope(|scope| scope.spawn(cycle).join()).unwrap(), 0);
    });
    assert_eq!(keyspace.db(0).expire_cycle(10), 1);
}

#[test]
fn what_a_long_transaction_may_touch_is_held_back_until_it_is_over() {
    let mut session = Session::at(NOW_MS);
    let request = |line: &str| Request::from_args(&line.split(' ').collect::<Vec<_>>());
    session.hold_to(&[("select 1", "+OK")]);
    assert!(!session.is_held(&request("get k")));
    std::mem::forget(session.server.keyspace.announce_long_transaction(&Reach::Keys(vec![(1, b"k")])));
    for line in ["get k", "dbsize", "keys *", "watch k", "vsim k ele e", "copy a b db 1", "mget a k"] {
        assert!(session.is_held(&request(line)), "{line}");
    }
    session.hold_to(&[("select 0", "+OK")]);
    for line in ["ping", "config get port", "multi", "exec", "client id", "nosuch", "get k", "vsim k ele e"] {
        assert!(!session.is_held(&request(line)), "{line}");
        assert_eq!(session.place(&request(line)), Place::Network, "{line}");
    }
    for line in ["info", "debug digest", "save", "shutdown", "backup seal"] {
        assert!(!session.is_held(&request(line)), "{line}");
        assert_eq!(session.place(&request(line)), Place::Blocking, "{line}");
    }
    session.hold_to(&[("multi", "+OK"), ("get k", "+QUEUED"), ("select 1", "+QUEUED")]);
    assert!(!session.is_held(&request("get k")), "it is only queued");
    assert!(!session.is_held(&request("exec")));
    session.hold_to(&[("get k", "+QUEUED")]);
    assert!(session.is_held(&request("exec")));
}
