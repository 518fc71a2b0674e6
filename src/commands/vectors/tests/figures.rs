//! What is counted of searches, reads and expiry: in `VINFO key HISTOGRAM` and in INFO.

use super::*;

const NOW_MS: i64 = 1_790_000_000_000;

fn session() -> Session {
    let mut session = Session::debugging(NOW_MS);
    session.hold_to(&[
        ("set str x", "+OK"),
        ("vadd x VALUES 2 1 0 a SETATTR {} EX 10 VALUES 2 0 1 b VALUES 2 -1 0 c", ":3"),
    ]);
    session
}

fn info(session: &mut Session, name: &str) -> String {
    let text = String::from_utf8(session.reply_to(&["info", "stats"])).expect("INFO is text");
    let line = text.split("\r\n").find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no field {name}")).to_owned()
}

/// The fields that HISTOGRAM adds.
fn figures(session: &mut Session, key: &str) -> String {
    let reply = session.ask(&format!("vinfo {key} HISTOGRAM"));
    reply.split_once("+searches ").map(|(_, figures)| format!("+searches {figures}")).unwrap_or_default()
}

#[test]
fn searches_are_counted_by_set_and_in_total() {
    let mut session = session();
    for line in [
        "vsim x VALUES 2 1 0",
        "vsim x ELE b COUNT 1",
        "vsim x VALUES 2 1 1 EPSILON 0.01",
        "vsearch x VALUES 2 1 0 VALUES 2 1 1 COUNT 2",
        "vsearch x VALUES 2 1 1 MINSCORE 0.99",
        "vsim none VALUES 2 1 1",
        "vsearch none VALUES 2 1 1",
    ] {
        session.ask(line);
    }
    let counts = "*20 :0 :0 :0 :0 :0 :0 :0 :0 :0 :0 :0 :0 :0 :0 :0 :0 :0 :1 :0 :3";
    let expected = format!(
        "+searches :6 +searches-without-result :2 +elements-returned :8 +expired-elements :0 \
         +evicted-for-memory :0 +evicted-for-limit :0 +histogram {counts}"
    );
    assert_eq!(figures(&mut session, "x"), expected);
    for (name, value) in [
        ("vector_searches", "8"),
        ("vector_elements_returned", "8"),
        ("vector_best_scores", "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,0,3"),
        ("elements_hits", "4"),
        ("elements_misses", "4"),
    ] {
        assert_eq!(info(&mut session, name), value, "{name}");
    }
    session.ask("config resetstat");
    assert_eq!(
        (info(&mut session, "vector_searches"), info(&mut session, "elements_misses")),
        ("0".into(), "0".into())
    );
    assert_eq!(figures(&mut session, "x"), expected, "those of sets go on");
}

#[test]
fn every_set_of_a_search_counts_what_it_gave() {
    let mut session = session();
    session.ask("vadd y VALUES 2 1 0.5 a");
    session.ask("vsearch x VALUES 2 1 0.4 COUNT 2 ALSO 1 y");
    session.ask("vsearch x VALUES 2 -1 0 COUNT 1 ALSO 2 y none");
    let head = |searches: u32, empty: u32, returned: u32| {
        format!("+searches :{searches} +searches-without-result :{empty} +elements-returned :{returned} ")
    };
    assert!(figures(&mut session, "x").starts_with(&head(2, 0, 2)));
    assert!(figures(&mut session, "y").starts_with(&head(2, 1, 1)));
}

#[test]
fn reads_of_elements_are_hits_and_misses() {
    let mut session = session();
    session.ask("vgetattr x a b none");
    session.ask("vemb x a none");
    session.ask("vemb none a");
    assert_eq!(
        (info(&mut session, "elements_hits"), info(&mut session, "elements_misses")),
        ("2".into(), "4".into())
    );
}

#[test]
fn hit_rates_are_those_of_the_samples() {
    let mut session = session();
    session.ask("vgetattr x a b none none");
    session.ask("mget str none none none");
    session.server.key_hit_rate.sample(session.server.keyspace.hits_and_misses());
    session.server.element_hit_rate.sample(session.server.keyspace.element_figures().hits_and_misses());
    assert_eq!(info(&mut session, "elements_hit_rate_1m"), "25.00");
    // The key of the vector set was found too.
    assert_eq!(info(&mut session, "keyspace_hit_rate_1m"), "40.00");
    session.ask("config resetstat");
    assert_eq!(info(&mut session, "elements_hit_rate_1m"), "0.00");
}

#[test]
fn expired_elements_are_counted_among_the_parts_of_keys() {
    let mut session = session();
    session.hold_to(&[
        ("vexpire x 0 MEMBERS 1 b", "*1 :2"),
        ("hset h f v g w", ":2"),
        ("hpexpire h 5 FIELDS 1 f", "*1 :1"),
        ("vadd y VALUES 2 1 0 a PX 5 VALUES 2 1 1 b PX 5", ":2"),
    ]);
    assert_eq!(info(&mut session, "expired_elements"), "1");
    session.advance(10_001);
    session.server.keyspace.db(0).expire_cycle(1_000);
    session.ask("exists y");
    for (name, value) in [
        ("expired_elements", "4"),
        ("expired_subkeys", "5"),
        ("expired_subkeys_active", "4"),
        ("expired_keys", "1"),
        ("expired_keys_active", "1"),
    ] {
        assert_eq!(info(&mut session, name), value, "{name}");
    }
    assert!(figures(&mut session, "x").contains("+expired-elements :2 "));
}

#[test]
fn vinfo_takes_no_other_word() {
    let mut session = session();
    let wrong = "-ERR wrong number of arguments for 'VINFO' command";
    session.hold_to(&[
        ("vinfo", wrong),
        ("vinfo x HIST", wrong),
        ("vinfo x HISTOGRAM 1", wrong),
        ("vinfo none HISTOGRAM", "*-1"),
        ("vinfo str HISTOGRAM", WRONG_TYPE),
    ]);
    assert!(!session.ask("vinfo x").contains("searches"));
}
