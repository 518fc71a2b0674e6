//! Keys and fields that expire within milliseconds, while other clients read them, move databases
//! and save: each expiry is counted once, and no expired key reappears from the log.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use crate::connection::{Connection, Reply, words};
use crate::process::{Process, Program, Site};
use crate::random::Random;

/// The longest wait for an event.
const WAIT_LIMIT: Duration = Duration::from_secs(60);
const ROUNDS: u64 = 400;
const WRITERS: u64 = 3;
const READERS: u64 = 2;
/// Keys that all clients increment.
const SHARED: u64 = 4;

/// Keys and fields that were made with a deadline, less those that were removed before they could
/// expire.
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

    fn call(&mut self, line: &str) -> Reply {
        self.connection.must(line)
    }

    /// `name` is new with each round.
    fn step(&mut self, name: &str) {
        let ms = 1 + self.random.below(4);
        let shared = self.random.below(SHARED);
        match self.random.below(9) {
            0 | 1 => self.make(&format!("SET k{name} v PX {ms}")),
            2 => self.make(&format!("PSETEX k{name} {ms} v")),
            3 => self.overwrite(&format!("o{}", self.number), ms),
            4 => self.increment(&format!("c{shared}"), ms),
            5 => self.increment_in_transaction(&format!("c{shared}"), ms),
            6 => self.make_field(name, ms),
            7 => self.rename(name),
            _ => self.copy_and_delete(name, ms),
        }
    }

    /// Makes a new key.
    fn make(&mut self, line: &str) {
        assert_eq!(self.call(line).error(), None, "{line}");
        self.made.add_keys(1);
    }

    fn overwrite(&mut self, key: &str, ms: u64) {
        let before = self.call(&format!("SET {key} v GET PX {ms}")).bulk();
        self.made.add_keys(i64::from(before.is_none()));
    }

    /// After a key has expired, the next increment begins at 0.
    fn increment(&mut self, key: &str, ms: u64) {
        let value = self.call(&format!("INCR {key}")).integer();
        self.made.add_keys(i64::from(value == 1));
        self.call(&format!("PEXPIRE {key} {ms}"));
    }

    fn increment_in_transaction(&mut self, key: &str, ms: u64) {
        let lines =
            ["MULTI".to_owned(), format!("INCR {key}"), format!("PEXPIRE {key} {ms}"), "EXEC".to_owned()];
        let requests = lines.map(|line| words(&line));
        let replies = self.connection.call_all(&requests).pop().expect("EXEC has a reply").array();
        assert_eq!(replies[1].integer(), 1, "the key is there");
        self.made.add_keys(i64::from(replies[0].integer() == 1));
    }

    fn make_field(&mut self, name: &str, ms: u64) {
        let key = format!("h{}", self.number);
        assert_eq!(self.call(&format!("HSETEX {key} PX {ms} FIELDS 1 f{name} v")).integer(), 1);
        self.made.add_fields(1);
    }

    /// Renames the hash with its fields to a new key.
    fn rename(&mut self, name: &str) {
        let key = format!("h{}", self.number);
        self.call(&format!("RENAME {key} h{name}"));
    }

    fn copy_and_delete(&mut self, name: &str, ms: u64) {
        self.make(&format!("SET k{name} v PX {ms}"));
        let copied = self.call(&format!("COPY k{name} l{name}")).integer();
        let deleted = self.call(&format!("DEL k{name}")).integer();
        self.made.add_keys(copied - deleted);
    }
}

/// Reads keys while the writers make them.
fn read(mut connection: Connection, mut random: Random) {
    for round in 0..2 * ROUNDS {
        let client = random.below(WRITERS);
        let near = round / 2 + random.below(8);
        let key = format!("k{client}-{near}");
        let shared = format!("c{}", random.below(SHARED));
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

/// Waits until all keys have expired, and all saves have ended.
fn wait_until_expired(connection: &mut Connection) {
    // A swap between INCR and PEXPIRE left keys without a deadline.
    for db in 0..2 {
        connection.must(&format!("SELECT {db}"));
        (0..SHARED).for_each(|number| drop(connection.must(&format!("PEXPIRE c{number} 1"))));
    }
    let deadline = Instant::now() + WAIT_LIMIT;
    let waits = ["rdb_bgsave_in_progress", "aof_rewrite_in_progress", "aof_rewrite_scheduled"];
    while waits.iter().any(|field| connection.info(field) != "0") || has_keys(connection) {
        assert!(Instant::now() < deadline, "a save does not end, or a key does not expire");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn has_keys(connection: &mut Connection) -> bool {
    let lines = ["SELECT 1", "DBSIZE", "SELECT 0", "DBSIZE"].map(words);
    let sizes = connection.call_all(&lines);
    sizes[1].integer() + sizes[3].integer() > 0
}

/// Waits until all keys and fields are counted as expired. No more than those may be counted.
fn wait_for_counts(connection: &mut Connection, made: &Made, seed: u64) {
    let deadline = Instant::now() + WAIT_LIMIT;
    let made = [&made.keys, &made.fields].map(|count| count.load(Ordering::Relaxed));
    loop {
        let expired = ["expired_keys", "expired_subkeys"].map(|field| count(connection, field));
        if expired == made {
            return;
        }
        let is_more = expired[0] > made[0] || expired[1] > made[1];
        assert!(!is_more && Instant::now() < deadline, "seed {seed}: {expired:?} expired of {made:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn run(process: &Process, seed: u64, flushes: bool) -> Made {
    let total = Made::default();
    let made = &total;
    std::thread::scope(|scope| {
        for number in 0..WRITERS {
            let connection = process.connect();
            let random = Random::new(seed, number);
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

/// Makes keys that have expired and were made again without a deadline: if the log lacked the
/// expiry, a replay would go on from the old value.
fn make_again(connection: &mut Connection) {
    for number in 0..SHARED {
        connection.must(&format!("SET c{number} 100 PX 1"));
        let deadline = Instant::now() + WAIT_LIMIT;
        while connection.must(&format!("GET c{number}")).bulk().is_some() {
            assert!(Instant::now() < deadline, "c{number} does not expire");
        }
        assert_eq!(connection.must(&format!("INCR c{number}")).integer(), 1);
    }
}

#[test]
fn each_expiry_is_counted_once_and_no_expired_key_reappears() {
    if Program::chosen().is_redis {
        return;
    }
    for seed in 0..3 {
        let site = site(&format!("expiry-{seed}"));
        let process = site.start();
        let made = run(&process, seed, false);
        let mut connection = process.connect();
        wait_until_expired(&mut connection);
        wait_for_counts(&mut connection, &made, seed);
        holds_after_a_crash(&site, process, seed);
    }
}

#[test]
fn flushing_keys_with_deadlines_counts_none_twice_and_none_reappears() {
    if Program::chosen().is_redis {
        return;
    }
    for seed in 0..3 {
        let site = site(&format!("flushed-expiry-{seed}"));
        let process = site.start();
        let made = run(&process, seed, true);
        let mut connection = process.connect();
        wait_until_expired(&mut connection);
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
    make_again(&mut connection);
    process.kill();
    let after = site.start();
    let mut connection = after.connect();
    for number in 0..SHARED {
        let value = connection.must(&format!("GET c{number}")).bulk();
        assert_eq!(value.as_deref(), Some(&b"1"[..]), "seed {seed}, c{number}");
    }
    assert_eq!(connection.must("DBSIZE").integer(), SHARED as i64, "seed {seed}");
}
