//! Pinned elements, and what is shown of the life of one: extensions.

use super::*;

const NOW_MS: i64 = 1_790_000_000_000;

/// `a` expires in 10 s; `b` and `c` do not.
fn session() -> Session {
    let mut session = Session::debugging(NOW_MS);
    session.hold_to(&[
        ("set str x", "+OK"),
        ("vadd x VALUES 2 1 2 a EX 10 VALUES 2 3 2 b VALUES 2 -1 0 c", ":3"),
    ]);
    session
}

#[test]
fn elements_are_pinned_and_released() {
    session().hold_to(&[
        ("vbless SET x NO-EVICT MEMBERS 3 a b none", "*3 :1 :1 :-2"),
        ("vbless set x no-evict ELEMENTS 2 a c", "*2 :0 :1"),
        ("vbless GET x MEMBERS 4 a b c none", "*4 *1 $8 NO-EVICT *1 $8 NO-EVICT *1 $8 NO-EVICT $-1"),
        ("vbless CLEAR x NO-EVICT MEMBERS 3 b b none", "*3 :1 :0 :-2"),
        ("vbless GET x MEMBERS 2 a b", "*2 *1 $8 NO-EVICT *0"),
        ("vbless SET none NO-EVICT MEMBERS 2 a b", "*2 :-2 :-2"),
        ("vbless GET none MEMBERS 1 a", "*1 $-1"),
        ("exists none", ":0"),
    ]);
}

#[test]
fn wrong_words_are_refused() {
    session().hold_to(&[
        ("vbless SET x EVICT MEMBERS 1 a", "-ERR syntax error"),
        (
            "vbless SET x NO-EVICT FIELDS 1 a",
            "-ERR Mandatory argument MEMBERS is missing or not at the right position",
        ),
        (
            "vbless SET x NO-EVICT MEMBERS 2 a",
            "-ERR The `nummembers` parameter must match the number of arguments",
        ),
        ("vbless GET x MEMBERS 0 a", "-ERR Number of members must be a positive integer"),
        ("vbless SET str NO-EVICT MEMBERS 1 a", WRONG_TYPE),
        ("vbless GET str MEMBERS 1 a", WRONG_TYPE),
        ("vbless SCAN str 0 NO-EVICT", WRONG_TYPE),
        ("vbless SCAN x 7 NO-EVICT", "-ERR invalid cursor"),
        ("vbless SCAN x 0 NO-EVICT COUNT 0", "-ERR syntax error"),
        ("vbless SCAN x 0 NO-EVICT 5", "-ERR syntax error"),
        ("vbless SET x NO-EVICT MEMBERS 1", "-ERR wrong number of arguments for 'VBLESS|set' command"),
    ]);
}

#[test]
fn a_pin_lasts_as_long_as_the_element() {
    let mut session = session();
    session.hold_to(&[
        ("vbless SET x NO-EVICT MEMBERS 2 a b", "*2 :1 :1"),
        ("vadd x VALUES 2 5 5 b", ":0"),
        ("vadd x VALUES 2 1 2 a KEEPTTL", ":0"),
        ("vbless GET x MEMBERS 2 a b", "*2 *1 $8 NO-EVICT *1 $8 NO-EVICT"),
        ("copy x y", ":1"),
        ("vbless GET y MEMBERS 3 a b c", "*3 *1 $8 NO-EVICT *1 $8 NO-EVICT *0"),
        ("vrem x b", ":1"),
        ("vadd x VALUES 2 5 5 b", ":1"),
        ("vbless GET x MEMBERS 1 b", "*1 *0"),
    ]);
    session.advance(10_001);
    session.hold_to(&[
        ("vbless GET x MEMBERS 1 a", "*1 $-1"),
        ("vbless SET x NO-EVICT MEMBERS 1 a", "*1 :-2"),
        ("vbless SCAN x 0 NO-EVICT", "*2 $1 0 *0"),
        ("vadd x VALUES 2 1 2 a", ":1"),
        ("vbless GET x MEMBERS 1 a", "*1 *0"),
    ]);
}

#[test]
fn a_scan_returns_what_stays_pinned_once() {
    let mut session = session();
    session.hold_to(&[
        ("vbless SCAN x 0 NO-EVICT", "*2 $1 0 *0"),
        ("vbless SET x NO-EVICT MEMBERS 3 a b c", "*3 :1 :1 :1"),
        ("vbless SCAN x 0 NO-EVICT COUNT 1", "*2 $2 (a *1 $1 a"),
        // Into other slots.
        ("vadd x VALUES 2 5 5 a", ":0"),
        ("vadd x VALUES 2 5 6 c", ":0"),
        ("vadd x VALUES 2 9 6 b", ":0"),
        ("vbless SCAN x (a NO-EVICT COUNT 1", "*2 $2 (b *1 $1 b"),
        ("vrem x b", ":1"),
        ("vbless SCAN x (b NO-EVICT COUNT 9", "*2 $1 0 *1 $1 c"),
        ("vbless SCAN none 0 NO-EVICT", "*2 $1 0 *0"),
    ]);
}

/// A step of a scan is bounded, also if nothing is pinned.
#[test]
fn a_scan_of_many_elements_takes_several_steps() {
    let mut session = session();
    let elements = crate::vector_set::LOOKED_AT + 10;
    for first in (0..elements).step_by(500) {
        let each = (first..elements.min(first + 500)).map(|n| format!(" VALUES 1 1 e{n:06}"));
        let line = each.fold("vadd many".to_string(), |line, words| line + &words);
        session.ask(&format!("{line} "));
    }
    let last = format!("e{:06}", elements - 1);
    session.hold_to(&[(&*format!("vbless SET many NO-EVICT MEMBERS 1 {last}"), "*1 :1")]);
    let behind = format!("(e{:06}", crate::vector_set::LOOKED_AT - 1);
    session.hold_to(&[
        ("vbless SCAN many 0 NO-EVICT", &*format!("*2 $8 {behind} *0")),
        (&*format!("vbless SCAN many {behind} NO-EVICT"), &*format!("*2 $1 0 *1 $7 {last}")),
    ]);
}

#[test]
fn the_log_has_what_was_changed() {
    let mut session = Session::at(NOW_MS).streaming();
    session.hold_stream_to(&[
        ("vadd x FP32 ====>>>> a", "SELECT 0 | vadd x FP32 ====>>>> a"),
        ("vbless SET x NO-EVICT MEMBERS 2 a b", "vbless SET x NO-EVICT MEMBERS 2 a b"),
        ("vbless SET x NO-EVICT MEMBERS 1 a", ""),
        ("vbless GET x MEMBERS 1 a", ""),
        ("vbless SCAN x 0 NO-EVICT", ""),
        ("vbless CLEAR x NO-EVICT MEMBERS 1 b", ""),
        ("vbless CLEAR x NO-EVICT MEMBERS 1 a", "vbless CLEAR x NO-EVICT MEMBERS 1 a"),
    ]);
}

#[test]
fn a_replay_gives_the_same_pins() {
    let mut session = Session::at(NOW_MS).streaming();
    for line in [
        "vadd x VALUES 2 1 2 a VALUES 2 3 2 b VALUES 2 -1 0 c",
        "vbless SET x NO-EVICT MEMBERS 3 a b c",
        "vbless CLEAR x NO-EVICT MEMBERS 2 b none",
        "vadd x VALUES 2 7 2 c",
        "copy x y",
    ] {
        session.ask(line);
    }
    let mut replayed = Session::at(NOW_MS);
    for request in session.stream() {
        replayed.reply_to(&request.words().iter().collect::<Vec<_>>());
    }
    for line in ["vbless GET x MEMBERS 3 a b c", "vbless SCAN y 0 NO-EVICT"] {
        assert_eq!(replayed.ask(line), session.ask(line), "{line}");
    }
    assert_eq!(session.ask("vbless SCAN y 0 NO-EVICT"), "*2 $1 0 *2 $1 a $1 c");
}

#[test]
fn the_life_of_an_element_is_shown() {
    let mut session = session();
    session.hold_to(&[("vbless SET x NO-EVICT MEMBERS 1 a", "*1 :1")]);
    session.advance(4_096);
    let bytes = |line: &str| line.rsplit(':').next().and_then(|n| n.parse::<i64>().ok()).unwrap_or_default();
    let a = session.ask("vobject x a");
    let fields = a.rsplit_once(" +bytes").map(|(fields, _)| fields.to_string()).unwrap_or_default();
    let expected = "*14 +age :0 +idle :4 +idle-ms :4096 +frequency :5 +ttl-ms :5904 +pinned :1";
    assert_eq!(fields, expected, "{a}");
    let attribute = "{".to_string() + &"x".repeat(99) + "}";
    session.ask(&format!("vsetattr x b {attribute}"));
    let c = session.ask("vobject x c");
    assert!(c.contains("+ttl-ms :-1 +pinned :0"), "{c}");
    let more = bytes(&session.ask("vobject x b")) - bytes(&c);
    assert!(bytes(&c) > 100 && (1..=120).contains(&more), "{c} {more}");
    session.hold_to(&[("vobject x none", "$-1"), ("vobject none a", "$-1"), ("vobject str a", WRONG_TYPE)]);
}

fn idle_ms(session: &mut Session, element: &str) -> i64 {
    let reply = session.ask(&format!("vobject x {element}"));
    let words: Vec<&str> = reply.split(' ').collect();
    let place = words.iter().position(|word| *word == "+idle-ms");
    place.and_then(|place| words[place + 1][1..].parse().ok()).unwrap_or(-1)
}

#[test]
fn what_is_returned_counts_as_used_and_what_is_looked_at_does_not() {
    for (line, is_use) in [
        ("vsim x VALUES 2 -1 0 COUNT 1", true),
        ("vsearch x VALUES 2 -1 0 COUNT 1", true),
        ("vsim x VALUES 2 -1 0 NOTOUCH COUNT 1", false),
        ("vsim x VALUES 2 -1 0 COUNT 1 WITHSCORES notouch", false),
        ("vsim x ELE c NOTOUCH", false),
        ("vsearch x ELE c NOTOUCH WITHSCORES", false),
        ("vgetattr x c", true),
        ("vemb x c", true),
        ("vismember x c", false),
        ("vrange x - +", false),
        ("vrandmember x 3", false),
        ("vttl x MEMBERS 1 c", false),
        ("vobject x c", false),
        ("vbless GET x MEMBERS 1 c", false),
        ("vlinks x c", false),
    ] {
        let mut session = session();
        session.advance(6_400);
        session.ask(line);
        let idle_ms = idle_ms(&mut session, "c");
        assert_eq!(idle_ms, if is_use { 0 } else { 6_400 }, "{line}");
    }
}

#[test]
fn a_client_that_does_not_touch_leaves_elements_untouched() {
    let mut session = session();
    session.advance(6_400);
    session.hold_to(&[("client no-touch on", "+OK"), ("vsim x VALUES 2 -1 0 COUNT 1", "*1 $1 c")]);
    session.hold_to(&[("vgetattr x c", "$-1"), ("vsearch x ELE c COUNT 1", "*1 *1 $1 c")]);
    assert_eq!(idle_ms(&mut session, "c"), 6_400);
    session.hold_to(&[("client no-touch off", "+OK"), ("vsim x VALUES 2 -1 0 COUNT 1", "*1 $1 c")]);
    assert_eq!(idle_ms(&mut session, "c"), 0);
}
