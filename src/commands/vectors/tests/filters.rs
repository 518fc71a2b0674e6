//! Indexes of fields, and the commands that ask by filters: extensions.

use super::*;
use crate::commands::replay::Replay;
use crate::resp::Request;

const NOW_MS: i64 = 1_790_000_000_000;

/// Elements a to d, of which three have a language.
fn described() -> Session {
    let mut session = Session::at(NOW_MS);
    session.hold_to(&[
        ("set str x", "+OK"),
        (r#"vadd x VALUES 2 1 0 a SETATTR {"lang":"en","year":1999}"#, ":1"),
        (r#"vadd x VALUES 2 1 1 b SETATTR {"lang":"de","year":2005}"#, ":1"),
        (r#"vadd x VALUES 2 0 1 c SETATTR {"lang":"en","year":2010}"#, ":1"),
        ("vadd x VALUES 2 -1 1 d", ":1"),
    ]);
    session
}

/// Waits for the thread that builds indexes.
fn build(session: &mut Session, key: &str) {
    while session.ask(&format!("vindex {key} LIST")).contains("+building") {
        std::thread::yield_now();
    }
}

#[test]
fn indexes_are_made_listed_and_dropped() {
    let mut session = described();
    session.hold_to(&[
        ("vindex x LIST", "*0"),
        ("vindex x CREATE lang KEYWORD", "+OK"),
        ("vindex x CREATE .lang numeric", "-ERR the field has an index already"),
        ("vindex x create text TEXT STEM english", "+OK"),
    ]);
    build(&mut session, "x");
    let listed = session.ask("vindex x LIST");
    let lang = "+field $4 lang +kind +KEYWORD +language _ +state +ready +progress ,1 +cardinality :2 +entries :3 +others :0";
    let text = "+field $4 text +kind +TEXT +language +english +state +ready";
    let in_resp2 = |text: &str| text.replace(" _", " $-1").replace(",1", "$1 1");
    for expected in [lang, text] {
        assert!(listed.contains(&in_resp2(expected)), "{listed}");
    }
    session.hold_to(&[
        ("vindex x DROP .lang", "+OK"),
        ("vindex x DROP lang", "-ERR the field has no index"),
        ("vindex x DROP text", "+OK"),
        ("vindex x LIST", "*0"),
    ]);
}

#[test]
fn wrong_words_make_no_index() {
    let mut session = described();
    let kinds = "-ERR invalid kind of index, it must be KEYWORD, NUMERIC, TEXT or GEO";
    session.hold_to(&[
        ("vindex none CREATE a KEYWORD", "-ERR no such key"),
        ("vindex none LIST", "-ERR no such key"),
        ("vindex str CREATE a KEYWORD", WRONG_TYPE),
        ("vindex x", "-ERR wrong number of arguments for 'VINDEX' command"),
        ("vindex x MAKE a KEYWORD", "-ERR syntax error"),
        ("vindex x CREATE a", "-ERR syntax error"),
        ("vindex x CREATE a TAG", kinds),
        ("vindex x CREATE a KEYWORD more", "-ERR syntax error"),
        ("vindex x CREATE a TEXT STEM klingon", "-ERR there is no stemming in this language"),
        ("vindex x CREATE a KEYWORD STEM english", "-ERR only a field of kind TEXT has a language"),
        ("vindex x CREATE a,b NUMERIC", "-ERR only a field of kind GEO has two paths with a comma between"),
        ("vindex x CREATE a..b NUMERIC", "-ERR a field is a name, or names with dots between, as in a.b"),
        ("vindex x LIST", "*0"),
    ]);
    for n in 0..64 {
        assert_eq!(session.ask(&format!("vindex x CREATE f{n} KEYWORD")), "+OK");
    }
    session.hold_to(&[("vindex x CREATE f64 KEYWORD", "-ERR the set has 64 indexes, which is the limit")]);
}

/// With and without indexes.
#[test]
fn filters_count_scan_and_group() {
    let mut session = described();
    for is_indexed in [false, true] {
        if is_indexed {
            session
                .hold_to(&[("vindex x CREATE lang KEYWORD", "+OK"), ("vindex x CREATE year NUMERIC", "+OK")]);
            build(&mut session, "x");
        }
        session.hold_to(&[
            ("vcount x", ":4"),
            (r#"vcount x FILTER .lang=="en""#, ":2"),
            ("vcount x FILTER .lang==$1 PARAMS 1 en", ":2"),
            ("vcount x PARAMS 2 en 2005 FILTER .lang==$1&&.year>$2", ":1"),
            ("vcount none FILTER .lang==1", ":0"),
            (r#"vscan x 0 FILTER .lang=="en""#, "*2 $1 0 *2 $1 a $1 c"),
            (r#"vscan x 0 FILTER .lang=="en" COUNT 1"#, "*2 $2 (a *1 $1 a"),
            (r#"vscan x (a FILTER .lang=="en" COUNT 1"#, "*2 $2 (c *1 $1 c"),
            (r#"vscan x (c FILTER .lang=="en" COUNT 1"#, "*2 $1 0 *0"),
            ("vscan x 0 COUNT 3", "*2 $2 (c *3 $1 a $1 b $1 c"),
            ("vscan x (c COUNT 3", "*2 $1 0 *1 $1 d"),
            ("vscan none 0", "*2 $1 0 *0"),
            ("vfacet x lang", "*2 *2 $2 en :2 *2 $2 de :1"),
            ("vfacet x .lang FILTER .year>2000", "*2 *2 $2 de :1 *2 $2 en :1"),
            ("vfacet x lang LIMIT 1", "*1 *2 $2 en :2"),
            ("vfacet x year LIMIT 1", "*1 *2 $4 1999 :1"),
            ("vfacet x missing", "*0"),
            ("vfacet none lang", "*0"),
        ]);
    }
}

#[test]
fn wrong_words_of_filters_are_refused() {
    let mut session = described();
    session.hold_to(&[
        ("vcount str", WRONG_TYPE),
        ("vcount x COUNT 1", "-ERR syntax error"),
        ("vcount x FILTER", "-ERR syntax error"),
        ("vcount x PARAMS 2 a", "-ERR invalid number of PARAMS"),
        ("vcount x PARAMS x", "-ERR invalid number of PARAMS"),
        ("vcount x PARAMS 1 a", "-ERR syntax error"),
        ("vsearch x VALUES 2 1 0 PARAMS 1 a", "-ERR syntax error"),
        ("vscan x 5", "-ERR invalid cursor"),
        ("vscan x 0 COUNT 0", "-ERR invalid COUNT"),
        ("vfacet x a..b", "-ERR invalid field"),
        ("vfacet x a LIMIT 0", "-ERR invalid LIMIT"),
        ("vdelete x LIMIT 5", "-ERR syntax error"),
        ("vdelete x FILTER .a LIMIT -1", "-ERR invalid LIMIT"),
        ("vsearch x VALUES 2 1 0 DISTINCT", "-ERR syntax error"),
        ("vsearch x VALUES 2 1 0 DISTINCT lang 0", "-ERR invalid count of DISTINCT"),
        ("vsearch x VALUES 2 1 0 FILTER .a PARAMS 1", "-ERR invalid number of PARAMS"),
    ]);
    for request in
        ["vcount x FILTER .a.", "vsearch x VALUES 2 1 0 FILTER .a==", "vexplain x VALUES 2 1 0 FILTER (1"]
    {
        let reply = session.ask(request);
        assert!(reply.starts_with("-ERR syntax error in FILTER expression"), "{request}: {reply}");
    }
}

#[test]
fn what_matches_is_deleted_and_logged_as_removed() {
    let mut session = described().streaming();
    session.hold_stream_to(&[
        (r#"vdelete x FILTER .lang=="fr""#, ""),
        (r#"vdelete x FILTER .lang=="en" LIMIT 1"#, "SELECT 0 | VREM x a"),
        ("vdelete x FILTER .year>0", "VREM x b c"),
        ("vindex x CREATE lang KEYWORD", "vindex x CREATE lang KEYWORD"),
        ("vdelete x FILTER 1", ""),
    ]);
    session.hold_to(&[
        ("vcard x", ":1"),
        ("vsetattr x d {}", ":1"),
        ("vdelete x FILTER 1", ":1"),
        ("exists x", ":0"),
    ]);
}

#[test]
fn many_are_deleted_in_steps() {
    let mut session = Session::at(NOW_MS).streaming();
    for n in 0..300 {
        session.ask(&format!("vadd x VALUES 2 {n} 1 e{n:03} SETATTR {{\"n\":{n}}}"));
    }
    session.stream();
    assert_eq!(session.ask("vdelete x FILTER .n>=10"), ":290");
    let logged: Vec<usize> = session.stream().iter().map(|request| request.args().remaining()).collect();
    assert_eq!(logged.iter().map(|words| words - 1).sum::<usize>(), 290, "{logged:?}");
    assert!(logged.iter().all(|&words| words <= 129), "{logged:?}");
    session.hold_to(&[("vcard x", ":10"), ("multi", "+OK")]);
    session.ask("vdelete x FILTER .n<5");
    session.hold_to(&[("exec", "*1 :5"), ("vcard x", ":5")]);
}

#[test]
fn a_replay_takes_an_index_that_is_there_or_gone_as_done() {
    let mut session = described();
    session.hold_to(&[("vindex x CREATE lang KEYWORD", "+OK")]);
    let mut replay = Replay::begin(&session.server);
    for line in ["vindex x CREATE lang KEYWORD", "vindex x DROP year", "vindex x CREATE year NUMERIC"] {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(replay.play(&Request::from_args(&words)), Ok(()), "{line}");
    }
    drop(replay);
    build(&mut session, "x");
    session.hold_to(&[("vcount x FILTER .year>2000", ":2")]);
}

#[test]
fn results_are_distinct_by_a_field() {
    let mut session = Session::at(NOW_MS);
    for n in 0..40 {
        session.ask(&format!("vadd x VALUES 2 1 0.{n:02} e{n:02} SETATTR {{\"doc\":{},\"n\":{n}}}", n / 10));
    }
    session.hold_to(&[
        ("vsearch x VALUES 2 1 0 COUNT 4 DISTINCT doc", "*1 *4 $3 e00 $3 e10 $3 e20 $3 e30"),
        ("vsearch x VALUES 2 1 0 COUNT 10 DISTINCT doc", "*1 *4 $3 e00 $3 e10 $3 e20 $3 e30"),
        ("vsearch x VALUES 2 1 0 COUNT 4 DISTINCT .doc 2", "*1 *4 $3 e00 $3 e01 $3 e10 $3 e11"),
        ("vsearch x VALUES 2 1 0 COUNT 2 OFFSET 1 DISTINCT doc", "*1 *2 $3 e10 $3 e20"),
        ("vsearch x VALUES 2 1 0 COUNT 2 DISTINCT missing", "*1 *2 $3 e00 $3 e01"),
        ("vsearch x VALUES 2 1 0 COUNT 3 DISTINCT doc FILTER .n>15", "*1 *3 $3 e16 $3 e20 $3 e30"),
    ]);
}

#[test]
fn plans_are_explained() {
    let mut session = described();
    let exact = "*1 *1 *16 +key $1 x +knowledge +exact +matching :2 +expected :2 ";
    for (is_indexed, expected) in [(false, "*1 *1 *16 +key $1 x +knowledge +sample +share "), (true, exact)] {
        if is_indexed {
            session.hold_to(&[("vindex x CREATE lang KEYWORD", "+OK")]);
            build(&mut session, "x");
        }
        let reply = session.ask(r#"vexplain x VALUES 2 1 0 FILTER .lang=="en""#);
        assert!(reply.starts_with(expected), "{reply}");
        assert!(reply.contains("+plan +scan"), "{reply}");
    }
    let reply = session.ask(r#"vsearch x VALUES 2 1 0 COUNT 1 FILTER .lang=="en" WITHPLAN"#);
    assert!(reply.starts_with("*1 *2 *1 $1 a *1 *16 +key $1 x +knowledge +exact"), "{reply}");
    let partial = session.ask(r#"vexplain x VALUES 2 1 0 FILTER .lang=="en"&&.year>2000"#);
    assert!(partial.contains("+knowledge +partial +sure :0 +possible :2"), "{partial}");
    session.hold_to(&[("vexplain x VALUES 2 1 0", "*1 *1 *4 +key $1 x +knowledge +all")]);
}

#[test]
fn our_language_is_understood_where_redis_refuses_its_own() {
    let mut session = described();
    session.hold_to(&[
        ("vsim x VALUES 2 1 0 FILTER exists(.year)&&.year>2000", "*2 $1 b $1 c"),
        ("vsim x VALUES 2 1 0 FILTER .a==", "-ERR syntax error in FILTER expression near: .a=="),
        (
            "vsearch x VALUES 2 1 0 FILTER .a==",
            "-ERR syntax error in FILTER expression at position 4: expected a value",
        ),
    ]);
    // Redis' meaning: (not .year) in [1999].
    let not_in = ["FILTER", ".year not in [1999]"];
    assert_eq!(session.reply_to(&[&["vsim", "x", "VALUES", "2", "1", "0"], &not_in[..]].concat()), b"*0\r\n");
    let found = session.reply_to(&[&["vsearch", "x", "VALUES", "2", "1", "0"], &not_in[..]].concat());
    assert_eq!(found, b"*1\r\n*2\r\n$1\r\nb\r\n$1\r\nc\r\n");
}
