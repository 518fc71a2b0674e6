//! Keys and fields that end within milliseconds while readers meet them, beside what moves them and
//! what saves them: each is counted once, and none comes back from the log.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use crate::connection::{Connection, Reply, words};
use crate::process::{Process, Program, Site};
use crate::random::Random;

/// What has not come to pass in so long never will.
const PATIENCE: Duration = Duration::from_secs(60);
const ROUNDS: u64 = 400;
const WRITERS: u64 = 3;
const READERS: u64 = 2;
/// Keys that all clients count up.
const SHARED: u64 = 4;

/// What was made that ends, less what was taken away before it could end.
#[derive(Default)]
struct Made {
    keys: AtomicI64,
    fields: AtomicI64,
}

impl Made {
    fn add_keys(&self, count: i64) {
        self.keys.fetch_add(count, Ordering::Relaxed);
    }

    fn add_fields(&self, count: i64) {
        self.fields.fetch_add(count, Ordering::Relaxed);
    }
}

struct Writer<'m> {
    connection: Connection,
    random: Random,
    number: u64,
    made: &'m Made,
}

impl Writer<'_> {
    fn run(mut self) {
        for round in 0..ROUNDS {
            self.step(&format!("{}-{round}", self.number));
        }
    }

    fn ask(&mut self, line: &str) -> Reply {
        self.connection.must(line)
    }

    /// `name` is new with each round.
    fn step(&mut self, name: &str) {
        let (ms, shared) = (1 + self.random.below(4), self.random.below(SHARED));
        match self.random.below(9) {
            0 | 1 => self.make(&format!("SET k{name} v PX {ms}")),
            2 => self.make(&format!("PSETEX k{name} {ms} v")),
            3 => self.overwrite(&format!("o{}", self.number), ms),
            4 => self.count_up(&format!("c{shared}"), ms),
            5 => self.count_up_at_once(&format!("c{shared}"), ms),
            6 => self.make_field(name, ms),
            7 => self.rename(name),
            _ => self.copy_and_delete(name, ms),
        }
    }

    /// Makes a key that was not there.
    fn make(&mut self, line: &str) {
        assert_eq!(self.ask(line).error(), None, "{line}");
        self.made.add_keys(1);
    }

    fn overwrite(&mut self, key: &str, ms: u64) {
        let before = self.ask(&format!("SET {key} v GET PX {ms}")).bulk();
        self.made.add_keys(i64::from(before.is_none()));
    }

    /// A key that ends is counted up from nothing the next time.
    fn count_up(&mut self, key: &str, ms: u64) {
        let value = self.ask(&format!("INCR {key}")).integer();
        self.made.add_keys(i64::from(value == 1));
        self.ask(&format!("PEXPIRE {key} {ms}"));
    }

    fn count_up_at_once(&mut self, key: &str, ms: u64) {
        let lines =
            ["MULTI".to_owned(), format!("INCR {key}"), format!("PEXPIRE {key} {ms}"), "EXEC".to_owned()];
        let requests = lines.map(|line| words(&line));
        let replies = self.connection.ask_all(&requests).pop().expect("EXEC has a reply").array();
        assert_eq!(replies[1].integer(), 1, "the key is there");
        self.made.add_keys(i64::from(replies[0].integer() == 1));
    }

    fn make_field(&mut self, name: &str, ms: u64) {
        let key = format!("h{}", self.number);
        assert_eq!(self.ask(&format!("HSETEX {key} PX {ms} FIELDS 1 f{name} v")).integer(), 1);
        self.made.add_fields(1);
    }

    /// The hash with its fields, to a key that is not there.
    fn rename(&mut self, name: &str) {
        let key = format!("h{}", self.number);
        self.ask(&format!("RENAME {key} h{name}"));
    }

    fn copy_and_delete(&mut self, name: &str, ms: u64) {
        self.make(&format!("SET k{name} v PX {ms}"));
        let copied = self.ask(&format!("COPY k{name} l{name}")).integer();
        let deleted = self.ask(&format!("DEL k{name}")).integer();
        self.made.add_keys(copied - deleted);
    }
}

/// Meets what the writers make.
fn read(mut connection: Connection, mut random: Random) {
    for round in 0..2 * ROUNDS {
        let (client, near) = (random.below(WRITERS), round / 2 + random.below(8));
        let (key, shared) = (format!("k{client}-{near}"), format!("c{}", random.below(SHARED)));
        let line = match random.below(9) {
            0 => format!("GET {key}"),
            1 => format!("MGET {key} {shared} o{client}"),
            2 => format!("EXISTS {shared} {key}"),
            3 => format!("PTTL {shared}"),
            4 => format!("HGET h{client} f{client}-{near}"),
            5 => format!("HGETALL h{client}"),
            6 => "SCAN 0 COUNT 100".to_owned(),
            7 => "RANDOMKEY".to_owned(),
            _ => format!("STRLEN o{client}"),
        };
        connection.must(&line);
    }
}

/// Saves, and moves whole databases.
fn disturb(mut connection: Connection, mut random: Random, flushes: bool) {
    for _ in 0..ROUNDS / 4 {
        let line = match random.below(6) {
            0 => "BGSAVE",
            1 => "BGREWRITEAOF",
            2 | 3 => "SWAPDB 0 1",
            4 => "CLIENT PAUSE 4 WRITE",
            _ if flushes => "FLUSHALL",
            _ => "INFO",
        };
        connection.must(line);
        std::thread::sleep(Duration::from_millis(random.below(4)));
    }
}

fn count(connection: &mut Connection, field: &str) -> i64 {
    connection.info(field).parse().expect("a number")
}

/// Waits until everything has ended, saves too.
fn wait_for_the_ends(connection: &mut Connection) {
    // A swap between INCR and PEXPIRE left keys without an end.
    for db in 0..2 {
        connection.must(&format!("SELECT {db}"));
        (0..SHARED).for_each(|number| drop(connection.must(&format!("PEXPIRE c{number} 1"))));
    }
    let deadline = Instant::now() + PATIENCE;
    let waits = ["rdb_bgsave_in_progress", "aof_rewrite_in_progress", "aof_rewrite_scheduled"];
    while waits.iter().any(|field| connection.info(field) != "0") || has_keys(connection) {
        assert!(Instant::now() < deadline, "a save does not end, or a key");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn has_keys(connection: &mut Connection) -> bool {
    let lines = ["SELECT 1", "DBSIZE", "SELECT 0", "DBSIZE"].map(words);
    let sizes = connection.ask_all(&lines);
    sizes[1].integer() + sizes[3].integer() > 0
}

/// All that was made is counted as ended, and not more.
fn wait_for_counts(connection: &mut Connection, made: &Made, seed: u64) {
    let deadline = Instant::now() + PATIENCE;
    let made = [&made.keys, &made.fields].map(|count| count.load(Ordering::Relaxed));
    loop {
        let ended = ["expired_keys", "expired_subkeys"].map(|field| count(connection, field));
        if ended == made {
            return;
        }
        let is_more = ended[0] > made[0] || ended[1] > made[1];
        assert!(!is_more && Instant::now() < deadline, "seed {seed}: {ended:?} ended of {made:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn run(process: &Process, seed: u64, flushes: bool) -> Made {
    let total = Made::default();
    let made = &total;
    std::thread::scope(|scope| {
        for number in 0..WRITERS {
            let (connection, random) = (process.connect(), Random::new(seed, number));
            scope.spawn(move || Writer { connection, random, number, made }.run());
        }
        for number in WRITERS..WRITERS + READERS {
            scope.spawn(move || read(process.connect(), Random::new(seed, number)));
        }
        scope.spawn(move || disturb(process.connect(), Random::new(seed, WRITERS + READERS), flushes));
    });
    total
}

fn site(name: &str) -> Site {
    let flags =
        ["--save", "", "--appendonly", "yes", "--appendfsync", "always", "--enable-debug-command", "yes"];
    Site::new(name, &flags)
}

/// A key that ended and was made anew without an end: a log that lacks the end would count on from
/// its old value.
fn stay(connection: &mut Connection) {
    for number in 0..SHARED {
        connection.must(&format!("SET c{number} 100 PX 1"));
        let deadline = Instant::now() + PATIENCE;
        while connection.must(&format!("GET c{number}")).bulk().is_some() {
            assert!(Instant::now() < deadline, "c{number} does not end");
        }
        assert_eq!(connection.must(&format!("INCR c{number}")).integer(), 1);
    }
}

#[test]
fn each_key_and_field_that_ends_is_counted_once_and_does_not_come_back() {
    if Program::chosen().is_redis {
        return;
    }
    for seed in 0..3 {
        let site = site(&format!("ends-{seed}"));
        let process = site.start();
        let (made, mut connection) = (run(&process, seed, false), process.connect());
        wait_for_the_ends(&mut connection);
        wait_for_counts(&mut connection, &made, seed);
        holds_after_a_crash(&site, process, seed);
    }
}

#[test]
fn flushing_what_ends_counts_nothing_twice_and_brings_nothing_back() {
    if Program::chosen().is_redis {
        return;
    }
    for seed in 0..3 {
        let site = site(&format!("flushed-ends-{seed}"));
        let process = site.start();
        let (made, mut connection) = (run(&process, seed, true), process.connect());
        wait_for_the_ends(&mut connection);
        assert!(count(&mut connection, "expired_keys") <= made.keys.load(Ordering::Relaxed), "seed {seed}");
        assert!(
            count(&mut connection, "expired_subkeys") <= made.fields.load(Ordering::Relaxed),
            "seed {seed}"
        );
        holds_after_a_crash(&site, process, seed);
    }
}

fn holds_after_a_crash(site: &Site, process: Process, seed: u64) {
    let mut connection = process.connect();
    stay(&mut connection);
    process.kill();
    let after = site.start();
    let mut connection = after.connect();
    for number in 0..SHARED {
        let value = connection.must(&format!("GET c{number}")).bulk();
        assert_eq!(value.as_deref(), Some(&b"1"[..]), "seed {seed}, c{number}");
    }
    assert_eq!(connection.must("DBSIZE").integer(), SHARED as i64, "seed {seed}");
}
