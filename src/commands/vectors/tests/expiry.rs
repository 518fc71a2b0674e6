//! Elements that expire: an extension, with the replies that Redis 8.12 has for members of sets.

use super::*;

const NOW_MS: i64 = 1_790_000_000_000;

/// `a` expires in 10 s, `b` at an absolute time 20 s ahead, `c` never.
fn expiring() -> Session {
    let mut session = Session::debugging(NOW_MS);
    session.hold_to(&[
        ("set str x", "+OK"),
        ("vadd x VALUES 2 1 2 a SETATTR {} EX 10", ":1"),
        ("vadd x VALUES 2 3 2 b PXAT 1790000020000 VALUES 2 -1 0 c", ":2"),
    ]);
    session
}

#[test]
fn deadlines_are_told_in_every_unit() {
    let mut session = expiring();
    session.advance(1);
    session.hold_to(&[
        ("vttl x MEMBERS 4 a b c d", "*4 :10 :20 :-1 :-2"),
        ("vpttl x ELEMENTS 2 a c", "*2 :9999 :-1"),
        ("vexpiretime x members 2 b c", "*2 :1790000020 :-1"),
        ("vpexpiretime x MEMBERS 1 a", "*1 :1790000010000"),
        ("vttl none MEMBERS 2 a b", "*2 :-2 :-2"),
        ("vttl str MEMBERS 1 a", WRONG_TYPE),
        ("vttl x MEMBERS 0", "-ERR wrong number of arguments for 'VTTL' command"),
        ("vttl x MEMBERS 0 a", "-ERR Number of members must be a positive integer"),
        ("vttl x MEMBERS 2 a", "-ERR The `nummembers` parameter must match the number of arguments"),
        ("vttl x FIELDS 1 a", "-ERR Mandatory argument MEMBERS is missing or not at the right position"),
    ]);
}

#[test]
fn what_has_expired_is_in_no_reply() {
    let mut session = expiring();
    session.advance(10_000);
    session.hold_to(&[("vcard x", ":3"), ("vismember x a", ":1")]);
    session.advance(1);
    session.hold_to(&[
        ("vcard x", ":2"),
        ("vismember x a", ":0"),
        ("vgetattr x a", "$-1"),
        ("vemb x a", "$-1"),
        ("vlinks x a", "$-1"),
        ("vsim x ELE a", "-ERR element not found in set"),
        ("vsim x VALUES 2 1 2", "*2 $1 b $1 c"),
        ("vsearch x VALUES 2 1 2", "*1 *2 $1 b $1 c"),
        ("vrange x - +", "*2 $1 b $1 c"),
        ("vsetattr x a {}", ":0"),
        ("vrem x a", ":0"),
        ("vttl x MEMBERS 1 a", "*1 :-2"),
        ("vexpire x 5 MEMBERS 1 a", "*1 :-2"),
        ("vpersist x MEMBERS 1 a", "*1 :-2"),
    ]);
    assert!(session.ask("vrandmember x 9").starts_with("*2 ") && session.ask("vinfo x").contains("size :2"));
    session.hold_to(&[("vadd x VALUES 2 1 2 a", ":1"), ("vgetattr x a", "$-1"), ("vcard x", ":3")]);
}

#[test]
fn a_set_whose_elements_have_all_expired_is_no_key() {
    let mut session = Session::at(NOW_MS);
    session.hold_to(&[
        ("vadd x VALUES 2 1 2 a EX 10", ":1"),
        ("vadd y VALUES 2 1 2 a PX 1", ":1"),
        ("vcreate z DIM 2", "+OK"),
        ("vadd z VALUES 2 1 2 a PX 1", ":1"),
    ]);
    session.advance(2);
    session.hold_to(&[("exists x y z", ":2"), ("type y", "+none"), ("vcard z", ":0"), ("vcard y", ":0")]);
    session.hold_to(&[
        ("set y 1 NX", "+OK"),
        ("vadd x VALUES 3 1 2 3 b", "-ERR Vector dimension mismatch - got 3 but set has 2"),
    ]);
    session.advance(10_000);
    session.hold_to(&[("vadd x VALUES 3 1 2 3 b", ":1"), ("vcard x", ":1")]);
}

#[test]
fn conditions_look_at_the_present_deadline() {
    let mut session = expiring();
    session.hold_to(&[
        ("vexpire x 15 NX MEMBERS 3 a b c", "*3 :0 :0 :1"),
        ("vexpire x 12 GT MEMBERS 3 a b c", "*3 :1 :0 :0"),
        ("vexpire x 13 LT MEMBERS 3 a b c", "*3 :0 :1 :1"),
        ("vexpire x 30 XX MEMBERS 4 a b c d", "*4 :1 :1 :1 :-2"),
        ("vpersist x MEMBERS 3 a a d", "*3 :1 :-1 :-2"),
        ("vexpire x 30 XX MEMBERS 1 a", "*1 :0"),
        ("vexpire x 30 GT MEMBERS 1 a", "*1 :0"),
        ("vpexpireat x 1790000001000 LT MEMBERS 1 a", "*1 :1"),
        ("vpttl x MEMBERS 2 a b", "*2 :1000 :30000"),
        ("vexpireat x 1 MEMBERS 2 a a", "*2 :2 :-2"),
        ("vpexpire x 0 MEMBERS 1 b", "*1 :2"),
        ("vcard x", ":1"),
        ("vexpire x 0 MEMBERS 1 c", "*1 :2"),
        ("exists x", ":0"),
    ]);
}

#[test]
fn wrong_times_and_words_are_refused() {
    let mut session = expiring();
    session.hold_to(&[
        ("vexpire x -1 MEMBERS 1 a", "-ERR invalid expire time, must be >= 0"),
        ("vexpire x 9223372036854775807 MEMBERS 1 a", "-ERR invalid expire time in 'VEXPIRE' command"),
        ("vpexpireat x 70368744177664 MEMBERS 1 a", "-ERR invalid expire time in 'VPEXPIREAT' command"),
        ("vexpire x many MEMBERS 1 a", "-ERR value is not an integer or out of range"),
        ("vexpire x 1 NX XX MEMBERS 1 a", "-ERR Multiple condition flags specified"),
        ("vexpire x 1 NX NX a b", "-ERR unknown argument: a"),
        ("vexpire x 1 MEMBERS 1 a MEMBERS 1 b", "-ERR MEMBERS keyword specified multiple times"),
        ("vexpire x 1 MEMBERS 3 a", "-ERR wrong number of arguments"),
        ("vexpire x 1 MEMBERS 0 a", "-ERR Parameter `numMembers` should be greater than 0"),
        ("vexpire x 1 NX MEMBERS 1", "-ERR MEMBERS requires at least nummembers and one member argument"),
        ("vexpire str 1 NX XX MEMBERS 1 a", WRONG_TYPE),
        ("vexpire none 1 MEMBERS 1 a", "*1 :-2"),
        ("vadd x VALUES 2 1 2 z EX 0", "-ERR invalid expire time in 'VADD' command"),
        ("vadd x VALUES 2 1 2 z PX -5", "-ERR invalid expire time in 'VADD' command"),
        ("vadd x VALUES 2 1 2 z EX 9223372036854775807", "-ERR invalid expire time in 'VADD' command"),
        ("vadd x VALUES 2 1 2 z EX", "-ERR invalid option after element"),
        ("vadd x VALUES 2 1 2 z EX 1 KEEPTTL", "-ERR syntax error"),
        ("vcard x", ":3"),
    ]);
}

#[test]
fn a_time_in_the_past_is_one() {
    let mut session = expiring();
    session.hold_to(&[
        ("vadd x VALUES 2 1 2 z PXAT 5", ":1"),
        ("vcard x", ":3"),
        ("vadd x VALUES 2 1 2 a PXAT 5", ":0"),
        ("vcard x", ":2"),
        ("vadd new VALUES 2 1 2 a PXAT 5", ":1"),
        ("exists new", ":0"),
    ]);
}

#[test]
fn the_log_has_times_of_day_and_what_has_expired() {
    let mut session = Session::at(NOW_MS).streaming();
    session.hold_stream_to(&[
        ("vadd x FP32 ====>>>> a EX 10", "SELECT 0 | VADD x FP32 ====>>>> a PXAT 1790000010000"),
        ("vadd x FP32 ====>>>> a SETATTR {} KEEPTTL", "vadd x FP32 ====>>>> a SETATTR {} KEEPTTL"),
        ("vadd x FP32 ====>>>> b", "vadd x FP32 ====>>>> b"),
        ("vexpire x 5 NX MEMBERS 2 a b", "VPEXPIREAT x 1790000005000 MEMBERS 1 b"),
        ("vpersist x MEMBERS 1 c", ""),
        ("vpexpire x 0 MEMBERS 1 a", "VREM x a"),
        ("vadd y FP32 ====>>>> a", "vadd y FP32 ====>>>> a"),
        ("vadd y FP32 ====>>>> b PX 1", "VADD y FP32 ====>>>> b PXAT 1790000000001"),
    ]);
    session.advance(2);
    session.hold_stream_to(&[
        ("vadd y FP32 >>>>==== b", "VREM y b | vadd y FP32 >>>>==== b"),
        ("vadd y FP32 >>>>==== c PX 1", "VADD y FP32 >>>>==== c PXAT 1790000000003"),
    ]);
    session.advance(5_000);
    let removed = session.server.keyspace.databases()[0].expire_cycle(100);
    let mut removals: Vec<_> = session.stream().iter().map(|request| request.len()).collect();
    removals.sort_unstable();
    // In the order of shards: DEL x, VREM y c.
    assert_eq!((removed, removals), (2, vec![2, 3]));
    session.hold_stream_to(&[("vttl y MEMBERS 3 a b c", "")]);
}
