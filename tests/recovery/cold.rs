//! Vector sets in cold files: over restarts, kills and damage.

use std::fs;
use std::path::PathBuf;

use super::{Folder, Running, rewrite_under_writes, tool};

const WITH_TIER: [&str; 4] = ["--tier-dir", "tier", "--save", ""];

fn start(folder: &Folder, more: &[&str]) -> (Running, String) {
    let mut running = folder.start(&[&WITH_TIER[..], more].concat());
    let log = running.ready();
    (running, log)
}

/// Sets `a` and `b` of a hundred elements, the first in a file.
fn fill(running: &Running) {
    for key in ["a", "b"] {
        let lines: Vec<_> = (0..100)
            .map(|n| format!("VADD {key} VALUES 3 {} 1 {} e{n} SETATTR {n}", n % 7, (n * n) % 11))
            .collect();
        running.call(&lines.join("\r\n"));
    }
    assert_eq!(running.call("VTIER a COLD"), "+OK");
}

fn is_cold(running: &Running, key: &str) -> bool {
    running.call(&format!("VTIER {key}")).contains("+tier\r\n+cold\r\n")
}

/// The digest of all data; of a cold set too, which stays cold.
fn digest(running: &Running) -> String {
    running.call("DEBUG DIGEST")
}

const DEBUG: [&str; 2] = ["--enable-debug-command", "yes"];

fn files(folder: &Folder) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.file("tier")).expect("it is there");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    paths.filter(|path| !path.ends_with("nearhit.lock")).collect()
}

#[test]
fn a_set_stays_cold_over_restarts_and_kills() {
    let folder = Folder::new("cold-snapshot");
    let (running, _) = start(&folder, &DEBUG);
    fill(&running);
    let before = digest(&running);
    assert_eq!(running.call("SAVE"), "+OK");
    // Killed.
    drop(running);
    let (running, log) = start(&folder, &DEBUG);
    assert!(log.contains("1 vector sets stay in cold files"), "{log}");
    assert!(is_cold(&running, "a") && !is_cold(&running, "b"));
    assert_eq!(digest(&running), before);
    assert!(is_cold(&running, "a"));
    assert_eq!(running.call("VCARD a"), ":100");
    assert!(!is_cold(&running, "a"));
    // It goes with the last reference, which another thread may drop.
    while !files(&folder).is_empty() {
        std::thread::yield_now();
    }
    assert_eq!(digest(&running), before);
    drop(running);
    // The snapshot names a file that is gone: it has the set itself.
    let (running, log) = start(&folder, &DEBUG);
    assert!(!log.contains("cold files"), "{log}");
    assert!(!is_cold(&running, "a"));
    assert_eq!(digest(&running), before);
    // An end in order, with a snapshot.
    assert_eq!(running.call("VTIER b COLD"), "+OK");
    assert_eq!(running.call("SHUTDOWN SAVE"), "");
    drop(running);
    assert_eq!(files(&folder).len(), 1);
    let (running, _) = start(&folder, &DEBUG);
    assert!(is_cold(&running, "b") && !is_cold(&running, "a"));
    assert_eq!(digest(&running), before);
}

#[test]
fn files_that_no_key_has_are_removed() {
    let folder = Folder::new("cold-orphans");
    let (running, _) = start(&folder, &[]);
    fill(&running);
    assert_eq!(files(&folder).len(), 1);
    drop(running);
    // Nothing was saved.
    let (running, log) = start(&folder, &[]);
    assert!(log.contains("1 files of tier-dir belonged to no vector set"), "{log}");
    assert!(files(&folder).is_empty());
    assert_eq!(running.call("DBSIZE"), ":0");
}

#[test]
fn a_log_goes_on_from_cold_sets() {
    for preamble in ["yes", "no"] {
        let folder = Folder::new(&format!("cold-log-{preamble}"));
        let options = ["--appendonly", "yes", "--aof-use-rdb-preamble", preamble, DEBUG[0], DEBUG[1]];
        let (running, _) = start(&folder, &options);
        fill(&running);
        // The base copies what is in the file, and other keys change meanwhile.
        rewrite_under_writes(&running);
        assert!(is_cold(&running, "a"));
        let before = digest(&running);
        drop(running);
        let (running, _) = start(&folder, &options);
        // Of commands, a base makes the set as any other.
        assert_eq!(is_cold(&running, "a"), preamble == "yes");
        assert_eq!(digest(&running), before);
        assert_eq!(running.call("VADD a VALUES 3 9 9 9 new"), ":1");
        let before = digest(&running);
        drop(running);
        let (running, _) = start(&folder, &options);
        assert_eq!(running.call("VCARD a"), ":101");
        assert_eq!(digest(&running), before, "{preamble}");
    }
}

#[test]
fn damage_is_found_by_the_tool_and_at_the_first_use() {
    let folder = Folder::new("cold-damage");
    let (running, _) = start(&folder, &DEBUG);
    fill(&running);
    let before = digest(&running);
    assert_eq!(running.call("SAVE"), "+OK");
    let checked = tool(&["check-tier"], &folder.file("tier"));
    assert!(checked.status.success());
    let text = String::from_utf8_lossy(&checked.stdout);
    assert!(text.contains(": whole, 100 vectors of 3 components"), "{text}");
    assert!(text.contains("1 vector sets, all whole."), "{text}");
    drop(running);
    let path = files(&folder).remove(0);
    let good = fs::read(&path).expect("it is there");
    let mut bad = good.clone();
    bad[200] ^= 1;
    fs::write(&path, &bad).expect("it is ours");
    let checked = tool(&["check-tier"], &folder.file("tier"));
    assert_eq!(checked.status.code(), Some(1));
    let text = String::from_utf8_lossy(&checked.stdout);
    assert!(text.contains(&format!("{}: block 0 at offset 72", path.display())), "{text}");
    let (running, _) = start(&folder, &DEBUG);
    assert!(is_cold(&running, "a"));
    let reply = running.call("VCARD a");
    assert!(
        reply.starts_with("-ERR the vector set cannot be read: ") && reply.contains("block 0"),
        "{reply}"
    );
    // Other keys are served, and the snapshot on the disk is not replaced by one without the set.
    assert_eq!(running.call("VCARD b"), ":100");
    assert!(running.call("SAVE").starts_with("-ERR"));
    drop(running);
    // Without the file, the set comes from the snapshot.
    fs::remove_file(&path).expect("it is there");
    let (running, _) = start(&folder, &DEBUG);
    assert_eq!(running.call("VCARD a"), ":100");
    assert_eq!(digest(&running), before);
}

#[test]
fn sets_that_nobody_uses_go_by_themselves() {
    let folder = Folder::new("cold-idle");
    let refused = folder.refusal(&["--tier-cold-after", "5"]);
    assert!(refused.contains("tier-cold-after"), "{refused}");
    let (running, _) = start(&folder, &["--tier-cold-after", "1"]);
    // Large enough to be worth a file.
    let lines: Vec<_> = (0..600)
        .map(|n| {
            format!(
                "VADD large VALUES 16 {} e{n}",
                (0..16).map(|i| ((n * 31 + i * 7) % 97).to_string()).collect::<Vec<_>>().join(" ")
            )
        })
        .collect();
    running.call(&lines.join("\r\n"));
    running.call("VADD small VALUES 2 1 2 a");
    while !is_cold(&running, "large") {
        std::thread::yield_now();
    }
    assert!(!is_cold(&running, "small"));
    assert_eq!(running.call("CONFIG SET tier-cold-after 0"), "+OK");
    assert_eq!(running.call("VCARD large"), ":600");
    let info = running.call("INFO memory");
    assert!(info.contains("tier_cold_stored:1\r\n") && info.contains("tier_cold_opened:1\r\n"), "{info}");
}
