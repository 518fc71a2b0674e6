//! Commands that wait block no compute thread.

use std::time::{Duration, Instant};

use crate::connection::{Connection, Reply, Request, words};
use crate::process::{Program, Site};
use crate::shim::FailingDisk;

/// Components of a vector: so many that a search among a few of them is heavy.
const DIM: usize = 65_536;
/// Of 256 KiB each: a search that reads more than 8 MiB leaves the network thread.
const ELEMENTS: u32 = 36;

/// Not for Redis: it saves on the thread that replies.
fn site(name: &str, flags: &[&str]) -> Option<Site> {
    let flags = [&["--io-threads", "1", "--compute-threads", "1"], flags].concat();
    (!Program::chosen().is_redis).then(|| Site::new(&format!("blocking-{name}"), &flags))
}

fn add(element: u32) -> Request {
    let mut request = words("VADD set FP32 VECTOR ELEMENT NOQUANT");
    request[3] = (0..DIM as u32).flat_map(|at| ((element * at % 7) as f32).to_le_bytes()).collect();
    request[4] = element.to_string().into_bytes();
    request
}

/// Adds elements, and makes sure that a search among them runs on the compute pool.
fn fill(connection: &mut Connection) {
    for element in 1..=ELEMENTS {
        assert_eq!(connection.call(add(element)).expect("the server replies"), Reply::Integer(1));
    }
    let on_compute_pool = |connection: &mut Connection| {
        connection.info("commands_on_compute_pool").parse::<u64>().expect("a number")
    };
    let before = on_compute_pool(connection);
    search(connection);
    assert!(on_compute_pool(connection) > before, "the search is heavy");
}

fn search(connection: &mut Connection) {
    let found = connection.must(&format!("VSIM set ELE 1 COUNT {ELEMENTS}")).array();
    assert_eq!(found.len(), ELEMENTS as usize);
}

#[test]
fn a_save_on_a_disk_that_hangs_does_not_stop_heavy_commands() {
    let Some(mut site) = site("save", &["--save", ""]) else { return };
    let Some(disk) = FailingDisk::new(&mut site) else { return };
    let process = site.start();
    let mut saver = process.connect();
    let mut searcher = process.connect();
    fill(&mut searcher);
    disk.fail("rename HANG");
    saver.send(&[words("SAVE")]).expect("the server reads");
    process.wait_for_command("save");
    search(&mut searcher);
    assert_eq!(
        searcher.must("CONFIG SET maxclients 1000"),
        Reply::Simple("OK".into()),
        "other commands may wait too"
    );
    assert!(!saver.has_reply(), "it waits for the disk");
    disk.mend();
    assert_eq!(saver.receive().expect("the server replies"), Reply::Simple("OK".into()));
}

/// Clients whose writes are held back, if so many files may be open.
const WRITERS: usize = 10_000;
/// Files that a process needs besides those of the writers.
const OTHER_FILES: usize = 200;
/// For how long the server is watched while all are held back.
const WATCHED: Duration = Duration::from_secs(2);
/// Part of one core, in percent, that a server with nothing to do may use.
const IDLE_PERCENT: u64 = 20;

/// How many files this process, and a server that it starts, may have open.
fn files_allowed() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(1024)
}

fn wait_until_blocked(observer: &mut Connection, clients: usize) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while observer.info("blocked_clients").parse::<usize>().expect("a number") < clients {
        assert!(Instant::now() < deadline, "writes are not held back");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn writers_that_are_held_back_use_no_processor_time_and_go_on_when_there_is_room() {
    let flags =
        ["--save", "", "--appendonly", "yes", "--appendfsync", "always", "--aof-buffer-limit", "4096"];
    let more = ["--busy-poll-us", "0", "--maxclients", "20000"];
    let Some(mut site) = site("writers", &[&flags[..], &more].concat()) else { return };
    let Some(disk) = FailingDisk::new(&mut site) else { return };
    let process = site.start();
    let mut observer = process.connect();
    disk.fail("sync HANG");
    let value = "x".repeat(64);
    let count = WRITERS.min(files_allowed().saturating_sub(OTHER_FILES));
    let mut writers: Vec<_> = (0..count).map(|_| process.connect()).collect();
    for writer in &mut writers {
        writer.send(&[words(&format!("SET key {value}"))]).expect("the server reads");
    }
    // The first writes filled the buffer of the log.
    wait_until_blocked(&mut observer, count - 200);
    if let Some(before) = process.ticks() {
        std::thread::sleep(WATCHED);
        let used = process.ticks().expect("it runs") - before;
        assert!(used < WATCHED.as_secs() * IDLE_PERCENT, "{used} ticks were used");
    }
    disk.mend();
    for writer in &mut writers {
        assert_eq!(writer.receive().expect("the server replies"), Reply::Simple("OK".into()));
    }
    assert_eq!(observer.info("blocked_clients"), "0");
}
