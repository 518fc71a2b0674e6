//! All commands that move, replace or remove keys and tables, together with all that save them:
//! each request gets its reply, each save ends, and the next server loads the same data.

use std::time::{Duration, Instant};

use crate::connection::{Connection, Request, words};
use crate::process::{Process, Program, Site};
use crate::random::Random;

/// The longest wait for the end of a save.
const WAIT_LIMIT: Duration = Duration::from_secs(60);
/// The number of pipelines that a client sends.
const PIPELINES: u64 = 120;
const CLIENTS: u64 = 3;

/// Some commands that belong together.
fn step(random: &mut Random) -> Vec<String> {
    let mut key = || format!("k{}", random.below(30));
    let one = key();
    let other = key();
    let db = random.below(3);
    let to = random.below(3);
    let number = random.below(20);
    let line = match random.below(14) {
        0..3 => format!("SET {one} {number:0>200}"),
        3 => format!("HSET {one} f{number} x g y"),
        4 => format!("VADD {one} VALUES 2 {} 1 e{number}", number + 1),
        5 => format!("DEL {one}"),
        12 => format!("VTIER {one} COLD"),
        6 | 7 => format!("SWAPDB {db} {to}"),
        8 => format!("MOVE {one} {to}"),
        9 => format!("RENAME {one} {other}"),
        10 => format!("COPY {one} {other} DB {to} REPLACE"),
        11 => ["FLUSHDB", "FLUSHALL ASYNC", "SELECT 1", "SELECT 0"][random.below(4) as usize].into(),
        _ => {
            let queued = [
                "MULTI",
                &format!("SET {one} 1"),
                &format!("SWAPDB {db} {to}"),
                &format!("SET {one} 2"),
                "EXEC",
            ];
            return queued.map(str::to_owned).to_vec();
        }
    };
    vec![line]
}

fn disturb(mut connection: Connection, mut random: Random) {
    for _ in 0..PIPELINES {
        let mut lines: Vec<String> = (0..1 + random.below(7)).flat_map(|_| step(&mut random)).collect();
        if random.once_in(2) {
            // The walk has just begun when tables change places.
            let swaps = vec!["SWAPDB 0 1".to_owned(); 1 + random.below(7) as usize];
            lines = [vec!["BGSAVE".to_owned()], swaps, lines].concat();
        }
        let requests: Vec<Request> = lines.iter().map(|line| words(line)).collect();
        connection.call_all(&requests);
        restore(&mut connection, &mut random);
    }
}

/// `RESTORE … REPLACE` of the value of another key.
fn restore(connection: &mut Connection, random: &mut Random) {
    let dump = connection.must(&format!("DUMP k{}", random.below(30)));
    if dump.error().is_none()
        && let crate::connection::Reply::Bulk(Some(bytes)) = dump
    {
        let mut request = words(&format!("RESTORE k{} 0", random.below(30)));
        request.extend([bytes, b"REPLACE".to_vec()]);
        connection.call(request).expect("the server replies");
    }
}

fn save(mut connection: Connection, mut random: Random) {
    let ways = ["BGSAVE", "BGSAVE SCHEDULE", "SAVE", "BGREWRITEAOF", "DEBUG RELOAD", "INFO"];
    for _ in 0..PIPELINES / 2 {
        connection.must(ways[random.below(ways.len() as u64) as usize]);
    }
}

fn wait_for_saves(connection: &mut Connection) {
    let deadline = Instant::now() + WAIT_LIMIT;
    let fields = ["rdb_bgsave_in_progress", "aof_rewrite_in_progress", "aof_rewrite_scheduled"];
    while let Some(field) = fields.iter().find(|field| connection.info(field) != "0") {
        assert!(Instant::now() < deadline, "{field} stays");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn digest(process: &Process) -> String {
    format!("{:?}", process.connect().must("DEBUG DIGEST"))
}

#[test]
fn saves_end_and_are_correct_while_keys_and_tables_move() {
    if Program::chosen().is_redis {
        return;
    }
    for seed in 0..4 {
        let flags = ["--save", "86400 1000000", "--enable-debug-command", "yes", "--appendfsync", "always"];
        let mut site = Site::new(&format!("mix-{seed}"), &flags);
        site.flags.extend(["--tier-dir", "tier"].map(str::to_owned));
        site.flags.extend(["--appendonly", "yes"].map(str::to_owned));
        let mut process = site.start();
        std::thread::scope(|scope| {
            let process = &process;
            (0..CLIENTS).for_each(|client| {
                scope.spawn(move || disturb(process.connect(), Random::new(seed, client)));
            });
            scope.spawn(move || save(process.connect(), Random::new(seed, CLIENTS)));
        });
        wait_for_saves(&mut process.connect());
        let before = digest(&process);
        process.terminate();
        assert_eq!(process.wait(), Some(0), "seed {seed}");
        assert_eq!(digest(&site.start()), before, "seed {seed}: from the log");
        *site.flags.last_mut().expect("it has flags") = "no".into();
        assert_eq!(digest(&site.start()), before, "seed {seed}: from the snapshot");
    }
}
