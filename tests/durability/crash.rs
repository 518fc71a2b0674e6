//! Servers killed at random moments, again and again on the same files.

mod tiers;

use std::time::{Duration, Instant};

use crate::client::{Entry, History, Progress, database_of, exchange, write};
use crate::connection::Connection;
use crate::model::{Model, SHARED, Seen};
use crate::observe::observe;
use crate::operations::{DATABASES, Operation, Writer};
use crate::process::{Process, Site};
use crate::random::Random;
use crate::shim::PowerCut;
use crate::verdict::{Balances, judge};

const CLIENTS: usize = 6;
/// One more client that writes much data, once, so that files are long.
const BALLAST: usize = CLIENTS;
const BALLAST_KEYS: u64 = 3000;
const BALLAST_ELEMENTS: u64 = 500;
/// Kills in a row on the same files.
const LIVES: usize = 4;
/// The longest time that a server may load before it is killed while loading.
const EARLY_US: u64 = 60_000;

#[derive(Clone, Copy, PartialEq, Debug)]
enum Policy {
    Always,
    EverySec,
    Never,
    /// No log: snapshots alone.
    Snapshots,
}

impl Policy {
    fn flags(self) -> &'static [&'static str] {
        match self {
            Policy::Always => &["--save", "", "--appendonly", "yes", "--appendfsync", "always"],
            Policy::EverySec => &["--save", "", "--appendonly", "yes", "--appendfsync", "everysec"],
            Policy::Never => &["--save", "", "--appendonly", "yes", "--appendfsync", "no"],
            Policy::Snapshots => &["--save", "", "--appendonly", "no"],
        }
    }
}

/// Counts over all kills.
#[derive(Default, Debug)]
struct Tally {
    kills: usize,
    power_cuts: usize,
    in_snapshot: usize,
    in_rewrite: usize,
    while_loading: usize,
    acknowledged: usize,
    lost: usize,
    survived_unacknowledged: usize,
}

/// Several servers, one after the other, on the same files.
struct Campaign {
    policy: Policy,
    site: Site,
    random: Random,
    models: Vec<Model>,
    balances: Balances,
    lives: usize,
    power_cut: Option<PowerCut>,
    tally: Tally,
}

/// The writes until the server was killed, and the next server.
struct Ended {
    histories: Vec<History>,
    /// Writes that were acknowledged before must have survived.
    since: Instant,
    /// The next server, which was started on the files as they are on the disk.
    process: Process,
}

impl Campaign {
    fn new(policy: Policy, seed: u64, number: usize) -> Self {
        let mut site = Site::new(&format!("crash-{policy:?}-{number}"), policy.flags());
        let mut random = Random::new(seed, number as u64);
        if random.once_in(2) {
            let automatic = ["--auto-aof-rewrite-percentage", "100", "--auto-aof-rewrite-min-size", "3mb"];
            site.flags.extend(automatic.map(str::to_owned));
        }
        let power_cut = (matches!(policy, Policy::Always | Policy::Snapshots) && number % 2 == 1)
            .then(|| PowerCut::new(&mut site))
            .flatten();
        let models = vec![Model::default(); CLIENTS + 1];
        Self {
            policy,
            site,
            random,
            models,
            balances: Balances::default(),
            lives: 0,
            power_cut,
            tally: Tally::default(),
        }
    }

    /// Runs servers until the number of kills is reached.
    fn run(mut self, kills: usize) -> Tally {
        let mut process = self.start();
        while self.tally.kills < kills {
            let ended = self.live(process);
            self.tally.kills += 1;
            process = self.judged(ended);
        }
        process.kill();
        self.tally
    }

    fn spawn(&mut self) -> Process {
        self.power_cut.iter_mut().for_each(PowerCut::begin);
        self.site.spawn()
    }

    fn start(&mut self) -> Process {
        let mut process = self.spawn();
        process.wait_until_loaded();
        process
    }

    /// Writes, kills, and starts again.
    fn live(&mut self, process: Process) -> Ended {
        let progress = Progress::default();
        let began = Instant::now();
        let first = self.lives == 0;
        self.lives += 1;
        let ballast = if first {
            ballast(process.connect(), &progress)
        } else {
            History::new(BALLAST, self.models[BALLAST].clone())
        };
        let mut histories = vec![];
        let mut since = None;
        std::thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|client| {
                    let random = Random::new(self.random.next(), client as u64);
                    let updates = !self.site.program.is_redis;
                    let writer = Writer { client, random, updates, alone: client == 0 };
                    let connection = process.connect();
                    let base = self.models[client].clone();
                    let progress = &progress;
                    scope.spawn(move || write(connection, writer, base, progress))
                })
                .collect();
            since = Some(self.kill_at_some_moment(process, &progress, began));
            histories = clients.into_iter().map(|client| client.join().expect("no reply is wrong")).collect();
        });
        histories.push(ballast);
        let process = self.start_again();
        Ended { histories, since: since.expect("it was killed"), process }
    }

    /// Waits while clients write, starts snapshots and rewrites, and kills the server. Writes that
    /// were acknowledged before the returned moment must not be lost.
    fn kill_at_some_moment(&mut self, process: Process, progress: &Progress, began: Instant) -> Instant {
        let mut control = process.connect();
        let mut since = began;
        if self.policy == Policy::Snapshots {
            for _ in 0..self.random.below(3) {
                progress.wait_for(self.random.below(400));
                since = completed_snapshot(&mut control).unwrap_or(since);
            }
        }
        progress.wait_for(50 + self.random.below(1000));
        if self.random.below(3) > 0 {
            self.begin_something(&mut control);
            progress.wait_for(self.random.below(150));
        }
        self.note_what_runs(&mut control);
        let moment = Instant::now();
        process.kill();
        match self.policy {
            // The operating system has all writes, whether they are on the disk or not.
            Policy::Always | Policy::EverySec | Policy::Never => moment,
            Policy::Snapshots => since,
        }
    }

    /// The command may be refused if another save runs.
    fn begin_something(&mut self, control: &mut Connection) {
        let rewrite = self.policy != Policy::Snapshots && self.random.once_in(2);
        control.must(if rewrite { "BGREWRITEAOF" } else { "BGSAVE" });
    }

    fn note_what_runs(&mut self, control: &mut Connection) {
        self.tally.in_snapshot += usize::from(control.info("rdb_bgsave_in_progress") == "1");
        self.tally.in_rewrite += usize::from(control.info("aof_rewrite_in_progress") == "1");
    }

    /// Starts the server, sometimes after killing it while it loads.
    fn start_again(&mut self) -> Process {
        self.power_cut.iter_mut().for_each(PowerCut::drop_unsynced);
        self.tally.power_cuts += usize::from(self.power_cut.is_some());
        for _ in 0..self.random.below(3) {
            self.spawn().kill_early(Duration::from_micros(self.random.below(EARLY_US)));
            self.power_cut.iter_mut().for_each(PowerCut::drop_unsynced);
            self.tally.while_loading += 1;
        }
        self.start()
    }

    fn judged(&mut self, ended: Ended) -> Process {
        let mut connection = ended.process.connect();
        let seen: Vec<Seen> = (0..DATABASES).map(|database| observe(&mut connection, database)).collect();
        let verdict = judge(&ended.histories, &seen, &self.balances, ended.since);
        for (history, survived) in ended.histories.iter().zip(&verdict.survivors) {
            let acknowledged = history.acknowledged();
            self.tally.acknowledged += acknowledged;
            self.tally.lost += acknowledged.saturating_sub(*survived);
            self.tally.survived_unacknowledged += survived.saturating_sub(acknowledged);
        }
        self.models = verdict.models;
        self.balances = verdict.balances;
        ended.process
    }
}

/// Writes much data, so that files are long.
fn ballast(mut connection: Connection, progress: &Progress) -> History {
    const PORTION: usize = 50;
    let mut history = History::new(BALLAST, Model::default());
    connection.must(&format!("SELECT {}", database_of(BALLAST)));
    let keys = (0..BALLAST_KEYS).map(|n| {
        let value = format!("{n:0>200}").into_bytes();
        Operation::Set { key: format!("s:{BALLAST}:{n}"), value, ttl: None }
    });
    let elements = (0..BALLAST_ELEMENTS).map(|n| {
        let name = format!("{BALLAST}:{n}");
        Operation::VAdd { set: SHARED.to_owned(), name, vector: n, attribute: None }
    });
    let all: Vec<_> = keys.chain(elements).collect();
    for portion in all.chunks(PORTION) {
        let begin = history.entries.len();
        history.entries.extend(portion.iter().cloned().map(Entry::new));
        assert!(exchange(&mut connection, &mut history.entries[begin..], progress), "the server has stopped");
    }
    history
}

/// Makes a snapshot, and returns the moment at which it was requested.
fn completed_snapshot(control: &mut Connection) -> Option<Instant> {
    let requested = Instant::now();
    let reply = control.must("BGSAVE");
    assert!(reply.error().is_none(), "{reply:?}");
    while control.info("rdb_bgsave_in_progress") == "1" {
        std::thread::yield_now();
    }
    assert_eq!(control.info("rdb_last_bgsave_status"), "ok");
    Some(requested)
}

/// A number from an environment variable.
fn given(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Kills servers so often, in campaigns of a few kills. `NEARHIT_CRASH_ROUNDS` and
/// `NEARHIT_CRASH_SEED` set another number of kills and another seed.
fn campaigns(policy: Policy, usual_kills: usize) {
    let kills = given("NEARHIT_CRASH_ROUNDS").map_or(usual_kills, |rounds| rounds as usize);
    let seed = given("NEARHIT_CRASH_SEED").unwrap_or(1);
    let mut total = Tally::default();
    for (number, begun) in (0..kills).step_by(LIVES).enumerate() {
        println!("{policy:?}: campaign {number} of seed {seed}");
        total.add(Campaign::new(policy, seed, number).run(LIVES.min(kills - begun)));
    }
    println!("{policy:?}: {total:?}");
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.kills += other.kills;
        self.power_cuts += other.power_cuts;
        self.in_snapshot += other.in_snapshot;
        self.in_rewrite += other.in_rewrite;
        self.while_loading += other.while_loading;
        self.acknowledged += other.acknowledged;
        self.lost += other.lost;
        self.survived_unacknowledged += other.survived_unacknowledged;
    }
}

#[test]
fn always_loses_nothing_acknowledged() {
    campaigns(Policy::Always, 8);
}

#[test]
fn everysec_loses_nothing_when_the_process_is_killed() {
    campaigns(Policy::EverySec, 8);
}

#[test]
fn a_log_without_syncs_loses_nothing_when_the_process_is_killed() {
    campaigns(Policy::Never, 4);
}

#[test]
fn the_last_snapshot_is_whole() {
    campaigns(Policy::Snapshots, 8);
}
