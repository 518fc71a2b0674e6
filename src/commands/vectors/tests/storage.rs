//! Tests of the options on storage, which are extensions.

use super::session;
use crate::commands::testing::Session;
use crate::resp::Request;
use crate::vector_set::{CODECS, SAMPLE};

/// The memory left decides; one element always fits, and the largest count never does.
#[test]
fn a_kind_is_chosen_by_the_memory_left() {
    let mut session = session();
    session.hold_to(&[
        ("vcreate few DIM 64 QUANT AUTO EXPECT 1", "+OK"),
        ("vcreate many DIM 4096 QUANT auto EXPECT 2147483647 M 32", "+OK"),
        ("vcreate some QUANT AUTO DIM 64", "-ERR syntax error"),
        ("vcreate few DIM 64 QUANT AUTO", "-BUSYKEY Target key name already exists."),
    ]);
    let few = session.ask("vinfo few");
    assert!(few.contains("+quant-type +int8 ") && few.contains(" +quant-auto :1 "), "{few}");
    let many = session.ask("vinfo many");
    assert!(
        !many.contains("+quant-type +int8 ") && many.contains(" +rerank +none +quant-auto :1 "),
        "{many}"
    );
    assert!(many.contains(" +hnsw-m :32 "), "{many}");
    assert!(session.is_heavy(&Request::from_args(&["vcreate", "k", "DIM", "2", "QUANT", "auto"])));
    assert!(!session.is_heavy(&Request::from_args(&["vcreate", "k", "DIM", "2"])));
}

#[test]
fn a_kind_is_given_by_its_word_or_after_quant() {
    let mut session = session();
    for codec in CODECS {
        let word = codec.keyword;
        let name = codec.name;
        session.ask("flushdb");
        session.hold_to(&[
            (&format!("vadd a VALUES 3 1 2 3 e {word}"), ":1"),
            (&format!("vadd a VALUES 3 1 2 4 f QUANT {word}"), ":1"),
            (&format!("vcreate b DIM 3 quant {}", word.to_lowercase()), "+OK"),
            (&format!("vadd b VALUES 3 1 2 4 f {word}"), ":1"),
        ]);
        for key in ["a", "b"] {
            let info = session.ask(&format!("vinfo {key}"));
            assert!(info.contains(&format!("+quant-type +{name} ")), "{info}");
        }
    }
}

#[test]
fn a_finer_copy_goes_with_coarse_kinds() {
    const MISMATCH: &str = "-ERR asked quantization mismatch with existing vector set";
    const NOT_COARSE: &str = "-ERR RERANK Q8 or F16 goes with coarse kinds: RQ1 to RQ8 and PQ";
    let mut session = session();
    session.hold_to(&[
        ("vadd r VALUES 3 1 2 3 a RERANK F16 RQ2", ":1"),
        ("vadd r VALUES 3 1 2 4 b RQ2 RERANK F16", ":1"),
        ("vadd r VALUES 3 1 2 5 c RQ2", ":1"),
        ("vadd r VALUES 3 1 2 6 d RQ2 RERANK Q8", MISMATCH),
        ("vadd r VALUES 3 1 2 6 d RQ3 RERANK F16", MISMATCH),
        ("vadd r VALUES 3 1 2 6 d", MISMATCH),
        ("vadd x VALUES 3 1 2 6 d RERANK Q8", MISMATCH),
        ("vadd new VALUES 3 1 2 6 d RERANK Q8", NOT_COARSE),
        ("vadd new VALUES 3 1 2 6 d QUANT bin RERANK Q8", NOT_COARSE),
        ("vcreate new DIM 3 RERANK F16", NOT_COARSE),
        ("vcreate new DIM 3 RQ1 RERANK q8", "+OK"),
        ("vadd new VALUES 3 1 2 6 d RERANK F16", MISMATCH),
        ("vadd new VALUES 3 1 2 6 d RERANK Q8", ":1"),
        ("vadd new VALUES 3 1 2 5 e", ":1"),
        ("vemb r b", "*3 $17 1.000200867652893 $17 2.000401735305786 $17 4.000803470611572"),
        ("vsim r VALUES 3 1 2 5 COUNT 1 WITHSCORES", "*2 $1 c $1 1"),
    ]);
    let info = session.ask("vinfo r");
    assert!(info.contains(" +fixed :0 +rerank +f16 +quant-auto :0 "), "{info}");
}

#[test]
fn words_on_storage_are_checked() {
    const INVALID: &str = "-ERR invalid option after element";
    const RERANK: &str = "-ERR invalid RERANK, it must be Q8 or F16";
    let mut session = session();
    session.hold_to(&[
        ("vadd new VALUES 2 1 2 a QUANT", INVALID),
        ("vadd new VALUES 2 1 2 a RERANK", INVALID),
        ("vadd new VALUES 2 1 2 a EXPECT 5", INVALID),
        ("vadd new VALUES 2 1 2 a RQ1 RERANK RQ4", RERANK),
        ("vadd new VALUES 2 1 2 a RQ1 RERANK NOQUANT", RERANK),
        ("vcreate new DIM 2 RERANK x", RERANK),
        ("vcreate new DIM 2 RERANK", RERANK),
        ("vcreate new DIM 2 AUTO", "-ERR syntax error"),
        ("vcreate new DIM 2 EXPECT 5", "-ERR EXPECT goes with QUANT AUTO"),
        ("vcreate new DIM 2 QUANT AUTO EXPECT 5 QUANT Q8", "-ERR EXPECT goes with QUANT AUTO"),
        ("vcreate new DIM 2 QUANT AUTO EXPECT 0", "-ERR invalid EXPECT"),
        ("vcreate new DIM 2 QUANT AUTO EXPECT 2147483648", "-ERR invalid EXPECT"),
        ("vcreate new DIM 2 QUANT AUTO EXPECT", "-ERR invalid EXPECT"),
        (
            "vcreate new DIM 2 RERANK Q8 QUANT AUTO",
            "-ERR RERANK does not go with QUANT AUTO, which chooses without it",
        ),
        ("exists new", ":0"),
    ]);
    let words = CODECS.map(|codec| codec.keyword).join(", ");
    let (others, last) = words.rsplit_once(", ").expect("there are several");
    let one_of = |others: &str, last: &str| format!("-ERR invalid QUANT, it must be {others} or {last}");
    for request in ["vadd new VALUES 2 1 2 a QUANT x", "vadd new VALUES 2 1 2 a QUANT AUTO"] {
        assert_eq!(session.ask(request), one_of(others, last), "{request}");
    }
    for request in ["vcreate new DIM 2 QUANT x", "vcreate new DIM 2 QUANT"] {
        assert_eq!(session.ask(request), one_of(&words, "AUTO"), "{request}");
    }
}

#[test]
fn a_set_of_kind_pq_shows_whether_it_is_trained() {
    let mut session = session();
    let last = SAMPLE;
    for n in 1..=last {
        let info = session.ask("vinfo k");
        assert!(n == 1 || info.ends_with(" +pq-trained :0 +pq-subspaces :0"), "{n}: {info}");
        let angle = n as f32;
        session.ask(&format!("vadd k values 2 {} {} e{n} pq ef 10", angle.cos(), angle.sin()));
    }
    // A reader of another test may delay the end of training.
    while !session.ask("vinfo k").ends_with(" +pq-trained :1 +pq-subspaces :1") {
        session.hold_to(&[("vadd k values 2 1 0 more pq", ":1"), ("vrem k more", ":1")]);
    }
    assert!(session.ask("vinfo k").contains("+quant-type +pq "));
    assert!(session.ask("vsim k ele e5 count 3").starts_with("*3 "));
}

#[test]
fn codes_of_one_to_eight_bits_are_kinds_like_any_other() {
    let mut session = session();
    for bits in 1..=8 {
        let key = format!("rq{bits}");
        session.hold_to(&[
            (&format!("vadd {key} values 3 1 2 3 a RQ{bits} metric L2"), ":1"),
            (&format!("vadd {key} values 3 -3 2 1 b rq{bits}"), ":1"),
            (
                &format!("vadd {key} values 3 1 2 3 a"),
                "-ERR asked quantization mismatch with existing vector set",
            ),
            (&format!("vsim {key} values 3 -3 2 1 count 1"), "*1 $1 b"),
            (&format!("vsim {key} ele a count 1"), "*1 $1 a"),
            (&format!("vcreate made{bits} DIM 3 RQ{bits}"), "+OK"),
            (&format!("vadd made{bits} values 3 0 0 0 nothing"), ":1"),
            (&format!("vemb made{bits} nothing"), "*3 $1 0 $1 0 $1 0"),
        ]);
        let info = session.ask(&format!("vinfo {key}"));
        assert!(info.starts_with(&format!("*46 +quant-type +rabitq{bits} ")), "{info}");
        // The planes have 64 bits each, and three numbers follow them.
        let stored = session.ask(&format!("vemb {key} a raw"));
        assert!(stored.starts_with(&format!("*3 +rabitq{bits} ${} ", 8 * bits + 12)), "{stored}");
    }
    session.hold_to(&[
        ("vadd x values 3 1 2 3 z RQ9", "-ERR invalid option after element"),
        ("vcreate nope DIM 3 RQ0", "-ERR syntax error"),
    ]);
}

/// So many elements that a search with [`EF`] does not read all of them.
const MANY: usize = 1500;
const EF: usize = 60;

fn components(n: usize) -> String {
    let component = |i: usize| format!("{:.4}", ((n * 31 + i * 17 + n * i) as f32 * 0.731).sin());
    (0..24).map(component).collect::<Vec<_>>().join(" ")
}

fn fill(session: &mut Session, key: &str, storage: &str) {
    assert_eq!(session.ask(&format!("vcreate {key} DIM 24 {storage} EF 40")), "+OK");
    for n in 0..MANY {
        assert_eq!(session.ask(&format!("vadd {key} VALUES 24 {} e{n}", components(n))), ":1");
    }
}

#[test]
fn a_search_over_coarse_codes_finds_what_the_finer_copy_would() {
    let mut session = session();
    fill(&mut session, "fine", "Q8");
    fill(&mut session, "coarse", "RQ2 RERANK Q8");
    for n in (0..40).map(|n| MANY + 7 * n) {
        for request in [
            |key: &str, query: &str| format!("vsim {key} VALUES 24 {query} COUNT 10 EF {EF} WITHSCORES"),
            |key: &str, query: &str| format!("vsim {key} VALUES 24 {query} COUNT 10 TRUTH WITHSCORES"),
            |key: &str, query: &str| format!("vsearch {key} VALUES 24 {query} COUNT 10 EF {EF} WITHDIST"),
        ] {
            let query = components(n);
            let [fine, coarse] = ["fine", "coarse"].map(|key| session.ask(&request(key, &query)));
            assert_eq!(fine, coarse, "{}", request("…", &query));
        }
    }
}
