//! Warm sets: an extension.

use std::sync::Arc;

use crate::commands::testing::Session;
use crate::keyspace::TierDir;
use crate::persistence::files::testing::Folder;

const NOW_MS: i64 = 1_790_000_000_000;
const DAMAGED: &str = "-ERR vector set is damaged: some of its bytes in 'tier-dir' could not be read; delete \
    it, or restart to make it anew from the snapshot and the log";
/// So many elements that large segments are needed.
const ELEMENTS: usize = 2_200;
const DIM: usize = 64;

fn tier(folder: &Folder) -> Arc<TierDir> {
    TierDir::open(folder.path()).expect("it can be used")
}

fn session(tier: Arc<TierDir>) -> Session {
    let session = Session::at(NOW_MS);
    session.server.keyspace.set_tier(tier);
    session
}

fn vector(n: usize) -> String {
    let component = |i: usize| (((n * 31 + i * 17) as f32 * 0.731).sin() * 1000.0).round() / 1000.0;
    (0..DIM).map(|i| component(i).to_string()).collect::<Vec<_>>().join(" ")
}

fn fill(session: &mut Session, key: &str) {
    for n in 0..ELEMENTS {
        session.ask(&format!("vadd {key} VALUES {DIM} {} e{n} SETATTR {n}", vector(n)));
    }
}

/// The replies to some requests that read.
fn seen(session: &mut Session, key: &str) -> Vec<String> {
    let near = |n: usize| format!("vsim {key} VALUES {DIM} {} WITHSCORES COUNT 20", vector(n));
    let lines = (0..20).map(|n| near(n * 149 + 7)).chain([
        format!("vsearch {key} ELE e77 FILTER '.>2000' COUNT 5"),
        format!("vemb {key} e100"),
        format!("vrange {key} [e2 [e21"),
        format!("vcard {key}"),
    ]);
    lines.map(|line| session.ask(&line)).collect()
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
        assert_eq!(seen(&mut session, "hot"), seen(&mut session, "warm"), "{options}");
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
    handle.set.space().expect("it is warm").damage();
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
