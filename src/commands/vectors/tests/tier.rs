//! Warm sets: an extension.

use std::sync::Arc;

use crate::commands::testing::Session;
use crate::keyspace::TierDir;
use crate::persistence::files::testing::Folder;
use crate::vector_set::{Progress, Urgency};

const NOW_MS: i64 = 1_790_000_000_000;
const DAMAGED: &str = "-ERR vector set is damaged: some of its bytes in 'tier-dir' could not be read; delete \
    it, or restart to make it anew from the snapshot and the log";
/// So many elements that large segments are needed.
const ELEMENTS: usize = 2_200;
const DIM: usize = 64;

pub(super) fn tier(folder: &Folder) -> Arc<TierDir> {
    TierDir::open(folder.path()).expect("it can be used")
}

pub(super) fn session(tier: Arc<TierDir>) -> Session {
    let session = Session::at(NOW_MS);
    session.server.keyspace.set_tier(tier);
    session
}

fn vector(n: usize) -> String {
    let component = |i: usize| (((n * 31 + i * 17) as f32 * 0.731).sin() * 1000.0).round() / 1000.0;
    (0..DIM).map(|i| component(i).to_string()).collect::<Vec<_>>().join(" ")
}

pub(super) fn fill(session: &mut Session, key: &str) {
    for n in 0..ELEMENTS {
        session.ask(&format!("vadd {key} VALUES {DIM} {} e{n} SETATTR {n}", vector(n)));
    }
}

/// The replies to some requests that read.
pub(super) fn seen(session: &mut Session, key: &str) -> Vec<String> {
    let near = |n: usize| format!("vsim {key} VALUES {DIM} {} WITHSCORES COUNT 20", vector(n));
    let lines = (0..20).map(|n| near(n * 149 + 7)).chain([
        format!("vsearch {key} ELE e77 FILTER '.>2000' COUNT 5"),
        format!("vemb {key} e100"),
        format!("vrange {key} [e2 [e21"),
        format!("vcard {key}"),
    ]);
    lines.map(|line| session.ask(&line)).collect()
}

/// The same replies; where walks go by estimates, some of their results may differ.
fn are_alike(before: &[String], after: &[String], by_estimates: bool) {
    const SEARCHES: usize = 21;
    let same =
        before[..SEARCHES].iter().zip(&after[..SEARCHES]).filter(|(before, after)| before == after).count();
    assert_eq!(before[SEARCHES..], after[SEARCHES..]);
    assert!(same == SEARCHES || by_estimates && same * 10 >= SEARCHES * 9, "{same} of {SEARCHES}");
}

#[test]
fn warm_sets_need_a_directory() {
    let mut session = Session::at(NOW_MS);
    session.hold_to(&[
        ("vcreate w DIM 2 TIER warm", "-ERR TIER warm needs the option 'tier-dir'"),
        ("vcreate w DIM 2 TIER cold", "-ERR invalid TIER, it must be HOT or WARM"),
        ("vcreate w DIM 2 TIER", "-ERR invalid TIER, it must be HOT or WARM"),
        ("vcreate w DIM 2 TIER hot", "+OK"),
    ]);
    let info = session.ask("vinfo w");
    assert!(!info.contains("tier"), "{info}");
}

#[test]
fn a_warm_set_replies_as_a_hot_one_and_takes_less_memory() {
    let folder = Folder::new();
    let tier = tier(&folder);
    let mut session = session(Arc::clone(&tier));
    for options in ["NOQUANT", "RQ2 METRIC L2 RERANK F16", "PQ"] {
        session.ask("flushall");
        session.hold_to(&[
            (&format!("vcreate hot DIM {DIM} {options}"), "+OK"),
            (&format!("vcreate warm DIM {DIM} {options} TIER warm"), "+OK"),
        ]);
        fill(&mut session, "hot");
        fill(&mut session, "warm");
        are_alike(&seen(&mut session, "hot"), &seen(&mut session, "warm"), options.contains("RERANK"));
        assert!(tier.bytes() > 0 && tier.refused_bytes() == 0);
        let info = session.ask("vinfo warm");
        assert!(info.contains(&format!("+tier +warm +tier-bytes :{}", tier.bytes())), "{info}");
        let [hot, warm] = ["hot", "warm"].map(|key| session.ask(&format!("memory usage {key}")));
        let bytes = |reply: &str| reply[1..].parse::<u64>().expect("a number");
        assert!(bytes(&warm) < bytes(&hot), "{options}: {warm} {hot}");
        // Elements go, and their slots are used again.
        for key in ["hot", "warm"] {
            (0..ELEMENTS).step_by(3).for_each(|n| _ = session.ask(&format!("vrem {key} e{n}")));
            (0..ELEMENTS).step_by(6).for_each(|n| {
                session.ask(&format!("vadd {key} VALUES {DIM} {} f{n}", vector(n)));
            });
        }
        assert_eq!(session.ask("vcard hot"), session.ask("vcard warm"));
        let near = session.ask("vsim warm ELE f12 COUNT 1000");
        assert!(near.contains("$3 f12 "), "{options}: {near}");
    }
    session.ask("flushall");
    drop(session);
    assert_eq!((tier.bytes(), tier.spaces()), (0, 0));
}

#[test]
fn copies_and_dumps_of_warm_sets_are_warm_where_they_can_be() {
    let folder = Folder::new();
    let tier = tier(&folder);
    let mut session = session(Arc::clone(&tier));
    session.ask(&format!("vcreate w DIM {DIM} TIER warm"));
    fill(&mut session, "w");
    session.hold_to(&[("copy w c", ":1")]);
    let dump = session.reply_to(&["dump", "w"]);
    let start = dump.iter().position(|&byte| byte == b'\n').expect("a bulk string") + 1;
    let dump = dump[start..dump.len() - 2].to_vec();
    assert_eq!(session.reply_to(&[&b"restore"[..], b"r", b"0", &dump]), b"+OK\r\n");
    assert_eq!(tier.spaces(), 3);
    let expected = seen(&mut session, "w");
    for key in ["c", "r"] {
        assert_eq!(seen(&mut session, key), expected, "{key}");
        let info = session.ask(&format!("vinfo {key}"));
        assert!(info.contains("+tier +warm"), "{info}");
    }
    // A server without such a directory has it in memory, and says so.
    let mut other = Session::at(NOW_MS);
    assert_eq!(other.reply_to(&[&b"restore"[..], b"w", b"0", &dump]), b"+OK\r\n");
    assert_eq!(seen(&mut other, "w"), expected);
    let info = other.ask("vinfo w");
    assert!(info.contains("+tier +hot +tier-bytes :0"), "{info}");
}

#[test]
fn where_finer_codes_lie_is_shown_and_chosen() {
    let folder = Folder::new();
    let tier = tier(&folder);
    let mut session = session(Arc::clone(&tier));
    session.hold_to(&[
        (&format!("vcreate s DIM {DIM} QUANT RQ1 RERANK F16"), "+OK"),
        ("vcreate q DIM 2", "+OK"),
        ("vcreate w DIM 2 TIER warm", "+OK"),
        ("set str x", "+OK"),
        ("vtier none", "-ERR no such key"),
        ("vtier none warm", "-ERR no such key"),
        ("vtier s tepid", "-ERR invalid tier, it must be HOT, WARM or COLD"),
        ("vtier s warm x", "-ERR syntax error"),
        ("vtier str warm", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("vtier q hot", "+OK"),
        ("vtier w warm", "+OK"),
    ]);
    fill(&mut session, "s");
    let before = seen(&mut session, "s");
    let shown = |hot: usize, warm: usize, name: &str, tier: &TierDir| {
        format!(
            "*18 +tier +{name} +tier-bytes :{} +hot-elements :{hot} +warm-elements :{warm} +cold-elements :0",
            tier.bytes()
        )
    };
    // Where it lies, and how many elements were returned from there.
    let parts = |reply: String| {
        let (place, hits) = reply.split_once(" +hot-hits :").expect("it says so");
        let (hot, warm) = hits.split_once(" +warm-hits :").expect("as above");
        let (warm, faults) = warm.split_once(" +warm-faults :").expect("as above");
        assert!(faults.ends_with(" +demoted :0"), "it was moved by a command: {faults}");
        (place.to_owned(), [hot, warm].map(|hits| hits.parse::<u64>().expect("a number")))
    };
    let (place, [hot_hits, warm_hits]) = parts(session.ask("vtier s"));
    assert_eq!((place, hot_hits > 100, warm_hits), (shown(ELEMENTS, 0, "hot", &tier), true, 0));
    let memory =
        |session: &mut Session| session.ask("memory usage s")[1..].parse::<usize>().expect("a number");
    let hot_bytes = memory(&mut session);
    session.hold_to(&[("vtier s WARM", "+OK")]);
    let set =
        Arc::clone(&session.server.keyspace.db(0).vector_set(b"s").ok().flatten().expect("it is there").set);
    let settle = || while set.tier_step(32, Urgency::Background) != Progress::Done {};
    settle();
    assert_eq!(parts(session.ask("vtier s")), (shown(0, ELEMENTS, "warm", &tier), [hot_hits, 0]));
    assert!(session.ask("vinfo s").contains(&shown(0, ELEMENTS, "warm", &tier)[3..]));
    assert!(hot_bytes - memory(&mut session) > ELEMENTS * 2 * DIM / 2, "{hot_bytes}");
    are_alike(&before, &seen(&mut session, "s"), true);
    assert_eq!(parts(session.ask("vtier s")).1, [hot_hits, hot_hits], "the same was asked");
    session.hold_to(&[(&format!("vadd s VALUES {DIM} {} new", vector(7)), ":1")]);
    assert_eq!(parts(session.ask("vtier s")).0, shown(0, ELEMENTS + 1, "warm", &tier));
    // Copies are in the same tier, and so is what is restored.
    session.hold_to(&[("copy s c", ":1")]);
    assert!(session.ask("vtier c").contains("+tier +warm"), "{}", session.ask("vtier c"));
    session.hold_to(&[("del c", ":1")]);
    // It is freed by another thread.
    while tier.spaces() > 2 {
        std::thread::yield_now();
    }
    session.server.keyspace.tier().expect("it is there").balance().allow(u64::MAX, false);
    session.hold_to(&[("vtier s hot", "+OK")]);
    settle();
    assert_eq!(parts(session.ask("vtier s")).0, shown(ELEMENTS + 1, 0, "hot", &tier));
    session.hold_to(&[("vrem s new", ":1")]);
    assert_eq!(seen(&mut session, "s"), before);
}

#[test]
fn sets_without_a_choice_move_as_a_whole() {
    let folder = Folder::new();
    let tier = tier(&folder);
    let mut session = session(Arc::clone(&tier));
    const STAYS: &str = "-ERR this set stays where it is until it has learnt what its codes are made with";
    session.hold_to(&[
        ("vcache.set c x VALUES 2 1 2 y COST 3", "*1 $5 added"),
        ("vcache.alias c x VALUES 2 2 1", ":1"),
        ("vcache.feedback c x 0.9 1", ":1"),
        ("vcreate p DIM 2 QUANT PQ", "+OK"),
        ("vadd p VALUES 2 1 2 a", ":1"),
        ("vtier p warm", STAYS),
        ("vcreate q DIM 2", "+OK"),
        ("vtier q warm", "+OK"),
        ("vadd q VALUES 2 1 2 a", ":1"),
        ("vtier q hot", "+OK"),
        ("vsim q VALUES 2 1 2", "*1 $1 a"),
    ]);
    let cache = |session: &mut Session| {
        let exported = session.ask("debug digest-value c");
        (
            exported,
            session.ask("vcache.advise c MAXERROR 0.1"),
            session.ask("vcache.explain c VALUES 2 2 1 MAXDIST 1"),
        )
    };
    let before = cache(&mut session);
    for tier in ["warm", "hot"] {
        session.hold_to(&[(&format!("vtier c {tier}"), "+OK")]);
        assert!(session.ask("vtier c").contains(&format!("+tier +{tier} ")));
        assert_eq!(cache(&mut session), before);
        let hits = |session: &mut Session| {
            let shown = session.ask("vtier c");
            let hits = shown.split_once(&format!("+{tier}-hits :")).expect("it says so").1;
            hits.split(' ').next().and_then(|hits| hits.parse::<u64>().ok()).expect("a number")
        };
        let before = hits(&mut session);
        let got = session.ask("vcache.get c VALUES 2 2 1 MAXDIST 1");
        assert_eq!(hits(&mut session), before + 1, "{got}");
    }
    for options in ["NOQUANT", "Q8 CACHE", "Q8 TIER warm", "RQ2 METRIC L2 RERANK F16 TIER warm", "BIN"] {
        session.ask("flushall");
        session.ask(&format!("vcreate s DIM {DIM} {options}"));
        fill(&mut session, "s");
        session.hold_to(&[("vindex s CREATE x NUMERIC", "+OK"), ("vexpire s 100 members 1 e5", "*1 :1")]);
        let before =
            (session.ask("debug digest"), seen(&mut session, "s"), session.ask("vttl s members 1 e5"));
        let bytes =
            |session: &mut Session| session.ask("memory usage s")[1..].parse::<u64>().expect("a number");
        let mut in_place = [0; 2];
        for (name, place) in [("hot", 0), ("warm", 1), ("hot", 0)] {
            session.hold_to(&[(&format!("vtier s {name}"), "+OK")]);
            assert!(session.ask("vtier s").contains(&format!("+tier +{name} ")));
            in_place[place] = bytes(&mut session);
            assert_eq!(
                (session.ask("debug digest"), session.ask("vttl s members 1 e5")),
                (before.0.clone(), before.2.clone())
            );
            are_alike(&before.1, &seen(&mut session, "s"), options.contains("RERANK"));
        }
        // Finer codes of single elements go in the background.
        assert!(in_place[1] < in_place[0] || options.contains("RERANK"), "{options}: {in_place:?}");
    }
    // It stays in files, if memory has no room for it.
    session.hold_to(&[("vtier s warm", "+OK"), ("config set maxmemory 1", "+OK")]);
    session.hold_to(&[("vtier s hot", "-OOM command not allowed when used memory > 'maxmemory'.")]);
    session.hold_to(&[("config set maxmemory 0", "+OK"), ("vtier s hot", "+OK"), ("flushall", "+OK")]);
}

#[test]
fn beyond_the_limit_of_the_disk_elements_take_memory() {
    let folder = Folder::new();
    let tier = tier(&folder);
    let mut session = session(Arc::clone(&tier));
    tier.set_max_bytes(200_000);
    session.ask(&format!("vcreate hot DIM {DIM} NOQUANT"));
    session.ask(&format!("vcreate warm DIM {DIM} NOQUANT TIER warm"));
    fill(&mut session, "hot");
    fill(&mut session, "warm");
    assert_eq!(seen(&mut session, "hot"), seen(&mut session, "warm"));
    assert!(tier.bytes() <= 200_000 && tier.refused_bytes() > 0 && tier.refusals() > 0);
    let used = session.ask("info memory");
    assert!(used.contains(&format!("tier_refused_bytes:{}", tier.refused_bytes())), "{used}");
}

#[test]
fn of_a_damaged_set_nothing_is_returned_and_nothing_is_saved() {
    let folder = Folder::new();
    let mut session = session(tier(&folder));
    session.hold_to(&[
        ("vcreate w DIM 2 TIER warm", "+OK"),
        ("vadd w VALUES 2 1 2 a", ":1"),
        ("vadd h VALUES 2 1 2 a", ":1"),
    ]);
    let handle = session.server.keyspace.db(0).vector_set(b"w").ok().flatten().expect("it is there");
    handle.set.space().expect("it is warm").be_damaged();
    drop(handle);
    for line in [
        "vsim w VALUES 2 1 2",
        "vsearch w VALUES 2 1 2",
        "vadd w VALUES 2 1 2 b",
        "vrem w a",
        "vemb w a",
        "vcard w",
        "vinfo w",
        "vsetattr w a {}",
        "vsim h ELE a ALSO w",
    ] {
        let reply = session.ask(line);
        assert!(reply == DAMAGED || line.contains("ALSO") && reply.starts_with('-'), "{line}: {reply}");
    }
    assert!(session.ask("dump w").starts_with('-'));
    assert!(session.ask("copy w c").starts_with('-'));
    session.hold_to(&[("vcard h", ":1"), ("del w", ":1"), ("vadd w VALUES 2 1 2 a", ":1")]);
}
