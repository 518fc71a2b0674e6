//! Sets that are in files: an extension.

use std::fs;
use std::sync::Arc;

use super::tier::{fill, seen, session, tier};
use crate::commands::Place;
use crate::commands::testing::{Session, ask};
use crate::keyspace::TierDir;
use crate::persistence::files::testing::Folder;
use crate::resp::Request;

const COLD: &str = "+tier +cold ";

/// A server with a folder for files.
fn begin() -> (Folder, Arc<TierDir>, Session) {
    let folder = Folder::new();
    let tier = tier(&folder);
    let session = session(Arc::clone(&tier));
    (folder, tier, session)
}

fn tier_of(session: &mut Session, key: &str) -> String {
    session.ask(&format!("vtier {key}"))
}

fn cool(session: &mut Session, key: &str) {
    session.hold_to(&[(&format!("vtier {key} COLD"), "+OK")]);
    assert!(tier_of(session, key).contains(COLD));
}

fn small(session: &mut Session, key: &str) {
    session.hold_to(&[
        (&format!("vadd {key} VALUES 2 1 2 a SETATTR 1"), ":1"),
        (&format!("vadd {key} VALUES 2 2 1 b"), ":1"),
    ]);
}

#[test]
fn a_cold_set_takes_no_memory_and_replies_as_before() {
    let (_folder, tier, mut session) = begin();
    for options in ["NOQUANT", "Q8", "RQ2 METRIC L2 RERANK F16", "NOQUANT TIER warm"] {
        session.ask("flushall");
        session.ask(&format!("vcreate s DIM 64 {options}"));
        fill(&mut session, "s");
        let before = seen(&mut session, "s");
        let bytes = |reply: &str| reply[1..].parse::<u64>().expect("a number");
        let full = bytes(&session.ask("memory usage s"));
        cool(&mut session, "s");
        assert!(bytes(&session.ask("memory usage s")) * 100 < full);
        assert_eq!((tier.cold().files(), tier.cold().bytes() < full), (1, true));
        // Opened by the first of these.
        assert_eq!(seen(&mut session, "s"), before, "{options}");
        assert!(!tier_of(&mut session, "s").contains(COLD));
        // A thread may free what a key meant before.
        while session.server.keyspace.reaper().pending() > 0 {
            std::thread::yield_now();
        }
        assert!(!tier.cold().any());
    }
    let counters = &tier.cold().counters;
    assert_eq!([&counters.cooled, &counters.opened, &counters.not_cooled].map(|n| n.get()), [4, 4, 0]);
}

#[test]
fn what_treats_all_values_alike_opens_no_set() {
    let (_folder, tier, mut session) = begin();
    small(&mut session, "s");
    cool(&mut session, "s");
    session.hold_to(&[
        ("vtier s COLD", "+OK"),
        ("type s", "+vectorset"),
        ("exists s", ":1"),
        ("object encoding s", "$3 raw"),
        ("scan 0 TYPE vectorset", "*2 $1 0 *1 $1 s"),
        ("rename s t", "+OK"),
        ("expire t 100", ":1"),
        ("ttl t", ":100"),
        ("persist t", ":1"),
        ("move t 1", ":1"),
        ("select 1", "+OK"),
        ("get t", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("hget t f", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("swapdb 0 1", "+OK"),
        ("select 0", "+OK"),
        ("bless set t NO-EVICT", ":1"),
    ]);
    assert!(tier_of(&mut session, "t").contains(COLD));
    assert_eq!(tier.cold().counters.opened.get(), 0);
    session.hold_to(&[("vcard t", ":2"), ("vgetattr t a", "$1 1")]);
    assert_eq!(tier.cold().counters.opened.get(), 1);
}

#[test]
fn a_set_that_goes_takes_its_file_along() {
    let (_folder, tier, mut session) = begin();
    for last in ["del s", "flushall", "set s text", "pexpireat s 1", "rename t s"] {
        small(&mut session, "s");
        cool(&mut session, "s");
        session.ask("set t text");
        session.ask(last);
        // Whole databases are freed by a thread.
        while session.server.keyspace.reaper().pending() > 0 {
            std::thread::yield_now();
        }
        assert_eq!((tier.cold().any(), tier.bytes()), (false, 0), "{last}");
        session.ask("flushall");
    }
}

#[test]
fn changes_open_the_set() {
    let (_folder, _, mut session) = begin();
    small(&mut session, "s");
    for (line, reply) in [
        ("vadd s VALUES 2 3 3 c", ":1"),
        ("vrem s c", ":1"),
        ("vsetattr s b 7", ":1"),
        ("vexpire s 100 MEMBERS 1 a", "*1 :1"),
        ("vindex s CREATE f KEYWORD", "+OK"),
        ("vconfig s MAXELEMENTS 100", "+OK"),
        ("vtier s HOT", "+OK"),
        ("copy s t", ":1"),
        ("vsearch t ELE a COUNT 2 ALSO 1 s", "*1 *2 *2 $1 a $1 t *2 $1 a $1 s"),
    ] {
        cool(&mut session, "s");
        session.hold_to(&[(line, reply)]);
        assert!(!tier_of(&mut session, "s").contains(COLD), "{line}");
    }
    session.hold_to(&[("vttl s MEMBERS 1 a", "*1 :100"), ("vcard t", ":2")]);
    // The last element goes, and the key with it.
    cool(&mut session, "t");
    session.hold_to(&[("vrem t a", ":1")]);
    cool(&mut session, "t");
    session.hold_to(&[("vrem t b", ":1"), ("exists t", ":0")]);
}

#[test]
fn dumps_of_cold_sets_are_those_of_others() {
    let (_folder, _, mut session) = begin();
    small(&mut session, "s");
    let before = session.reply_to(&["dump", "s"]);
    cool(&mut session, "s");
    assert!(session.reply_to(&["dump", "s"]) == before);
    assert!(tier_of(&mut session, "s").contains(COLD));
}

#[test]
fn digests_are_those_of_others() {
    let folder = Folder::new();
    let tier = tier(&folder);
    let mut session = Session::debugging(1_790_000_000_000);
    session.server.keyspace.set_tier(tier);
    small(&mut session, "s");
    let [all, one] = ["debug digest", "debug digest-value s"].map(|line| session.ask(line));
    cool(&mut session, "s");
    session.hold_to(&[("debug digest", &all), ("debug digest-value s", &one)]);
    assert!(tier_of(&mut session, "s").contains(COLD));
}

#[test]
fn transactions_open_sets_before_they_begin() {
    let (_folder, _, mut session) = begin();
    small(&mut session, "s");
    cool(&mut session, "s");
    session.hold_to(&[
        ("multi", "+OK"),
        ("vcard s", "+QUEUED"),
        ("vtier s COLD", "+QUEUED"),
        ("vadd s VALUES 2 5 5 c", "+QUEUED"),
        ("exec", "*3 :2 +OK :1"),
        ("vcard s", ":3"),
    ]);
}

#[test]
fn a_watched_set_that_is_opened_has_not_changed() {
    let (_folder, _, mut session) = begin();
    small(&mut session, "s");
    cool(&mut session, "s");
    let read = [("vcard s", ":2"), ("multi", "+OK"), ("vcard s", "+QUEUED"), ("exec", "*1 :2")];
    session.hold_to(&[("watch s", "+OK")]);
    session.hold_to(&read);
    // One that changes has.
    cool(&mut session, "s");
    session.hold_to(&[("watch s", "+OK")]);
    let mut other = session.connect();
    assert_eq!(session.ask_as(&mut other, "vadd s VALUES 2 9 9 z"), ":1");
    session.hold_to(&[("multi", "+OK"), ("vcard s", "+QUEUED"), ("exec", "*-1")]);
    // A watched set is no idle one.
    session.hold_to(&[("watch s", "+OK")]);
    assert!(session.server.keyspace.idle_sets(0, 0, 0).is_empty());
    session.hold_to(&[("unwatch", "+OK")]);
    assert_eq!(session.server.keyspace.idle_sets(0, 0, 0).len(), 1);
}

#[test]
fn commands_that_open_a_file_leave_the_network_thread() {
    let (_folder, _, mut session) = begin();
    small(&mut session, "s");
    let place = |session: &mut Session, line: &str| {
        session.place(&Request::from_args(&line.split(' ').collect::<Vec<_>>()))
    };
    assert_eq!(place(&mut session, "vcard s"), Place::Network);
    assert_eq!(place(&mut session, "vtier s COLD"), Place::Blocking);
    cool(&mut session, "s");
    for line in [
        "vcard s",
        "vsim s ELE a",
        "vadd s VALUES 2 1 1 x",
        "vsearch t ELE a ALSO 1 s",
        "copy s t",
        "watch t s",
    ] {
        assert_eq!(place(&mut session, line), Place::Blocking, "{line}");
    }
    for line in ["vcard t", "get t", "vsim t ELE a", "ping"] {
        assert_eq!(place(&mut session, line), Place::Network, "{line}");
    }
    session.hold_to(&[("multi", "+OK"), ("vcard s", "+QUEUED")]);
    assert_eq!(place(&mut session, "exec"), Place::Blocking);
}

#[test]
fn a_damaged_file_is_an_error_that_names_it() {
    let (folder, tier, mut session) = begin();
    small(&mut session, "s");
    cool(&mut session, "s");
    let path = crate::vector_set::cold_files_in(folder.path()).expect("a folder").remove(0);
    let good = fs::read(&path).expect("there");
    let mut bad = good.clone();
    bad[100] ^= 4;
    fs::write(&path, &bad).expect("written");
    let reply = session.ask("vcard s");
    let expected = format!(
        "-ERR the vector set cannot be read: {}: block 0 at offset 72: its checksum is wrong",
        path.display()
    );
    assert_eq!(reply, expected);
    assert_eq!(session.ask("vadd s VALUES 2 1 1 x"), expected);
    assert_eq!(session.ask("vsearch s ELE a"), expected);
    assert!(session.ask("dump s").starts_with("-ERR cannot dump: "));
    assert!(session.ask("save").starts_with("-ERR"));
    session.hold_to(&[("type s", "+vectorset"), ("set other 1", "+OK")]);
    assert_eq!(tier.cold().counters.unreadable.get(), 3);
    // The disk is well again.
    fs::write(&path, &good).expect("written");
    session.hold_to(&[("vcard s", ":2"), ("del s", ":1")]);
}

#[test]
fn a_set_is_put_into_a_file_only_where_there_is_one() {
    let mut session = Session::at(0);
    small(&mut session, "s");
    session.hold_to(&[
        ("vtier s COLD", "-ERR VTIER COLD needs the option 'tier-dir'"),
        ("vtier s cool", "-ERR invalid tier, it must be HOT, WARM or COLD"),
        ("vtier nope COLD", "-ERR VTIER COLD needs the option 'tier-dir'"),
    ]);
    let folder = Folder::new();
    let tier = tier(&folder);
    tier.set_max_bytes(100);
    session.server.keyspace.set_tier(Arc::clone(&tier));
    session.hold_to(&[
        ("vtier nope COLD", "-ERR no such key"),
        ("vtier s COLD now", "-ERR syntax error"),
        ("set x 1", "+OK"),
        ("vtier x COLD", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("vtier s COLD", "-ERR the set stays in memory: tier-max-bytes are used up"),
        ("vcard s", ":2"),
    ]);
    assert_eq!((tier.bytes(), tier.cold().counters.not_cooled.get()), (0, 1));
}

#[test]
fn a_key_goes_with_the_last_of_its_elements_though_nobody_opens_it() {
    let (_folder, tier, mut session) = begin();
    session.hold_to(&[
        ("vadd s VALUES 2 1 2 a PX 100", ":1"),
        ("vadd s VALUES 2 1 2 b PX 50", ":1"),
        ("vadd t VALUES 2 1 2 a PX 100", ":1"),
        ("vadd t VALUES 2 1 2 b", ":1"),
    ]);
    cool(&mut session, "s");
    cool(&mut session, "t");
    session.advance(60);
    session.hold_to(&[("exists s t", ":2")]);
    assert!(tier_of(&mut session, "s").contains(COLD));
    session.advance(60);
    session.hold_to(&[("exists s t", ":1"), ("vcard s", ":0"), ("vcard t", ":1"), ("dbsize", ":1")]);
    assert_eq!(tier.cold().counters.opened.get(), 1);
}

/// A set in its file is brought into memory only where there is some.
#[test]
fn without_memory_a_set_stays_in_its_file() {
    let (_folder, _, mut session) = begin();
    small(&mut session, "s");
    cool(&mut session, "s");
    session.hold_to(&[
        ("config set maxmemory 1 maxmemory-policy noeviction", "+OK"),
        ("vcard s", "-OOM command not allowed when used memory > 'maxmemory'."),
        ("type s", "+vectorset"),
        ("config set maxmemory 0", "+OK"),
        ("vcard s", ":2"),
    ]);
}

/// A transaction that needs a set which another client is opening: neither waits for ever.
#[test]
fn transactions_and_others_open_the_same_set_at_the_same_time() {
    let (_folder, tier, mut session) = begin();
    small(&mut session, "s");
    for _ in 0..100 {
        cool(&mut session, "s");
        std::thread::scope(|scope| {
            for _ in 0..2 {
                let mut client = session.connect();
                let server = &session.server;
                scope.spawn(move || assert_eq!(ask(server, &mut client, "vcard s"), ":2"));
            }
            let mut client = session.connect();
            let server = &session.server;
            scope.spawn(move || {
                for line in ["multi", "vtier s COLD", "vcard s", "vtier s COLD", "vismember s a"] {
                    ask(server, &mut client, line);
                }
                let reply = ask(server, &mut client, "exec");
                assert!(reply.starts_with("*4 ") && reply.ends_with(" :1"), "{reply}");
            });
        });
    }
    assert!(tier.cold().files() <= 1);
}

/// Clients that add, search, remove and put the set into its file all at once: nothing is lost.
#[test]
fn nothing_is_lost_while_a_set_goes_and_comes() {
    let (_folder, tier, mut session) = begin();
    small(&mut session, "s");
    const EACH: usize = 150;
    std::thread::scope(|scope| {
        for writer in 0..2 {
            let mut client = session.connect();
            let server = &session.server;
            scope.spawn(move || {
                let mut ask = |line: String| ask(server, &mut client, &line);
                for n in 0..EACH {
                    let added = ask(format!("vadd s VALUES 2 {writer} {n} w{writer}-{n}"));
                    assert_eq!(added, ":1");
                    let found = ask(format!("vismember s w{writer}-{n}"));
                    assert_eq!(found, ":1");
                    if n % 3 == 0 {
                        assert_eq!(ask(format!("vrem s w{writer}-{n}")), ":1");
                    }
                }
            });
        }
        let mut client = session.connect();
        let server = &session.server;
        scope.spawn(move || {
            for _ in 0..60 {
                let reply = ask(server, &mut client, "vtier s COLD");
                let is_known = reply == "+OK" || reply.starts_with("-ERR the set stays in memory: ");
                assert!(is_known, "{reply}");
                assert!(ask(server, &mut client, "vsim s VALUES 2 1 2 COUNT 3").starts_with("*3 "));
            }
        });
    });
    session.hold_to(&[("vcard s", &format!(":{}", 2 + 2 * (EACH - EACH / 3)))]);
    assert!(tier.cold().counters.opened.get() > 0);
}
