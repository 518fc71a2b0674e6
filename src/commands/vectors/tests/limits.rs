//! Limits of one set, and the default lifetime of its elements: extensions.

use super::*;
use crate::commands::replay::Replay;

const NOW_MS: i64 = 1_790_000_000_000;
const FULL: &str = "-OOM the set has reached its limit of elements";

#[test]
fn limits_are_shown_and_changed() {
    let mut session = Session::at(NOW_MS);
    const NONE: &str = "*8 +ttl :0 +max-elements :0 +max-bytes :0 +policy +lru";
    session.hold_to(&[("set str x", "+OK"), ("vadd x VALUES 2 1 2 a", ":1"), ("vconfig x", NONE)]);
    let before = session.ask("vinfo x");
    session.hold_to(&[
        ("vconfig x TTL 60 maxelements 5", "+OK"),
        ("vconfig x POLICY LFU", "+OK"),
        ("vconfig x", "*8 +ttl :60 +max-elements :5 +max-bytes :0 +policy +lfu"),
    ]);
    let info = session.ask("vinfo x");
    assert!(info.ends_with(" +ttl :60 +max-elements :5 +max-bytes :0 +policy +lfu"), "{info}");
    session.hold_to(&[
        ("copy x y", ":1"),
        ("rename x z", "+OK"),
        ("vconfig y", "*8 +ttl :60 +max-elements :5 +max-bytes :0 +policy +lfu"),
        ("vconfig z TTL 0 MAXELEMENTS 0 POLICY lru", "+OK"),
        ("vconfig z", NONE),
        ("vcreate c DIM 2 MAXBYTES 100000 TTL 5 POLICY none", "+OK"),
        ("vconfig c", "*8 +ttl :5 +max-elements :0 +max-bytes :100000 +policy +none"),
    ]);
    assert_eq!(session.ask("vinfo z"), before);
}

#[test]
fn wrong_words_change_nothing() {
    let mut session = Session::at(NOW_MS);
    session.hold_to(&[
        ("set str x", "+OK"),
        ("vcreate x DIM 2 MAXELEMENTS 7", "+OK"),
        ("vconfig none", "-ERR no such key"),
        ("vconfig none TTL 5", "-ERR no such key"),
        ("vconfig str", WRONG_TYPE),
        ("vconfig str TTL 5", WRONG_TYPE),
        ("vconfig x TTL", "-ERR invalid TTL"),
        ("vconfig x TTL 9223372036854775807", "-ERR invalid TTL"),
        ("vconfig x TTL -1", "-ERR invalid TTL"),
        ("vconfig x MAXELEMENTS -1", "-ERR invalid MAXELEMENTS"),
        ("vconfig x MAXELEMENTS 4294967296", "-ERR invalid MAXELEMENTS"),
        ("vconfig x MAXBYTES 1gb", "-ERR invalid MAXBYTES"),
        (
            "vconfig x MAXELEMENTS 3 POLICY mru",
            "-ERR invalid POLICY, it must be lru, lfu, ttl, cost, coverage, random or none",
        ),
        ("vconfig x MAXELEMENTS 3 DIM 4", "-ERR syntax error"),
        ("vcreate y DIM 2 TTL x", "-ERR invalid TTL"),
        ("exists y", ":0"),
        ("vconfig x", "*8 +ttl :0 +max-elements :7 +max-bytes :0 +policy +lru"),
    ]);
}

#[test]
fn elements_get_the_lifetime_of_their_set() {
    let mut session = Session::at(NOW_MS).streaming();
    session.hold_stream_to(&[
        ("vcreate x DIM 2 TTL 10", "SELECT 0 | vcreate x DIM 2 TTL 10"),
        ("vadd x FP32 ====>>>> a", "VADD x FP32 ====>>>> a PXAT 1790000010000"),
        (
            "vadd x FP32 ====>>>> b EX 3 FP32 ====>>>> c",
            "VADD x FP32 ====>>>> b PXAT 1790000003000 FP32 ====>>>> c PXAT 1790000010000",
        ),
    ]);
    session.advance(2_000);
    session.hold_stream_to(&[
        ("vadd x FP32 >>>>==== a", "VADD x FP32 >>>>==== a PXAT 1790000012000"),
        ("vadd x FP32 >>>>==== b KEEPTTL", "vadd x FP32 >>>>==== b KEEPTTL"),
        ("vconfig x TTL 0", "vconfig x TTL 0"),
        ("vconfig x", ""),
        ("vadd x FP32 ====>>>> c", "vadd x FP32 ====>>>> c"),
    ]);
    session.hold_to(&[("vttl x MEMBERS 3 a b c", "*3 :10 :1 :-1")]);
}

#[test]
fn others_make_room_in_the_same_change() {
    let mut session = Session::at(NOW_MS).streaming();
    session.ask("vcreate x DIM 2 MAXELEMENTS 3");
    for element in ["a", "b", "c"] {
        session.ask(&format!("vadd x VALUES 2 1 2 {element}"));
        session.advance(100);
    }
    session.stream();
    session.ask("vgetattr x a");
    session.advance(100);
    session.hold_stream_to(&[("vadd x FP32 ====>>>> d", "vadd x FP32 ====>>>> d | VREM x b")]);
    session.advance(100);
    session.hold_stream_to(&[
        ("vadd x FP32 ====>>>> a", "vadd x FP32 ====>>>> a"),
        ("vadd x FP32 ====>>>> c FP32 >>>>==== e", "vadd x FP32 ====>>>> c FP32 >>>>==== e | VREM x d"),
        ("vadd x FP32 ====>>>> a FP32 ====>>>> b FP32 ====>>>> c FP32 ====>>>> d", ""),
    ]);
    session.hold_to(&[
        ("vadd x VALUES 2 1 1 f VALUES 2 1 1 f VALUES 2 1 1 g VALUES 2 1 1 h VALUES 2 1 1 i", FULL),
        ("vrange x - +", "*3 $1 a $1 c $1 e"),
        ("vadd x VALUES 2 1 1 f VALUES 2 1 1 f VALUES 2 1 1 g VALUES 2 1 1 h", ":3"),
        ("vrange x - +", "*3 $1 f $1 g $1 h"),
    ]);
    assert_eq!(session.server.keyspace.evictions().by_set_limit.get(), 5);
}

#[test]
fn with_policy_none_what_has_expired_makes_room_alone() {
    let mut session = Session::at(NOW_MS).streaming();
    session.hold_to(&[
        ("vcreate x DIM 2 MAXELEMENTS 2 POLICY none", "+OK"),
        ("vadd x VALUES 2 1 2 a EX 1 VALUES 2 1 2 b", ":2"),
        ("vadd x VALUES 2 1 2 c", FULL),
        ("vadd x VALUES 2 1 2 b SETATTR {}", ":0"),
    ]);
    session.advance(1_001);
    session.stream();
    session.hold_stream_to(&[
        ("vadd x FP32 ====>>>> c", "vadd x FP32 ====>>>> c | VREM x a"),
        ("vadd x FP32 ====>>>> d", ""),
    ]);
    session.hold_to(&[("vrange x - +", "*2 $1 b $1 c"), ("vconfig x MAXELEMENTS 0", "+OK")]);
    session.hold_to(&[("vadd x VALUES 2 1 2 d", ":1"), ("vcard x", ":3")]);
}

#[test]
fn a_lower_limit_is_reached_by_writers_and_in_the_background() {
    let mut session = Session::at(NOW_MS);
    for n in 0..500 {
        session.ask(&format!("vadd x VALUES 2 1 {n} e{n} EF 1"));
    }
    session.hold_to(&[("vconfig x MAXELEMENTS 100 POLICY random", "+OK"), ("vcard x", ":372")]);
    session.hold_to(&[("vadd x VALUES 2 1 2 new", ":1"), ("vcard x", ":244"), ("vismember x new", ":1")]);
    let db = &session.server.keyspace.databases()[0];
    let at_set_limit = || session.server.keyspace.evictions().by_set_limit.get();
    let by_writers = at_set_limit();
    let handle = db.direct().vector_set(b"x").ok().flatten().expect("it is there");
    while handle.set.exceeds_limits() {
        db.expire_cycle(100);
    }
    assert_eq!(at_set_limit() - by_writers, 144);
    session.hold_to(&[("vcard x", ":100"), ("vadd x VALUES 2 1 2 e1", ":1"), ("vcard x", ":100")]);
}

#[test]
fn a_replay_gives_the_same_set() {
    let mut session = Session::at(NOW_MS).streaming();
    session.ask("vcreate x DIM 2 MAXELEMENTS 20 TTL 1 POLICY random");
    for n in 0..200 {
        session.ask(&format!("vadd x VALUES 2 {n} 1 e{} VALUES 2 1 {n} f{}", n % 70, n % 50));
        session.advance(17);
        if n % 60 == 59 {
            session.ask(&format!("vconfig x MAXELEMENTS {}", n / 10));
        }
    }
    let mut replica = Session::at(session.server.keyspace.clock().now_ms());
    let mut replay = Replay::begin(&replica.server);
    for request in session.stream() {
        assert_eq!(replay.play(&request), Ok(()), "{:?}", request.wire());
    }
    drop(replay);
    for request in ["vrange x - +", "vconfig x", "vcard x"] {
        assert_eq!(replica.ask(request), session.ask(request), "{request}");
    }
    let [own, other] = [&mut session, &mut replica].map(|session| {
        let names = session.ask("vrange x - +").replace('$', "");
        let names: Vec<_> = names.split(' ').filter(|word| word.starts_with(['e', 'f'])).collect();
        session.ask(&format!("vpexpiretime x MEMBERS {} {}", names.len(), names.join(" ")))
    });
    assert_eq!(own, other);
    assert!(session.server.keyspace.evictions().by_set_limit.get() > 100);
}
