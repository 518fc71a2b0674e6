//! Semantic caches, by their commands.

use crate::commands::replay::Replay;
use crate::commands::testing::{Session, ask};
use crate::config::Settings;

const NOW_MS: i64 = 1_795_000_000_000;

fn session() -> Session {
    let mut session = Session::with(Settings { enable_debug_command: "yes", ..Settings::defaults() }, NOW_MS);
    session.hold_to(&[("vcreate c DIM 2 NOQUANT CACHE", "+OK")]);
    session
}

/// The token in a reply of one entry.
fn token(reply: &str) -> String {
    let digits = |word: &&str| word.len() == 44 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    reply.split(' ').find(digits).unwrap_or_else(|| panic!("no token in {reply}")).into()
}

/// The reply without its token, and without lengths.
fn plain(reply: &str) -> String {
    let token = token(reply);
    let words = reply.split(' ').filter(|word| !word.starts_with('$') || *word == "$-1");
    words.map(|word| if word == token { "TOKEN" } else { word }).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_hit_has_all_that_a_caller_needs_and_a_miss_is_one_word() {
    let mut session = session();
    session.hold_to(&[
        ("vcache.get c VALUES 2 1 0 MINSCORE 0.9", "*1 $4 miss"),
        ("vcache.set c a VALUES 2 1 0 answer EX 10 COST 2.5 SETATTR {\"n\":1}", "*1 $5 added"),
        ("vcache.set c b VALUES 2 0 1 '' PIN", "*1 $5 added"),
        ("vcache.set c b VALUES 2 0 1 other", "*1 $7 updated"),
        ("vcache.get none VALUES 2 1 0 MINSCORE 0.9", "*1 $4 miss"),
        ("vcache.get c VALUES 2 1 0 MINSCORE 0.9 FILTER .n==2", "*1 $4 miss"),
        ("vbless get c MEMBERS 1 b", "*1 *1 $8 NO-EVICT"),
    ]);
    let hit = session.ask("vcache.get c VALUES 2 1 0 MINSCORE 0.9 WITHATTRIBS");
    assert_eq!(plain(&hit), "*8 hit a 1 COSINE :10000 answer TOKEN {\"n\":1}");
    session.advance(4000);
    let hit = session.ask("vcache.get c VALUES 2 0 5 MAXDIST 0.01");
    assert_eq!(plain(&hit), "*7 hit b 1 COSINE :-1 other TOKEN");
    let near = session.ask("vcache.get c VALUES 2 1 0.5 MAXDIST 0.1");
    assert!(plain(&near).starts_with("*7 near a 0.94"), "{near}");
    assert!(plain(&near).ends_with("COSINE :6000 $-1 TOKEN"), "{near}");
    let two = session.ask("vcache.get c VALUES 2 1 0.1 MAXDIST 1 COUNT 2");
    assert!(two.starts_with("*14 $3 hit $1 a") && two.contains("$3 hit $1 b"), "{two}");
    session.hold_to(&[
        ("vcache.get c VALUES 2 -1 -1 MAXDIST 0.1", "*1 $4 miss"),
        ("vcache.del c a nope", ":1"),
        ("vcache.del none a", ":0"),
        ("vcard c", ":1"),
    ]);
}

#[test]
fn the_reply_is_the_same_in_both_protocols() {
    let mut session = session();
    session.ask("vcache.set c a VALUES 2 1 2 answer");
    let line = "vcache.get c VALUES 2 1 2.1 MINSCORE 0.5";
    let before = session.ask(line);
    session.ask("hello 3");
    assert_eq!(session.ask(line), before);
}

#[test]
fn nothing_is_stored_where_an_entry_is_near() {
    let mut session = session();
    session.hold_to(&[
        ("vcache.set c a VALUES 2 1 0 one UNLESS 0.95", "*1 $5 added"),
        ("vcache.set c b VALUES 2 1 0 two UNLESS 0.95", "*3 $4 near $1 a $1 1"),
        ("vcache.set c a VALUES 2 1 0.1 three UNLESS 0.95", "*1 $7 updated"),
        ("vcache.set c b VALUES 2 0 1 two UNLESS 0.95", "*1 $5 added"),
        ("vcard c", ":2"),
        ("vexpire c 1 MEMBERS 1 a", "*1 :1"),
    ]);
    session.advance(2000);
    session.hold_to(&[("vcache.set c d VALUES 2 1 0.1 four UNLESS 0.95", "*1 $5 added")]);
}

#[test]
fn of_concurrent_entries_only_one_is_stored() {
    let mut session = session();
    let clients: Vec<_> = (0..4).map(|_| session.connect()).collect();
    let server = &session.server;
    let stored: usize = std::thread::scope(|scope| {
        let store = |(thread, mut client)| {
            scope.spawn(move || {
                let mut is_stored = |n: usize| {
                    let line = format!("vcache.set c t{thread}-{n} VALUES 2 {n} 7 x UNLESS 0.9999999");
                    ask(server, &mut client, &line) == "*1 $5 added"
                };
                (0..40).filter(|&n| is_stored(n)).count()
            })
        };
        let threads: Vec<_> = clients.into_iter().enumerate().map(store).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    assert_eq!((stored, session.ask("vcard c")), (40, ":40".into()), "of each vector one");
}

#[test]
fn bad_input_is_refused_and_changes_nothing() {
    let mut session = session();
    session.ask("vcache.set c a VALUES 2 1 0 answer");
    session.ask("set s x");
    session.ask("vadd v VALUES 2 1 0 a");
    let digest = session.ask("debug digest");
    session.hold_to(&[
        ("vcache.set c b VALUES 3 1 0 0 x", "-ERR Vector dimension mismatch - got 3 but set has 2"),
        ("vcache.get c VALUES 3 1 0 0 MINSCORE 1", "-ERR Vector dimension mismatch - got 3 but set has 2"),
        (
            "vcache.get c VALUES 2 1 0",
            "-ERR one of MINSCORE, MAXDIST and MAXERROR is needed, unless the cache has a MAXERROR",
        ),
        ("vcache.get c VALUES 2 1 0 MINSCORE 1 MAXDIST 1", "-ERR syntax error"),
        ("vcache.get c VALUES 2 1 0 MINSCORE nan", "-ERR invalid MINSCORE"),
        ("vcache.get c VALUES 2 1 0 MAXERROR 0", "-ERR invalid MAXERROR, it must be between 0 and 1"),
        ("vcache.get c VALUES 2 1 0 MAXERROR 1", "-ERR invalid MAXERROR, it must be between 0 and 1"),
        (
            "vcache.get c VALUES 2 1 0 MAXERROR 0.1 PER DAY",
            "-ERR invalid PER, it must be HIT, REQUEST or AVERAGE",
        ),
        ("vcache.get c VALUES 2 1 0 MINSCORE 1 COUNT 0", "-ERR invalid COUNT"),
        (
            "vcache.get c VALUES 2 1 0 MINSCORE 0 REFRESH",
            "-ERR REFRESH needs seconds, since the cache has no TTL",
        ),
        ("vcache.get c VALUES 2 1 0 MINSCORE 0 REFRESH 0", "-ERR invalid REFRESH"),
        ("vcache.get c VALUES 2 nan 0 MINSCORE 0", "-ERR invalid vector specification"),
        ("vcache.set c b VALUES 2 1 1", "-ERR wrong number of arguments for 'VCACHE.SET' command"),
        (
            "vcache.set c b VALUES 2 1 1 x COST inf",
            "-ERR invalid COST, it must be a finite number that is not negative",
        ),
        (
            "vcache.set c b VALUES 2 1 1 x COST 1e300",
            "-ERR invalid COST, it must be a finite number that is not negative",
        ),
        (
            "vcache.set c b VALUES 2 1 1 x COST -1",
            "-ERR invalid COST, it must be a finite number that is not negative",
        ),
        ("vcache.set c b VALUES 2 1 1 x COOL 0", "-ERR invalid COOL, it must be 1 to 255"),
        ("vcache.set c b VALUES 2 1 1 x EX 0", "-ERR invalid expire time in 'VCACHE.SET' command"),
        (
            "vcache.set c b VALUES 2 1 1 x AFTER 12 0",
            "-ERR the token is none that VCACHE.GET has given for this key",
        ),
        ("vcache.feedback c 12 1", "-ERR the token is none that VCACHE.GET has given for this key"),
        ("vcache.feedback c a 0.9 2", "-ERR what is said of an answer must be 0 or 1"),
        ("vcache.feedback c a nan 1", "-ERR invalid score"),
        ("vcache.feedback c a 1e39 1", "-ERR invalid score"),
        ("vcache.feedback c a 0.9 1 WEIGHT 0", "-ERR invalid WEIGHT, it must be above 0 and 1 at most"),
        ("vcache.feedback c a 0.9 1 WEIGHT 2", "-ERR invalid WEIGHT, it must be above 0 and 1 at most"),
        ("vcache.feedback c a 0.9 1 LEAD 1.1", "-ERR invalid LEAD, it must be from 0 to 1"),
        ("vcache.feedback c a 0.9 1 LEAD nan", "-ERR invalid LEAD, it must be from 0 to 1"),
        ("vcache.feedback c a 0.9 1 MORE 1", "-ERR syntax error"),
        ("vcache.feedback c 12 1 LEAD 1", "-ERR syntax error"),
        ("vcache.feedback c nope 0.9 1 WEIGHT 0.5 LEAD 0.5", ":0"),
        ("vcache.feedback c nope 0.9 1", ":0"),
        ("vcache.feedback none a 0.9 1", ":0"),
        ("vcache.advise c MAXERROR 2", "-ERR invalid MAXERROR, it must be between 0 and 1"),
        ("vcache.advise none MAXERROR 0.1", "-ERR no such key"),
        ("vcache.stats none", "-ERR no such key"),
        ("vcreate d DIM 2 SCOPE .a", "-ERR SCOPE, MAXERROR and SECRET go with CACHE"),
        (
            "vcreate d DIM 2 CACHE SCOPE a",
            "-ERR invalid SCOPE, it must be 1 to 8 different fields, each with a dot before it",
        ),
        (
            "vcreate d DIM 2 CACHE SCOPE .a .a",
            "-ERR invalid SCOPE, it must be 1 to 8 different fields, each with a dot before it",
        ),
        ("vconfig v MAXERROR 0.1", "-ERR the vector set is no cache, which VCREATE makes with CACHE"),
    ]);
    let wrong_type = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    let no_cache = "-ERR the vector set is no cache, which VCREATE makes with CACHE";
    for (key, error) in [("s", wrong_type), ("v", no_cache)] {
        for command in [
            "get K VALUES 2 1 0 MINSCORE 0",
            "explain K VALUES 2 1 0 MINSCORE 0",
            "set K a VALUES 2 1 0 x",
            "feedback K a 0.9 1",
            "del K a",
            "stats K",
            "advise K MAXERROR 0.1",
        ] {
            let line = format!("vcache.{command}").replace('K', key);
            assert_eq!(session.ask(&line), error, "{line}");
        }
    }
    assert_eq!(session.ask("debug digest"), digest);
}

#[test]
fn a_scope_is_law() {
    let mut session = Session::at(NOW_MS);
    let refused =
        "-ERR FILTER must have an equality of .tenant with a text, since it is in the SCOPE of this cache";
    let lacking = "-ERR SETATTR must have a text at .tenant, since it is in the SCOPE of this cache";
    session.hold_to(&[
        ("vcreate c DIM 2 CACHE SCOPE .tenant .lang", "+OK"),
        ("vcache.set c a VALUES 2 1 0 x", lacking),
        ("vcache.set c a VALUES 2 1 0 x SETATTR {\"tenant\":1,\"lang\":\"de\"}", lacking),
        (
            "vcache.set c a VALUES 2 1 0 A SETATTR {\"tenant\":\"a\",\"lang\":\"de\"} UNLESS 0.9",
            "*1 $5 added",
        ),
        (
            "vcache.set c b VALUES 2 1 0 B SETATTR {\"tenant\":\"b\",\"lang\":\"de\"} UNLESS 0.9",
            "*1 $5 added",
        ),
        (
            "vcache.set c e VALUES 2 1 0 B SETATTR {\"tenant\":\"b\",\"lang\":\"de\"} UNLESS 0.9",
            "*3 $4 near $1 b $1 1",
        ),
        (
            "vcache.set c d VALUES 2 1 0 x SETATTR {\"tenant\":\"a\",\"lang\":\"de\"} COOL 1",
            "-ERR COOL is for caches without SCOPE: with one, entries are found within their own scope only",
        ),
        ("vcache.get c VALUES 2 1 0 MINSCORE 0.9", refused),
        ("vcache.explain c VALUES 2 1 0 MINSCORE 0.9", refused),
        ("vcache.get c VALUES 2 1 0 MINSCORE 0.9 FILTER .tenant==0", refused),
        (
            "vcache.get c VALUES 2 1 0 MINSCORE 0.9 FILTER .tenant==\"a\"",
            "-ERR FILTER must have an equality of .lang with a text, since it is in the SCOPE of this cache",
        ),
        (
            "vcache.get c VALUES 2 1 0 MINSCORE 0.9 FILTER (.tenant==$1)and(.lang==$2) PARAMS 2 x de",
            "*1 $4 miss",
        ),
    ]);
    for (tenant, payload) in [("a", "A"), ("b", "B")] {
        let line = format!(
            "vcache.get c VALUES 2 1 0 MINSCORE 0.9 FILTER (.tenant==$1)and(.lang==$2) PARAMS 2 {tenant} de"
        );
        assert_eq!(plain(&session.ask(&line)), format!("*7 hit {tenant} 1 COSINE :-1 {payload} TOKEN"));
    }
}

#[test]
fn feedback_is_learnt_from_and_logged_as_data() {
    let mut session = session().streaming();
    session.hold_to(&[("vcache.set c a VALUES 2 1 0 x", "*1 $5 added")]);
    let explore = session.ask("vcache.get c VALUES 2 1 0.1 MAXERROR 0.1");
    assert!(plain(&explore).starts_with("*7 explore a 0.99"), "{explore}");
    session.stream();
    let text = token(&explore);
    session.hold_to(&[(&format!("vcache.feedback c {text} 1"), ":1")]);
    let logged = session.streamed();
    assert!(
        logged.starts_with("VCACHE.FEEDBACK c a 0.997") && logged.ends_with(" 1 WEIGHT 1 LEAD 1"),
        "{logged}"
    );
    // Below 0.9 answers are wrong, above they are right.
    for n in 0..64 {
        let (score, right) = if n % 2 == 0 { (0.97, 1) } else { (0.80, 0) };
        session.hold_to(&[(&format!("vcache.feedback c a {score} {right}"), ":1")]);
    }
    let hit = session.ask("vcache.get c VALUES 2 1 0.1 MAXERROR 0.1");
    assert!(plain(&hit).starts_with("*7 hit a"), "{hit}");
    let explained = session.ask("vcache.explain c VALUES 2 1 0.1 MAXERROR 0.1");
    assert!(explained.contains("least-chance") && explained.contains("$3 hit"), "{explained}");
    let no = session.ask("vcache.get c VALUES 2 0.2 1 MAXERROR 0.1");
    assert!(plain(&no).starts_with("*7 near a") || plain(&no).starts_with("*7 explore a"), "{no}");
    // The same for a cache that accepts errors by itself.
    session.hold_to(&[("vconfig c MAXERROR 0.1", "+OK")]);
    assert!(session.ask("vcache.get c VALUES 2 1 0.1").contains("$3 hit"));
    session.hold_to(&[("vconfig c MAXERROR 0", "+OK")]);
    assert!(session.ask("vcache.get c VALUES 2 1 0.1").starts_with("-ERR one of MINSCORE"));
    let dry = session.ask("vcache.get c VALUES 2 1 0.1 MAXERROR 0.1 DRYRUN");
    assert!(dry.contains("explore"), "{dry}");
    session.hold_to(&[(&format!("vcache.feedback c {} 0", token(&dry)), ":1")]);
    let stats = session.ask("vcache.stats c");
    for part in ["hits :2", "dry-hits :1", "explored :", "hits-wrong :1", "hits-right :0", "cost-saved $1 2"]
    {
        assert!(stats.contains(&format!("+{part}")), "{part}: {stats}");
    }
    let advice = session.ask("vcache.advise c MAXERROR 0.3");
    assert!(advice.contains("+threshold $") && advice.contains("+observations :66"), "{advice}");
}

#[test]
fn a_lead_is_told_from_the_next_other_entry() {
    let mut session = session().streaming();
    let lead = |session: &mut Session| {
        let explained = session.ask("vcache.explain c VALUES 2 1 0.1 MAXERROR 0.1");
        let mut words = explained.split(' ').skip_while(|word| *word != "+lead").skip(2);
        words.next().and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("no lead in {explained}"))
    };
    session.ask("vcache.set c a VALUES 2 1 0 x");
    assert_eq!(lead(&mut session), 1.0, "nothing else is there");
    session.hold_to(&[("vcache.alias c a VALUES 2 1 0.2", ":1")]);
    assert_eq!(lead(&mut session), 1.0, "nor is it an alias of its own");
    session.ask("vcache.set c b VALUES 2 0 1 y");
    let before_b: f64 = lead(&mut session);
    session.ask("vcache.set c d VALUES 2 1 0.3 z");
    let before_d: f64 = lead(&mut session);
    assert!(0.0 < before_d && before_d < before_b && before_b < 1.0, "{before_d}, {before_b}");
    session.ask("vcache.set c e VALUES 2 1 0.1 z");
    assert!(lead(&mut session) > 0.99, "nothing is as near as what is the same");
    // Of two answers the second has none. A token has the lead of its answer.
    let two = session.ask("vcache.get c VALUES 2 1 0.1 MAXERROR 0.1 COUNT 2");
    let tokens: Vec<_> = two.split(' ').filter(|word| word.len() == 44).collect();
    for (text, lead) in tokens.into_iter().zip(["0.99", "0"]) {
        session.stream();
        session.hold_to(&[(&format!("vcache.feedback c {text} 1"), ":1")]);
        let logged = session.streamed();
        let seen = logged.rsplit(' ').next().expect("a word");
        assert!(logged.contains(" WEIGHT 1 LEAD ") && seen.starts_with(lead), "{logged}");
        assert!(lead != "0" || seen == "0", "{logged}");
    }
}

#[test]
fn a_token_outlives_its_entry_as_a_stale_one() {
    let mut session = session();
    session.ask("vcache.set c a VALUES 2 1 0 x");
    let text = token(&session.ask("vcache.get c VALUES 2 1 0 MINSCORE 0.5"));
    session.hold_to(&[
        ("vcache.del c a", ":1"),
        (&format!("vcache.feedback c {text} 1"), ":0"),
        ("vcache.set c b VALUES 2 1 0 x", "*1 $5 added"),
        (&format!("vcache.feedback c {text} 1"), ":0"),
        (&format!("vcache.feedback d {text} 1"), ":0"),
        ("vcreate d DIM 2 CACHE", "+OK"),
        (
            &format!("vcache.feedback d {text} 1"),
            "-ERR the token is none that VCACHE.GET has given for this key",
        ),
    ]);
}

#[test]
fn after_reports_and_stores_in_one_call() {
    let mut session = session().streaming();
    session.ask("vcache.set c a VALUES 2 1 0 x");
    let get = "vcache.get c VALUES 2 1 0.5 MAXERROR 0.1";
    let first = token(&session.ask(get));
    let second = token(&session.ask(get));
    session.stream();
    session.hold_to(&[
        (&format!("vcache.set c b VALUES 2 1 0.5 y AFTER {first} 1"), "*1 $5 right"),
        ("vcard c", ":1"),
        (
            &format!("vcache.set c b VALUES 3 1 1 1 y AFTER {second} 0"),
            "-ERR Vector dimension mismatch - got 3 but set has 2",
        ),
        (&format!("vcache.set c b VALUES 2 1 0.5 y AFTER {second} 0"), "*1 $5 added"),
        ("vcard c", ":2"),
    ]);
    let logged = session.streamed();
    let commands: Vec<_> =
        logged.split(" | ").map(|line| line.split(' ').next().unwrap_or_default()).collect();
    assert_eq!(commands, ["VCACHE.FEEDBACK", "VCACHE.FEEDBACK", "VCACHE.SET"], "{logged}");
    assert!(session.ask("vcache.stats c").contains("+right :1 +wrong :1"));
}

#[test]
fn a_cool_entry_is_no_hit_before_it_was_confirmed() {
    let mut session = session();
    session.hold_to(&[("vcache.set c a VALUES 2 1 0 x COOL 2", "*1 $5 added")]);
    let get = "vcache.get c VALUES 2 1 0 MINSCORE 0.5";
    for _ in 0..2 {
        assert!(session.ask(get).contains("explore"));
        session.hold_to(&[("vcache.feedback c a 1 0", ":1"), ("vcache.feedback c a 1 1", ":1")]);
    }
    assert!(session.ask(get).contains("$3 hit"));
}

#[test]
fn hits_keep_entries_alive_and_refresh_renews_them() {
    let mut session = Session::at(NOW_MS).streaming();
    session.hold_to(&[
        ("vcreate c DIM 2 CACHE TTL 100", "+OK"),
        ("vcache.set c a VALUES 2 1 0 x", "*1 $5 added"),
    ]);
    session.stream();
    session.advance(60_000);
    let hit = session.ask("vcache.get c VALUES 2 1 0 MINSCORE 0.5 NOTOUCH");
    assert_eq!(plain(&hit), "*7 hit a 1 COSINE :40000 x TOKEN");
    assert!(session.ask("vobject c a").contains("+idle :60 "));
    let hit = session.ask("vcache.get c VALUES 2 1 0 MINSCORE 0.5");
    assert_eq!(plain(&hit), "*7 hit a 1 COSINE :40000 x TOKEN");
    assert!(session.ask("vobject c a").contains("+idle :0 "));
    assert_eq!(session.streamed(), "", "a read writes nothing");
    let hit = session.ask("vcache.get c VALUES 2 1 0 MINSCORE 0.5 REFRESH");
    assert_eq!(plain(&hit), "*7 hit a 1 COSINE :100000 x TOKEN");
    assert_eq!(session.streamed(), format!("VPEXPIREAT c {} MEMBERS 1 a", NOW_MS + 160_000));
    session.hold_to(&[("vttl c MEMBERS 1 a", "*1 :100")]);
    session.ask("vcache.get c VALUES 2 1 0 MINSCORE 0.5 REFRESH 5");
    session.hold_to(&[("vttl c MEMBERS 1 a", "*1 :5")]);
    session.ask("vcache.get c VALUES 2 -1 0 MINSCORE 0.5 REFRESH 50");
    session.hold_to(&[("vttl c MEMBERS 1 a", "*1 :5")]);
}

#[test]
fn every_command_on_vector_sets_works_on_a_cache() {
    let mut session = session();
    session.hold_to(&[
        ("vadd c VALUES 2 0 1 plain", ":1"),
        ("vcache.set c a VALUES 2 1 0 x SETATTR {\"y\":1}", "*1 $5 added"),
        ("vsim c VALUES 2 1 0 COUNT 1", "*1 $1 a"),
        ("vadd c VALUES 2 1 1 a", ":0"),
        ("vsetattr c a {\"y\":2}", ":1"),
    ]);
    let moved = session.ask("vcache.get c VALUES 2 1 1 MINSCORE 0.99 WITHATTRIBS");
    assert_eq!(
        plain(&moved),
        "*8 hit a 0.9999999701976776 COSINE :-1 x TOKEN {\"y\":2}",
        "an update keeps the payload"
    );
    let plain_one = session.ask("vcache.get c VALUES 2 0 1 MINSCORE 0.99");
    assert_eq!(plain(&plain_one), "*7 hit plain 1 COSINE :-1 $-1 TOKEN");
    let info = session.ask("vinfo c");
    assert!(info.contains("+cache :1") && info.contains("+memory-payloads :"), "{info}");
}

#[test]
fn a_replay_a_dump_and_a_copy_have_all_of_it() {
    let mut session =
        Session::with(Settings { enable_debug_command: "yes", ..Settings::defaults() }, NOW_MS).streaming();
    session.ask("vcreate c DIM 2 CACHE MAXERROR 0.05 SCOPE .t");
    session.ask("vcache.set auto first VALUES 2 3 4 made PIN COOL 3");
    for n in 0..50 {
        let payload = "text".repeat(n);
        session.ask(&format!(
            "vcache.set c e{n} VALUES 2 {n} 7 p{payload} SETATTR {{\"t\":\"x\"}} COST {n} PX 100000"
        ));
        for (score, right) in [(0.95, 1), (0.7 + n as f64 / 1000.0, n % 3 / 2)] {
            let lead = n as f64 / 50.0;
            session.ask(&format!("vcache.feedback c e{n} {score} {right} WEIGHT 0.5 LEAD {lead}"));
        }
        // By tokens, whose leads are those of what was found.
        let get = format!("vcache.get c VALUES 2 {n} 9 FILTER .t==\"x\" MAXERROR 0.01");
        let text = token(&session.ask(&get));
        session.hold_to(&[(&format!("vcache.feedback c {text} {}", n % 2), ":1")]);
    }
    session.ask("vcache.del c e3");
    let text = token(&session.ask("vcache.get auto VALUES 2 3 4 MINSCORE 0"));
    let log = session.stream();
    let mut replayed =
        Session::with(Settings { enable_debug_command: "yes", ..Settings::defaults() }, NOW_MS);
    for request in &log {
        replayed.reply_to(&request.words().iter().map(|word| word.to_vec()).collect::<Vec<_>>());
    }
    let explain = "vcache.explain c VALUES 2 20 7 FILTER .t==\"x\"";
    let looks = ["debug digest-value c auto", explain, "vcache.advise c MAXERROR 0.4", "vconfig c"];
    for look in looks {
        assert_eq!(replayed.ask(look), session.ask(look), "{look}");
    }
    assert_eq!(replayed.ask(&format!("vcache.feedback auto {text} 1")), ":1", "its secret is in the log");
    // A copy is logged as the RESTORE of a dump.
    session.stream();
    session.hold_to(&[("copy c d", ":1")]);
    for request in &session.stream() {
        replayed.reply_to(&request.words().iter().map(|word| word.to_vec()).collect::<Vec<_>>());
    }
    for look in ["debug digest-value d", "vcache.explain d VALUES 2 20 7 FILTER .t==\"x\"", "vconfig d"] {
        let seen = session.ask(look);
        assert_eq!(replayed.ask(look), seen, "{look}");
        let original = look
            .replace(" d VALUES", " c VALUES")
            .replace("value d", "value c")
            .replace("vconfig d", "vconfig c");
        assert_eq!(session.ask(&original), seen, "{original}");
    }
    assert!(session.ask(explain).contains("set-slope"));
}

#[test]
fn an_alias_leads_to_its_entry_and_goes_with_it() {
    let mut session = session().streaming();
    session.hold_to(&[
        ("vcache.alias c a VALUES 2 0 1", ":0"),
        ("vcache.set c a VALUES 2 1 0 answer EX 100 SETATTR {\"n\":1}", "*1 $5 added"),
        ("vcache.set c b VALUES 2 -1 0 other", "*1 $5 added"),
        ("vcache.alias c a VALUES 2 0 1", ":1"),
        ("vcache.alias c a VALUES 2 0 -1", ":2"),
        ("vcache.alias c a VALUES 3 0 1 1", "-ERR Vector dimension mismatch - got 3 but set has 2"),
        ("vcache.set c d VALUES 2 0 1.01 x UNLESS 0.95", "*3 $4 near $1 a $1 1"),
        ("vcard c", ":4"),
    ]);
    let get = "vcache.get c VALUES 2 0 1 MINSCORE 0.99 WITHATTRIBS";
    let hit = session.ask(get);
    assert_eq!(plain(&hit), "*8 hit a 1 COSINE :100000 answer TOKEN {\"n\":1}");
    session.hold_to(&[(&format!("vcache.feedback c {} 1", token(&hit)), ":1")]);
    assert!(session.streamed().ends_with("VCACHE.FEEDBACK c a 1 1 WEIGHT 1 LEAD 1"));
    let stats = session.ask("vcache.stats c BY .n");
    assert!(stats.contains("+value $1 1 +entries :1 +hits :1 +right :1"), "{stats}");
    // The entry keeps its aliases when it changes, and takes them along.
    session.hold_to(&[("vcache.set c a VALUES 2 1 0.5 new", "*1 $7 updated")]);
    assert_eq!(plain(&session.ask(get)), "*8 hit a 1 COSINE :-1 new TOKEN {\"n\":1}");
    session.stream();
    session.hold_to(&[("vrem c a", ":1"), ("vcard c", ":1"), (get, "*1 $4 miss")]);
    assert_eq!(session.streamed(), "vrem c a");
    session.hold_to(&[
        ("vcache.set c a VALUES 2 1 0 again PX 10", "*1 $5 added"),
        ("vcache.alias c a VALUES 2 0 1", ":1"),
    ]);
    session.advance(1000);
    session.hold_to(&[
        (get, "*1 $4 miss"),
        ("vcache.set c a VALUES 2 1 0 anew", "*1 $5 added"),
        ("vcard c", ":2"),
        (get, "*1 $4 miss"),
    ]);
    (1..=64).for_each(|n| assert_eq!(session.ask("vcache.alias c a VALUES 2 0 1"), format!(":{n}")));
    session.hold_to(&[
        ("vcache.alias c a VALUES 2 0 1", "-ERR an entry has 64 aliases at most"),
        ("copy c c2", ":1"),
        ("vcache.del c a", ":1"),
        ("vcard c", ":1"),
        ("vcard c2", ":66"),
        ("vcache.del c2 a", ":1"),
        ("vcard c2", ":1"),
    ]);
}

#[test]
fn an_alias_is_in_the_scope_of_its_entry() {
    let mut session = Session::at(NOW_MS).streaming();
    let get = |tenant: &str| format!("vcache.get s VALUES 2 0 1 MINSCORE 0.99 FILTER .t=='{tenant}'");
    session.hold_to(&[
        ("vcreate s DIM 2 NOQUANT CACHE SCOPE .t", "+OK"),
        ("vcache.set s a VALUES 2 1 0 text SETATTR {\"t\":\"x\"}", "*1 $5 added"),
        ("vcache.alias s a VALUES 2 0 1", ":1"),
    ]);
    for index in [false, true] {
        if index {
            session.hold_to(&[("vindex s CREATE .t KEYWORD", "+OK")]);
        }
        for line in ["vsetattr s a {\"t\":\"y\"}", "vcache.set s a VALUES 2 1 0 text SETATTR {\"t\":\"x\"}"] {
            let [own, other] = if line.starts_with("vsetattr") { ["x", "y"] } else { ["y", "x"] };
            let reply = session.ask(&get(own));
            assert!(reply.starts_with("*7 $3 hit $1 a "), "{line}, index {index}: {reply}");
            assert_eq!(session.ask(&get(other)), "*1 $4 miss", "{line}");
            session.ask(line);
            let reply = session.ask(&get(other));
            assert!(reply.starts_with("*7 $3 hit $1 a "), "{line}: {reply}");
            assert_eq!(session.ask(&get(own)), "*1 $4 miss", "{line}");
        }
    }
    let mut replica = Session::at(NOW_MS);
    for request in session.stream() {
        replica.reply_to(&request.words().iter().collect::<Vec<_>>());
    }
    assert!(replica.ask(&get("x")).starts_with("*7 $3 hit $1 a "));
    assert_eq!(replica.ask(&get("y")), "*1 $4 miss");
}

#[test]
fn coverage_is_a_policy_of_caches_and_goes_by_what_was_served() {
    let mut session =
        Session::with(Settings { enable_debug_command: "yes", ..Settings::defaults() }, NOW_MS).streaming();
    session.hold_to(&[("vcreate c DIM 2 NOQUANT CACHE", "+OK")]);
    let refused = "-ERR POLICY coverage is for caches, which VCREATE makes with CACHE: \
        an element is covered where another one would be served";
    session.hold_to(&[
        ("vcreate v DIM 2 MAXELEMENTS 3 POLICY coverage", refused),
        ("vcreate v DIM 2 MAXELEMENTS 3", "+OK"),
        ("vconfig v POLICY coverage", refused),
        ("vconfig none POLICY coverage", "-ERR no such key"),
        ("vconfig c MAXELEMENTS 3 POLICY coverage", "+OK"),
        ("vcache.set c a VALUES 2 1 0 one", "*1 $5 added"),
        ("vcache.set c b VALUES 2 1 0.1 two", "*1 $5 added"),
        ("vcache.set c d VALUES 2 0 1 three", "*1 $5 added"),
    ]);
    session.advance(1000);
    session.ask("vcache.get c VALUES 2 1 0 MINSCORE 0.9");
    session.ask("vcache.get c VALUES 2 1 0.1 MAXDIST 0.1");
    // The entry that was not used is covered by nothing, and stays.
    session.hold_to(&[("vcache.set c e VALUES 2 -1 0 four", "*1 $5 added"), ("vcard c", ":3")]);
    assert!(session.ask("vcache.get c VALUES 2 0 1 MINSCORE 0.9 NOTOUCH").starts_with("*7 $3 hit $1 d"));
    let log = session.stream();
    let mut replayed =
        Session::with(Settings { enable_debug_command: "yes", ..Settings::defaults() }, NOW_MS + 1000);
    let mut replay = Replay::begin(&replayed.server);
    for request in &log {
        assert_eq!(replay.play(request), Ok(()), "{:?}", request.wire());
    }
    drop(replay);
    for look in ["debug digest-value c", "vconfig c", "vrange c - + 9"] {
        assert_eq!(replayed.ask(look), session.ask(look), "{look}");
    }
}

#[test]
fn a_curve_is_of_the_searches_since_it_was_asked_for() {
    let mut session = session();
    session
        .hold_to(&[("vconfig c MAXELEMENTS 2", "+OK"), ("vcache.set c a VALUES 2 1 0 one", "*1 $5 added")]);
    session.ask("vcache.get c VALUES 2 1 0 MINSCORE 0.9");
    let mut curve = |lines: &[&str]| {
        lines.iter().for_each(|line| drop((session.ask(line), session.advance(1000))));
        let stats = session.ask("vcache.stats c CURVE");
        stats.split_once("+curve ").map(|(_, curve)| curve.to_owned()).unwrap_or(stats)
    };
    let nothing = "*12 +searches :0 +followed $1 1 +half $-1 +now $-1 +double $-1 +fourfold $-1";
    assert_eq!(curve(&[]), nothing);
    let used_in_turn = ["vcache.set c b VALUES 2 0 1 two", "vcache.get c VALUES 2 1 0 MINSCORE 0.9"];
    let half_lacks_it = "*12 +searches :1 +followed $1 1 +half $1 0 +now $1 1 +double $1 1 +fourfold $1 1";
    assert_eq!(curve(&used_in_turn), half_lacks_it);
    // The second entry makes room, and twice the memory would have had it.
    let evicted = ["vcache.set c d VALUES 2 -1 0 three", "vcache.get c VALUES 2 0 1 MINSCORE 0.9"];
    let double_has_it = "*12 +searches :2 +followed $1 1 +half $1 0 +now $3 0.5 +double $1 1 +fourfold $1 1";
    assert_eq!(curve(&evicted), double_has_it);
    // A filter that the entry did not match finds it no more as a ghost, nor does a stricter rule.
    let lines = [
        "vcache.get c VALUES 2 0 1 MINSCORE 0.9 FILTER .x==1",
        "vcache.get c VALUES 2 0.1 1 MINSCORE 0.9999",
    ];
    let others = "*12 +searches :4 +followed $1 1 +half $1 0 +now $4 0.25 +double $3 0.5 +fourfold $3 0.5";
    assert_eq!(curve(&lines), others);
    // It is stored again: what was its ghost is counted no more.
    let lines = [
        "vcache.set c b VALUES 2 0 1 two",
        "vrem c b",
        "vcache.get c VALUES 2 0 1 MINSCORE 0.9",
        "vcache.get c VALUES 2 0 1 MINSCORE 0.9",
    ];
    assert!(curve(&lines).starts_with("*12 +searches :6 "));
    let seen = curve(&[]);
    assert!(seen.contains("+double $18 0.3333333333333333 "), "{seen}");
    let bytes = |session: &mut Session| {
        let text = session.ask("memory usage c");
        text.trim_start_matches(':').parse::<usize>().expect("a number")
    };
    let with = bytes(&mut session);
    session.hold_to(&[("copy c e", ":1")]);
    assert!(bytes_of(&mut session, "e") + 100 < with, "a copy has no forecast");
}

fn bytes_of(session: &mut Session, key: &str) -> usize {
    let text = session.ask(&format!("memory usage {key}"));
    text.trim_start_matches(':').parse().expect("a number")
}

#[test]
fn info_has_the_sums_of_all_caches() {
    let mut session = session();
    session.ask("vcache.set d a VALUES 2 1 0 x COST 2.5");
    session.ask("vcache.set c a VALUES 2 1 0 x");
    for line in [
        "vcache.get c VALUES 2 1 0 MINSCORE 0.9",
        "vcache.get c VALUES 2 1 0 MINSCORE 0.9 DRYRUN",
        "vcache.get d VALUES 2 1 0.5 MAXDIST 0.1",
        "vcache.get d VALUES 2 1 0 MAXERROR 0.1",
        "vcache.get c VALUES 2 -1 0 MINSCORE 0.9",
        "vcache.feedback c a 0.9 1",
    ] {
        session.ask(line);
    }
    let hit = session.ask("vcache.get d VALUES 2 1 0 MINSCORE 0.9");
    session.hold_to(&[(&format!("vcache.feedback d {} 0", token(&hit)), ":1")]);
    let mut fields = || {
        let text = String::from_utf8(session.reply_to(&["info", "stats"])).expect("INFO is text");
        let of_caches = text.lines().filter_map(|line| line.trim().strip_prefix("vcache_"));
        of_caches.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        fields(),
        "searches:6 hits:2 dry_hits:1 near:1 explored:1 misses:1 right:1 wrong:1 hits_right:0 \
         hits_wrong:1 error_perc:100.00 error_perc_low:2.50 error_perc_high:100.00 cost_saved:3.50"
    );
    session.ask("config resetstat");
    let mut fields = || {
        let text = String::from_utf8(session.reply_to(&["info", "stats"])).expect("INFO is text");
        text.lines().filter(|line| line.starts_with("vcache_") && line.trim().ends_with(":0")).count()
    };
    assert_eq!(fields(), 10, "the errors and what was saved have decimals");
}

#[test]
fn statistics_have_ages_and_what_a_limit_of_bytes_counts() {
    let mut session = session();
    session.ask("vcache.set c old VALUES 2 1 0 x");
    session.advance(20 * 60_000);
    session.ask("vcache.set c new VALUES 2 0 1 x");
    session.ask("vcache.get c VALUES 2 0 1 MINSCORE 0.9");
    let stats = session.ask("vcache.stats c HISTOGRAM");
    let ranges = |counts: [u8; 16]| counts.map(|count| format!(":{count}")).join(" ");
    let hits = ranges([1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let ages = ranges([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert!(stats.contains(&format!("+entries-by-hits *16 {hits} +entries-by-age *16 {ages}")), "{stats}");
    let counted = stats.split_once("+element-bytes :").and_then(|(_, rest)| rest.split(' ').next());
    let counted: u64 = counted.and_then(|text| text.parse().ok()).expect("a number");
    session.hold_to(&[
        (&format!("vconfig c MAXBYTES {counted}"), "+OK"),
        ("vcard c", ":2"),
        (&format!("vconfig c MAXBYTES {}", counted - 1), "+OK"),
        ("vcard c", ":1"),
    ]);
}

#[test]
fn what_is_an_alias_of_an_expired_entry_is_a_miss_and_hides_no_other() {
    let mut session = session();
    session.hold_to(&[
        ("vcache.set c a VALUES 2 1 0 x PX 10", "*1 $5 added"),
        ("vcache.alias c a VALUES 2 0 1", ":1"),
        ("vcache.alias c a VALUES 2 0 1.1", ":2"),
    ]);
    session.advance(1000);
    session.hold_to(&[
        ("vcache.get c VALUES 2 0 1 MINSCORE 0.9", "*1 $4 miss"),
        ("vcache.get c VALUES 2 0 1 MAXERROR 0.1 COUNT 5", "*1 $4 miss"),
    ]);
    let stats = session.ask("vcache.stats c");
    assert!(stats.contains("+searches :2 +hits :0 +dry-hits :0 +near :0 +explored :0 +misses :2"), "{stats}");
    // Farther than both, and still near enough.
    session.ask("vcache.set c b VALUES 2 0.1 1 y");
    let hit = session.ask("vcache.get c VALUES 2 0 1 MINSCORE 0.9");
    assert!(hit.starts_with("*7 $3 hit $1 b"), "{hit}");
    assert!(session.ask("vcache.explain c VALUES 2 0 1 MINSCORE 0.9").contains("+element $1 b"));
    let stats = session.ask("vcache.stats c");
    assert!(stats.contains("+searches :3 +hits :1"), "{stats}");
}

#[test]
fn an_entry_is_in_a_reply_once_whatever_it_is_found_by() {
    let mut session = session();
    session.ask("vcache.set c a VALUES 2 1 0 x");
    (0..20).for_each(|n| {
        assert_eq!(session.ask(&format!("vcache.alias c a VALUES 2 1 0.0{n}")), format!(":{}", n + 1))
    });
    session.ask("vcache.set c b VALUES 2 1 0.5 y");
    session.ask("vcache.set c d VALUES 2 1 0.6 z");
    let reply = session.ask("vcache.get c VALUES 2 1 0 MAXDIST 1 COUNT 3");
    let names: Vec<_> = reply.split("$3 hit $1 ").skip(1).map(|rest| &rest[..1]).collect();
    assert_eq!(names, ["a", "b", "d"], "{reply}");
    let reply = session.ask("vcache.get c VALUES 2 1 0 MAXDIST 1 COUNT 9");
    assert_eq!(reply.matches("$3 hit").count(), 3, "{reply}");
}

#[test]
fn aliases_of_an_entry_that_is_updated_hide_no_other_that_is_near() {
    let mut session = session();
    session.ask("vcache.set c a VALUES 2 1 0 x");
    (1..=64).for_each(|n| assert_eq!(session.ask("vcache.alias c a VALUES 2 1 0"), format!(":{n}")));
    session.ask("vcache.set c b VALUES 2 1 0.1 y");
    let near = session.ask("vcache.set c a VALUES 2 1 0 new UNLESS 0.9");
    assert!(near.starts_with("*3 $4 near $1 b"), "{near}");
    session.hold_to(&[("vcache.set c a VALUES 2 1 0 new UNLESS 0.999", "*1 $7 updated")]);
}
