//! Warm vector sets in sealed files: over restarts, kills, changes and damage.

use std::fs;
use std::path::PathBuf;

use super::{Folder, Running, rewrite_under_writes, tool};

const WITH_TIER: [&str; 6] = ["--tier-dir", "tier", "--save", "", "--enable-debug-command", "yes"];
const ELEMENTS: usize = 800;
const DIM: usize = 64;

fn start(folder: &Folder, more: &[&str]) -> (Running, String) {
    let mut running = folder.start(&[&WITH_TIER[..], more].concat());
    let log = running.ready();
    (running, log)
}

fn vector(n: usize) -> String {
    let component = |i: usize| ((n * 7919 + i * i * 31 + n * i) % 1009).to_string();
    (0..DIM).map(component).collect::<Vec<_>>().join(" ")
}

/// A warm set, with attributes, an element that was removed, and one that has a deadline.
fn fill(running: &Running) {
    let made = running.call(&format!("VCREATE w DIM {DIM} QUANT NOQUANT TIER warm"));
    assert_eq!(made, "+OK");
    let lines: Vec<_> =
        (0..ELEMENTS).map(|n| format!("VADD w VALUES {DIM} {} e{n} SETATTR {n}", vector(n))).collect();
    running.call(&lines.join("\r\n"));
    assert_eq!(running.call("VREM w e3"), ":1");
    assert_eq!(running.call("VEXPIRE w 999999 MEMBERS 1 e5"), "*1\r\n:1");
}

fn folders(folder: &Folder) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.file("tier")).expect("it is there");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    paths.filter(|path| path.is_dir()).collect()
}

fn figure(running: &Running, name: &str) -> u64 {
    let info = running.call("INFO memory");
    let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.expect("INFO has it").parse().expect("a number")
}

fn memory(running: &Running, key: &str) -> u64 {
    let reply = running.call(&format!("MEMORY USAGE {key}"));
    reply.trim_start_matches(':').parse().expect("a number")
}

fn digest(running: &Running) -> String {
    running.call("DEBUG DIGEST")
}

fn nearest(running: &Running, n: usize) -> String {
    running.call(&format!("VSIM w VALUES {DIM} {} COUNT 5 WITHSCORES WITHATTRIBS", vector(n)))
}

#[test]
fn a_warm_set_is_mapped_after_a_kill_and_goes_on() {
    let folder = Folder::new("sealed-snapshot");
    let (running, _) = start(&folder, &[]);
    fill(&running);
    assert_eq!(running.call("SAVE"), "+OK");
    let (before, found) = (digest(&running), nearest(&running, 17));
    assert_eq!((folders(&folder).len(), figure(&running, "tier_sealed_written")), (1, 1));
    // Nothing has changed: the next snapshot names the same files.
    assert_eq!(running.call("SAVE"), "+OK");
    assert_eq!((folders(&folder).len(), figure(&running, "tier_sealed_reused")), (1, 1));
    drop(running);
    let (running, log) = start(&folder, &[]);
    assert!(log.contains("1 warm vector sets are mapped from their files"), "{log}");
    assert_eq!(figure(&running, "tier_sealed_mapped"), 1);
    assert_eq!((digest(&running), nearest(&running, 17)), (before, found));
    let left = running.call("VTTL w MEMBERS 1 e5");
    assert!(left.starts_with("*1\r\n:99"), "{left}");
    // It is changed, and saved again: one whole set, without what was removed.
    assert_eq!(running.call(&format!("VADD w VALUES {DIM} {} new", vector(5000))), ":1");
    assert_eq!(running.call("VREM w e7"), ":1");
    assert_eq!(running.call("VSETATTR w e8 0"), ":1");
    let changed = digest(&running);
    assert_eq!(running.call("SAVE"), "+OK");
    assert_eq!(figure(&running, "tier_sealed_written"), 1);
    drop(running);
    let (running, _) = start(&folder, &[]);
    assert_eq!((figure(&running, "tier_sealed_mapped"), folders(&folder).len()), (1, 1));
    assert_eq!(digest(&running), changed);
    assert_eq!(running.call("VCARD w"), format!(":{}", ELEMENTS - 1));
    while figure(&running, "tier_sealed_verified_blocks") == 0 {
        std::thread::yield_now();
    }
    assert_eq!(figure(&running, "tier_sealed_wrong_blocks"), 0);
    // Another server reads the snapshot, and what belongs to no key goes with the key.
    assert_eq!(running.call("DEL w"), ":1");
    while !folders(&folder).is_empty() {
        std::thread::yield_now();
    }
    drop(running);
    let mut other = folder.start(&["--save", "", "--enable-debug-command", "yes"]);
    other.ready();
    assert_eq!(digest(&other), changed);
}

#[test]
fn what_was_sealed_takes_the_place_of_what_is_in_memory() {
    let folder = Folder::new("sealed-exchange");
    let (running, _) = start(&folder, &["--appendonly", "yes"]);
    fill(&running);
    let (before, found) = (digest(&running), nearest(&running, 17));
    let memory = || memory(&running, "w");
    let in_memory = memory();
    let log = || {
        let info = running.call("INFO persistence");
        info.lines().find(|line| line.starts_with("aof_current_size:")).map(str::to_owned)
    };
    let written = log();
    assert_eq!(running.call("SAVE"), "+OK");
    while figure(&running, "tier_sealed_exchanged") == 0 {
        std::thread::yield_now();
    }
    assert!(memory() * 3 < in_memory, "{} of {in_memory}", memory());
    assert_eq!((digest(&running), nearest(&running, 17)), (before, found));
    assert_eq!(log(), written, "it is no change");
    assert!(running.call("VTTL w MEMBERS 1 e5").starts_with("*1\r\n:99"));
    // What changes is a change as ever, also of a key that a client watches.
    assert_eq!(running.call("WATCH w\r\nMULTI\r\nVCARD w\r\nEXEC").lines().last(), Some(":799"));
    assert_eq!(running.call(&format!("VADD w VALUES {DIM} {} e9", vector(7777))), ":0");
    assert_eq!(running.call("VREM w e10"), ":1");
    let changed = digest(&running);
    drop(running);
    let (running, _) = start(&folder, &["--appendonly", "yes"]);
    assert_eq!(digest(&running), changed);
}

/// Changes elements until this is true.
fn write_until(running: &Running, mut is_over: impl FnMut() -> bool) {
    for round in 0.. {
        let n = round * 31 % (ELEMENTS + 100);
        let removed = if round % 4 == 0 { (n + 400) % ELEMENTS } else { ELEMENTS };
        running.call(&format!(
            "VADD w VALUES {DIM} {} e{n} SETATTR {round}\r\nVREM w e{removed}\r\nVSETATTR w e{} {round}",
            vector(round),
            (n + 77) % ELEMENTS
        ));
        if is_over() {
            return;
        }
    }
}

#[test]
fn it_takes_the_place_of_a_set_that_goes_on_changing() {
    let folder = Folder::new("sealed-follow");
    let (running, _) = start(&folder, &["--appendonly", "yes"]);
    fill(&running);
    for exchanged in 1..4 {
        assert_eq!(running.call("BGSAVE"), "+Background saving started");
        write_until(&running, || figure(&running, "tier_sealed_exchanged") == exchanged);
    }
    assert_eq!(figure(&running, "tier_sealed_outrun"), 0);
    write_until(&running, || true);
    let (before, card, found) = (digest(&running), running.call("VCARD w"), nearest(&running, 17));
    drop(running);
    // The log has been written by clients alone, so it says what they have done.
    let (running, _) = start(&folder, &["--appendonly", "yes"]);
    assert_eq!((digest(&running), running.call("VCARD w")), (before, card));
    assert_eq!(nearest(&running, 17), found);
}

#[test]
fn a_set_that_has_changed_much_is_written_anew_without_a_snapshot() {
    let folder = Folder::new("sealed-merge");
    let (running, _) = start(&folder, &["--appendonly", "yes", "--compression-threshold", "0"]);
    fill(&running);
    let memory = || memory(&running, "w");
    let describe = |elements: std::ops::Range<usize>| {
        for n in elements {
            running.call(&format!("VSETATTR w e{n} {n}{:0>8192}", n * n));
        }
    };
    let merged = || figure(&running, "tier_sealed_merged");
    describe(10..ELEMENTS);
    while merged() == 0 {
        std::thread::yield_now();
    }
    assert!(memory() < 1 << 20, "{}", memory());
    assert_eq!(folders(&folder).len(), 1);
    // A little more is not worth it; what it is, the log and the next snapshot have.
    describe(0..20);
    let before = digest(&running);
    assert_eq!((running.call("DBSIZE").as_str(), merged()), (":1", 1));
    drop(running);
    let options = ["--appendonly", "yes", "--compression-threshold", "0"];
    let (running, _) = start(&folder, &options);
    assert_eq!(digest(&running), before);
    // No snapshot names the files of the set that was killed. They are written again, and named.
    while figure(&running, "tier_sealed_merged") == 0 {
        std::thread::yield_now();
    }
    rewrite_under_writes(&running);
    let before = digest(&running);
    drop(running);
    let (running, _) = start(&folder, &options);
    assert_eq!((digest(&running), figure(&running, "tier_sealed_mapped")), (before, 1));
}

#[test]
fn sets_go_into_files_before_elements_are_evicted() {
    let folder = Folder::new("sealed-demote");
    let options = "--appendonly yes --maxmemory 24mb --maxmemory-policy allkeys-lru --tier-policy demote \
                   --mem-threshold-warn 40 --mem-threshold-high 50";
    let options: Vec<&str> = options.split_whitespace().collect();
    let (running, _) = start(&folder, &options);
    let add = |running: &Running, set: &str, elements: std::ops::Range<usize>| {
        let lines =
            elements.map(|n| format!("VADD {set} VALUES {DIM} {} e{n} NOQUANT SETATTR {n}", vector(n)));
        assert!(!running.call(&lines.collect::<Vec<_>>().join("\r\n")).contains("-ERR"));
    };
    // About 600 bytes each: more than the limit.
    for part in 0..30 {
        let set = ["a", "b", "c"][part / 10];
        add(&running, set, part % 10 * 1500..(part % 10 + 1) * 1500);
        // The disk may be slower than this client.
        while figure(&running, "used_memory") > 17 << 20 {
            std::thread::yield_now();
        }
    }
    assert!(figure(&running, "tier_sealed_demoted") > 0, "nothing went into files");
    let stats = running.call("INFO stats");
    assert!(stats.contains("evicted_elements:0") && stats.contains("evicted_keys:0"), "{stats}");
    let cards = |running: &Running| ["a", "b", "c"].map(|set| running.call(&format!("VCARD {set}")));
    assert_eq!(cards(&running), [":15000", ":15000", ":15000"].map(str::to_owned));
    assert!(running.call("VTIER a").contains("warm"));
    let before = digest(&running);
    rewrite_under_writes(&running);
    assert_eq!(running.call("DEL n large plain"), ":3");
    assert_eq!(digest(&running), before);
    drop(running);
    let (running, _) = start(&folder, &options);
    assert_eq!(
        (digest(&running), cards(&running)),
        (before, [":15000", ":15000", ":15000"].map(str::to_owned))
    );
    assert!(figure(&running, "tier_sealed_mapped") > 0);
}

#[test]
fn a_set_comes_back_when_there_is_room_and_it_is_used() {
    comes_back("allkeys-lru");
}

/// Of a key, searches are no use by this policy.
#[test]
fn a_set_that_is_only_searched_comes_back_by_any_policy() {
    comes_back("allkeys-lrm");
}

fn comes_back(policy: &str) {
    let folder = Folder::new(&format!("sealed-raise-{policy}"));
    let options = ["--maxmemory", "8mb", "--maxmemory-policy", policy, "--tier-policy", "demote"];
    let more = ["--mem-threshold-warn", "40", "--mem-threshold-high", "50", "--appendonly", "yes"];
    let (running, _) = start(&folder, &[&options[..], &more].concat());
    let add = |set: &str, elements: std::ops::Range<usize>| {
        let lines = elements.map(|n| format!("VADD {set} VALUES {DIM} {} e{n} NOQUANT", vector(n)));
        assert!(!running.call(&lines.collect::<Vec<_>>().join("\r\n")).contains("-ERR"));
    };
    assert_eq!(running.call(&format!("VCREATE w DIM {DIM} QUANT NOQUANT CACHE")), "+OK");
    let set = |n: usize| format!("VCACHE.SET w e{n} VALUES {DIM} {} {}", vector(n), answer(n));
    running.call(&(0..2000).map(set).collect::<Vec<_>>().join("\r\n"));
    add("unused", 0..2000);
    add("last", 0..6000);
    let lies = |set: &str| {
        let reply = running.call(&format!("VTIER {set}"));
        reply.split_once("+tier").is_some_and(|(_, tier)| tier.trim_start().starts_with("+warm"))
    };
    let until = |set: &str, is_warm: bool| {
        while lies(set) != is_warm {
            nearest(&running, 7);
        }
    };
    until("w", true);
    until("unused", true);
    let (before, answers) = (digest(&running), nearest(&running, 7));
    // So that nothing is used but `w`: what was written last was not for long enough.
    while running.call("OBJECT IDLETIME last").trim_start_matches(':').parse::<u64>().expect("a number") < 3 {
        nearest(&running, 7);
    }
    assert_eq!(running.call("CONFIG SET maxmemory 100mb"), "+OK");
    until("w", false);
    assert!(lies("unused"));
    // It is counted behind the exchange.
    while figure(&running, "tier_sealed_raised") == 0 {
        std::thread::yield_now();
    }
    assert_eq!(figure(&running, "tier_sealed_raised"), 1);
    assert_eq!((digest(&running), nearest(&running, 7)), (before.clone(), answers.clone()));
    assert!(running.call("INFO stats").contains("evicted_elements:0"));
    assert_eq!(running.call("CONFIG SET maxmemory 8mb"), "+OK");
    until("w", true);
    drop(running);
    let (running, _) = start(&folder, &[&options[..], &more].concat());
    assert_eq!((digest(&running), nearest(&running, 7)), (before, answers));
}

/// The lines of what a cache answers to a question, its token last.
fn ask(running: &Running, n: usize) -> Vec<String> {
    let reply = running.call(&format!("VCACHE.GET c VALUES {DIM} {} MAXERROR 0.05", vector(n)));
    reply.lines().map(str::to_owned).collect()
}

fn report(running: &Running, n: usize, is_right: bool) -> String {
    let token = ask(running, n).pop().expect("a reply has a last word");
    running.call(&format!("VCACHE.FEEDBACK c {token} {}", u8::from(is_right)))
}

fn answer(n: usize) -> String {
    format!("answer-{n}-{}", "x".repeat(n % 50 * 40))
}

#[test]
fn a_cache_is_mapped_with_payloads_and_with_what_it_has_learnt() {
    let folder = Folder::new("sealed-cache");
    let options = ["--appendonly", "yes"];
    let (running, _) = start(&folder, &options);
    assert_eq!(running.call(&format!("VCREATE c DIM {DIM} NOQUANT TIER warm CACHE")), "+OK");
    let set = |n: usize| format!("VCACHE.SET c e{n} VALUES {DIM} {} {} COST {n}", vector(n), answer(n));
    let lines: Vec<_> = (0..ELEMENTS).map(set).collect();
    running.call(&lines.join("\r\n"));
    let alias = format!("VCACHE.ALIAS c e1 VALUES {DIM} {}", vector(5000));
    assert_eq!(running.call(&alias), ":1");
    (0..60).for_each(|n| assert!(report(&running, n * 7, n % 9 != 0).starts_with(':')));
    let learnt = running.call("VCACHE.ADVISE c MAXERROR 0.1");
    let memory = || memory(&running, "c");
    let (in_memory, before, asked) = (memory(), digest(&running), ask(&running, 5));
    let token = asked.last().expect("a reply has a last word");
    assert_eq!(running.call("SAVE"), "+OK");
    while figure(&running, "tier_sealed_exchanged") == 0 {
        std::thread::yield_now();
    }
    assert!(memory() * 3 < in_memory, "{} of {in_memory}", memory());
    assert_eq!(digest(&running), before);
    // Answers that were given before are reported to the set that has taken the place.
    assert_eq!(running.call(&format!("VCACHE.FEEDBACK c {token} 1")), ":1");
    assert_eq!(running.call("VREM c e9"), ":1");
    assert_eq!(running.call(&set(10).replace("answer-10-", "answer-again-")), "*1\r\n$7\r\nupdated");
    assert_eq!(running.call(&set(5001)), "*1\r\n$5\r\nadded");
    let changed = digest(&running);
    assert_ne!(changed, before);
    let counts =
        || running.call("VCACHE.STATS c").split_once("+searches").map(|(_, counts)| counts.to_owned());
    let counted = counts();
    rewrite_under_writes(&running);
    while figure(&running, "tier_sealed_exchanged") < 2 {
        std::thread::yield_now();
    }
    assert_eq!(counts(), counted);
    assert_eq!(running.call("DEL n large plain"), ":3");
    (100..110).for_each(|n| assert_eq!(report(&running, n, true), ":1"));
    let changed = (digest(&running), running.call("VCACHE.ADVISE c MAXERROR 0.1"));
    assert_ne!(changed.1, learnt);
    drop(running);
    let (running, _) = start(&folder, &options);
    assert_eq!(figure(&running, "tier_sealed_mapped"), 1);
    assert_eq!((digest(&running), running.call("VCACHE.ADVISE c MAXERROR 0.1")), changed);
    let found = |n: usize| ask(&running, n).join(" ");
    assert!(found(2).contains(&answer(2)) && found(5001).contains(&answer(5001)));
    assert!(found(5000).contains(&answer(1)) && found(10).contains("answer-again-"));
    // A payload that is not what it was is not returned.
    let path = folders(&folder).into_iter().find(|path| path.join("payloads").exists());
    drop(running);
    let payloads = path.expect("it is sealed").join("payloads");
    let mut bytes = fs::read(&payloads).expect("it is there");
    bytes.iter_mut().step_by(64).for_each(|byte| *byte ^= 1);
    fs::write(&payloads, bytes).expect("it is ours");
    let (running, _) = start(&folder, &options);
    let reply = running.call(&format!("VCACHE.GET c VALUES {DIM} {} MINSCORE 0.9", vector(2)));
    assert!(reply.starts_with("-ERR vector set is damaged: ") && reply.contains("block"), "{reply}");
}

#[test]
fn a_log_goes_on_from_mapped_sets() {
    let folder = Folder::new("sealed-log");
    let options = ["--appendonly", "yes"];
    let (mut running, _) = start(&folder, &options);
    fill(&running);
    rewrite_under_writes(&running);
    for round in 0..3 {
        let added = format!("VADD w VALUES {DIM} {} tail{round}", vector(9000 + round));
        assert_eq!(running.call(&added), ":1");
        assert_eq!(running.call(&format!("VREM w e{}", 20 + round)), ":1");
        if round == 1 {
            // A snapshot has files of its own, and does not take those of the log's base away.
            assert_eq!(running.call("SAVE"), "+OK");
            assert_eq!(folders(&folder).len(), 2);
        }
        let before = digest(&running);
        drop(running);
        running = start(&folder, &options).0;
        assert_eq!(figure(&running, "tier_sealed_mapped"), 1, "{round}");
        assert_eq!(digest(&running), before, "{round}");
        // Only what the log names is there.
        assert_eq!(folders(&folder).len(), 1);
    }
    rewrite_under_writes(&running);
    let before = digest(&running);
    drop(running);
    let (running, _) = start(&folder, &options);
    assert_eq!((figure(&running, "tier_sealed_mapped"), digest(&running)), (1, before));
}

#[test]
fn files_that_are_damaged_or_gone_cost_nothing_but_time() {
    let folder = Folder::new("sealed-damage");
    let (running, _) = start(&folder, &[]);
    fill(&running);
    assert_eq!(running.call("SAVE"), "+OK");
    let before = digest(&running);
    let path = folders(&folder).remove(0);
    let checked = tool(&["check-tier"], &folder.file("tier"));
    let text = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(
        checked.status.success() && text.contains(&format!("{} vectors of {DIM} components", ELEMENTS - 1))
    );
    drop(running);
    // A byte of a code is another: found by the tool, and by the server soon after its start.
    let codes = path.join("best-bodies");
    let good = fs::read(&codes).expect("it is there");
    let mut bad = good.clone();
    bad[1000] ^= 1;
    fs::write(&codes, &bad).expect("it is ours");
    let checked = tool(&["check-tier"], &folder.file("tier"));
    let text = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert_eq!(checked.status.code(), Some(1));
    assert!(text.contains(&format!("{}: block 0 at offset 0", codes.display())), "{text}");
    let (running, _) = start(&folder, &[]);
    while figure(&running, "tier_sealed_wrong_blocks") == 0 {
        std::thread::yield_now();
    }
    let reply = nearest(&running, 1);
    assert!(reply.starts_with("-ERR vector set is damaged: ") && reply.contains("block 0"), "{reply}");
    // The snapshot on the disk is not replaced by one without the set.
    assert!(running.call("SAVE").starts_with("-ERR"));
    drop(running);
    // Cut, or with a wrong head: the set comes from the snapshot.
    for (file, bytes) in [("best-bodies", &good[..good.len() / 2]), ("head", &good[..500])] {
        fs::write(path.join(file), bytes).expect("it is ours");
        let (running, log) = start(&folder, &[]);
        assert_eq!(figure(&running, "tier_sealed_mapped"), 0, "{log}");
        assert_eq!(digest(&running), before);
        drop(running);
        if !path.exists() {
            break;
        }
    }
}

#[test]
fn what_was_never_completed_or_belongs_to_no_set_is_removed() {
    let folder = Folder::new("sealed-orphans");
    let (running, _) = start(&folder, &[]);
    fill(&running);
    assert_eq!(running.call("SAVE"), "+OK");
    drop(running);
    let path = folders(&folder).remove(0);
    let partial = folder.file("tier").join("00112233445566778899aabbccddeeff.sealed-part");
    fs::create_dir(&partial).expect("it is ours");
    fs::write(partial.join("links"), b"some").expect("it is ours");
    fs::remove_file(folder.file("dump.rdb")).expect("it is there");
    let (running, log) = start(&folder, &[]);
    assert!(log.contains("1 files of tier-dir belonged to no vector set"), "{log}");
    assert!(!path.exists() && !partial.exists());
    assert_eq!(running.call("DBSIZE"), ":0");
}
