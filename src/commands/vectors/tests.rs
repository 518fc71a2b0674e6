//! The expected replies are those of Redis 8.6.2 to the same requests; tests of extensions are
//! marked.

mod cold;
mod expiry;
mod figures;
mod filters;
mod limits;
mod pins;
mod storage;
mod tier;

use std::cell::Cell;

use super::{FREE_TRIES, search_sets};
use crate::commands::testing::Session;
use crate::journal::Record;
use crate::keyspace::{Reach, SetHandle};
use crate::resp::Reply;
use crate::vector_set::{Hold, Kind, Lifetime, Put};

/// A session with a set of three elements and a string, the same as in Redis.
fn session() -> Session {
    let mut session = Session::at(1_790_000_000_000);
    session.hold_to(&[
        ("set str x", "+OK"),
        (r#"vadd x VALUES 3 1 2 3 a SETATTR {"x":1}"#, ":1"),
        ("vadd x VALUES 3 3 2 1 b", ":1"),
        ("vadd x VALUES 3 -1 0 1 c", ":1"),
    ]);
    session
}

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

#[test]
fn arity_errors_name_commands_in_upper_case() {
    let mut session = session();
    for request in [
        "vcard",
        "vcard x y",
        "vdim",
        "vemb x",
        "vlinks x",
        "vlinks x a foo",
        "vlinks x a withscores withscores",
        "vlinks nope a foo",
        "vlinks str a foo",
        "vinfo",
        "vinfo x y",
        "vgetattr x",
        "vsetattr x a",
        "vsetattr x a b c",
        "vismember x",
        "vrandmember",
        "vrandmember x 1 2",
        "vrange x -",
        "vrange x - + 1 2",
        "vrem x",
    ] {
        let name = request.split(' ').next().unwrap_or_default().to_uppercase();
        let expected = format!("-ERR wrong number of arguments for '{name}' command");
        assert_eq!(session.ask(request), expected, "{request}");
    }
}

#[test]
fn keys_of_other_types_are_refused() {
    let mut session = session();
    for request in [
        "vcard str",
        "vdim str",
        "vemb str a",
        "vlinks str a",
        "vinfo str",
        "vgetattr str a",
        "vsetattr str a z",
        "vismember str a",
        "vrandmember str",
        "vrandmember str 1",
        "vrange str - +",
        "vrange str - + 0",
        "vrem str a",
    ] {
        assert_eq!(session.ask(request), WRONG_TYPE, "{request}");
    }
}

#[test]
fn missing_keys_are_answered_each_in_its_way() {
    Session::at(0).hold_to(&[
        ("vcard nope", ":0"),
        ("vdim nope", "-ERR key does not exist"),
        ("vemb nope a", "$-1"),
        ("vlinks nope a", "$-1"),
        ("vinfo nope", "*-1"),
        ("vgetattr nope a", "$-1"),
        ("vsetattr nope a z", ":0"),
        ("vismember nope a", ":0"),
        ("vrandmember nope", "$-1"),
        ("vrandmember nope 3", "*0"),
        ("vrandmember nope -3", "*0"),
        ("vrange nope - +", "*0"),
        ("vrem nope a", ":0"),
    ]);
}

#[test]
fn size_and_vectors() {
    session().hold_to(&[
        ("vcard x", ":3"),
        ("vdim x", ":3"),
        ("vemb x a", "*3 $17 0.992125928401947 $17 2.007874011993408 $1 3"),
        ("vemb x a raw", "*4 +int8 $3 *U\u{7f} $18 3.7416574954986572 $18 0.8017836809158325"),
        ("vemb x a RAW raw", "*4 +int8 $3 *U\u{7f} $18 3.7416574954986572 $18 0.8017836809158325"),
        ("vemb x nope", "$-1"),
        ("vemb x nope RAW", "$-1"),
        ("vadd r reduce 2 values 3 1 2 3 a", ":1"),
        ("vemb r a", "*2 $17 3.464101552963257 $18 1.1456083059310913"),
        ("vadd b values 3 1 -2 3 a bin", ":1"),
        ("vemb b a", "*3 $1 1 $2 -1 $1 1"),
        ("vemb b a raw", "*3 +bin $8 \u{5}\0\0\0\0\0\0\0 $18 3.7416574954986572"),
        ("vadd f values 3 3 0 4 a noquant", ":1"),
        ("vemb f a", "*3 $1 3 $1 0 $1 4"),
        ("vadd f values 3 0 0 0 z noquant", ":1"),
        ("vemb f z", "*3 $1 0 $1 0 $1 0"),
    ]);
}

#[test]
fn links_of_one_layer() {
    let mut session = session();
    let linked = session.ask("vlinks x a");
    assert!(linked.ends_with("*2 $1 b $1 c"), "{linked}");
    let scored = session.ask("vlinks x a withscores");
    assert!(scored.ends_with("*4 $1 b $18 0.8565826416015625 $1 c $18 0.6897262334823608"), "{scored}");
    session.hold_to(&[("vlinks x nope", "$-1"), ("vlinks x nope withscores", "$-1")]);
    session.ask("hello 3");
    let scored = session.ask("vlinks x a withscores");
    assert!(scored.ends_with("%2 $1 b ,0.8565826416015625 $1 c ,0.6897262334823608"), "{scored}");
}

#[test]
fn info_has_the_nine_fields_of_redis() {
    let mut session = session();
    let number = |info: &str, field: &str| {
        let mut words = info.split(' ').skip_while(|word| word[1..] != *field).skip(1);
        words.next().and_then(|word| word.strip_prefix(':')?.parse::<u64>().ok()).expect("an integer")
    };
    let info = session.ask("vinfo x");
    let level = number(&info, "max-level");
    let uid = number(&info, "vset-uid");
    assert_eq!(
        info,
        format!(
            "*18 +quant-type +int8 +hnsw-m :16 +vector-dim :3 +projection-input-dim :0 +size :3 +max-level :{level} \
             +attributes-count :1 +vset-uid :{uid} +hnsw-max-node-uid :3"
        )
    );
    session.hold_to(&[
        ("vadd r reduce 2 values 3 1 2 3 a noquant m 8", ":1"),
        ("vsetattr x a ''", ":1"),
        ("vrem x b", ":1"),
    ]);
    assert_eq!(
        (number(&session.ask("vinfo x"), "size"), number(&session.ask("vinfo x"), "attributes-count")),
        (2, 0)
    );
    let reduced = session.ask("vinfo r");
    assert!(
        reduced
            .starts_with("*18 +quant-type +f32 +hnsw-m :8 +vector-dim :2 +projection-input-dim :3 +size :1 ")
    );
    assert!(number(&reduced, "vset-uid") > uid);
    session.ask("hello 3");
    assert!(session.ask("vinfo x").starts_with("%9 +quant-type +int8 "));
    assert_eq!(session.ask("vinfo nope"), "_");
}

/// An extension.
#[test]
fn sets_that_redis_could_not_have_show_more_fields() {
    let mut session = session();
    session.hold_to(&[("vcreate l DIM 2 METRIC L2 EF 77", "+OK")]);
    let info = session.ask("vinfo l");
    assert!(info.starts_with("*46 +quant-type +int8 "), "{info}");
    let further =
        " +metric +L2 +ef-construction :77 +fixed :1 +rerank +none +quant-auto :0 +bytes-per-element :";
    assert!(info.contains(further), "{info}");
    assert!(info.contains(" +measured-minilm-384 +bytes-per-element="), "{info}");
}

#[test]
fn attributes_are_set_and_taken_away() {
    session().hold_to(&[
        ("vgetattr x a", r#"$7 {"x":1}"#),
        ("vgetattr x b", "$-1"),
        ("vgetattr x nope", "$-1"),
        ("vsetattr x b hello", ":1"),
        ("vsetattr x b hello", ":1"),
        ("vgetattr x b", "$5 hello"),
        ("vsetattr x b ''", ":1"),
        ("vgetattr x b", "$-1"),
        ("vsetattr x b ''", ":1"),
        ("vsetattr x nope z", ":0"),
    ]);
}

#[test]
fn attributes_count_as_memory() {
    let mut session = session();
    let usage = |session: &mut Session| -> usize {
        session.ask("memory usage x").trim_start_matches(':').parse().expect("a number")
    };
    let before = usage(&mut session);
    // Not long enough to be compressed.
    let attribute = "y".repeat(200);
    assert_eq!(session.ask(&format!("vsetattr x b {attribute}")), ":1");
    assert!(usage(&mut session) >= before + attribute.len());
}

#[test]
fn random_elements() {
    let mut session = session();
    session.hold_to(&[
        ("vrandmember nope 0", "*0"),
        ("vrandmember str 0", "*0"),
        ("vrandmember str x", "-ERR COUNT value is not an integer"),
        ("vrandmember x x", "-ERR COUNT value is not an integer"),
        ("vrandmember x 1.5", "-ERR COUNT value is not an integer"),
        ("vrandmember x 9223372036854775808", "-ERR COUNT value is not an integer"),
        // Differs from Redis, which makes a reply of any size, and crashes at the last.
        ("vrandmember x -1048577", "-ERR COUNT value is out of range"),
        ("vrandmember x -9223372036854775808", "-ERR COUNT value is out of range"),
    ]);
    let mut drawn = |request: &str| -> Vec<String> {
        session.ask(request).split(' ').skip(1).skip(1).step_by(2).map(str::to_owned).collect()
    };
    for request in ["vrandmember x 3", "vrandmember x 99", "vrandmember x 9223372036854775807"] {
        let mut all = drawn(request);
        all.sort();
        assert_eq!(all, ["a", "b", "c"], "{request}");
    }
    let two = drawn("vrandmember x 2");
    assert!(two.len() == 2 && two[0] != two[1], "{two:?}");
    let many = drawn("vrandmember x -1000");
    // Each is missing once in 10^176 runs.
    assert!(many.len() == 1000 && ["a", "b", "c"].iter().all(|name| many.iter().any(|drawn| drawn == name)));
    assert!(["$1 a", "$1 b", "$1 c"].contains(&session.ask("vrandmember x").as_str()));
}

#[test]
fn membership() {
    session().hold_to(&[("vismember x a", ":1"), ("vismember x nope", ":0"), ("vismember x ''", ":0")]);
}

#[test]
fn ranges_of_names() {
    session().hold_to(&[
        ("vrange x - +", "*3 $1 a $1 b $1 c"),
        ("vrange x - + 2", "*2 $1 a $1 b"),
        ("vrange x - + -1", "*3 $1 a $1 b $1 c"),
        ("vrange x - + -5", "*3 $1 a $1 b $1 c"),
        ("vrange x - + 0", "*0"),
        ("vrange x [a [b", "*2 $1 a $1 b"),
        ("vrange x (a [c", "*2 $1 b $1 c"),
        ("vrange x (a (c", "*1 $1 b"),
        ("vrange x [c [a", "*0"),
    ]);
}

#[test]
fn ranges_are_checked_in_the_order_of_redis() {
    const MISPLACED: &str = "-ERR '-' can only be used as first argument, '+' only as second";
    session().hold_to(&[
        ("vrange x - + x", "-ERR invalid COUNT value"),
        ("vrange x a b", "-ERR invalid start range format"),
        ("vrange x [a b", "-ERR invalid end range format"),
        ("vrange x + -", MISPLACED),
        ("vrange x [a -", MISPLACED),
        ("vrange x + [a", MISPLACED),
        ("vrange x - -", MISPLACED),
        ("vrange x + +", MISPLACED),
        ("vrange x [ [b", "-ERR invalid start range format"),
        ("vrange x [a (", "-ERR invalid end range format"),
        ("vrange x '' [b", "-ERR invalid start range format"),
        ("vrange x [a ''", "-ERR invalid end range format"),
        ("vrange x -x +", "-ERR invalid start range format"),
        ("vrange x - +x", "-ERR invalid end range format"),
        ("vrange nope x y", "-ERR invalid start range format"),
        ("vrange str x y", "-ERR invalid start range format"),
        ("vrange str x y z", "-ERR invalid COUNT value"),
        ("vrange x + + x", "-ERR invalid COUNT value"),
        ("vrange x + x", "-ERR invalid end range format"),
        ("vrange x x +", "-ERR invalid start range format"),
    ]);
}

#[test]
fn the_key_is_removed_with_its_last_element() {
    session().hold_to(&[
        ("vrem x nope", ":0"),
        ("vrem x c", ":1"),
        ("vrem x c", ":0"),
        ("vrem x a", ":1"),
        ("exists x", ":1"),
        ("vrem x b", ":1"),
        ("exists x", ":0"),
        ("vrem x b", ":0"),
    ]);
}

#[test]
fn resp3_has_booleans_doubles_and_one_null() {
    let mut session = session();
    session.ask("hello 3");
    session.hold_to(&[
        ("vemb x a", "*3 ,0.992125928401947 ,2.007874011993408 ,3"),
        ("vemb x a raw", "*4 +int8 $3 *U\u{7f} ,3.7416574954986572 ,0.8017836809158325"),
        ("vrem x nope", "#f"),
        ("vrem x c", "#t"),
        ("vsetattr x a hi", "#t"),
        ("vsetattr x nope hi", "#f"),
        ("vismember x a", "#t"),
        ("vgetattr x b", "_"),
        ("vrandmember nope", "_"),
        ("vrandmember nope 3", "*0"),
        ("vemb nope a", "_"),
        ("vlinks nope a", "_"),
        ("vlinks nope a withscores", "_"),
        ("vrange nope - +", "*0"),
    ]);
}

/// An extension.
#[test]
fn several_elements_are_answered_in_order() {
    let mut session = session();
    session.hold_to(&[
        ("vismember x a nope c", "*3 :1 :0 :1"),
        ("vismember nope a b", "*2 :0 :0"),
        ("vgetattr x b a nope", r#"*3 $-1 $7 {"x":1} $-1"#),
        ("vgetattr nope a b", "*2 $-1 $-1"),
        ("vemb nope a b", "*2 $-1 $-1"),
        ("vemb x a nope", "*2 *3 $17 0.992125928401947 $17 2.007874011993408 $1 3 $-1"),
        ("vemb x a nope raw", "*2 *4 +int8 $3 *U\u{7f} $18 3.7416574954986572 $18 0.8017836809158325 $-1"),
        ("vemb x raw a", "*2 $-1 *3 $17 0.992125928401947 $17 2.007874011993408 $1 3"),
        ("vemb x raw", "$-1"),
        ("vismember str a b", WRONG_TYPE),
        ("vgetattr str a b", WRONG_TYPE),
        ("vemb str a b", WRONG_TYPE),
        ("vrem str a b", WRONG_TYPE),
        ("vrem nope a b", ":0"),
        ("vrem x nope nope", ":0"),
        ("vrem x a nope a", ":1"),
        ("vcard x", ":2"),
    ]);
    session.ask("hello 3");
    session.hold_to(&[("vismember x b nope", "*2 #t #f"), ("vrem x b c", ":2"), ("exists x", ":0")]);
}

/// An extension.
#[test]
fn vectors_of_one_reply_are_bounded() {
    let mut session = session();
    let many = " a".repeat((4 << 20) / 3 + 1);
    assert_eq!(session.ask(&format!("vemb x{many}")), "-ERR too many vectors for one reply");
}

#[test]
fn only_changes_are_logged() {
    let mut session = session();
    let before = session.server.keyspace.journal().changes();
    session.hold_to(&[
        ("vrem x nope", ":0"),
        ("vsetattr x nope z", ":0"),
        ("vrem nope a", ":0"),
        ("vcard x", ":3"),
        ("vrange x - +", "*3 $1 a $1 b $1 c"),
    ]);
    assert_eq!(session.server.keyspace.journal().changes(), before);
    session.hold_to(&[("vsetattr x a z", ":1"), ("vrem x a", ":1"), ("vrem x b c", ":2")]);
    assert_eq!(session.server.keyspace.journal().changes(), before + 3);
}

/// How often a search of `x` and a missing key is tried, and how many elements it finds in the end,
/// if transactions change the set so often meanwhile.
fn looks(changes: usize) -> (usize, Reply) {
    let mut session = session();
    let looked = Cell::new(0);
    let seen = session.with_context(|cx| {
        search_sets(cx, &[b"x", b"nope"], |sets: &[Option<SetHandle>]| {
            assert!(sets[1].is_none());
            let set = &sets[0].as_ref().expect("x is a set").set;
            let len = set.len();
            looked.set(looked.get() + 1);
            if looked.get() <= changes {
                cx.server.keyspace.transaction(&Reach::Keys(vec![(0, b"x")]), || {
                    let element = looked.get().to_string();
                    let put = Put {
                        element: element.as_bytes(),
                        vector: vec![1.0; 3],
                        attribute: None,
                        lifetime: Lifetime::Endless,
                    };
                    assert!(set.untimed().upsert(Hold::Exclusive, &[put], 10, Record::unlogged()).is_ok());
                });
            }
            Ok(Reply::count(len))
        })
    });
    (looked.get(), seen.expect("x is a set"))
}

#[test]
fn a_search_overtaken_by_a_transaction_is_repeated() {
    assert_eq!(looks(0), (1, Reply::Integer(3)));
    assert_eq!(looks(1), (2, Reply::Integer(4)));
    assert_eq!(looks(FREE_TRIES), (FREE_TRIES + 1, Reply::count(3 + FREE_TRIES)));
}

/// The log has commands that Redis 8.6.2 reads, for requests that Redis accepts.
#[test]
fn logged_commands_are_short_and_have_the_same_effect_later() {
    const ONE_TWO: &str = r"\x00\x00\x80?\x00\x00\x00@";
    let one_two = |line: &str| line.replace("{}", ONE_TWO);
    let mut session = Session::at(0).streaming();
    session.hold_stream_to(&[
        ("vadd k VALUES 2 1 2 a", &one_two("SELECT 0 | VADD k FP32 {} a")),
        ("vadd k FP32 ====>>>> b EF 9 SETATTR x", "vadd k FP32 ====>>>> b EF 9 SETATTR x"),
        ("vadd k FP32 ====>>>> b CAS M 16 SETATTR ''", "VADD k FP32 ====>>>> b SETATTR '' M 16"),
        ("vadd k VALUES 2 1 2 c QUANT Q8 EF 9", &one_two("VADD k FP32 {} c Q8 EF 9")),
        ("vadd k FP32 ====>>>> c METRIC L2", ""),
        ("vadd k FP32 ====>>>> a FP16 ==== b", "vadd k FP32 ====>>>> a FP16 ==== b"),
        ("vadd l REDUCE 1 VALUES 2 1 2 a", &one_two("VADD l REDUCE 1 FP32 {} a")),
        (
            "vadd m VALUES 2 1 2 a SETATTR y METRIC L2 RERANK F16 QUANT RQ2 VALUES 2 1 2 b SETATTR z",
            &one_two("VADD m FP32 {} a SETATTR y RQ2 RERANK F16 METRIC L2 FP32 {} b SETATTR z"),
        ),
        ("vsetattr k a x", "vsetattr k a x"),
        ("vsetattr k nope x", ""),
        ("vrem k nope", ""),
        ("vrem k a nope", "vrem k a nope"),
        ("vrem k b c", "vrem k b c"),
        ("exists k", ""),
        ("vcreate k DIM 2 QUANT Q8", "vcreate k DIM 2 QUANT Q8"),
        ("vcreate n DIM 2 QUANT AUTO EXPECT 5", "VCREATE n DIM 2 QUANT AUTO EXPECT 5 CHOSEN Q8"),
        ("vcreate o DIM 2 QUANT AUTO CHOSEN F16", "vcreate o DIM 2 QUANT AUTO CHOSEN F16"),
        ("vcreate p DIM 2 CHOSEN F16", ""),
    ]);
    let auto = session.with_context(|cx| {
        let set = cx.db().vector_set(b"o").ok().flatten().expect("it was made").set;
        (set.params().kind(), set.options().has_chosen_kind)
    });
    assert_eq!(auto, (Kind::Float16, true));
}

#[test]
fn a_projection_to_more_components_is_refused_by_newer_releases() {
    let invalid = "-ERR invalid vector specification";
    let mut session = Session::like_redis("8.10", 0);
    session.hold_to(&[
        ("vadd v reduce 4 values 3 1 2 3 e", invalid),
        ("vadd v reduce 4 values 3 1 2 3 e bogus", invalid),
        ("set s x", "+OK"),
        ("vadd s reduce 4 values 3 1 2 3 e", invalid),
        ("vadd v reduce 3 values 3 1 2 3 e", ":1"),
    ]);
    Session::like_redis("8.6", 0).hold_to(&[("vadd v reduce 4 values 3 1 2 3 e", ":1")]);
}
